"""What our node says has moved, whatever the books say."""

from local.contracts.rpc import Rpc

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def moved(rpc: Rpc, usdt: str, wallet: str, tx_hash: str) -> str:
    """What one transaction took from the wallet to whom: "5 wei to 0x…", or micro-USDT."""
    transaction, receipt = rpc.call("eth_getTransactionByHash", tx_hash), rpc.receipt(tx_hash)
    if transaction is None or receipt is None or receipt["status"] != "0x1":
        return "nothing: it is not there, or was reverted"
    to, value_wei, logs = transaction["to"].lower(), int(transaction["value"], 16), receipt["logs"]
    if transaction["from"].lower() != wallet.lower():
        return f"nothing of ours: {transaction['from']} paid"
    if transaction["input"] == "0x" and logs == []:
        return f"{value_wei} wei to {to}"
    if (to, value_wei, len(logs)) == (usdt.lower(), 0, 1):
        (log,) = logs
        if (log["address"], log["topics"][:2]) == (to, [TRANSFER_TOPIC, _word(wallet)]):
            return f"{int(log['data'], 16)} micro-USDT to 0x{log['topics'][2][-40:]}"
    return f"something else: {value_wei} wei to {to}, with {len(logs)} logs"


def paid_in(rpc: Rpc, usdt: str, wallet: str) -> int:
    """All micro-USDT that ever came to the wallet, from the token's own log."""
    return _logged(rpc, usdt, [TRANSFER_TOPIC, None, _word(wallet)])


def paid_out(rpc: Rpc, usdt: str, wallet: str) -> int:
    """All micro-USDT that ever left the wallet, from the token's own log."""
    return _logged(rpc, usdt, [TRANSFER_TOPIC, _word(wallet)])


def _logged(rpc: Rpc, usdt: str, topics: list[str | None]) -> int:
    span = {"address": usdt, "fromBlock": "earliest", "toBlock": "latest", "topics": topics}
    return sum(int(log["data"], 16) for log in rpc.call("eth_getLogs", span))


def _word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")
