"""When it is time to pay a client: claim exactly the payments that are paid, then decide."""

from datetime import datetime, timedelta
from uuid import uuid4

from microbatch.market import service as market
from microbatch.market.model import BASE_FEE_WEI, ETH_USD, PRIORITY_FEE_WEI, Pair
from microbatch.messages import Outgoing
from microbatch.money import USDT_DECIMALS, Usd
from microbatch.pauses import service as pauses
from microbatch.pauses.model import Part
from microbatch.payout import client_store, store, waiting_store
from microbatch.payout.due import order
from microbatch.payout.model import (
    Client,
    Payout,
    Policy,
    Seen,
    amount_refusal,
    cap_units,
    unique_id_of,
    unknowns,
    worth_usd,
)
from microbatch.payout.moves import locked, reroute
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger
from microbatch.swap import service as swaps
from microbatch.swap.model import Terms

CLIENTS_MAX = 1000
PAYMENTS_MAX = 1000
PUT_OFF_FOR = timedelta(minutes=15)  # three runs of the scheduler


def ready(tx: Transaction, now: datetime) -> tuple[list[str], list[str]]:
    """(clients at their threshold, payments that wait to be paid at once)."""
    clients = client_store.at_their_threshold(tx, now, CLIENTS_MAX)
    return clients, waiting_store.waiting_payments(tx, now, PAYMENTS_MAX)


def put_off_payment(tx: Transaction, now: datetime, payment_id: str) -> None:
    """A payment that failed by an error of ours comes after the others."""
    waiting_store.put_off(tx, payment_id, now + PUT_OFF_FOR)


def put_off_client(tx: Transaction, now: datetime, client_id: str) -> None:
    """A client for whom an error of ours was met comes after the others."""
    client_store.note_look(tx, client_id, now)


def open_threshold(
    tx: Transaction, now: datetime, client_id: str, policy: Policy
) -> list[Outgoing]:
    """One payout over what a client has converted and unpaid, or the reason why it waits.

    The client's lock is held to the commit: of two schedulers one finds nothing to do.
    """
    client = client_store.lock(tx, client_id)
    if client is None or client_store.has_payout_under_way(tx, client_id):
        return []
    client_store.note_look(tx, client_id, now)
    kind, pair = client.kind("threshold"), client.pair("threshold")
    seen = _seen(tx, pair, now, policy)
    wait = _standstill(tx, client, now) or unknowns(kind, seen)
    if wait is None:
        payout, wait = _claim(tx, now, client, seen, policy)
        if payout is not None:
            client_store.clear_wait(tx, client_id)
            return start(tx, payout, now, policy)
    assert wait is not None
    client_store.note_wait(tx, client_id, wait, now)
    logger.info("payout_waits", client_id=client_id, reason=wait)
    if kind == "exchange" and not seen.has_range:
        return market.ask_range(tx, pair, now, policy.stale_after_seconds)
    return []


def _standstill(tx: Transaction, client: Client, now: datetime) -> str | None:
    """Why nothing is paid to this client now; what concerns it alone comes first."""
    paused = Part.PAYOUT.reason if pauses.is_paused(tx, Part.PAYOUT) else None
    return client.standstill(now) or paused


def _claim(
    tx: Transaction, now: datetime, client: Client, seen: Seen, policy: Policy
) -> tuple[Payout | None, str | None]:
    """Claim, then decide about exactly what was claimed; a refusal gives the claim back."""
    total = client_store.available_units(tx, client.client_id)
    if total < client.payout_threshold_usd * 10**USDT_DECIMALS or total == 0:
        return None, "below_threshold"
    paid_before = client_store.was_paid_at(tx, client.client_id, client.wallet_address)
    most = cap_units(paid_before, seen, policy)
    payout_id = str(uuid4())
    with tx.savepoint() as savepoint:
        payments, units = store.claim_converted(tx, payout_id, client.client_id, most, now)
        value = worth_usd("threshold", units, None)
        kind = client.kind("threshold")
        if units == 0:
            refusal: str | None = "one_payment_is_above_the_cap"
        else:
            refusal = amount_refusal("threshold", kind, units, value, seen, policy)
        if refusal is not None:
            savepoint.rollback()
            return None, refusal
        payout = _insert(tx, payout_id, "threshold", client, payments, units, seen, policy, now)
        return payout, None


