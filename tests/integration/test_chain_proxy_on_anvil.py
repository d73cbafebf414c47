"""The proxy's faults in front of a real node, as our own client of the node meets them."""

from collections.abc import Iterator

import pytest

from local.anvil import CHAIN_ID
from local.chain_proxy import FOR_EVER, ChainProxy
from microbatch.errors import RetryLater
from microbatch.vendors.ethereum import BroadcastOutcome as Outcome
from microbatch.vendors.ethereum import Node
from tests.integration.anvil_chain import ETH, PAYEE, Chain, Wallet, running


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with running() as chain:
        yield chain


@pytest.fixture
def proxy(chain: Chain) -> Iterator[ChainProxy]:
    with ChainProxy(chain.url) as proxy:
        yield proxy


@pytest.fixture
def node(proxy: ChainProxy) -> Node:
    return Node(proxy.url)


@pytest.fixture
def wallet(chain: Chain) -> Wallet:
    return chain.wallet()


def test_an_honest_proxy_is_not_noticed(
    chain: Chain, proxy: ChainProxy, node: Node, wallet: Wallet
) -> None:
    question = {"wallet": wallet.address, "to_address": PAYEE, "value_wei": ETH, "data": b""}

    assert node.preflight(**question) == Node(chain.url).preflight(**question)
    assert {one.method for one in proxy.calls()} >= {"eth_chainId", "eth_feeHistory"}
    assert all(one.forwarded == 1 and not one.fault for one in proxy.calls())


def test_an_accepted_transaction_can_go_unheard(
    chain: Chain, proxy: ChainProxy, node: Node, wallet: Wallet
) -> None:
    signed = wallet.sign()
    proxy.fault("drop_answer", "eth_sendRawTransaction", address=wallet.address)
    with pytest.raises(RetryLater):
        node.broadcast(signed.raw, signed.tx_hash)

    assert node.broadcast(signed.raw, signed.tx_hash).outcome is Outcome.ALREADY_KNOWN
    chain.mine()
    assert node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash).status == "success"
    (sent,) = proxy.transactions()
    assert (sent.tx_hash, sent.sender, sent.nonce) == (signed.tx_hash, wallet.address, 0)
    assert (sent.to, sent.value_wei, sent.chain_id) == (PAYEE, ETH, CHAIN_ID)
    assert (sent.offered, sent.forwarded) == (2, 2)


def test_bytes_that_were_never_forwarded_are_never_mined(
    chain: Chain, proxy: ChainProxy, node: Node, wallet: Wallet
) -> None:
    signed = wallet.sign()
    proxy.fault("false_success")
    proxy.fault("error", error="nonce_too_low")
    proxy.fault("wrong_hash", forwards=0)
    said = [node.broadcast(signed.raw, signed.tx_hash).outcome for _ in range(3)]
    chain.mine()

    assert said == [Outcome.ACCEPTED, Outcome.NONCE_TOO_LOW, Outcome.WRONG_HASH]
    assert node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash).status == "absent"
    assert (proxy.transactions()[0].offered, proxy.transactions()[0].forwarded) == (3, 0)


def test_a_duplicate_is_one_transaction_of_the_chain(
    chain: Chain, proxy: ChainProxy, node: Node, wallet: Wallet
) -> None:
    signed = wallet.sign()
    proxy.fault("duplicate")

    assert node.broadcast(signed.raw, signed.tx_hash).outcome is Outcome.ALREADY_KNOWN
    chain.mine()
    seen = node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash)
    assert (seen.status, seen.latest_nonce) == ("success", 1)


def test_a_stale_node_is_one_that_has_not_seen_the_last_blocks(
    chain: Chain, proxy: ChainProxy, node: Node, wallet: Wallet
) -> None:
    signed = wallet.sign()
    node.broadcast(signed.raw, signed.tx_hash)
    chain.mine(3)
    head = chain.rpc.block_number()
    stale = proxy.fault("stale_head", n=3, times=FOR_EVER)

    seen = node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash)
    assert (seen.status, seen.head_number, seen.latest_nonce) == ("absent", head - 3, 0)
    proxy.lift(stale)
    seen = node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash)
    assert (seen.status, seen.head_number, seen.latest_nonce) == ("success", head, 1)


def test_finality_can_be_late_or_missing(
    chain: Chain, proxy: ChainProxy, node: Node, wallet: Wallet
) -> None:
    signed = wallet.sign()
    node.broadcast(signed.raw, signed.tx_hash)
    chain.mine(3)
    proxy.fault("stale_tag", n=3, times=2)  # count and block
    proxy.fault("unsupported_tag", times=2)

    seen = [node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash) for _ in range(3)]
    last = seen[-1].finalized_number
    assert [one.finalized_nonce for one in seen] == [0, 0, 1]
    assert [one.finalized_number for one in seen] == [last - 3, 0, last]
    assert [one.latest_nonce for one in seen] == [1, 1, 1]


def test_a_receipt_in_a_block_that_is_not_there(
    chain: Chain, proxy: ChainProxy, node: Node, wallet: Wallet
) -> None:
    signed = wallet.sign()
    node.broadcast(signed.raw, signed.tx_hash)
    proxy.fault("other_block", tx_hash=signed.tx_hash)
    assert node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash).status == "absent"
    chain.mine()

    seen = node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash)
    assert seen.block_hash != seen.canonical_hash == chain.block(seen.block_number)["hash"]
