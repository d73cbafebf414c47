"""A day of notifications as a shop gets them: good ones, and every odd kind beside them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from local.nowpayments import notification
from microbatch.money import ETH_DECIMALS

SHOP, CHANNEL, ABROAD, SAVER, ETHER = "-1003296084379", "4711", "815", "2718", "816"
STRANGER = "31337"

# Addresses of clients, on Ethereum in EIP-55 spelling; nobody's on this chain.
WALLETS = {
    SHOP: "0x52908400098527886E0F7030069857D2E4169EE7",
    CHANNEL: "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    ABROAD: "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3"
    "RVGQBEP3A",
    SAVER: "0x27b1fdb04752bbc536007a920d24acb045561c26",
    ETHER: "0xde709f2102306220921060314715629080e2fb77",
}


def _client(client_id: str, strategy: str, wants: str, threshold_usd: str = "0") -> dict[str, str]:
    currency, network = wants.split("/")
    return {
        "client_id": client_id,
        "wallet_address": WALLETS[client_id],
        "payout_currency": currency,
        "payout_network": network,
        "payout_strategy": strategy,
        "payout_threshold_usd": threshold_usd,
    }


CLIENTS = (
    _client(SHOP, "threshold", "usdt/eth", "50"),
    _client(CHANNEL, "threshold", "usdt/eth", "25"),
    _client(ABROAD, "instant", "xmr/xmr"),
    _client(SAVER, "threshold", "usdt/eth", "25"),
    _client(ETHER, "instant", "eth/eth"),
)

# Who has been paid when the day is over, and how; nobody else, and each of them once.
PAYOUTS = {ABROAD: "instant exchange", ETHER: "instant direct", SAVER: "threshold direct"}
CONVERSIONS = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification, what the sender must be told, and what must have come of it at night."""

    what: str
    payment_id: str
    expected_status: int
    outcome: str  # "converted", "paid", "held: <reason>", "duplicate", "nothing"
    fields: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None  # instead of fields
    forged: bool = False

    @property
    def is_credited(self) -> bool:
        """Whether it brings a client money."""
        return self.outcome in ("converted", "paid")

    @property
    def client_id(self) -> str:
        """Whose payment it is."""
        return str(self.fields["order_id"]).partition("|")[2]

    @property
    def received_wei(self) -> int:
        """What the sender says has arrived."""
        return int(self.fields["outcome_amount"].scaleb(ETH_DECIMALS))


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
        _delivery("a payment", 1, "converted", first),
        _delivery("the same, sent again", 1, "duplicate", first),
        _delivery("another one", 2, "converted", _paid(2, CHANNEL, "0.00211", "4.99")),
        _delivery("still confirming", 3, "nothing", {**third, "payment_status": "confirming"}),
        _delivery("then finished", 3, "converted", third),
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
        _delivery("for a client paid at once", 9, "paid", _paid(9, ABROAD, "0.0131", "26")),
        _delivery("for one who wants ether", 10, "paid", _paid(10, ETHER, "0.0067", "13.50")),
    ]


def afternoon() -> list[Delivery]:
    """Enough for a batch and for one client's threshold, with one more duplicate of the morning."""
    amounts = ("0.00333301", "0.00200007", "0.00456789", "0.00123456", "0.00500001")
    deliveries = [
        _delivery(
            "a payment",
            20 + place,
            "converted",
            _paid(20 + place, (SHOP, CHANNEL)[place % 2], eth, "7"),
        )
        for place, eth in enumerate(amounts)
    ]
    savings = [
        _delivery("a payment", 30, "paid", _paid(30, SAVER, "0.00777", "16")),
        _delivery("a payment", 31, "paid", _paid(31, SAVER, "0.00912", "18")),
    ]
    again = _paid(2, CHANNEL, "0.00211", "4.99", updated_at_ms=1_761_926_400_000)
    return [*deliveries, *savings, _delivery("the morning's, re-sent later", 2, "duplicate", again)]
