"""How the row stands that a message is about, and the message that its state calls for now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from microbatch.conversion import service as conversion
from microbatch.hostpay import service as hostpay
from microbatch.hostpay.model import Transfer
from microbatch.messages import Outgoing
from microbatch.operations.chores import Policies
from microbatch.operations.letters import About
from microbatch.payout import service as payouts
from microbatch.payout.model import Payout
from microbatch.platform.database import Transaction
from microbatch.swap import service as swaps
from microbatch.swap.model import Swap


@dataclass(frozen=True, slots=True)
class Standing:
    """A row, since when it is as it is, and what its state calls for; nothing for one that ended.

    `send`: the messages, by the same function that the handlers use; the row stays locked.
    """

    row: str  # for a person: "transfers ABC… is broadcast"
    since: datetime | None
    waits_for: str  # why nothing is called for; "" when something is
    send: Callable[[], list[Outgoing]]


OVER = ("failed", "refunded", "expired")


def _nothing() -> list[Outgoing]:
    return []


ASKED_BY_ITSELF = Standing("no row", None, "what it was to bring is asked for by itself", _nothing)


def stand(tx: Transaction, now: datetime, about: About, rules: Policies) -> Standing | None:
    """How it stands; None when nothing of ours has this name."""
    if about.entity == "nothing":
        return ASKED_BY_ITSELF
    if about.entity == "clients":
        return _client(tx, now, about.row_id, rules)
    unique_id: str | None = about.row_id
    if about.entity == "hash":  # Alchemy shows what is somebody else's, too
        unique_id = hostpay.redriving.transfer_of(tx, about.row_id)
        if unique_id is None:
            return ASKED_BY_ITSELF
    assert unique_id is not None
    return _chain(tx, now, unique_id, rules)


def _client(tx: Transaction, now: datetime, client_id: str, rules: Policies) -> Standing | None:
    client = payouts.redriving.look_client(tx, client_id)
    if client is None:
        return None
    row = f"clients {client_id} is {client.address_state}"
    if client.address_state != "unverified":
        return Standing(row, None, "its address is judged already", _nothing)
    return Standing(row, None, "", lambda: payouts.ask_again(tx, now, client_id, rules.pace))


def _chain(tx: Transaction, now: datetime, unique_id: str, rules: Policies) -> Standing | None:
    """A swap, its transfer, its owner: the one that leads now. Locked in the order of the house."""
    swap = swaps.redriving.look(tx, unique_id)
    transfer = hostpay.redriving.look(tx, unique_id)
    if transfer is not None and (swap is None or swap.state == "created"):
        return _of_transfer(tx, now, transfer, rules)
    if swap is not None:
        return _of_swap(tx, now, swap, rules)
    payout = payouts.redriving.look_direct(tx, unique_id)
    return None if payout is None else _of_payout(tx, now, payout)


def _of_transfer(tx: Transaction, now: datetime, transfer: Transfer, rules: Policies) -> Standing:
    row = f"transfers {transfer.unique_id} is {transfer.state}"
    since, waits_for = transfer.state_since, ""
    if transfer.state == "parked":
        waits_for = f"it is parked for {transfer.reason}: retry or release it"
    elif transfer.kind == "direct":
        payout = payouts.redriving.look_direct(tx, transfer.unique_id)
        if payout is None or payout.state not in ("claimed", "parked"):
            waits_for = "its payout is over"
    return Standing(
        row,
        since,
        waits_for,
        lambda: hostpay.redriving.send_now(tx, transfer, now, rules.pace),
    )


def _of_swap(tx: Transaction, now: datetime, swap: Swap, rules: Policies) -> Standing:
    row, waits_for = f"swaps {swap.swap_id} is {swap.state}", ""
    if swap.state == "parked":
        waits_for = "it is parked: retry or release it"
    elif swap.state in OVER or (swap.state == "finished" and _is_handed_over(tx, swap)):
        waits_for = "it is over"
    return Standing(
        row,
        swap.state_since,
        waits_for,
        lambda: swaps.redriving.send_now(tx, swap, now, rules.swap),
    )


def _is_handed_over(tx: Transaction, swap: Swap) -> bool:
    return swap.is_payout or not conversion.awaits_its_result(tx, swap.owner_id)


def _of_payout(tx: Transaction, now: datetime, payout: Payout) -> Standing:
    row = f"payouts {payout.payout_id} is {payout.state}"
    waits_for = "" if payout.state == "claimed" else "it is over"
    return Standing(
        row, payout.state_since, waits_for, lambda: payouts.order_again(tx, now, payout.payout_id)
    )
