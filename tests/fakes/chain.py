"""A chain in memory behind the interface of vendors.ethereum.Node: nonces, balances, blocks."""

from dataclasses import dataclass, field
from datetime import datetime

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from microbatch.vendors.ethereum.answers import (
    Broadcast,
    Observation,
    Preflight,
    Receipt,
    TransferLogs,
    ValueReceived,
)
from microbatch.vendors.ethereum.broadcast import BroadcastOutcome
from microbatch.vendors.ethereum.feed import Price
from microbatch.vendors.ethereum.fees import Fees
from microbatch.vendors.ethereum.nonces import Consumer
from microbatch.vendors.ethereum.receipts import TokenTransfer

GWEI = 10**9
GAS = 21_000
TRANSFER_SELECTOR = bytes.fromhex("a9059cbb")  # transfer(address,uint256)
TRANSFER_BYTES = 4 + 32 + 32


@dataclass(frozen=True, slots=True)
class Transaction:
    """One that a node accepted."""

    tx_hash: str
    sender: str
    nonce: int
    to: str
    value_wei: int
    data: bytes = b""

    @property
    def token_transfer(self) -> tuple[str, int] | None:
        """Who gets how many units of the token, when that is what it does."""
        if len(self.data) != TRANSFER_BYTES or self.data[:4] != TRANSFER_SELECTOR:
            return None
        return "0x" + self.data[16:36].hex(), int.from_bytes(self.data[36:])


