"""What a node's refusal of a raw transaction means.

The answer is evidence, never a verdict: it does not change which nonce a transfer has, and a
refused transaction may still sit in another node's pool.
"""

from enum import StrEnum


class BroadcastOutcome(StrEnum):
    """What the node said to the bytes."""

    ACCEPTED = "accepted"
    ALREADY_KNOWN = "already_known"  # as good as accepted
    NONCE_TOO_LOW = "nonce_too_low"  # the nonce is consumed: look for receipts of all our hashes
    NONCE_TOO_HIGH = "nonce_too_high"  # a lower nonce is missing: send that first
    REPLACEMENT_UNDERPRICED = "replacement_underpriced"  # another transaction has this nonce
    UNDERPRICED = "underpriced"  # bump, or wait
    INSUFFICIENT_FUNDS = "insufficient_funds"  # the same bytes again after a top-up
    POOL_FULL = "pool_full"  # the same bytes later
    DELEGATED_WALLET = "delegated_wallet"  # the wallet has code (EIP-7702): alarm
    RESERVED = "reserved"  # a foreign blob transaction from our key: freeze
    FEE_CAP = "fee_cap"  # above the node's own cap on a transaction's fee
    INTRINSIC_GAS = "intrinsic_gas"  # the gas limit is too low for these bytes
    GAS_LIMIT = "gas_limit"  # the gas limit is too high for a block
    MALFORMED = "malformed"  # a bug of ours, or a node of another chain
    WRONG_HASH = "wrong_hash"  # the node names another hash than the bytes have: it lies
    BUSY = "busy"  # the node is unwell: says nothing about the transaction
    UNKNOWN = "unknown"  # not in this table: the same bytes again


_O = BroadcastOutcome

# Lower case, first match wins, so the more telling words come first: "replacement transaction
# underpriced" ends with "transaction underpriced", "unknown transaction" with "known transaction".
_WORDS: tuple[tuple[BroadcastOutcome, tuple[str, ...]], ...] = (
    (_O.MALFORMED, ("unknown transaction type", "transaction type not supported")),
    (
        _O.ALREADY_KNOWN,
        (
            "already known",
            "alreadyknown",
            "already imported",
            "known transaction",
            "existing txn with same hash",
            "existing tx with same hash",
        ),
    ),
    (
        _O.NONCE_TOO_HIGH,
        (
            "nonce too high",
            "noncegap",
            "gapped nonce",
            "gapped-nonce",
            "future nonce",
            "nonce too far in the future",
            "exceeds next nonce",
            "future transaction tries to replace pending",
        ),
    ),
    (_O.NONCE_TOO_LOW, ("nonce too low", "oldnonce", "nonce is too low", "current nonce:")),
    (
        _O.REPLACEMENT_UNDERPRICED,
        (
            "replacement transaction underpriced",
            "replacementnotallowed",
            "feetoolowtocompete",
            "could not replace existing",
            "transaction with same nonce",
            "ownnoncealreadyused",
        ),
    ),
    (
        _O.INSUFFICIENT_FUNDS,
        ("insufficient funds", "insufficientfunds", "upfront cost exceeds", "overdraft"),
    ),
    (
        _O.FEE_CAP,
        ("exceeds the configured cap", "transaction fee cap exceeded"),
    ),
    (
        _O.MALFORMED,
        ("max priority fee per gas higher than max fee per gas",),
    ),
    (
        _O.UNDERPRICED,
        (
            "underpriced",
            "fee too low",
            "feetoolow",
            "gas price below",
            "gas tip cap",
            "max fee per gas less than block base fee",
            "gas price too low",
        ),
    ),
    (_O.DELEGATED_WALLET, ("in-flight transaction limit reached for delegated accounts",)),
    (_O.RESERVED, ("address already reserved",)),
    (
        _O.POOL_FULL,
        (
            "txpool is full",
            "sub-pool is full",
            "too many transactions in the queue",
            "account limit exceeded",
            "spammer",
        ),
    ),
    (
        _O.GAS_LIMIT,
        (
            "exceeds block gas limit",
            "gas limit too high",
            "gas limit is too high",
            "gas limit reached",
            "gaslimitexceeded",
            "greater than the block gas limit",
            "gas exceeds gas limit",
            "oversized data",
            "intrinsic gas too high",
        ),
    ),
    (
        _O.INTRINSIC_GAS,
        (
            "intrinsic gas too low",
            "intrinsicgas",
            "insufficient gas for floor data gas cost",
            "out of gas covering",
        ),
    ),
    (
        _O.MALFORMED,
        (
            "invalid sender",
            "failedtoresolvesender",
            "invalid signature",
            "invalid chain id",
            "incompatible eip-155",
            "only replay-protected",
            "negative value",
            "rlp",
            "failed to decode",
        ),
    ),
    (
        _O.BUSY,
        (
            "rate limit",
            "rate exceeded",
            "capacity",
            "too many requests",
            "limit exceeded",
            "request count exceeded",
            "timed out",
            "timeout",
            "syncing",
            "unable to complete request",
            "must be authenticated",
            "payment required",
            "internal error",
        ),
    ),
)

_CODES: dict[int, BroadcastOutcome] = {
    1: _O.NONCE_TOO_LOW,
    2: _O.NONCE_TOO_HIGH,
    800: _O.INTRINSIC_GAS,
    802: _O.UNDERPRICED,
    806: _O.UNDERPRICED,
    809: _O.INSUFFICIENT_FUNDS,
    1000: _O.ALREADY_KNOWN,
    1001: _O.MALFORMED,
    -38010: _O.NONCE_TOO_LOW,
    -38011: _O.NONCE_TOO_HIGH,
    -38012: _O.UNDERPRICED,
    -38013: _O.INTRINSIC_GAS,
    -38014: _O.INSUFFICIENT_FUNDS,
    -38015: _O.GAS_LIMIT,
    429: _O.BUSY,
    402: _O.BUSY,
    -32002: _O.BUSY,
    -32005: _O.BUSY,
    -32601: _O.BUSY,  # this node does not take transactions: another may
    -32603: _O.BUSY,
}


def classify_broadcast_error(message: str, code: int) -> BroadcastOutcome:
    """What an error answer to eth_sendRawTransaction means: its words first, then its code.

    Clients agree on words more than on codes, and send -32000 for nearly everything.
    """
    text = message.lower()
    for outcome, phrases in _WORDS:
        if any(phrase in text for phrase in phrases):
            return outcome
    return _CODES.get(code, BroadcastOutcome.UNKNOWN)
