"""Payments that need nothing but crediting, many of them in one transaction."""

from collections.abc import Mapping
from datetime import datetime

from microbatch.intake import store, telling
from microbatch.intake.model import Booking, Credit, Policy, judge
from microbatch.intake.service import notice_of
from microbatch.market import service as market
from microbatch.messages import Outgoing, PaymentReceived
from microbatch.pauses import service as pauses
from microbatch.pauses.model import Part
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger


def credit_many(
    messages: Mapping[str, PaymentReceived], tx: Transaction, now: datetime, policy: Policy
) -> tuple[set[str], list[Outgoing]]:
    """(names of the messages that are credited now, their events).

    Credited is what is new, waits for the threshold and is held for nothing. All others are left
    to `accumulate`: a payment that is paid at once, or held, a repetition, a conflict, and one
    whose id somebody else is at. It waits for nobody: two of these never wait for each other.
    """
    new = _new(tx, messages)
    clients = store.clients(tx, sorted({each.client_id for each in new.values()}))
    price, last_price = market.prices(tx, now, policy.observation_max_age_seconds)
    ingress_paused = pauses.is_paused(tx, Part.INGRESS)
    bookings: dict[str, Booking] = {}
    for name, message in new.items():
        notice = notice_of(message)
        client = clients.get(notice.client_id)
        verdict = judge(notice, client, price, policy, last_price, ingress_paused=ingress_paused)
        if isinstance(verdict, Credit) and verdict.state == "pending":
            bookings[name] = Booking(notice, verdict, notice.fingerprint)
    rows = store.insert_payments(tx, list(bookings.values()), received_at=now, now=now)
    if rows:
        count("payments_credited", len(rows))
    logger.info(
        "payments_accumulated",
        payment_ids=[row["payment_id"] for row in rows],
        left_count=len(messages) - len(rows),
    )
    return set(bookings), [telling.of_credited(row, now) for row in rows]


def _new(tx: Transaction, messages: Mapping[str, PaymentReceived]) -> dict[str, PaymentReceived]:
    """The first message of each payment that is ours alone and of which nothing is stored yet."""
    names = {message.payment_id: name for name, message in reversed([*messages.items()])}
    ours = store.try_lock_payment_ids(tx, sorted(names))
    known = store.seen_before(tx, sorted(ours))  # a statement after the lock: it sees all
    return {names[each]: messages[names[each]] for each in sorted(ours - known)}
