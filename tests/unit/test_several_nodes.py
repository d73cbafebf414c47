"""Two and three nodes that differ: bytes reach all, money is decided only where they agree."""

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account

from microbatch.errors import RetryLater
from microbatch.vendors.ethereum.broadcast import BroadcastOutcome
from microbatch.vendors.ethereum.nodes import Nodes
from microbatch.vendors.ethereum.nonces import Consumer
from microbatch.vendors.ethereum.signing import Signed, sign_transfer
from tests.fakes.chain import FakeChain

KEY = "0x" + "11" * 32
WALLET = Account.from_key(KEY).address
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = "0x" + "55" * 20
PAYOUT = "0x" + "e1" * 32


class Down(FakeChain):
    """A node that does not answer."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("preflight", "broadcast", "receipt", "transfer_logs", "consumer_of"):
            return _unwell
        return super().__getattribute__(name)


def _unwell(*_values: object, **_fields: object) -> None:
    raise RetryLater("node: 503")


def transfer(nonce: int = 0) -> Signed:
    return sign_transfer(
        KEY,
        chain_id=31337,
        nonce=nonce,
        to=PAYEE,
        value_wei=5,
        data=b"",
        gas_limit=21_000,
        max_fee=10**9,
        max_priority_fee=1,
    )


def both() -> tuple[FakeChain, FakeChain, Nodes]:
    one, other = FakeChain(), FakeChain()
    return one, other, Nodes([one, other])  # type: ignore[list-item]


def test_bytes_are_offered_to_every_node() -> None:
    one, other, nodes = both()
    signed = transfer()
    assert nodes.broadcast(signed.raw, signed.tx_hash).outcome is BroadcastOutcome.ACCEPTED
    assert one.offered == other.offered == [signed.raw]


def test_one_node_that_takes_the_bytes_is_enough() -> None:
    one = FakeChain()
    signed = transfer()
    said = Nodes([Down(), one]).broadcast(signed.raw, signed.tx_hash)  # type: ignore[list-item]
    assert said.outcome is BroadcastOutcome.ACCEPTED


def test_a_receipt_counts_only_where_all_agree() -> None:
    one, other, nodes = both()
    signed = transfer()
    nodes.broadcast(signed.raw, signed.tx_hash)
    one.mine()
    assert nodes.receipt(wallet=WALLET, tx_hash=signed.tx_hash).status == "absent"
    other.head += 1  # the other mines it in another block
    other.mine()
    assert nodes.receipt(wallet=WALLET, tx_hash=signed.tx_hash).status == "absent"
    other.mined[signed.tx_hash] = (other.mined[signed.tx_hash][0], one.head)
    agreed = nodes.receipt(wallet=WALLET, tx_hash=signed.tx_hash)
    assert agreed.finalized_number == min(one.head, other.head)
    assert (agreed.status, agreed.block_number) == ("success", one.head)
    assert agreed.head_number == min(one.head, other.head)


def test_the_lower_counts_are_believed_for_deciding_and_the_higher_before_signing() -> None:
    one, _, nodes = both()
    signed = transfer()
    one.broadcast(signed.raw, signed.tx_hash)
    one.mine()
    assert nodes.receipt(wallet=WALLET, tx_hash=PAYOUT).finalized_nonce == 0
    seen = nodes.preflight(wallet=WALLET, to_address=PAYEE, value_wei=1, data=b"")
    assert (seen.latest_nonce, seen.finalized_nonce) == (1, 0)


def test_nodes_of_different_chains_are_refused() -> None:
    nodes = Nodes([FakeChain(), FakeChain(chain_id=1)])  # type: ignore[list-item]
    with pytest.raises(RetryLater, match="different chains"):
        nodes.preflight(wallet=WALLET, to_address=PAYEE, value_wei=1, data=b"")


def test_a_problem_that_any_node_sees_is_a_problem() -> None:
    one, other, nodes = both()
    other.reverting.add(PAYEE.lower())
    seen = nodes.preflight(wallet=WALLET, to_address=PAYEE, value_wei=1, data=b"")
    assert seen.problem.startswith("reverted")
    assert one.reverting == set()


def test_what_arrived_is_what_all_nodes_show() -> None:
    one, other, nodes = both()
    one.pay_token(PAYOUT, PAYEE, 7)
    asked = {"tx_hash": PAYOUT, "token": TOKEN, "to_address": WALLET}
    assert nodes.transfer_logs(**asked).status == "absent"
    other.pay_token(PAYOUT, PAYEE, 8)
    assert nodes.transfer_logs(**asked).status == "absent"
    other.token_transfers[PAYOUT] = one.token_transfers[PAYOUT]
    assert nodes.transfer_logs(**asked).transfers[0].amount_units == 7


def test_who_consumed_a_nonce_is_decided_by_all() -> None:
    one, other, nodes = both()
    signed = transfer()
    one.broadcast(signed.raw, signed.tx_hash)
    one.mine()
    assert nodes.consumer_of(wallet=WALLET, nonce=0) == Consumer()
    other.broadcast(signed.raw, signed.tx_hash)
    other.mine()
    assert nodes.consumer_of(wallet=WALLET, nonce=0).tx_hash == signed.tx_hash


QUESTIONS: list[Callable[[Nodes], object]] = [
    lambda nodes: nodes.receipt(wallet=WALLET, tx_hash=PAYOUT),
    lambda nodes: nodes.consumer_of(wallet=WALLET, nonce=0),
    lambda nodes: nodes.preflight(wallet=WALLET, to_address=PAYEE, value_wei=1, data=b""),
]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_half_of_the_nodes_is_not_enough_and_two_of_three_are(
    ask: Callable[[Nodes], object],
) -> None:
    with pytest.raises(RetryLater):
        ask(Nodes([FakeChain(), Down()]))  # type: ignore[list-item]
    ask(Nodes([FakeChain(), Down(), FakeChain()]))  # type: ignore[list-item]
