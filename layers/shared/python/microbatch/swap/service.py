"""What other rooms ask of a swap: request it, pay it, hand its result over, keep it moving."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from microbatch.market import service as market
from microbatch.messages import Outgoing
from microbatch.pace import Pace
from microbatch.platform.database import Transaction
from microbatch.swap import moves, store
from microbatch.swap import redriving as redriving  # noqa: PLC0414 - for operations
from microbatch.swap import unparking as unparking  # noqa: PLC0414 - for operations
from microbatch.swap.due import asks_again, messages_due
from microbatch.swap.model import ONGOING, Swap, Terms, swap_id_of

STALE_ROWS_MAX = 500
WAITING = ("requested", "quoted", "created", "paid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules a swap is run under."""

    pace: Pace
    confirmations: int
    band_percent: Decimal
    token: str  # the USDT contract
    observation_max_age_seconds: int = 1800


def id_of(context: str, owner_id: str, generation: int) -> str:
    """The identity of an owner's swap."""
    return swap_id_of(context, owner_id, generation)


def request(tx: Transaction, now: datetime, terms: Terms) -> list[Outgoing]:
    """Record what an owner wants to be swapped; the same request again changes nothing."""
    store.insert(tx, terms, now)
    swap = moves.locked(tx, terms.swap_id)
    return messages_due(swap, now)


# --- what hostpay tells and asks, in its own transaction ------------------------------------------


def payable(tx: Transaction, context: str, owner_id: str, cn_api_id: str) -> Swap | None:
    """The owner's swap on this exchange, locked, if its host payment may be reserved."""
    swap = store.lock_by_owner(tx, context, owner_id, cn_api_id)
    return swap if swap is not None and swap.state == "created" else None


def payable_by_id(tx: Transaction, swap_id: str, cn_api_id: str) -> Swap | None:
    """The same, for an order that names the swap itself."""
    swap = store.lock(tx, swap_id)
    if swap is None or swap.state != "created" or swap.cn_api_id != cn_api_id:
        return None
    return swap


def refuses(tx: Transaction, swap_id: str, now: datetime, max_age_seconds: int) -> str | None:
    """Why the exchange would not take this swap's amount any more, as far as we know; or None."""
    swap = store.read(tx, swap_id)  # no lock: the transfer's is held
    if swap is None:
        return None
    seen = market.fresh(tx, [swap.pair.minimum], now, max_age_seconds).get(swap.pair.minimum)
    if seen is not None and seen.value is not None and swap.from_amount < seen.value:
        return f"minimum_raised_to_{seen.value.normalize():f}"
    return None


def pay_ordered(tx: Transaction, swap: Swap, now: datetime) -> None:
    """The swap's host payment is reserved."""
    moves.owner_of(swap).pay_ordered(tx, swap.owner_id, now)


def paid(tx: Transaction, swap_id: str, now: datetime) -> list[Outgoing]:
    """The swap's host payment is confirmed on chain; its exchange is watched from now on."""
    swap = moves.locked(tx, swap_id)
    if swap.state == "created":
        moves.move(tx, swap, "paid", now)
        moves.owner_of(swap).paid(tx, swap.owner_id, now)
        return messages_due(moves.locked(tx, swap_id), now)
    if swap.state == "paid" and swap.asked_at is None:
        return messages_due(swap, now)
    return []


def in_trouble(tx: Transaction) -> int:
    """How many exchanges that we have paid do not simply go on, by their own word."""
    return store.in_trouble(tx, [*sorted(ONGOING), "finished"])


# --- for the reconciler ---------------------------------------------------------------------------


def standing_still(tx: Transaction, now: datetime, policy: Policy) -> list[str]:
    """The swaps that have stood still for too long; the one looked at longest ago first."""
    return store.standing_still(tx, WAITING, policy.pace.standstill(now), STALE_ROWS_MAX)


def go_on(tx: Transaction, now: datetime, swap_id: str, policy: Policy) -> list[Outgoing]:
    """The message of a swap that stands still, again; without an exchange for a day it ends.

    Nothing is signed for it then. What nobody exchanges now may be exchanged later, with others.
    """
    swap = store.lock(tx, swap_id)
    if swap is None or swap.state not in WAITING:
        return []
    given_up = swap.state_since < policy.pace.given_up_before(now)
    if given_up and swap.state in ("requested", "quoted"):
        return moves.end(tx, swap, "failed", "exchange_does_not_answer", now)
    return asks_again(tx, swap, now, policy)


def result_of(
    tx: Transaction, context: str, owner_id: str, now: datetime, policy: Policy
) -> list[Outgoing]:
    """The message that hands a finished swap's result to its owner, again."""
    swap = store.lock(tx, swap_id_of(context, owner_id, 1))
    if swap is None or swap.state != "finished":
        return []
    return asks_again(tx, swap, now, policy)
