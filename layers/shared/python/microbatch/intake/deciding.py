"""What is held is decided about, once: by a person, or by itself when only a pause held it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.intake import held_store, store, telling
from microbatch.intake.held_store import Held
from microbatch.intake.model import (
    ALL_ETH_WEI,
    PAUSES,
    Booking,
    Credit,
    Hold,
    HoldReason,
    Policy,
    judge,
    vouched_by_accepting,
)
from microbatch.market import service as market
from microbatch.messages import Announcement, Outgoing
from microbatch.money import ETH_DECIMALS, Wei, text_from_units, wei_from_eth
from microbatch.pace import Pace
from microbatch.pauses import service as pauses
from microbatch.pauses.model import Part
from microbatch.payout import service as payouts
from microbatch.payout.model import Policy as PayoutPolicy
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger

JUDGED_MAX = 500  # in one run of the reconciler
UNTOLD_MAX = 200
ITSELF = "reconciler"

# Of these a person may say what has arrived.
NAMED_BY_A_PERSON = frozenset({HoldReason.AMOUNT_UNKNOWN, HoldReason.IMPLAUSIBLE_AMOUNT})
CANNOT_BE_CREDITED = {
    HoldReason.MALFORMED: "its body cannot be read; have the sender send it again, then reject it",
    HoldReason.WRONG_ASSET: "only eth on eth is credited; settle it by hand, then reject it",
    HoldReason.UNKNOWN_CLIENT: "add the client first (clients add), then accept it",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person's word has changed: the held row before and after, and what is sent of it."""

    before: dict[str, Any]
    after: dict[str, Any]
    outgoing: list[Outgoing]

    @property
    def changed(self) -> bool:
        """Whether it is another row now."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Whose word it is, about which version of a payment, and why."""

    payment_id: str
    fingerprint: str  # its first hex digits; "" when there is one version only
    who: str
    why: str


def accept(
    tx: Transaction,
    now: datetime,
    word: Word,
    received_eth: str | None,
    policy: Policy,
    payout_policy: PayoutPolicy,
) -> Decision:
    """Credit what is held, as any other payment; a person vouches for what it was held for.

    What was never looked at because of that is looked at now: held for another reason, it stays
    held. Raises InvalidInput, having changed nothing, for what nobody can vouch for.
    """
    held = _version(tx, word, "accepted")
    if held.state == "accepted":
        return Decision(held.shown, held.shown, [])
    _check_unbooked(tx, held)
    named_wei = _named(held, received_eth)
    vouched = vouched_by_accepting(held.reason)
    verdict = _judge(tx, now, held, policy, vouched=vouched, named_wei=named_wei)
    if isinstance(verdict, Credit):
        _credit(tx, now, held, verdict, word.who, word.why, named_wei)
    elif verdict.reason is held.reason:
        raise InvalidInput(_cannot_be_credited(held, verdict))
    else:
        held_store.hold_for(tx, held.held_id, verdict)
    return _decision(tx, now, held, payout_policy)


def reject(tx: Transaction, now: datetime, word: Word) -> Decision:
    """What is held is never credited. Raises InvalidInput when it is credited already."""
    held = _version(tx, word, "rejected")
    if held.state == "rejected":
        return Decision(held.shown, held.shown, [])
    _decide(tx, now, held, "rejected", word.who, word.why)
    logger.warning("payment_rejected", payment_id=held.payment_id, reason=held.reason.value)
    return _decision(tx, now, held, None)


def _version(tx: Transaction, word: Word, decision: str) -> Held:
    """The version that is meant, its id locked. Raises InvalidInput when it is not clear."""
    store.lock_payment_id(tx, word.payment_id)
    found = held_store.versions(tx, word.payment_id)
    if not found:
        booked = store.fingerprint(tx, word.payment_id) is not None
        what = "is credited already, and was never held" if booked else "is not known"
        raise InvalidInput(f"payment {word.payment_id} {what}")
    named = [each for each in found if each.fingerprint.hex().startswith(word.fingerprint)]
    open_ones = [each for each in named if each.state == "held"]
    meant = named if word.fingerprint else open_ones or named
    if len(meant) != 1:
        raise InvalidInput(
            f"payment {word.payment_id} has {len(found)} versions; say which by its fingerprint: "
            + "; ".join(_told_apart(each) for each in found)
        )
    (held,) = meant
    if held.state not in ("held", decision):
        raise InvalidInput(
            f"payment {word.payment_id} was {held.state} at {held.decided_at} by "
            f"{held.decided_by}: that stays"
        )
    return held


def _told_apart(held: Held) -> str:
    return (
        f"{held.fingerprint.hex()[:16]} ({held.state}, {held.reason}: client {held.client_id}, "
        f"{held.received_amount or 'unknown'} {held.received_currency})"
    )


def _check_unbooked(tx: Transaction, held: Held) -> None:
    if store.fingerprint(tx, held.payment_id) is not None:
        raise InvalidInput(
            f"payment {held.payment_id} is credited in another version, and an id is credited "
            "once; if this is other money, have the sender send it under an id of its own; "
            "reject this one"
        )


