"""The functions' settings: those of production, read from where they stand, and a few of our own.

The class is taken out of cdk/config.py by itself: importing that file starts the CDK.
"""

import ast
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from cdk.compressed_time import DAY_SECONDS
from microbatch.vendors.ethereum.signing import address_of

CONFIG = Path(__file__).parents[2] / "cdk/config.py"
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
    tree = ast.parse(CONFIG.read_text(encoding="utf-8"))
    wanted = [node for node in tree.body if _is_wanted(node)]
    names: dict[str, Any] = {
        "dataclass": dataclass,
        "Decimal": Decimal,
        "DAY_SECONDS": DAY_SECONDS,
    }
    exec(compile(ast.Module(wanted, []), str(CONFIG), "exec"), names)
    made = names["Settings"](chain_id=CHAIN_ID)
    return {entry.name.upper(): str(getattr(made, entry.name)) for entry in fields(made)}


def _is_wanted(node: ast.stmt) -> bool:
    if isinstance(node, ast.ClassDef):
        return node.name == "Settings"
    plain = (ast.Constant, ast.Tuple, ast.BinOp, ast.operator, ast.expr_context)
    return isinstance(node, ast.Assign) and all(
        isinstance(part, plain) for part in ast.walk(node.value)
    )


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
        "RENEW_AT_RECEIVES": "4",  # in production 900: here it shall be seen
        **more,
    }
