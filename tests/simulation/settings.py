"""The functions' settings: those of production, and a few of our own."""

from dataclasses import fields

from cdk.settings import Settings
from microbatch.vendors.ethereum.signing import address_of

PREFIX = "microbatch-simulated-"
BUS = "microbatch-simulated-events"
CHAIN_ID = 31337
TOKEN = "0x" + "55" * 20
FEED = "0x" + "66" * 20
KEYS = ("0x" + "11" * 32, "0x" + "22" * 32)
WALLETS = tuple(address_of(key).lower() for key in KEYS)
EXCHANGE_URL = "https://exchange.simulated"


def defaults() -> dict[str, str]:
    """Every setting's default, as text under its variable's name."""
    made = Settings(chain_id=CHAIN_ID)
    return {entry.name.upper(): str(getattr(made, entry.name)) for entry in fields(made)}


def settings(
    *, wallets: tuple[str, ...], confirmations: int, more: dict[str, str]
) -> dict[str, str]:
    """What every function is told."""
    return defaults() | {
        "HOST_WALLET_ADDRESS": " ".join(wallets),
        "USDT_ADDRESS": TOKEN,
        "ETH_USD_FEED_ADDRESS": FEED,
        "CHANGENOW_URL": EXCHANGE_URL,
        "CONFIRMATIONS": str(confirmations),
        "DATABASE_SSLMODE": "disable",
        "RENEW_AT_RECEIVES": "4",  # in production 900: here it shall be seen
        **more,
    }