def _named(held: Held, received_eth: str | None) -> Wei | None:
    """What a person says has arrived. Raises InvalidInput when it is needed, or not asked for."""
    if received_eth is None:
        if held.reason in NAMED_BY_A_PERSON and not held.received_amount:
            raise InvalidInput(
                "received_eth is missing: nobody knows what has arrived; look it up on the chain"
            )
        return None
    if held.reason not in NAMED_BY_A_PERSON:
        raise InvalidInput(
            f"received_eth is for an amount that is unknown or implausible; payment "
            f"{held.payment_id} is held for {held.reason}"
        )
    wei = wei_from_eth(received_eth, "received_eth")
    if not 0 < wei <= ALL_ETH_WEI:
        raise InvalidInput("received_eth must be above zero, and no more than there is")
    return wei


def _cannot_be_credited(held: Held, verdict: Hold) -> str:
    what = f"payment {held.payment_id} cannot be credited, {verdict.detail}"
    todo = CANNOT_BE_CREDITED.get(verdict.reason, "say what has arrived as received_eth")
    return f"{what}: {todo}"


def _judge(
    tx: Transaction,
    now: datetime,
    held: Held,
    policy: Policy,
    *,
    vouched: frozenset[HoldReason] = frozenset(),
    named_wei: Wei | None = None,
) -> Credit | Hold:
    notice = held.notice
    if named_wei is not None:
        notice = replace(notice, received_amount=text_from_units(named_wei, ETH_DECIMALS))
    price, last_price = market.prices(tx, now, policy.observation_max_age_seconds)
    return judge(
        notice,
        store.client(tx, held.client_id),
        price,
        policy,
        last_price,
        ingress_paused=pauses.is_paused(tx, Part.INGRESS),
        vouched=vouched,
    )


def _credit(
    tx: Transaction,
    now: datetime,
    held: Held,
    credit: Credit,
    who: str,
    why: str,
    named_wei: Wei | None = None,
) -> None:
    """Book it as what arrived when it was held: it waits for its conversion since then."""
    _decide(tx, now, held, "accepted", who, why, named_wei)
    booking = Booking(held.notice, credit, held.fingerprint)
    store.insert_payments(tx, [booking], received_at=held.held_at, now=now)
    logger.info("payment_accepted", payment_id=held.payment_id, net_wei=credit.net_wei)


def _decide(
    tx: Transaction,
    now: datetime,
    held: Held,
    state_to: str,
    who: str,
    why: str,
    named_wei: Wei | None = None,
) -> None:
    if not held_store.decide(
        tx, held.held_id, state_to, who=who, why=why, named_wei=named_wei, now=now
    ):
        raise InvalidInput(f"payment {held.payment_id} was decided about a moment ago")


def _decision(
    tx: Transaction, now: datetime, held: Held, payout_policy: PayoutPolicy | None
) -> Decision:
    after = held_store.read(tx, held.payment_id, held.fingerprint)
    assert after is not None
    outgoing = [telling.of_held(tx, after, now)]  # before a payout takes the payment on
    if payout_policy is not None:
        outgoing += payouts.open_instant(tx, now, held.payment_id, payout_policy)
    return Decision(held.shown, after.shown, outgoing)


# --- for the reconciler ---------------------------------------------------------------------------


def no_longer_paused(tx: Transaction, now: datetime) -> list[str]:
    """What only a pause has held that is over, in the order of arrival; who failed comes last."""
    del now
    if pauses.is_paused(tx, Part.INGRESS):
        return []
    return held_store.no_longer_paused(tx, JUDGED_MAX)


def judge_again(
    tx: Transaction, now: datetime, held_id: str, policy: Policy, payout_policy: PayoutPolicy
) -> list[Outgoing]:
    """Credit what only a pause has held, or hold it for what is against it now."""
    held = held_store.lock(tx, int(held_id))
    if held is None or held.state != "held" or held.reason not in PAUSES:
        return []
    if not store.try_lock_payment_id(tx, held.payment_id):
        return []  # another version of it comes in
    verdict = _judge(tx, now, held, policy)
    if store.fingerprint(tx, held.payment_id) is not None:
        verdict = Hold(HoldReason.CONFLICT, "it was credited in another version meanwhile")
    if isinstance(verdict, Credit):
        _credit(tx, now, held, verdict, ITSELF, f"{held.reason} is over")
    elif verdict.reason is held.reason:
        return []  # paused again
    else:
        held_store.hold_for(tx, held.held_id, verdict)
    return _decision(tx, now, held, payout_policy).outgoing


def untold(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """Payments of which the outside does not know that they are held, or what was decided."""
    return held_store.untold(tx, now - pace.stale_after, UNTOLD_MAX)


def tell(tx: Transaction, now: datetime, held_id: str) -> list[Outgoing]:
    """The event of a payment that is, or was, held: again."""
    held = held_store.lock(tx, int(held_id))
    assert held is not None
    held_store.note_asked(tx, held.held_id, now)
    return [telling.of_held(tx, held, now)]


def note_told(tx: Transaction, now: datetime, told: Sequence[Announcement]) -> None:
    """The events that were sent tell of these rows."""
    del now
    for announcement in told:
        held_store.note_told(tx, int(announcement.row_id), announcement.state)
