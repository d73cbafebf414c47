"""Where payments may be at the end, and why."""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.simulation import senders
from tests.simulation.books import Page
from tests.simulation.outcome import Wrong
from tests.simulation.people import People
from tests.simulation.world import World

FEE_PERCENT = 3
HELD_FOR = {
    "unknown_client": {"unknown_client"},
    "wrong_asset": {"wrong_asset"},
    "redeposit": {"redeposit"},
    "implausible": {"implausible_amount"},
    "amount_unknown": {"amount_unknown", "malformed"},
    "unreadable": {"malformed"},
}
CHECK_WAITS = ("nothing_pending", "below_threshold", "below_provider_minimum")
CENT_USD = Decimal("0.01")
PAYOUT_WAITS = ("below_minimum", "gas_too_dear", "below_threshold")
# Why something may be left to a person → the faults or acts of which one must have struck.
PARKED_FOR: dict[str, tuple[str, ...]] = {
    "receiver_reverts": ("payee_reverts",),
    "payee_blacklisted": ("blacklist",),
    "payin_address_changed": ("exchange_moves_payin",),
    "arrived_differs_from_provider": ("exchange_says_more",),
    "refund_loss_too_large": ("exchange_refunded_little",),
}


def look_at_what_came_in(page: Page, people: People) -> None:
    """Every payment we were told of is booked or held, once, as it was told. Raises Wrong."""
    booked = {row["payment_id"]: row for row in page.payments}
    held: dict[str, set[str]] = {}
    stories = Counter(row["payment_id"] for row in (*page.payments, *page.held))
    for row in page.held:
        held.setdefault(row["payment_id"], set()).add(row["reason"])
    unreadable = sum(row["payment_id"].startswith("unreadable-") for row in page.held)
    for payment_id, payment in people.accepted.items():
        reasons = held.get(payment_id, set())
        if payment.oddity in ("unreadable", "amount_unknown") and payment.sender == "payments":
            found = unreadable > 0
        elif payment.oddity in HELD_FOR and payment_id in people.operators.accepted:
            found = payment_id in booked or bool(reasons)  # the act may not have been heard
        elif payment.oddity in HELD_FOR:
            allowed = HELD_FOR[payment.oddity] | {"client_paused", "conflict", "ingress_paused"}
            found = payment_id not in booked and bool(reasons) and reasons <= allowed
        else:
            rejected = payment_id in people.operators.rejected
            found = _is_booked(payment, booked.get(payment_id), reasons, rejected=rejected)
        if not found:
            said = f"{payment}: booked {booked.get(payment_id)}, held for {reasons}"
            raise Wrong("a_payment_is_never_lost", said)
    for payment_id in people.contradicted:
        if stories[payment_id] < 2:
            raise Wrong("a_contradiction_is_kept", f"{payment_id}: one story of two")
    strangers = booked.keys() - people.accepted.keys()
    if strangers:
        raise Wrong("nothing_is_booked_that_never_came", str(strangers))


def _is_booked(
    payment: Any, row: dict[str, Any] | None, reasons: set[str], *, rejected: bool
) -> bool:
    if row is None:
        return rejected and bool(reasons)
    amounts = {payment.wei, payment.wei + 1} if payment.oddity == "conflict" else {payment.wei}
    fee_wei = row["received_wei"] * FEE_PERCENT // 100
    return (
        row["received_wei"] in amounts
        and row["client_id"] == payment.client_id
        and row["fee_wei"] == fee_wei
        and reasons <= {"conflict", "client_paused", "ingress_paused"}
        and row["payment_id"] == senders.payment_id(payment)
    )


def look_at_where_it_ended(page: Page, world: World, checks: list[Any]) -> None:
    """Paid, converted, waiting below a threshold, held, or parked with a reason. Raises Wrong."""
    clients = {row["client_id"]: row for row in page.clients}
    available: dict[str, int] = {}
    for row in page.payments:
        if row["state"] == "converted":
            units = row["share_microusdt"] - row["payout_loss_microusdt"]
            available[row["client_id"]] = available.get(row["client_id"], 0) + units
    parked = {row["payout_id"] for row in page.payouts if row["state"] == "parked"}
    parked |= {row["batch_id"] for row in page.batches if row["state"] == "parked"}
    parked |= behind_parked_transfers(page)
    for row in page.payments:
        client = clients[row["client_id"]]
        if (
            row["state"] in ("in_payout", "swapping")
            and {row["payout_id"], row["batch_id"]} & parked
        ):
            continue  # its owner's reason is looked at below
        why = _why_here(row, client, available.get(row["client_id"], 0), world, checks)
        if why is None:
            raise Wrong("a_payment_ends_where_it_may", f"{row}, {client}, {checks}")
    for table in ("batches", "swaps", "payouts", "transfers"):
        for row in getattr(page, table):
            if row["state"] == "parked" and not _is_excused(row["reason"], world):
                raise Wrong("nothing_is_parked_without_cause", f"{table}: {row}")


def behind_parked_transfers(page: Page) -> set[str]:
    """The swaps, batches and payouts that cannot go on before a person has looked at a transfer."""
    found: set[str] = set()
    swaps = {row["swap_id"]: row for row in page.swaps}
    payouts = {row["unique_id"]: row for row in page.payouts}
    for row in page.transfers:
        if row["state"] == "parked":
            swap, payout = swaps.get(row["swap_id"]), payouts.get(row["unique_id"])
            found |= {row["swap_id"]} if swap else set()
            found |= {swap["owner_id"]} if swap else set()
            found |= {payout["payout_id"]} if payout else set()
    return found


def ids_of(row: dict[str, Any]) -> set[str]:
    """What a batch, swap or payout goes by."""
    return {row[name] for name in ("batch_id", "swap_id", "payout_id") if row.get(name)}


def _why_here(
    row: dict[str, Any], client: dict[str, Any], available: int, world: World, checks: list[Any]
) -> str | None:
    """A word for it; None when it should not be there."""
    hindered = client["paused_at"] or client["address_state"] != "verified"
    matures_at = client["address_matures_at"]
    if matures_at and datetime.fromisoformat(matures_at) > world.clock.now:
        hindered = True
    match row["state"]:
        case "paid":
            return "paid"
        case "pending":
            decision, reason = checks[-1][:2] if checks else ("", "")
            return reason if decision == "wait" and reason in CHECK_WAITS else None
        case "converted":
            if available < Decimal(client["payout_threshold_usd"]) * 10**6:
                return "below its own threshold"
            return "waits" if hindered or _waits_rightly(client, available) else None
        case "waiting_instant":
            return "hindered" if hindered else None
        case "parked":
            return "parked" if row["park_reason"] else None
    return None


def _waits_rightly(client: dict[str, Any], available: int) -> bool:
    """Whether a reason is given that may hold for good; one about gas says for what."""
    reason = client["payout_wait_reason"] or ""
    if not reason.startswith("gas_too_dear"):
        return bool(reason.startswith(PAYOUT_WAITS))
    said_usd = Decimal(reason.split(" for ")[1].removesuffix(" USD"))
    return abs(said_usd - Decimal(available).scaleb(-6)) < CENT_USD


def _is_excused(reason: str, world: World) -> bool:
    causes = PARKED_FOR.get(reason, ())
    acted = {act.what for act in world.plan.acts}
    return any(world.chance.faults[cause] or cause in acted for cause in causes)