def open_instant(tx: Transaction, now: datetime, payment_id: str, policy: Policy) -> list[Outgoing]:
    """The payout of one payment, once; one too small for it goes to accumulation instead."""
    client_id = waiting_store.client_of_waiting(tx, payment_id)
    if client_id is None:
        return []
    client = client_store.read(tx, client_id)
    if _standstill(tx, client, now) is not None:
        return []  # it waits; the scheduler comes back to it
    kind, seen = client.kind("instant"), _seen(tx, client.pair("instant"), now, policy)
    if seen.eth_usd is None:
        return []  # without a price nobody can say whether it is worth its gas: it waits
    payout_id = str(uuid4())
    units = store.claim_waiting(tx, payout_id, payment_id, now)
    if units is None:
        return []
    payout = _insert(tx, payout_id, "instant", client, 1, units, seen, policy, now)
    refusal = amount_refusal("instant", kind, units, payout.value_usd, seen, policy)
    if refusal is not None:
        return reroute(tx, payout, refusal, now)
    return start(tx, payout, now, policy)


def _insert(
    tx: Transaction,
    payout_id: str,
    context: str,
    client: Client,
    payments: int,
    units: int,
    seen: Seen,
    policy: Policy,
    now: datetime,
) -> Payout:
    pair = client.pair(context)
    fields = {
        "payout_id": payout_id,
        "unique_id": unique_id_of(context, payout_id),
        "context": context,
        "kind": client.kind(context),
        "client_id": client.client_id,
        "payments_count": payments,
        "from_currency": pair.from_currency,
        "amount_units": units,
        "value_usd": worth_usd(context, units, seen.eth_usd),
        "to_currency": pair.to_currency,
        "to_network": pair.to_network,
        "to_address": client.wallet_address,
        "to_extra_id": client.payout_extra_id,
        "retry_seconds": policy.retry_seconds,
    }
    store.insert(tx, fields, now)
    count("payouts_opened")
    logger.info(
        "payout_opened",
        payout_id=payout_id,
        client_id=client.client_id,
        unique_id=fields["unique_id"],
        units=units,
    )
    return locked(tx, payout_id)


def start(tx: Transaction, payout: Payout, now: datetime, policy: Policy) -> list[Outgoing]:
    """Have it exchanged for the client, or order its transfer when no exchange is needed."""
    store.note_asked(tx, payout.payout_id, now)
    if payout.kind == "direct":
        return [order(payout, now)]
    assert payout.value_usd is not None
    terms = Terms(
        context=payout.context,
        owner_id=payout.payout_id,
        generation=1,
        pair=Pair(payout.from_currency, "eth", payout.to_currency, payout.to_network),
        from_amount_units=payout.amount_units,
        value_usd=Usd(payout.value_usd),
        payout_address=payout.to_address,
        refund_address=policy.wallet,
        payout_extra_id=payout.to_extra_id,
    )
    return swaps.request(tx, now, terms)


def _seen(tx: Transaction, pair: Pair, now: datetime, policy: Policy) -> Seen:
    names = [ETH_USD, BASE_FEE_WEI, PRIORITY_FEE_WEI, pair.minimum, pair.maximum]
    fresh = market.fresh(tx, names, now, policy.observation_max_age_seconds)
    values = {name: seen.value for name, seen in fresh.items()}
    return Seen(
        eth_usd=values.get(ETH_USD),
        base_fee_wei=values.get(BASE_FEE_WEI),
        priority_fee_wei=values.get(PRIORITY_FEE_WEI),
        has_range=values.get(pair.minimum) is not None,
        minimum=values.get(pair.minimum),
        maximum=values.get(pair.maximum),
    )
