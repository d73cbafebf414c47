"""Claim, convert, distribute: the life of a batch."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from microbatch.codec import agrees
from microbatch.conversion import store
from microbatch.conversion.model import Claimed, Limits, Open, Seen, Wait, decide, is_past
from microbatch.errors import ConfigurationError, IllegalTransition, PermanentFailure
from microbatch.hostpay import service as hostpay
from microbatch.market import service as market
from microbatch.market.model import ETH_TO_USDT, ETH_USD
from microbatch.messages import BatchResult, Outgoing
from microbatch.money import USDT_DECIMALS, MicroUsdt, Usd, Wei, coins, value_usd
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import service as swaps
from microbatch.swap.model import Terms

MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a threshold check needs besides the settings rows."""

    max_age_seconds: int
    max_payments: int
    max_wei: Wei
    observation_max_age_seconds: int
    minimum_margin_percent: Decimal
    band_percent: Decimal
    wallet: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a threshold check did: for its answer and the log."""

    decision: Wait | Open
    claimed: Claimed
    threshold_usd: Usd
    batch_id: UUID | None
    outgoing: list[Outgoing]

    @property
    def summary(self) -> dict[str, Any]:
        """For the answer and the log; amounts as text in their unit."""
        opened = isinstance(self.decision, Open)
        reason = (
            self.decision.opened_for
            if isinstance(self.decision, Open)
            else (self.decision.reason.value)
        )
        return {
            "decision": "open" if opened else "wait",
            "reason": reason,
            "payments_count": self.claimed.payments_count,
            "claimed_wei": str(self.claimed.net_wei),
            "claimed_usd": str(self.claimed.net_usd),
            "threshold_usd": str(self.threshold_usd),
            "batch_id": str(self.batch_id) if self.batch_id else None,
        }


def check_threshold(tx: Transaction, now: datetime, policy: Policy) -> Check:
    """Claim what is pending, then decide about exactly that; one batch at most.

    A wait gives the claim back. What the check decided is recorded either way.
    """
    store.lock_checks(tx)
    limits = _limits(tx, policy)
    batch_id = uuid4()
    with tx.savepoint() as savepoint:
        claimed = store.claim(tx, batch_id, limits, now)
        decision = decide(claimed, _seen(tx, now, limits), limits, now)
        if isinstance(decision, Wait):
            savepoint.rollback()
        else:
            store.insert_batch(
                tx,
                batch_id,
                claimed=claimed,
                opened=decision,
                threshold_usd=limits.threshold_usd,
                now=now,
            )
    opened = isinstance(decision, Open)
    store.insert_check(
        tx,
        now,
        reason=decision.opened_for if isinstance(decision, Open) else decision.reason.value,
        claimed=claimed,
        threshold_usd=limits.threshold_usd,
        batch_id=batch_id if opened else None,
    )
    outgoing = (
        _open(tx, now, batch_id, claimed, decision, policy) if isinstance(decision, Open) else []
    )
    return Check(decision, claimed, limits.threshold_usd, batch_id if opened else None, outgoing)


def _open(
    tx: Transaction,
    now: datetime,
    batch_id: UUID,
    claimed: Claimed,
    opened: Open,
    policy: Policy,
) -> list[Outgoing]:
    logger.info("batch_opened", batch_id=str(batch_id), claimed_wei=claimed.net_wei)
    return swaps.request(
        tx,
        now,
        Terms(
            context="batch",
            owner_id=str(batch_id),
            generation=1,
            pair=ETH_TO_USDT,
            from_amount_units=claimed.net_wei,
            value_usd=value_usd(claimed.net_wei, opened.eth_usd),
            payout_address=policy.wallet,
            refund_address=policy.wallet,
        ),
    )


def _limits(tx: Transaction, policy: Policy) -> Limits:
    threshold = store.setting(tx, "threshold_usd")
    if threshold is None:
        raise ConfigurationError("setting threshold_usd has no row")
    return Limits(
        threshold_usd=Usd(Decimal(threshold)),
        max_age_seconds=policy.max_age_seconds,
        max_payments=policy.max_payments,
        max_wei=policy.max_wei,
        max_attempts=MAX_ATTEMPTS,
        observation_max_age_seconds=policy.observation_max_age_seconds,
        minimum_margin_percent=policy.minimum_margin_percent,
        band_percent=policy.band_percent,
    )


def _seen(tx: Transaction, now: datetime, limits: Limits) -> Seen:
    names = [ETH_USD, ETH_TO_USDT.minimum, ETH_TO_USDT.maximum, ETH_TO_USDT.rate]
    fresh = market.fresh(tx, names, now, limits.observation_max_age_seconds)
    values = {name: seen.value for name, seen in fresh.items()}
    return Seen(
        eth_usd=values.get(ETH_USD),
        minimum_eth=values.get(ETH_TO_USDT.minimum),
        maximum_eth=values.get(ETH_TO_USDT.maximum),
        rate_usdt_per_eth=values.get(ETH_TO_USDT.rate),
    )


def due(tx: Transaction, now: datetime, policy: "swaps.Policy") -> list[Outgoing]:
    """The results of all batches that have arrived and are not distributed yet, again."""
    outgoing: list[Outgoing] = []
    for batch_id in store.undistributed(tx, policy.pace.stale_before(now)):
        outgoing += swaps.result_of(tx, "batch", batch_id, now, policy)
    return outgoing


# --- what the swap tells its owner, in the swap's own transaction --------------------------------


def exchange_created(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's exchange stands."""
    _advance(tx, batch_id, "claimed", "exchange_created", now)


