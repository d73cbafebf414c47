"""What a node's refusal of a transaction means, in any client's words."""

import pytest

from microbatch.vendors import ethereum
from microbatch.vendors.ethereum import BroadcastOutcome as Outcome


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("already known", Outcome.ALREADY_KNOWN),
        ("ALREADY_EXISTS: already known", Outcome.ALREADY_KNOWN),
        ("known transaction: 0xabc", Outcome.ALREADY_KNOWN),
        ("Known transaction", Outcome.ALREADY_KNOWN),
        ("INTERNAL_ERROR: existing tx with same hash", Outcome.ALREADY_KNOWN),
        ("existing txn with same hash", Outcome.ALREADY_KNOWN),
        ("AlreadyKnown", Outcome.ALREADY_KNOWN),
        ("transaction already imported", Outcome.ALREADY_KNOWN),
        ("nonce too low: next nonce 5, tx nonce 4", Outcome.NONCE_TOO_LOW),
        ("INTERNAL_ERROR: nonce too low", Outcome.NONCE_TOO_LOW),
        ("OldNonce", Outcome.NONCE_TOO_LOW),
        ("OldNonce, Current nonce: 5, nonce of rejected tx: 4", Outcome.NONCE_TOO_LOW),
        ("Transaction nonce is too low. Try incrementing the nonce.", Outcome.NONCE_TOO_LOW),
        ("nonce too high: tx nonce 9, gapped nonce 5", Outcome.NONCE_TOO_HIGH),
        ("NonceGap, Future nonce. Expected nonce: 5", Outcome.NONCE_TOO_HIGH),
        ("gapped-nonce tx from delegated accounts", Outcome.NONCE_TOO_HIGH),
        ("future transaction tries to replace pending", Outcome.NONCE_TOO_HIGH),
        ("replacement transaction underpriced", Outcome.REPLACEMENT_UNDERPRICED),
        ("INTERNAL_ERROR: could not replace existing tx", Outcome.REPLACEMENT_UNDERPRICED),
        ("ReplacementNotAllowed", Outcome.REPLACEMENT_UNDERPRICED),
        ("FeeTooLowToCompete", Outcome.REPLACEMENT_UNDERPRICED),
        ("OwnNonceAlreadyUsed", Outcome.REPLACEMENT_UNDERPRICED),
        ("transaction underpriced: gas tip cap 1, minimum needed 2", Outcome.UNDERPRICED),
        ("FeeTooLow, MaxFeePerGas too low", Outcome.UNDERPRICED),
        ("max fee per gas less than block base fee: address 0x", Outcome.UNDERPRICED),
        ("Gas price below configured minimum gas price", Outcome.UNDERPRICED),
        (
            "insufficient funds for gas * price + value: balance 1, tx cost 2, overshot 1",
            Outcome.INSUFFICIENT_FUNDS,
        ),
        ("insufficient funds for transfer", Outcome.INSUFFICIENT_FUNDS),
        ("InsufficientFunds, Account balance: 0, cumulative cost: 1", Outcome.INSUFFICIENT_FUNDS),
        ("Upfront cost exceeds account balance", Outcome.INSUFFICIENT_FUNDS),
        ("transaction would cause overdraft", Outcome.INSUFFICIENT_FUNDS),
        ("txpool is full", Outcome.POOL_FULL),
        ("pending sub-pool is full", Outcome.POOL_FULL),
        ("There are too many transactions in the queue.", Outcome.POOL_FULL),
        ("account limit exceeded", Outcome.POOL_FULL),
        (
            "in-flight transaction limit reached for delegated accounts",
            Outcome.DELEGATED_WALLET,
        ),
        ("address already reserved", Outcome.RESERVED),
        ("tx fee (1.10 ether) exceeds the configured cap (1.00 ether)", Outcome.FEE_CAP),
        ("Transaction fee cap exceeded", Outcome.FEE_CAP),
        ("intrinsic gas too low: gas 100, minimum needed 21000", Outcome.INTRINSIC_GAS),
        ("IntrinsicGas", Outcome.INTRINSIC_GAS),
        ("exceeds block gas limit", Outcome.GAS_LIMIT),
        ("transaction gas limit too high (cap: 16777216, tx: 20000000)", Outcome.GAS_LIMIT),
        ("Intrinsic gas exceeds gas limit", Outcome.GAS_LIMIT),
        ("invalid sender", Outcome.MALFORMED),
        ("invalid chain id for signer: have 1 want 5", Outcome.MALFORMED),
        ("only replay-protected (EIP-155) transactions allowed over RPC", Outcome.MALFORMED),
        ("rlp: expected List", Outcome.MALFORMED),
        ("unknown transaction type", Outcome.MALFORMED),
        ("transaction type not supported", Outcome.MALFORMED),
        ("max priority fee per gas higher than max fee per gas", Outcome.MALFORMED),
        ("Your app has exceeded its compute units per second capacity.", Outcome.BUSY),
        ("project ID request rate exceeded", Outcome.BUSY),
        ("daily request count exceeded, request rate limited", Outcome.BUSY),
        ("request timed out", Outcome.BUSY),
        ("node is syncing", Outcome.BUSY),
        ("Unable to complete request at this time.", Outcome.BUSY),
        ("something nobody has seen", Outcome.UNKNOWN),
        ("", Outcome.UNKNOWN),
    ],
)
def test_a_refusal_is_known_by_its_words_in_any_client(message, outcome):
    assert ethereum.classify_broadcast_error(message, -32000) is outcome


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (1, Outcome.NONCE_TOO_LOW),
        (2, Outcome.NONCE_TOO_HIGH),
        (809, Outcome.INSUFFICIENT_FUNDS),
        (1000, Outcome.ALREADY_KNOWN),
        (-38013, Outcome.INTRINSIC_GAS),
        (429, Outcome.BUSY),
        (-32005, Outcome.BUSY),
        (-32601, Outcome.BUSY),
        (-32603, Outcome.BUSY),
        (-32010, Outcome.UNKNOWN),
    ],
)
def test_without_known_words_the_code_decides(code, outcome):
    assert ethereum.classify_broadcast_error("?", code) is outcome


def test_words_outrank_the_code():
    assert ethereum.classify_broadcast_error("nonce too low", -32603) is Outcome.NONCE_TOO_LOW
