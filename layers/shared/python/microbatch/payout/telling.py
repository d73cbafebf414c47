"""What the outside world is told of payouts and of where they go: each thing once it is so."""

from datetime import datetime
from typing import Any

from microbatch.events import event
from microbatch.messages import Announcement, Outgoing
from microbatch.payout.model import Payout

NAMES = {
    "completed": "payout.completed",
    "released": "payout.failed",
    "rerouted": "payout.rerouted",
    "parked": "payout.parked",
}


def events_due(payout: Payout, now: datetime) -> list[Outgoing]:
    """The event of a payout that is over and has not been noted as told."""
    if payout.state not in NAMES or payout.announced_state == payout.state:
        return []
    detail: dict[str, Any] = {
        "payout_id": payout.payout_id,
        "client_id": payout.client_id,
        "context": payout.context,
        "payments_count": payout.payments_count,
        "from_currency": payout.from_currency,
        "amount_units": str(payout.amount_units),
        "to_currency": payout.to_currency,
        "to_network": payout.to_network,
    }
    if payout.state == "completed":
        detail["to_address"] = payout.to_address
        detail["delivered"] = "" if payout.delivered is None else f"{payout.delivered:f}"
        detail["delivered_hash"] = payout.delivered_hash
    else:
        detail["reason"] = payout.reason
    told = event(
        NAMES[payout.state],
        f"{payout.payout_id}|{payout.state}|{payout.state_since.isoformat()}",
        detail,
        occurred_at=payout.state_since,
        now=now,
        announces=Announcement("payouts", payout.payout_id, payout.state),
    )
    return [told]


def address_changed(change: dict[str, Any], now: datetime) -> Outgoing:
    """The event that a client's money goes elsewhere from some time on."""
    after = change["after"]
    return event(
        "client.address_changed",
        str(change["change_id"]),
        {
            "client_id": change["client_id"],
            "wallet_address": after["wallet_address"],
            "payout_currency": after["payout_currency"],
            "payout_network": after["payout_network"],
            "matures_at": change["matures_at"].isoformat(),
        },
        occurred_at=change["changed_at"],
        now=now,
        announces=Announcement("address_changes", str(change["change_id"]), "told"),
    )
