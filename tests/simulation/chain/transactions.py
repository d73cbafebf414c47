"""A transaction: ours is decoded from its signed bytes, as a node does it."""

from dataclasses import dataclass, field
from functools import lru_cache

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_utils import keccak
from hexbytes import HexBytes

TRANSFER_SELECTOR = bytes.fromhex("a9059cbb")  # transfer(address,uint256)
CALL_BYTES = 4 + 32 + 32


@dataclass(frozen=True)
class Transaction:
    """What is sent; whoever signed it cannot be changed."""

    tx_hash: str
    sender: str
    nonce: int  # -1: not of a wallet of ours, whose nonces nobody counts
    to: str
    value_wei: int
    data: bytes = b""
    gas_limit: int = 100_000
    max_fee_wei: int = 10**15
    tip_wei: int = 10**9
    chain_id: int = 0
    raw: bytes = b""
    also: tuple[tuple[str, int], ...] = ()  # whom else somebody's contract pays in it, of the token

    @property
    def is_ours(self) -> bool:
        """Whether it was signed with a key of ours."""
        return self.nonce >= 0

    @property
    def token_transfer(self) -> tuple[str, int] | None:
        """Who gets how many units of the token, if that is what it calls for."""
        if len(self.data) != CALL_BYTES or self.data[:4] != TRANSFER_SELECTOR:
            return None
        return "0x" + self.data[16:36].hex(), int.from_bytes(self.data[36:])

    @property
    def token_transfers(self) -> tuple[tuple[str, int], ...]:
        """Whoever gets how many units of the token in it."""
        first = self.token_transfer
        return () if first is None else (first, *self.also)

    @property
    def pays(self) -> tuple[str, int, bytes]:
        """What two sets of bytes on one nonce must have in common."""
        return self.to, self.value_wei, self.data


@dataclass(frozen=True)
class Mined:
    """A transaction in a block."""

    sent: Transaction
    number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    price_wei: int
    moves: tuple[tuple[str, int, int], ...] = field(default=())  # address, wei, units of the token

    @property
    def gas_cost_wei(self) -> int:
        """What its gas has cost."""
        return self.gas_used * self.price_wei


@lru_cache(maxsize=4096)
def decoded(raw: bytes) -> Transaction:
    """The transaction in signed bytes. Raises ValueError and its kin when they are none."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return Transaction(
        tx_hash="0x" + keccak(raw).hex(),
        sender=Account.recover_transaction(raw).lower(),
        nonce=int(fields["nonce"]),
        to="0x" + bytes(fields["to"]).hex(),
        value_wei=int(fields["value"]),
        data=bytes(fields["data"]),
        gas_limit=int(fields["gas"]),
        max_fee_wei=int(fields["maxFeePerGas"]),
        tip_wei=int(fields["maxPriorityFeePerGas"]),
        chain_id=int(fields["chainId"]),
        raw=raw,
    )


def token_call(to: str, units: int) -> bytes:
    """The call that moves units of the token to an address."""
    return TRANSFER_SELECTOR + bytes.fromhex(to[2:]).rjust(32, b"\0") + units.to_bytes(32)
