"""Why a payment, or what was held of one, is where it is."""

from datetime import datetime, timedelta
from decimal import Decimal

from microbatch.conversion.model import MAX_ATTEMPTS
from microbatch.intake.model import PAUSES
from microbatch.operations import why_store as store
from microbatch.operations.facts import eth, span, usd, usdt
from microbatch.operations.lifetimes import lifetime
from microbatch.operations.why.link import (
    Link,
    Look,
    Next,
    Row,
    at_next_run,
    link,
    nothing_by_itself,
    sent_again,
    wait_for,
)
from microbatch.pauses.model import Part

THRESHOLD_CHECK = "threshold_check"
SCHEDULER = "payout_scheduler"
RECONCILER = "reconciler"


def payment(look: Look, row: Row) -> Link:
    """A credited payment."""
    made = link(look, "payments", row["payment_id"], row, begun=row["received_at"])
    if row["attempts"]:
        made.details.append(f"{row['attempts']} of {MAX_ATTEMPTS} tries have come to nothing")
    if row["state"] == "pending":
        _pending(look, row, made)
    elif row["state"] == "waiting_instant":
        _waiting_instant(look, row, made)
    elif row["state"] == "converted":
        _converted(look, row, made)
    elif row["state"] in ("parked", "held"):
        made.reason, made.next = row["park_reason"], nothing_by_itself()
    elif row["state"] == "paid":
        made.details.append(f"its client {row['client_id']} has the money")
    return made


def held(look: Look, row: Row) -> Link:
    """A notification that is not credited."""
    made = link(look, "held_payments", row["payment_id"], row, since=_held_since(row))
    made.reason = row["reason"]
    made.details.append(row["detail"])
    made.details.append(
        f"it says that {row['received_amount'] or 'an unknown amount'}"
        f" {row['received_currency'] or 'of something'} has arrived for client {row['client_id']}"
    )
    if made.life is not None:
        made.next = nothing_by_itself()
        if row["reason"] in PAUSES:  # nobody has to decide about it: it is looked at again
            made.life = lifetime("held_payments", "paused")
            assert made.life is not None
            made.next = at_next_run(made.life, RECONCILER, None)
    untold = lifetime("held_payments", "untold")
    told = row["reason"] if row["state"] == "held" else row["state"]
    if untold is not None and row["announced_state"] != told:
        made.details.append(f"waits for {untold.waits_for}")
        if made.life is None:
            made.next = sent_again(look, untold, {**row, "state_since": made.since})
    return made


def _held_since(row: Row) -> datetime:
    since: datetime = row["decided_at"] or row["held_at"]
    return since


def _pending(look: Look, row: Row, made: Link) -> None:
    check = store.last_check(look.tx)
    assert made.life is not None
    if check is not None and check["decision"] == "wait":
        made.reason = check["reason"]
    made.details.append(check_in_words(look, check, store.oldest_pending(look.tx)))
    overdue = row["received_at"] + timedelta(seconds=look.ages.batch_max_age)
    made.details.append(
        f"below the threshold too it is converted {span(look.ages.batch_max_age)} after it was"
        f" received, from {overdue:%Y-%m-%d %H:%M} UTC on"
    )
    made.next = Next(does=made.life.does, by=THRESHOLD_CHECK, at=next_check(look, check))
    wait_for(look, made, Part.CONVERSION)


def next_check(look: Look, check: Row | None) -> datetime | None:
    """When the next threshold check is due; now, if it is overdue. None before the first."""
    if check is None:
        return None
    period = timedelta(seconds=look.schedule_seconds[THRESHOLD_CHECK])
    at: datetime = check["at"] + period
    return max(at, look.now)


def check_in_words(look: Look, check: Row | None, oldest: Row | None) -> str:
    """`12.20 of 20.00 USD pending at the last check 3 min ago, oldest 7 min: below_threshold`."""
    if check is None:
        return "there was no threshold check yet"
    ago = span(look.ago(check["at"]))
    sums = f"{usd(check['claimed_usd'])[:-4]} of {usd(check['threshold_usd'])}"
    age = f", oldest {span(look.ago(oldest['received_at']))}" if oldest else ""
    said = check["reason"] if check["decision"] == "wait" else f"opened for {check['reason']}"
    return f"{sums} pending at the last check {ago} ago{age}: {said}"


def _waiting_instant(look: Look, row: Row, made: Link) -> None:
    assert made.life is not None
    client = store.client(look.tx, row["client_id"])
    assert client is not None
    not_before = _later(row["payout_not_before"], client["address_matures_at"], look.now)
    made.reason = client_standstill(look, client)
    if made.reason is None:
        tried = row["payout_not_before"] is not None and row["payout_not_before"] > look.now
        made.reason = "tried_again_within_the_hour" if tried else "next_run_of_the_scheduler"
    made.details.append(f"{eth(row['convertible_wei'])} to {_where(client)}")
    made.next = at_next_run(made.life, SCHEDULER, not_before)
    wait_for(look, made, Part.PAYOUT)


def _converted(look: Look, row: Row, made: Link) -> None:
    """What is converted waits for its client."""
    assert made.life is not None
    client = store.client(look.tx, row["client_id"])
    assert client is not None
    available = store.available_microusdt(look.tx, row["client_id"])
    enough = Decimal(available) >= client["payout_threshold_usd"] * 10**6
    made.reason = client_standstill(look, client) or client["payout_wait_reason"]
    if not enough:
        made.reason = "below_threshold"
        made.unblocked_by = "further payments of the client, or a lower threshold of it"
    elif made.reason is None:
        made.reason = "next_run_of_the_scheduler"
    made.details.append(
        f"client {row['client_id']} has {usdt(available)} of its threshold of"
        f" {usd(client['payout_threshold_usd'])}; it is paid to {_where(client)}"
    )
    if store.open_payout(look.tx, row["client_id"]):
        made.details.append("another payout of the client is under way, and one is at a time")
    not_before = _later(client["payout_not_before"], client["address_matures_at"], look.now)
    made.next = at_next_run(made.life, SCHEDULER, not_before)
    if enough:
        wait_for(look, made, Part.PAYOUT)


def client_standstill(look: Look, client: Row) -> str | None:
    """Why nothing is paid to this client now, whatever there is; or None."""
    if client["paused_at"] is not None:
        return "client_paused"
    if client["address_state"] != "verified":
        return f"address_{client['address_state']}"
    matures_at = client["address_matures_at"]
    return "address_changed_lately" if matures_at and matures_at > look.now else None


def _later(one: datetime | None, other: datetime | None, now: datetime) -> datetime | None:
    """The later of two times that are still to come; None when none is."""
    ahead = [at for at in (one, other) if at is not None and at > now]
    return max(ahead, default=None)


def _where(client: Row) -> str:
    return f"{client['wallet_address']} as {client['payout_currency']}/{client['payout_network']}"
