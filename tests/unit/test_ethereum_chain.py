"""Sending bytes to the node, and what it says of receipts, logs and prices."""

import pytest

from microbatch.errors import InvalidInput, RetryLater
from microbatch.vendors import ethereum
from microbatch.vendors.ethereum import BroadcastOutcome as Outcome
from microbatch.vendors.ethereum import Node
from tests.unit.stub_node import (
    BLOCK_HASH,
    FEED,
    NOW_SECONDS,
    PAYEE,
    QUESTIONS,
    TOKEN,
    TX_HASH,
    WALLET,
    StubNode,
    broadcast,
    log,
    observe,
    receipt,
    sign,
    word,
)
from tests.unit.stub_server import told


def test_accepted_bytes_are_sent_once_as_they_are(chain, node):
    chain.results["eth_sendRawTransaction"] = sign().tx_hash

    assert broadcast(node).outcome is Outcome.ACCEPTED
    assert chain.asked == [("eth_sendRawTransaction", ["0x" + sign().raw.hex()])]


@pytest.mark.parametrize("result", ["0x" + "00" * 32, "", None, 7])
def test_another_hash_is_a_lie(chain, node, result):
    chain.results["eth_sendRawTransaction"] = result

    assert broadcast(node).outcome is Outcome.WRONG_HASH


def test_a_refusal_is_passed_on_with_its_words(chain, node):
    chain.errors["eth_sendRawTransaction"] = {
        "code": -32000,
        "message": "nonce too low: " + "9" * 300,
    }

    said = broadcast(node)

    assert said.outcome is Outcome.NONCE_TOO_LOW
    assert said.detail.startswith("-32000: nonce too low: 999")
    assert len(said.detail) == 255


def test_a_refusal_under_http_400_is_read(stub, node):
    stub.answer = lambda _request: told(
        {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": "already known"}}, 400
    )

    assert broadcast(node).outcome is Outcome.ALREADY_KNOWN


@pytest.mark.parametrize("error", [{"code": -32000, "message": "eh?"}, {"code": 3}, {}])
def test_an_unknown_refusal_is_evidence_and_nothing_more(chain, node, error):
    chain.errors["eth_sendRawTransaction"] = error

    assert broadcast(node).outcome is Outcome.UNKNOWN


def test_bytes_of_another_hash_are_not_sent(node, chain):
    with pytest.raises(InvalidInput, match="hash"):
        node.broadcast(sign().raw, TX_HASH)

    assert not chain.asked


def test_a_receipt_comes_with_head_counts_and_the_canonical_hash(chain, node):
    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH.upper().replace("X", "x")) == (
        ethereum.Receipt(
            status="success",
            head_number=110,
            latest_nonce=7,
            finalized_nonce=5,
            block_number=100,
            block_hash=BLOCK_HASH,
            canonical_hash=BLOCK_HASH,
            finalized_number=98,
            gas_used=21_000,
            effective_gas_price_wei=2 * 10**9,
        )
    )
    assert chain.methods.index("eth_getTransactionReceipt") == 2  # the counts come first
    assert ("eth_getBlockByNumber", ["0x64", False]) in chain.asked


@pytest.mark.parametrize("found", [None, receipt(blockNumber=None)])
def test_no_receipt_or_one_without_a_block_is_absent(chain, node, found):
    chain.results["eth_getTransactionReceipt"] = found

    seen = node.receipt(wallet=WALLET, tx_hash=TX_HASH)

    assert (seen.status, seen.head_number, seen.latest_nonce, seen.block_hash) == (
        "absent", 110, 7, "",
    )  # fmt: skip


def test_a_reverted_receipt_says_so(chain, node):
    chain.results["eth_getTransactionReceipt"] = receipt(status="0x0")

    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH).status == "reverted"


@pytest.mark.parametrize(
    ("block", "canonical"), [({"hash": "0x" + "CC" * 32}, "0x" + "cc" * 32), (None, "")]
)
def test_a_reorganised_block_has_another_canonical_hash(chain, node, block, canonical):
    chain.results["eth_getBlockByNumber"] = block

    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH).canonical_hash == canonical


@pytest.mark.parametrize("block", ["0x62", {"number": None}, {"number": "98"}, {}])
def test_a_finalized_block_that_cannot_be_is_asked_for_again(chain, node, block):
    chain.results["eth_getBlockByNumber finalized"] = block

    with pytest.raises(RetryLater):
        node.receipt(wallet=WALLET, tx_hash=TX_HASH)


def test_indexing_in_progress_is_not_absence(chain, node):
    error = {"code": -32000, "message": "transaction indexing is in progress"}
    chain.errors["eth_getTransactionReceipt"] = error

    for question in ("receipt", "transfer_logs"):
        with pytest.raises(RetryLater):
            QUESTIONS[question](node)


@pytest.mark.parametrize(
    "changed",
    [
        {"transactionHash": BLOCK_HASH},
        {"status": None},
        {"status": "0x2"},
        {"blockHash": "0x"},
        {"blockNumber": "100"},
    ],
)
def test_a_receipt_that_cannot_be_right_is_asked_for_again(chain, node, changed):
    chain.results["eth_getTransactionReceipt"] = receipt(**changed)

    for question in ("receipt", "transfer_logs"):
        with pytest.raises(RetryLater):
            QUESTIONS[question](node)


def test_a_head_behind_the_receipt_is_at_least_the_receipts_block(chain, node):
    chain.results["eth_blockNumber"] = "0x63"

    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH).head_number == 100