@dataclass
class FakeChain:
    """One node's view: a pool, blocks, balances of ETH and of one token, its transfers."""

    chain_id: int = 31337
    eth_usd: str = "2000"
    balances_wei: dict[str, int] = field(default_factory=dict)
    balances_units: dict[str, int] = field(default_factory=dict)  # of the token
    pool: list[Transaction] = field(default_factory=list)
    mined: dict[str, tuple[Transaction, int]] = field(default_factory=dict)
    token_transfers: dict[str, tuple[int, tuple[TokenTransfer, ...]]] = field(default_factory=dict)
    token_payees: dict[str, str] = field(default_factory=dict)  # whose token transfers are known
    refunds: dict[str, tuple[int, str, int]] = field(default_factory=dict)
    head: int = 100
    offered: list[bytes] = field(default_factory=list)
    reverting: set[str] = field(default_factory=set)
    reverted: set[str] = field(default_factory=set)  # transactions that moved no token
    blacklisted: set[str] = field(default_factory=set)  # by the token

    # --- what tests do to it ---------------------------------------------------------------------

    def mine(self, blocks: int = 1) -> None:
        """Everything in the pool goes into the next block."""
        self.head += 1
        for transaction in self.pool:
            self.mined[transaction.tx_hash] = (transaction, self.head)
            if transaction.to.lower() in self.reverting:
                continue
            self._move(transaction.sender, -transaction.value_wei - GAS * GWEI)
            self._move(transaction.to, transaction.value_wei)
            self._call_token(transaction)
        self.pool.clear()
        self.head += blocks - 1

    def unmine(self, tx_hash: str) -> None:
        """A reorganisation takes a transaction back into the pool."""
        transaction, _ = self.mined.pop(tx_hash)
        self._move(transaction.sender, transaction.value_wei + GAS * GWEI)
        self._move(transaction.to, -transaction.value_wei)
        if transaction.token_transfer is not None and tx_hash not in self.reverted:
            payee, units = transaction.token_transfer
            self.give_token(payee, -units)
            self.give_token(transaction.sender, units)
        self.reverted.discard(tx_hash)
        self.pool.append(transaction)

    def give_token(self, address: str, units: int) -> None:
        """Units of the token out of nothing; less than nothing takes them away."""
        self.balances_units[address.lower()] = self.units_of(address) + units

    def pay_token(self, tx_hash: str, sender: str, *amounts_units: int, to: str = "") -> None:
        """A transaction with token transfers to our wallet, or to the address in `to`."""
        if to:
            self.token_payees[tx_hash] = to.lower()
            self.give_token(to, sum(amounts_units))
        self.head += 1
        self.token_transfers[tx_hash] = (
            self.head,
            tuple(
                TokenTransfer(log_index=index, sender=sender, amount_units=units)
                for index, units in enumerate(amounts_units)
            ),
        )

    def refund(self, tx_hash: str, to: str, wei: int) -> None:
        """A transaction that carries ETH to an address."""
        self.head += 1
        self.refunds[tx_hash] = (self.head, to, wei)
        self._move(to, wei)

    def spend(self, wallet: str) -> str:
        """Somebody else who has the wallet's key uses its next nonce; the transaction's hash."""
        nonce = self.count(wallet)
        self.pool = [each for each in self.pool if each.nonce != nonce]
        tx_hash = "0x" + f"{nonce:02x}".rjust(64, "f")
        foreign = Transaction(tx_hash, wallet, nonce, "0x" + "f0" * 20, 0)
        self.mined[tx_hash] = (foreign, self.head)
        return tx_hash

    def received_wei(self, address: str) -> int:
        """What mined transactions paid to an address."""
        return sum(
            transaction.value_wei
            for transaction, _ in self.mined.values()
            if transaction.to.lower() == address.lower()
            and transaction.to.lower() not in self.reverting
        )

    def received_units(self, address: str) -> int:
        """What mined transactions paid to an address in the token."""
        return sum(
            transaction.token_transfer[1]
            for transaction, _ in self.mined.values()
            if transaction.token_transfer is not None
            and transaction.token_transfer[0] == address.lower()
            and self._succeeded(transaction)
        )

    def units_of(self, address: str) -> int:
        """How much of the token an address has."""
        return self.balances_units.get(address.lower(), 0)

    def count(self, wallet: str) -> int:
        """Transactions of a wallet that are mined."""
        return sum(
            transaction.sender.lower() == wallet.lower() for transaction, _ in self.mined.values()
        )

    # --- what the product asks of it -------------------------------------------------------------

    def preflight(
        self, *, wallet: str, to_address: str, value_wei: int, data: bytes, token: str = ""
    ) -> Preflight:
        count = self.count(wallet)
        call = Transaction("", wallet, count, to_address, value_wei, data)
        reverts = to_address.lower() in self.reverting or self._lacks_token(call)
        return Preflight(
            chain_id=self.chain_id,
            fees=self._fees(),
            balance_wei=self._balance(wallet),
            token_balance_units=self.units_of(wallet) if token else None,
            latest_nonce=count,
            pending_nonce=count + sum(t.sender.lower() == wallet.lower() for t in self.pool),
            finalized_nonce=count,
            gas_estimate=0 if reverts else GAS,
            problem="reverted: no" if reverts else self._blacklists(call),
        )

    def broadcast(self, raw: bytes, tx_hash: str) -> Broadcast:
        self.offered.append(raw)
        fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        sender = Account.recover_transaction(raw)
        if any(known.tx_hash == tx_hash for known in self.pool) or tx_hash in self.mined:
            return Broadcast(BroadcastOutcome.ALREADY_KNOWN)
        if fields["nonce"] < self.count(sender):
            return Broadcast(BroadcastOutcome.NONCE_TOO_LOW, "nonce too low")
        to, data = "0x" + bytes(fields["to"]).hex(), bytes(fields["data"])
        self.pool.append(Transaction(tx_hash, sender, fields["nonce"], to, fields["value"], data))
        return Broadcast(BroadcastOutcome.ACCEPTED)

    def receipt(self, *, wallet: str, tx_hash: str) -> Receipt:
        count = self.count(wallet)
        if tx_hash not in self.mined:
            return Receipt(
                status="absent", head_number=self.head, latest_nonce=count, finalized_nonce=count
            )
        transaction, number = self.mined[tx_hash]
        return Receipt(
            status="success" if self._succeeded(transaction) else "reverted",
            head_number=self.head,
            latest_nonce=count,
            finalized_nonce=count,
            block_number=number,
            block_hash=f"0x{number:064x}",
            canonical_hash=f"0x{number:064x}",
            finalized_number=self.head,
            gas_used=GAS,
            effective_gas_price_wei=GWEI,
            sender=transaction.sender,
        )

    def transfer_logs(self, *, tx_hash: str, token: str, to_address: str) -> TransferLogs:
        if tx_hash not in self.token_transfers:
            return TransferLogs(status="absent", head_number=self.head)
        number, transfers = self.token_transfers[tx_hash]
        if self.token_payees.get(tx_hash, to_address.lower()) != to_address.lower():
            transfers = ()
        return TransferLogs(
            status="success",
            head_number=self.head,
            block_number=number,
            block_hash=f"0x{number:064x}",
            transfers=transfers,
        )

    def value_received(self, *, tx_hash: str, to_address: str) -> ValueReceived:
        if tx_hash not in self.refunds:
            return ValueReceived(status="absent", head_number=self.head)
        number, to, wei = self.refunds[tx_hash]
        return ValueReceived(
            status="success",
            head_number=self.head,
            block_number=number,
            block_hash=f"0x{number:064x}",
            amount_wei=wei if to.lower() == to_address.lower() else 0,
        )

    def consumer_of(self, *, wallet: str, nonce: int) -> Consumer:
        for transaction, number in self.mined.values():
            if transaction.sender.lower() == wallet.lower() and transaction.nonce == nonce:
                return Consumer(transaction.tx_hash, number)
        return Consumer()

    def observe(self, *, wallet: str, token: str, price_feed: str, now: datetime) -> Observation:
        return Observation(
            chain_id=self.chain_id,
            fees=self._fees(),
            balance_wei=self._balance(wallet),
            token_balance_units=self.units_of(wallet),
            price=Price(self.eth_usd, int(now.timestamp())),
        )

    def _fees(self) -> Fees:
        return Fees(head_number=self.head, base_fee_wei=GWEI, priority_fee_wei=GWEI)

    def _balance(self, wallet: str) -> int:
        return self.balances_wei.get(wallet.lower(), 0)

    def _move(self, wallet: str, wei: int) -> None:
        self.balances_wei[wallet.lower()] = self._balance(wallet) + wei

    def _call_token(self, transaction: Transaction) -> None:
        if transaction.token_transfer is None:
            return
        if self._lacks_token(transaction):
            self.reverted.add(transaction.tx_hash)
            return
        payee, units = transaction.token_transfer
        self.give_token(transaction.sender, -units)
        self.give_token(payee, units)

    def _lacks_token(self, transaction: Transaction) -> bool:
        call = transaction.token_transfer
        return call is not None and call[1] > self.units_of(transaction.sender)

    def _blacklists(self, transaction: Transaction) -> str:
        call = transaction.token_transfer
        return "payee_blacklisted" if call is not None and call[0] in self.blacklisted else ""

    def _succeeded(self, transaction: Transaction) -> bool:
        return (
            transaction.to.lower() not in self.reverting
            and transaction.tx_hash not in self.reverted
        )
