"""Reading a real node: the token transfers that arrived, and ETH/USD as a contract has it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from local.anvil import CHAIN_ID
from local.contracts import deploy
from microbatch.vendors.ethereum import Node, Observation
from tests.integration.anvil_chain import ETH, FEED, PAYEE, STRANGER, USDT, Chain, Wallet, running


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with running() as chain:
        yield chain


@pytest.fixture
def node(chain: Chain) -> Node:
    return Node(chain.url)


@pytest.fixture
def wallet(chain: Chain) -> Wallet:
    return chain.wallet()


# --- what arrived ---------------------------------------------------------------------------------


def test_of_several_transfers_in_one_block_only_ours_of_this_transaction_count(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    hashes = [
        chain.offer(deploy.call_data("mint(address,uint256)", receiver, units))
        for receiver, units in ((STRANGER, 1), (wallet.address, 20), (wallet.address, 300))
    ]
    chain.mine()

    found = [
        node.transfer_logs(tx_hash=tx_hash, token=USDT, to_address=wallet.address)
        for tx_hash in hashes
    ]
    assert len({(logs.block_number, logs.block_hash) for logs in found}) == 1
    assert [logs.status for logs in found] == ["success"] * 3
    assert found[0].transfers == ()
    assert [[one.amount_units for one in logs.transfers] for logs in found[1:]] == [[20], [300]]
    assert len({one.log_index for logs in found for one in logs.transfers}) == 2
    assert {one.sender for logs in found for one in logs.transfers} == {"0x" + "0" * 40}


def test_what_the_token_keeps_for_itself_is_not_ours(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    chain.offer(deploy.call_data("setParams(uint256,uint256)", 10, 49))  # a tenth of a percent
    chain.offer(deploy.call_data("mint(address,uint256)", PAYEE, 1_000_000))
    chain.rpc.call("anvil_impersonateAccount", PAYEE)
    chain.fund(PAYEE, ETH)
    chain.mine()
    data = deploy.call_data("transfer(address,uint256)", wallet.address, 1_000_000)
    tx_hash = chain.offer(data, sender=PAYEE)
    chain.offer(deploy.call_data("setParams(uint256,uint256)", 0, 0))
    chain.mine()

    ours = node.transfer_logs(tx_hash=tx_hash, token=USDT, to_address=wallet.address)
    owners = node.transfer_logs(tx_hash=tx_hash, token=USDT, to_address=deploy.DEPLOYER_ADDRESS)
    assert [one.amount_units for one in ours.transfers] == [999_000]
    assert [one.amount_units for one in owners.transfers] == [1_000]
    assert ours.transfers[0].sender == PAYEE.lower()
    assert deploy.usdt_balance(chain.url, wallet.address) == 999_000
    elsewhere = node.transfer_logs(tx_hash=tx_hash, token=FEED, to_address=wallet.address)
    assert elsewhere.transfers == ()


# --- observations ---------------------------------------------------------------------------------


def observe(node: Node, wallet: Wallet, now: datetime) -> Observation:
    return node.observe(wallet=wallet.address, token=USDT, price_feed=FEED, now=now)


def feed(chain: Chain, signature: str, value: int) -> None:
    chain.offer(deploy.call_data(signature, value), to=FEED)
    chain.mine()


def test_an_observation_has_the_feeds_price_and_its_time(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    feed(chain, "setAnswer(int256)", deploy.feed_answer(Decimal("1987.65432101")))
    head = chain.block()
    block_seconds = int(head["timestamp"], 16)

    seen = observe(node, wallet, datetime.fromtimestamp(block_seconds, UTC))

    assert Decimal(seen.price.eth_usd) == Decimal("1987.65432101")
    assert seen.price.updated_at_seconds - block_seconds in (0, 1)
    assert (seen.chain_id, seen.balance_wei, seen.token_balance_units) == (CHAIN_ID, 10 * ETH, 0)
    assert seen.fees.head_number == int(head["number"], 16)


def test_a_feed_that_was_set_long_ago_has_no_price(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    now = datetime.now(UTC)
    feed(chain, "setUpdatedAt(uint256)", int((now - timedelta(hours=2)).timestamp()))
    try:
        assert observe(node, wallet, now).price.eth_usd == ""
    finally:
        feed(chain, "setUpdatedAt(uint256)", 0)
    assert observe(node, wallet, now).price.eth_usd != ""
