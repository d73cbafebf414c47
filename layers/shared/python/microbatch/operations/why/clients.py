"""Why a client is not paid, a wallet signs nothing, or an observation is old."""

from datetime import timedelta

from microbatch.operations import why_store as store
from microbatch.operations.facts import span, usd, usdt
from microbatch.operations.lifetimes import lifetime
from microbatch.operations.why.link import (
    Link,
    Look,
    Next,
    Row,
    link,
    nothing_by_itself,
    sent_again,
    wait_for,
)
from microbatch.operations.why.payments import SCHEDULER, client_standstill
from microbatch.pauses.model import Part


def client(look: Look, row: Row) -> Link:
    """A client: its address first, then what its payout waits for."""
    state = row["address_state"]
    since = row["created_at"]
    waits = row["payout_wait_reason"] is not None
    if state == "verified" and waits:
        state, since = "waiting", row["payout_waits_since"]
    made = link(look, "clients", row["client_id"], row, state=state, since=since)
    made.reason = client_standstill(look, row) or row["payout_wait_reason"]
    made.waits_since = row["payout_waits_since"]
    if row["address_reason"]:
        made.details.append(f"the exchange says of its address: {row['address_reason']}")
    available = store.available_microusdt(look.tx, row["client_id"])
    made.details.append(
        f"{usdt(available)} of its threshold of {usd(row['payout_threshold_usd'])} are converted"
    )
    if row["paused_at"] is not None:
        made.details.append(f"paused since {row['paused_at']:%Y-%m-%d %H:%M} UTC")
    if row["payout_wait_reason"] or available:
        wait_for(look, made, Part.PAYOUT)
    untold = store.untold_change(look.tx, row["client_id"])
    if untold is not None:
        made.details.append(f"its change of address of {untold:%Y-%m-%d %H:%M} UTC is not told yet")
    if made.life is not None:
        made.next = _next(look, row, made)
    return made


def _next(look: Look, row: Row, made: Link) -> Next:
    assert made.life is not None
    if made.state == "refused" or row["paused_at"] is not None:
        return nothing_by_itself()
    if made.state == "unverified":
        asked = {"state_since": row["created_at"], "asked_at": row["asked_at"]}
        return sent_again(look, made.life, asked)
    ahead = [
        at
        for at in (row["payout_not_before"], row["address_matures_at"])
        if at is not None and at > look.now
    ]
    return Next(does=made.life.does, by=SCHEDULER, at=max(ahead, default=None))


def observation(look: Look, name: str, row: Row) -> Link:
    """What the outside said last of something, and when it is asked again."""
    observed_at = row["observed_at"]
    is_old = look.ago(observed_at) >= look.ages.observation_period
    state = "stale" if is_old else "fresh"
    made = link(look, "observations", name, row, state=state, since=observed_at)
    made.details.append(f"{'none' if row['value'] is None else row['value']} was seen last")
    used_for = span(look.ages.observation_max_age)
    made.details.append(f"nothing is decided by it once it is {used_for} old")
    life = lifetime("observations", "stale")
    assert life is not None
    due_at = observed_at + timedelta(seconds=look.ages.observation_period)
    made.next = Next(does=life.does, by="reconciler", at=max(due_at, look.now))
    return made


def wallet(look: Look, row: Row) -> Link:
    """A wallet that pays."""
    since = row["frozen_at"] or row["adopted_at"]
    made = link(look, "wallets", row["address"], row, state=row["status"], since=since)
    made.reason = row["reason"]
    made.details.append(f"its next nonce is {row['next_nonce']}")
    if lifetime("wallets", row["status"]) is not None:
        made.next = nothing_by_itself()
    return made
