// Rebuilds usdt.json and price_feed.json after a change to their sources:
//   npm install --prefix .local/solc solc@0.8.37
//   NODE_PATH=.local/solc/node_modules node local/contracts/compile.js
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const solc = require('solc');

const EVM_VERSION = 'cancun';
const OPTIMIZER_RUNS = 200;

for (const [file, contract] of [['usdt', 'Usdt'], ['price_feed', 'PriceFeed']]) {
  const source = `${file}.sol`;
  const bytes = fs.readFileSync(path.join(__dirname, source));
  const input = {
    language: 'Solidity',
    sources: { [source]: { content: bytes.toString() } },
    settings: {
      evmVersion: EVM_VERSION,
      optimizer: { enabled: true, runs: OPTIMIZER_RUNS },
      metadata: { bytecodeHash: 'none' },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  if (output.errors) throw new Error(output.errors.map((e) => e.formattedMessage).join('\n'));
  const built = output.contracts[source][contract];
  const artifact = {
    contract,
    source,
    source_sha256: crypto.createHash('sha256').update(bytes).digest('hex'),
    compiler: `solc ${solc.version()}`,
    evm_version: EVM_VERSION,
    optimizer_runs: OPTIMIZER_RUNS,
    abi: built.abi,
    bytecode: `0x${built.evm.bytecode.object}`,
  };
  fs.writeFileSync(path.join(__dirname, `${file}.json`), `${JSON.stringify(artifact, null, 1)}\n`);
}
