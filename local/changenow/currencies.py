"""The currencies there are: digits, prices, fees, what an address there needs. Data."""

from dataclasses import dataclass
from decimal import Decimal

ETHEREUM = "eth"  # the network that is a real chain here


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """One asset on one network."""

    ticker: str
    network: str
    name: str
    legacy_ticker: str
    decimals: int  # on chain
    shown_decimals: int  # of the amounts the service quotes and pays
    transfer_gas: int = 0  # what prices a transfer on Ethereum
    fee: Decimal | None = None  # of a transfer on any other network, in the currency itself
    usd: Decimal | None = None  # its price; None: it is ether, priced by the market
    token: bool = False  # the USDT contract of our chain
    contract: str | None = None  # of a token on any other network
    extra_id: bool = False  # a payee may share its address and is told apart by a memo

    @property
    def key(self) -> tuple[str, str]:
        """(ticker, network)."""
        return self.ticker, self.network

    @property
    def label(self) -> str:
        """ticker/network, as scripts name it."""
        return f"{self.ticker}/{self.network}"

    def units(self, amount: Decimal) -> int:
        """An amount in the smallest unit of the chain."""
        return int(amount.scaleb(self.decimals))

    def from_units(self, units: int) -> Decimal:
        """An amount from the smallest unit of the chain."""
        return Decimal(units).scaleb(-self.decimals)


ETH = Currency(
    ticker="eth",
    network=ETHEREUM,
    name="Ethereum",
    legacy_ticker="eth",
    decimals=18,
    shown_decimals=8,
    transfer_gas=21_000,
)
USDT = Currency(
    ticker="usdt",
    network=ETHEREUM,
    name="Tether (ERC20)",
    legacy_ticker="usdterc20",
    decimals=6,
    shown_decimals=6,
    transfer_gas=65_000,
    usd=Decimal(1),
    token=True,
)
OURS = (ETH, USDT)  # what can be paid in: its chain is the one we see


def _coin(
    ticker: str, name: str, decimals: int, shown: int, fee: str, usd: str, *, extra_id: bool = False
) -> Currency:
    return Currency(
        ticker=ticker,
        network=ticker,
        name=name,
        legacy_ticker=ticker,
        decimals=decimals,
        shown_decimals=shown,
        fee=Decimal(fee),
        usd=Decimal(usd),
        extra_id=extra_id,
    )


FOREIGN = (
    _coin("btc", "Bitcoin", 8, 8, "0.00003", "60000"),
    _coin("ltc", "Litecoin", 8, 8, "0.001", "80"),
    _coin("sol", "Solana", 9, 8, "0.002", "150"),
    _coin("trx", "TRON", 6, 6, "1", "0.25"),
    _coin("xmr", "Monero", 12, 8, "0.009", "200"),
    _coin("xrp", "Ripple", 6, 6, "0.2", "0.5", extra_id=True),
    Currency(
        ticker="usdt",
        network="trx",
        name="Tether (TRC20)",
        legacy_ticker="usdttrc20",
        decimals=6,
        shown_decimals=6,
        fee=Decimal("1.5"),
        usd=Decimal(1),
        contract="TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    ),
)
CURRENCIES = (*OURS, *FOREIGN)


def find(ticker: str, network: str) -> Currency | None:
    """The currency of a ticker; without a network, silently the first that bears it."""
    for currency in CURRENCIES:
        if currency.ticker == ticker and network in ("", currency.network):
            return currency
    return None


def labelled(label: str) -> Currency:
    """The currency of a label; raises ValueError for one that does not exist."""
    for currency in CURRENCIES:
        if currency.label == label:
            return currency
    known = ", ".join(currency.label for currency in CURRENCIES)
    raise ValueError(f"there is no {label!r}, only {known}")
