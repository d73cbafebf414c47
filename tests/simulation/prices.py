"""What coins are worth: the price of ETH moves from hour to hour, the others stand still."""

from decimal import ROUND_DOWN, Decimal

from tests.simulation.chance import Chance
from tests.simulation.clock import Clock

HOUR_SECONDS = 3600
FEED_AGE_SECONDS = 3000
DECIMALS = {"eth": 18, "usdt": 6}
DECIMALS_ABROAD = 8
DOLLARS = {
    "usdt": Decimal(1),
    "btc": Decimal(60_000),
    "ltc": Decimal(80),
    "xmr": Decimal(200),
    "xrp": Decimal("0.5"),
}


class Prices:
    """Dollars for one coin, at any time."""

    def __init__(self, chance: Chance, clock: Clock) -> None:
        self._chance, self._clock = chance, clock

    def dollars(self, currency: str) -> Decimal:
        """For one coin now."""
        if currency != "eth":
            return DOLLARS[currency]
        hour = int(self._clock.elapsed_seconds) // HOUR_SECONDS
        return Decimal(1900 + round(200 * self._chance.unit(f"price {hour}")))

    def feed(self) -> tuple[int, int]:
        """What the feed on the chain says: 10^-8 dollars, and when it was said."""
        age_seconds = int(FEED_AGE_SECONDS * self._chance.unit("feed"))
        return int(self.dollars("eth") * 10**8), int(self._clock.now.timestamp()) - age_seconds

    def exchanged(self, source: str, target: str, amount: Decimal, percent: Decimal) -> Decimal:
        """What so much of an amount's worth is in another coin."""
        worth = amount * self.dollars(source) * percent / 100
        step = Decimal(1).scaleb(-min(DECIMALS.get(target, DECIMALS_ABROAD), DECIMALS_ABROAD))
        return (worth / self.dollars(target)).quantize(step, rounding=ROUND_DOWN)
