"""A day of notifications as a shop gets them: good ones, and every odd kind beside them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from local.nowpayments import notification

SHOP, CHANNEL, INSTANT = "-1003296084379", "4711", "815"
STRANGER = "31337"

# Addresses of clients, in EIP-55 spelling; nobody's on this chain.
WALLETS = {
    SHOP: "0x52908400098527886E0F7030069857D2E4169EE7",
    CHANNEL: "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    INSTANT: "0xde709f2102306220921060314715629080e2fb77",
}
CLIENTS: tuple[dict[str, str], ...] = (
    {"client_id": SHOP, "payout_strategy": "threshold", "payout_threshold_usd": "50"},
    {"client_id": CHANNEL, "payout_strategy": "threshold", "payout_threshold_usd": "10"},
    {"client_id": INSTANT, "payout_strategy": "instant"},
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification, what the sender must be told, and what must come of it."""

    what: str
    payment_id: str
    expected_status: int
    outcome: str  # "pending", "waiting_instant", "held: <reason>", "duplicate", "nothing"
    fields: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None  # instead of fields
    forged: bool = False


def _paid(number: int, client_id: str, eth: str, usd: str, **rest: Any) -> dict[str, Any]:
    return notification(4_914_760_000 + number, int(client_id), Decimal(eth), Decimal(usd), **rest)


def _delivery(
    what: str, number: int, outcome: str, fields: dict[str, Any], status: int = 200, **rest: Any
) -> Delivery:
    return Delivery(what, str(4_914_760_000 + number), status, outcome, fields, **rest)


def morning() -> list[Delivery]:
    """Small payments, below the threshold together, among everything that can be odd."""
    first = _paid(1, SHOP, "0.00149302", "4.95")
    third = _paid(3, SHOP, "0.00269067", "6.99")
    return [
        _delivery("a payment", 1, "pending", first),
        _delivery("the same, sent again", 1, "duplicate", first),
        _delivery("another one", 2, "pending", _paid(2, CHANNEL, "0.00211", "4.99")),
        _delivery("still confirming", 3, "nothing", {**third, "payment_status": "confirming"}),
        _delivery("then finished", 3, "pending", third),
        _delivery("bad signature", 4, "nothing", _paid(4, SHOP, "9", "9000"), 401, forged=True),
        _delivery("unknown client", 5, "held: unknown_client", _paid(5, STRANGER, "0.004", "9")),
        _delivery("failed", 6, "nothing", _paid(6, SHOP, "0.002", "5", status="failed")),
        _delivery("expired", 7, "nothing", _paid(7, SHOP, "0.002", "5", status="expired")),
        Delivery("malformed body", "unreadable", 400, "held: malformed", body=b'{"payment_id": '),
        _delivery(
            "paid in another coin",
            8,
            "held: wrong_asset",
            _paid(8, SHOP, "25", "25", outcome_currency="usdttrc20"),
        ),
        _delivery("an instant client's", 9, "waiting_instant", _paid(9, INSTANT, "0.0031", "7")),
    ]


def afternoon() -> list[Delivery]:
    """Enough for a batch, with one more duplicate of the morning."""
    amounts = ("0.00333301", "0.00200007", "0.00456789", "0.00123456", "0.00500001")
    deliveries = [
        _delivery(
            "a payment",
            20 + place,
            "pending",
            _paid(20 + place, (SHOP, CHANNEL)[place % 2], eth, "7"),
        )
        for place, eth in enumerate(amounts)
    ]
    again = _paid(2, CHANNEL, "0.00211", "4.99", updated_at_ms=1_761_926_400_000)
    return [*deliveries, _delivery("the morning's, re-sent later", 2, "duplicate", again)]
