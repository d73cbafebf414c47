"""Finding the transaction that consumed a nonce, on a real node."""

from collections.abc import Iterator

import pytest

from local.anvil import Anvil
from local.contracts.rpc import Rpc
from microbatch.vendors.ethereum.node import Node

SENDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # a dev account whose key the node holds
OTHER = "0x" + "12" * 20


@pytest.fixture(scope="module")
def chain() -> Iterator[Rpc]:
    """Forty blocks, with a transaction of the sender in every third."""
    with Anvil(block_time=0) as anvil:
        rpc = Rpc(anvil.url)
        for number in range(39):
            if number % 3 == 0:
                rpc.mined(rpc.send({"from": SENDER, "to": OTHER, "value": hex(number + 1)}))
            else:
                rpc.call("evm_mine")
        yield rpc


@pytest.fixture
def node(chain: Rpc) -> Node:
    return Node(chain._provider.endpoint_uri)  # type: ignore[arg-type]


@pytest.mark.parametrize("nonce", [0, 1, 6, 11])
def test_the_consumer_of_a_finalized_nonce_is_found(node: Node, chain: Rpc, nonce: int) -> None:
    found = node.consumer_of(wallet=SENDER, nonce=nonce)
    transaction = chain.call("eth_getTransactionByHash", found.tx_hash)
    assert int(transaction["nonce"], 16) == nonce
    assert int(transaction["blockNumber"], 16) == found.block_number
    assert transaction["from"].lower() == SENDER.lower()


def test_a_nonce_that_is_not_finalized_is_not_decided(node: Node, chain: Rpc) -> None:
    chain.mined(chain.send({"from": SENDER, "to": OTHER, "value": "0x1"}))
    latest = int(chain.call("eth_getTransactionCount", SENDER, "latest"), 16)
    assert node.consumer_of(wallet=SENDER, nonce=latest - 1).tx_hash == ""
    assert node.consumer_of(wallet=SENDER, nonce=latest + 5).tx_hash == ""
