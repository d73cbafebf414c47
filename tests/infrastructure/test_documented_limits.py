"""The limits in docs/architecture.md are those that `prod` is deployed with."""

import re
from decimal import Decimal

from cdk import config, settings
from cdk.layers import PROJECT

UNITS = {
    "s": 1,
    "min": 60,
    "h": 3600,
    "ETH": settings.WEI_PER_ETH,
    "USDT": 10**6,
    "gwei": settings.WEI_PER_GWEI,
    "": 1,
}
ROW = re.compile(r"^\| `([A-Z_]+)` \| ([0-9. ]*[0-9]) ?([A-Za-z]*) \|", re.MULTILINE)


def test_every_documented_limit_is_the_deployed_one() -> None:
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = ROW.findall(text)
    deployed = config.PROD.settings()

    assert len(rows) > 15
    said = {name: Decimal(number.replace(" ", "")) * UNITS[unit] for name, number, unit in rows}
    assert said == {name: Decimal(deployed[name]) for name in said}
