"""Gas gets dearer while bytes lie unmined, and they race with the dearer ones that follow them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from local.anvil import Anvil
from local.chain_proxy import FOR_EVER
from microbatch.hostpay.cancelling import cancel
from microbatch.hostpay.model import Limits
from microbatch.messages import BroadcastRequested, Outgoing, PaymentExecutionRequest
from microbatch.money import Wei
from microbatch.operations.invariants import broken_invariants
from tests.hostile.world import RealChain, World

GWEI = 10**9
SEND = "eth_sendRawTransaction"
RISES = 20  # blocks, each an eighth above the one before: the most that EIP-1559 allows


class RisingChain(RealChain):
    """Each block's base fee is an eighth above the last one's, then stays; we hear of it late."""

    def __init__(self, world: World, base_fee_wei: int, heard_after: int) -> None:
        super().__init__(world.anvil)
        self._world = world
        self._heard_after = heard_after
        self.fees = [base_fee_wei]

    def mine(self, blocks: int = 1) -> None:
        fee_wei = self.fees[-1]
        self._world.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(fee_wei))
        super().mine(blocks)
        heard = self.fees[-1 - self._heard_after :][0]
        self._world.look(heard)
        self.fees.append(fee_wei * 9 // 8 if len(self.fees) < RISES else fee_wei)


@pytest.fixture(autouse=True)
def one_gwei(anvil: Anvil) -> Iterator[None]:
    """Before and after each test gas costs the same."""

    def cheap() -> None:
        anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        anvil.rpc("anvil_mine", "0x1")

    cheap()
    yield
    cheap()


def limit(world: World, **limits: Any) -> None:
    policy = world.hostpay_policy
    changed: Limits = replace(policy.limits, **limits)
    world.hostpay_policy = replace(policy, limits=changed)


def outpriced(world: World, heard_after: int) -> RisingChain:
    """A transfer is in the pool when the base fee passes what it offers, and goes on rising."""
    world.order()
    world.until("broadcast")
    (first,) = world.attempts()
    chain = RisingChain(world, int(first["max_fee_per_gas_wei"]) + 1, heard_after)
    world.chain = chain  # type: ignore[assignment]
    return chain


def assert_steps(world: World, ceiling_wei: int) -> list[dict[str, Any]]:
    """Every step is a tenth or more on both fields, on one nonce, and none passes the ceiling."""
    found = world.attempts()
    for field in ("max_fee_per_gas_wei", "max_priority_fee_per_gas_wei"):
        fees = [int(row[field]) for row in found]
        tenths = [later * 10 >= earlier * 11 for earlier, later in pairwise(fees)]
        assert all(tenths), f"a step below a tenth: {field} {fees}"
    assert max(int(row["max_fee_per_gas_wei"]) for row in found) <= ceiling_wei
    sent = world.proxy.transactions(world.wallet)
    assert all(each.max_fee_per_gas_wei <= ceiling_wei for each in sent)
    assert {(each.nonce, each.to.lower(), each.value_wei) for each in sent} == {
        (0, world.transfers()[0]["to_address"], int(world.transfers()[0]["amount_units"]))
    }
    return found


def until(world: World, holds: Callable[[], object], rounds: int = 100) -> None:
    for _ in range(rounds):
        if holds():
            return
        world.live(1)
    raise AssertionError(f"never: {world.transfers()} {world.attempts()}")


def states(world: World) -> list[str]:
    return [row["state"] for row in world.attempts()]


# --- S13: dearer every block ----------------------------------------------------------------------


@pytest.mark.parametrize("heard_after", [0, 12])
def test_while_the_base_fee_rises_dearer_bytes_follow_until_some_are_mined(
    world: World, heard_after: int
) -> None:
    """S13. Also when we hear of the base fee twelve blocks late, and one step is not enough."""
    limit(world, fee_per_gas_ceiling_wei=Wei(100 * GWEI))
    chain = outpriced(world, heard_after)
    until(world, lambda: world.transfers()[0]["state"] == "confirmed")
    found = assert_steps(world, 100 * GWEI)
    assert len(found) >= (3 if heard_after else 2)
    assert chain.fees[-1] > int(found[0]["max_fee_per_gas_wei"])
    assert int(found[-1]["max_fee_per_gas_wei"]) > int(found[0]["max_fee_per_gas_wei"])
    world.assert_all_paid_once()


def test_at_the_ceiling_the_same_bytes_are_sent_until_gas_is_cheap_again(world: World) -> None:
    """S13. Nothing is offered above the ceiling, and nothing is given up."""
    ceiling_wei = 5 * GWEI
    limit(world, fee_per_gas_ceiling_wei=Wei(ceiling_wei))
    outpriced(world, heard_after=12)
    world.live(60)
    found = assert_steps(world, ceiling_wei)
    world.proxy.forget_calls()
    world.live(40)
    assert len(world.attempts()) == len(found)
    assert states(world)[-1] == "sent"
    sent = [call.tx_hash for call in world.proxy.calls(SEND)]
    assert len(sent) > 1
    assert set(sent) == {found[-1]["tx_hash"]}
    assert world.count() == 0
    world.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    world.chain = RealChain(world.anvil)  # type: ignore[assignment]
    world.live(20)
    world.assert_all_paid_once()
    assert world.transfers()[0]["tx_hash"] == found[-1]["tx_hash"]


def test_a_bump_that_cannot_follow_the_base_fee_still_rises_as_far_as_the_ceiling_allows(
    world: World,
) -> None:
    """S13. Twice the base fee is above the ceiling, the base fee itself is not."""
    limit(world, fee_per_gas_ceiling_wei=Wei(5 * GWEI))
    world.order()
    world.until("broadcast")
    (first,) = world.attempts()
    chain = RisingChain(world, max(int(first["max_fee_per_gas_wei"]) + 1, 3 * GWEI), 0)
    chain.fees *= RISES  # it has risen already
    world.chain = chain  # type: ignore[assignment]
    until(world, lambda: world.transfers()[0]["state"] == "confirmed", rounds=200)
    assert_steps(world, 5 * GWEI)
    world.assert_all_paid_once()


# --- S14, S15: a bump in flight -------------------------------------------------------------------


def stuck(world: World) -> dict[str, Any]:
    """The first bytes are accepted by a node that forgets whatever it accepts."""
    world.proxy.fault("false_success", times=FOR_EVER)
    world.order()
    world.until("broadcast")
    (first,) = world.attempts()
    return first


@pytest.mark.parametrize("came_to", ["ordered", "prepared", "sent"])
def test_the_old_bytes_are_mined_while_a_bump_is_in_flight_and_it_is_paid_once(
    world: World, came_to: str
) -> None:
    """S14. The bump is ordered, or signed, or out, when the old bytes are mined after all."""
    first = stuck(world)
    held: list[Outgoing] = []

    def holds(outgoing: Outgoing) -> bool:
        message = outgoing.message
        stops = (came_to == "ordered" and isinstance(message, PaymentExecutionRequest)) or (
            came_to == "prepared"
            and isinstance(message, BroadcastRequested)
            and message.tx_hash != first["tx_hash"]
        )
        if stops:
            held.append(outgoing)
        return stops

    world.lose = holds
    until(world, lambda: states(world) == ["sent", came_to])
    world.proxy.clear()
    world.anvil.rpc(SEND, "0x" + bytes(first["raw_transaction"]).hex())
    world.anvil.rpc("anvil_mine", "0x1")
    world.lose = lambda _outgoing: False
    world.queue += [replace(each, delay_seconds=0) for each in held]
    world.live(30)
    world.assert_all_paid_once()
    assert world.transfers()[0]["tx_hash"] == first["tx_hash"]
    assert set(states(world)[1:]) == {"superseded"}
    assert states(world)[0] == "mined"


@pytest.mark.parametrize("comes_again", [True, False])
def test_a_crash_after_a_bump_was_sent_does_not_lose_its_hash(
    world: World, comes_again: bool
) -> None:
    """S15. The node has the bump, nothing was noted; its message comes again, or never."""
    first = stuck(world)
    world.proxy.clear()
    world.anvil.rpc("anvil_mine", "0x1")
    world.proxy.fault("false_success", tx_hash=first["tx_hash"], times=FOR_EVER)
    world.proxy.fault("drop_answer", SEND)
    sent = world.proxy.transactions
    until(world, lambda: any(each.forwarded for each in sent(world.wallet)))
    assert states(world) == ["sent", "prepared"], "its hash was known before it was sent"
    bump = world.attempts()[1]
    assert bump["sends"] == 0
    if not comes_again:
        world.queue.clear()
        world.later.clear()
    world.live(60)
    world.assert_all_paid_once()
    assert world.transfers()[0]["tx_hash"] == bump["tx_hash"]
    assert states(world) == ["superseded", "mined"]


def test_a_bump_that_was_never_signed_is_not_there_to_be_outbid(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S14. Ordered while gas was dear, given up for a cancel when it was cheap again."""
    stuck(world)
    world.lose = lambda outgoing: isinstance(outgoing.message, PaymentExecutionRequest)
    with monkeypatch.context() as dear:
        dear.setattr(world, "look", lambda *_: World.look(world, 50 * GWEI))
        until(world, lambda: states(world) == ["sent", "ordered"])
    unique_id = world.transfers()[0]["unique_id"]
    with world.database.transaction() as tx:
        _, sent = cancel(tx, unique_id, world.now, 300 * GWEI)
    assert broken_invariants(world.database) == []
    world.lose = lambda _outgoing: False
    world.proxy.clear()
    world.send(sent)
    world.live(30)
    paid, bump, cancelled = world.attempts()
    fees = [int(row["max_fee_per_gas_wei"]) for row in (paid, cancelled, bump)]
    assert fees == sorted(fees)
    assert bump["tx_hash"] is None
    assert {world.count(), len(world.transfers())} == {1}
    assert world.transfers()[0]["state"] in ("confirmed", "failed")
    world.assert_books_agree()