def pay_ordered(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's host payment is reserved."""
    _advance(tx, batch_id, "exchange_created", "pay_ordered", now)


def paid(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's host payment is confirmed on chain."""
    _advance(tx, batch_id, "pay_ordered", "paid", now)


def finished(tx: Transaction, batch_id: str, received_units: int, now: datetime) -> None:
    """The batch's USDT has arrived on chain."""
    for state_from in ("paid", "parked"):
        if store.move(
            tx,
            batch_id,
            state_from=state_from,
            state_to="finished",
            now=now,
            received_microusdt=MicroUsdt(received_units),
        ):
            return
    raise IllegalTransition(f"batch {batch_id} is not paid, so it cannot be finished")


def release(tx: Transaction, batch_id: str, reason: str, now: datetime) -> None:
    """Nothing was paid for this batch: its payments go back, their attempts counted."""
    batch = store.lock_batch(tx, batch_id)
    if batch is None or batch["state"] in ("released", "distributed", "finished"):
        raise IllegalTransition(f"batch {batch_id} cannot be released")
    store.move(tx, batch_id, state_from=batch["state"], state_to="released", now=now, reason=reason)
    released = store.release_payments(
        tx, batch_id, max_attempts=MAX_ATTEMPTS, reason=reason, now=now
    )
    logger.warning("batch_released", batch_id=batch_id, reason=reason, payments=released)


def park(tx: Transaction, batch_id: str, reason: str, now: datetime) -> None:
    """A person has to look at this batch; its payments stay with it."""
    batch = store.lock_batch(tx, batch_id)
    if batch is None or not store.move(
        tx, batch_id, state_from=batch["state"], state_to="parked", now=now, reason=reason
    ):
        raise IllegalTransition(f"batch {batch_id} cannot be parked")
    logger.error("batch_parked", batch_id=batch_id, reason=reason)


def _advance(tx: Transaction, batch_id: str, state_from: str, state_to: str, now: datetime) -> None:
    if store.move(tx, batch_id, state_from=state_from, state_to=state_to, now=now):
        return
    batch = store.lock_batch(tx, batch_id)
    if batch is None or not is_past(batch["state"], state_to):
        state = batch["state"] if batch else "missing"
        raise IllegalTransition(f"batch {batch_id} is {state}, it cannot become {state_to}")


# --- distribution ---------------------------------------------------------------------------------


def distribute(message: BatchResult, tx: Transaction, now: datetime) -> list[Outgoing]:
    """Share out the USDT that arrived on chain over the batch's payments, exactly, once.

    The message is a hint: the sum comes from the database. One that disagrees is refused.
    """
    try:
        batch_id = str(UUID(message.batch_conversion_id))
    except ValueError as error:
        raise PermanentFailure("batch_conversion_id is not a UUID") from error
    batch = store.lock_batch(tx, batch_id)
    if batch is None:
        raise PermanentFailure(f"batch {batch_id} is not known")
    if batch["state"] == "distributed":
        return []
    if batch["state"] != "finished":
        raise PermanentFailure(f"batch {batch_id} is {batch['state']}, nothing has arrived for it")
    total = MicroUsdt(int(batch["received_microusdt"]))
    if not agrees(message.actual_usdt_received, coins(total, USDT_DECIMALS)):
        raise PermanentFailure(f"batch {batch_id}: the token's amount is not what arrived")
    store.distribute(tx, batch_id, total, now)
    _check_shares(tx, batch_id, int(batch["claimed_wei"]), int(batch["payments_count"]), total)
    store.move(tx, batch_id, state_from="finished", state_to="distributed", now=now)
    hostpay.settle(tx, swaps.id_of("batch", batch_id, 1), now)
    logger.info("batch_distributed", batch_id=batch_id, microusdt=total)
    return []


def _check_shares(
    tx: Transaction, batch_id: str, claimed_wei: int, payments_count: int, total: MicroUsdt
) -> None:
    """Every unit, every row: else nothing is committed."""
    given = store.shared_out(tx, batch_id)
    if (int(given["microusdt"]), int(given["net_wei"]), int(given["payments_count"])) != (
        total,
        claimed_wei,
        payments_count,
    ):
        raise AssertionError(f"batch {batch_id}: shares, wei or rows do not add up: {given}")
