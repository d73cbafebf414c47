"""Take a payment in: once, credited or held, never lost."""

from datetime import datetime

from microbatch.intake import held_store, store, telling
from microbatch.intake import unparking as unparking  # noqa: PLC0414 - for operations
from microbatch.intake.deciding import Decision as Decision  # noqa: PLC0414
from microbatch.intake.deciding import Word as Word  # noqa: PLC0414
from microbatch.intake.deciding import accept as accept  # noqa: PLC0414
from microbatch.intake.deciding import judge_again as judge_again  # noqa: PLC0414
from microbatch.intake.deciding import no_longer_paused as no_longer_paused  # noqa: PLC0414
from microbatch.intake.deciding import note_told as note_told  # noqa: PLC0414
from microbatch.intake.deciding import reject as reject  # noqa: PLC0414
from microbatch.intake.deciding import tell as tell  # noqa: PLC0414
from microbatch.intake.deciding import untold as untold  # noqa: PLC0414
from microbatch.intake.model import Booking, Credit, Hold, HoldReason, Notice, Policy, judge
from microbatch.market import service as market
from microbatch.messages import Outgoing, PaymentReceived
from microbatch.pauses import service as pauses
from microbatch.pauses.model import Part
from microbatch.payout import service as payouts
from microbatch.payout.model import Policy as PayoutPolicy
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger


def accumulate(
    message: PaymentReceived,
    tx: Transaction,
    now: datetime,
    policy: Policy,
    payout_policy: PayoutPolicy,
) -> list[Outgoing]:
    """Store one payment: pending, or held; one that is to be paid at once gets its payout.

    A re-send that differs only in its times is a duplicate; the same id with anything else
    different is a conflict, kept beside the first. A duplicate tells its event again: the copy
    before may have ended between its commit and its sending.
    """
    notice = notice_of(message)
    store.lock_payment_id(tx, notice.payment_id)
    booked = store.fingerprint(tx, notice.payment_id)
    held = held_store.fingerprints(tx, notice.payment_id)
    if notice.fingerprint in (booked, *held):
        logger.info("payment_duplicate", payment_id=notice.payment_id)
        told = telling.of_version(tx, notice.payment_id, notice.fingerprint, now)
    else:
        price, last_price = market.prices(tx, now, policy.observation_max_age_seconds)
        verdict = _conflict(booked, held, notice) or judge(
            notice,
            store.client(tx, notice.client_id),
            price,
            policy,
            last_price,
            ingress_paused=pauses.is_paused(tx, Part.INGRESS),
        )
        told = _keep(tx, notice, verdict, now)  # before a payout takes the payment on
    return [*told, *payouts.open_instant(tx, now, notice.payment_id, payout_policy)]


def _keep(tx: Transaction, notice: Notice, verdict: Credit | Hold, now: datetime) -> list[Outgoing]:
    if isinstance(verdict, Credit):
        booking = Booking(notice, verdict, notice.fingerprint)
        rows = store.insert_payments(tx, [booking], received_at=now, now=now)
        count("payments_credited")
        logger.info("payment_accumulated", payment_id=notice.payment_id, net_wei=verdict.net_wei)
        return [telling.of_credited(row, now) for row in rows]
    held_store.insert(tx, notice, verdict, now)
    logger.warning("payment_held", payment_id=notice.payment_id, reason=verdict.reason.value)
    return telling.of_version(tx, notice.payment_id, notice.fingerprint, now)


def _conflict(booked: bytes | None, held: list[bytes], notice: Notice) -> Hold | None:
    if booked is None and not held:
        return None
    what = "booked" if booked is not None else "held"
    return Hold(
        HoldReason.CONFLICT, f"payment {notice.payment_id} is {what} with other particulars"
    )


def notice_of(message: PaymentReceived) -> Notice:
    """A notification as it was sent."""
    return Notice(
        payment_id=message.payment_id,
        source=message.source,
        client_id=message.client_id,
        received_amount=message.received_amount,
        received_currency=message.received_currency,
        received_network=message.received_network,
        invoice_usd=message.invoice_usd,
        parent_payment_id=message.parent_payment_id,
        order_id=message.order_id,
        payment_status=message.payment_status,
        paid_at=message.paid_at,
        problem=message.problem,
        body=message.body,
    )