def test_only_transfers_of_the_token_to_us_are_found(chain, node):
    ours = log()
    chain.results["eth_getTransactionReceipt"] = receipt(
        logs=[
            ours,
            log(logIndex="0x4", address=FEED),
            log(logIndex="0x5", topics=[ours["topics"][0], *reversed(ours["topics"][1:])]),
            log(logIndex="0x6", topics=[TX_HASH, *ours["topics"][1:]]),
            log(logIndex="0x7", topics=ours["topics"][:2]),
            log(logIndex="0x8", topics=[]),
            log(logIndex="0x9", removed=True),
            log(logIndex="0xa", data=word(0)),
            log(logIndex="0xb", data=word(2**256 - 1), address=TOKEN),
        ]
    )

    found = node.transfer_logs(tx_hash=TX_HASH, token=TOKEN, to_address=WALLET)

    assert (found.status, found.block_number, found.head_number) == ("success", 100, 110)
    assert [(each.log_index, each.amount_units) for each in found.transfers] == [
        (3, 18_373_221),
        (11, 2**256 - 1),
    ]
    assert found.transfers[0].sender == PAYEE.lower()
    asked = ["eth_getTransactionReceipt", "eth_blockNumber", "eth_getBlockByNumber"]
    assert chain.methods == asked, "whether the block stands is asked last"


@pytest.mark.parametrize("block", [None, {"hash": "0x" + "c2" * 32}])
def test_what_came_in_a_block_that_lost_its_place_did_not_come(
    node: Node, chain: StubNode, block: dict | None
) -> None:
    """The receipt and the head may come from nodes of two branches behind one URL."""
    chain.results["eth_getBlockByNumber"] = block

    logs = node.transfer_logs(tx_hash=TX_HASH, token=TOKEN, to_address=WALLET)
    value = node.value_received(tx_hash=TX_HASH, to_address=WALLET)

    assert (logs.status, logs.transfers, logs.head_number) == ("absent", (), 110)
    assert (value.status, value.amount_wei, value.head_number) == ("absent", 0, 110)


@pytest.mark.parametrize("logs", [None, 7, [7], [{}], [log(data="0x")], [log(topics=[7, 7, 7])]])
def test_logs_that_cannot_be_read_are_asked_for_again(chain, node, logs):
    chain.results["eth_getTransactionReceipt"] = receipt(logs=logs)

    with pytest.raises(RetryLater):
        node.transfer_logs(tx_hash=TX_HASH, token=TOKEN, to_address=WALLET)


def test_an_absent_transaction_has_no_transfers(chain, node):
    chain.results["eth_getTransactionReceipt"] = None

    found = node.transfer_logs(tx_hash=TX_HASH, token=TOKEN, to_address=WALLET)

    assert (found.status, found.transfers) == ("absent", ())


@pytest.mark.parametrize("tx_hash", ["", "garbage", TX_HASH[:-1], TX_HASH[2:], TX_HASH + "\n"])
def test_a_hash_that_is_none_is_refused_unasked(chain, node, tx_hash):
    with pytest.raises(InvalidInput, match="tx_hash"):
        node.transfer_logs(tx_hash=tx_hash, token=TOKEN, to_address=WALLET)

    assert not chain.asked


def test_an_observation_has_head_fees_balances_and_the_price(chain, node):
    seen = observe(node)

    assert (seen.chain_id, seen.fees.head_number, seen.fees.base_fee_wei) == (1, 100, 10**9)
    assert (seen.balance_wei, seen.token_balance_units) == (5 * 10**18, 7_000_000)
    assert seen.price == ethereum.Price("3123.45678901", NOW_SECONDS - 60)
    assert len(chain.asked) == 6


@pytest.mark.parametrize(
    "round_data",
    [
        word(9, 312_345_678_901, 0, NOW_SECONDS - 3901, 9),
        word(9, 312_345_678_901, 0, NOW_SECONDS + 3901, 9),
        word(9, 312_345_678_901, 0, 0, 9),
        word(9, 0, 0, NOW_SECONDS, 9),
        word(9, -1, 0, NOW_SECONDS, 9),
        word(9, 10**30, 0, NOW_SECONDS, 9),
        word(9, 312_345_678_901),
        "0x",
    ],
)
def test_a_stale_or_broken_feed_has_no_price(chain, node, round_data):
    chain.results["latestRoundData"] = round_data

    assert observe(node).price == ethereum.Price("", 0)


@pytest.mark.parametrize("decimals", ["0x", word(19), word(8, 8)])
def test_a_feed_with_odd_decimals_has_no_price(chain, node, decimals):
    chain.results["decimals"] = decimals

    assert observe(node).price.eth_usd == ""


@pytest.mark.parametrize(("decimals", "price"), [(0, "312345678901"), (18, "0.000000312345678901")])
def test_other_decimals_scale_exactly(chain, node, decimals, price):
    chain.results["decimals"] = word(decimals)

    assert observe(node).price.eth_usd == price


def test_a_reverting_feed_has_no_price_but_an_unwell_node_is_asked_again(chain, node):
    chain.errors["latestRoundData"] = {"code": 3, "message": "execution reverted"}
    assert observe(node).price.eth_usd == ""

    chain.errors["latestRoundData"] = {"code": 429, "message": "too many requests", "data": None}
    with pytest.raises(RetryLater):
        observe(node)


def test_a_token_that_is_no_contract_is_asked_for_again(chain, node):
    chain.results["balanceOf"] = "0x"

    with pytest.raises(RetryLater, match="no token"):
        observe(node)
