"""Every file keeps the house law, and every law is seen to catch somebody."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit import architecture
from tests.unit.architecture import EVERYWHERE, IN_THE_PRODUCT, PACKAGE, Source

ROOT = Path(__file__).parents[2]
PRODUCT = ("layers/shared/python", "functions")
OURS = (*PRODUCT, "command", "cdk", "local", "tests", "bench")
FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in OURS
    for path in sorted((ROOT / folder).rglob("*.py"))
]

Rule = Callable[[Source], Iterator[str]]


def read(path: str) -> Source:
    return Source(path, (ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES)
def test_the_file_keeps_the_law(path: str) -> None:
    source = read(path)
    rules = IN_THE_PRODUCT if path.startswith(PRODUCT) else EVERYWHERE

    assert [f"{rule.__name__}: {found}" for rule in rules for found in rule(source)] == []


def test_every_layer_and_door_is_looked_at() -> None:
    layers = {read(path).layer for path in FILES if path.startswith(PACKAGE)}

    assert layers - {"__init__"} == set(architecture.ALLOWED) - {"function"}
    assert len([path for path in FILES if path.startswith("functions/")]) >= 19


def room(name: str) -> str:
    return f"{PACKAGE}{name}.py"


WRONG_ARROWS = [
    (room("hostpay/service"), "from microbatch.swap import store"),
    (room("hostpay/service"), "from microbatch.swap.store import lock"),
    (room("hostpay/service"), "from microbatch.swap import due"),
    (room("hostpay/service"), "from microbatch.hostpay import outbound"),
    (room("hostpay/service"), "from microbatch.vendors.changenow import ChangeNow"),
    (room("hostpay/service"), "from microbatch.vendors import nowpayments"),
    (room("hostpay/service"), "from microbatch.platform.database import Database"),
    (room("hostpay/service"), "from microbatch.platform import database"),
    (room("hostpay/service"), "from microbatch.platform.queues import Queues"),
    (room("hostpay/service"), "from microbatch import wiring"),
    (room("hostpay/service"), "from microbatch.wiring.parts import queues"),
    (room("hostpay/service"), "import microbatch.swap.store"),
    (room("hostpay/service"), "from microbatch import *"),
    (room("hostpay/service"), "from . import store"),
    (room("hostpay/service"), "import importlib"),
    (room("hostpay/service"), "from functions.health import handler"),
    (room("hostpay/signing"), "def f():\n    from microbatch.swap import store"),
    (room("hostpay/signing"), "class A:\n    from microbatch.swap import store"),
    (room("hostpay/signing"), "try:\n    import os\nexcept E:\n    import microbatch.swap.store"),
    (room("hostpay/store"), "from microbatch.hostpay import service"),
    (room("hostpay/store"), "from microbatch.swap.model import Swap"),
    (room("hostpay/attempt_store"), "from microbatch.hostpay.store import lock"),
    (room("hostpay/attempt_store"), "from microbatch.platform.observability import logger"),
    (room("hostpay/model"), "from microbatch.hostpay.store import lock"),
    (room("hostpay/model"), "from microbatch.messages import Outgoing"),
    (room("hostpay/model"), "from microbatch.platform.observability import logger"),
    (room("hostpay/outbound"), "from microbatch.hostpay import store"),
    (room("hostpay/outbound"), "from microbatch.hostpay.service import Policy"),
    (room("hostpay/outbound"), "from microbatch.platform.database import Transaction"),
    (room("intake/inbound"), "from microbatch.intake.store import client"),
    (room("operations/acts"), "from microbatch.platform.database import Database"),
    (room("vendors/wire"), "from microbatch.messages import Outgoing"),
    (room("vendors/ethereum/node"), "from microbatch.platform.observability import logger"),
    (room("platform/queues"), "from microbatch.messages import QUEUES"),
    (room("platform/queues"), "from microbatch.money import Wei"),
    (room("messages/queues"), "from microbatch.money import Wei"),
    (room("messages/queues"), "from microbatch.swap.model import Swap"),
    (room("money"), "from microbatch.codec import sign"),
    (room("errors"), "from microbatch.money import Wei"),
    (room("newcomer"), "from microbatch.money import Wei"),
    ("functions/health/handler.py", "from microbatch.swap import store"),
    ("functions/health/handler.py", "from microbatch.swap.model import Swap"),
    ("functions/health/handler.py", "from microbatch.vendors.changenow import ChangeNow"),
    (room("wiring/parts"), "def f():\n    from microbatch.swap import store"),
    (room("wiring/parts"), "from functions.health.handler import lambda_handler"),
]


@pytest.mark.parametrize(("path", "text"), WRONG_ARROWS)
def test_an_import_against_the_arrows_is_found(path: str, text: str) -> None:
    assert list(architecture.wrong_arrows(Source(path, text)))


@pytest.mark.parametrize(
    "text",
    [
        "from microbatch.vendors.changenow import ChangeNow",
        "from microbatch.platform.queues import Queues",
        "from microbatch.swap.service import Policy",
        "import boto3",
        "import psycopg2",
        "if True:\n    from botocore.config import Config",
    ],
)
def test_eager_imports_in_the_wiring_are_found_and_lazy_ones_are_not(text: str) -> None:
    later = "def getter():\n    " + text.replace("\n", "\n    ")
    typed = "if TYPE_CHECKING:\n    " + text.replace("\n", "\n    ")

    assert list(architecture.eager_wiring(Source(room("wiring/parts"), text)))
    assert not list(architecture.eager_wiring(Source(room("wiring/parts"), later)))
    assert not list(architecture.eager_wiring(Source(room("wiring/parts"), typed)))


def boundaries(lines: int) -> str:
    return "def f():\n" + "    a = 1\n" * (lines - 1)


CAUGHT = [
    (architecture.wrong_libraries, room("hostpay/service"), "import boto3"),
    (architecture.wrong_libraries, room("vendors/wire"), "from botocore.config import Config"),
    (architecture.wrong_libraries, room("hostpay/store"), "import psycopg2"),
    (architecture.wrong_libraries, room("wiring/parts"), "def f():\n    import psycopg2"),
    (architecture.wrong_libraries, room("hostpay/outbound"), "import requests"),
    (architecture.wrong_libraries, room("hostpay/model"), "from eth_utils import keccak"),
    (architecture.wrong_libraries, room("platform/queues"), "from web3 import Web3"),
    (architecture.wrong_libraries, room("money"), "import numpy"),
    (architecture.wrong_libraries, "functions/health/handler.py", "import boto3"),
    (architecture.doubles, room("money"), "def f(amount: float): ..."),
    (architecture.doubles, room("money"), "x = float(amount)"),
    (architecture.doubles, room("intake/model"), "fee = amount * 0.97"),
    (architecture.doubles, room("intake/model"), "x: dict[str, float] = {}"),
    (architecture.clocks_without_zone, room("pace"), "now = datetime.now()"),
    (architecture.clocks_without_zone, room("pace"), "now = datetime.datetime.utcnow()"),
    (architecture.clocks_without_zone, room("pace"), "now = date.today()"),
    (architecture.clocks_without_zone, room("pace"), "at = datetime.fromtimestamp(1)"),
    (architecture.environment_readers, room("wiring/parts"), "import os\nos.environ['A']"),
    (architecture.environment_readers, room("money"), "import os\nos.getenv('A')"),
    (architecture.environment_readers, room("money"), "from os import environ"),
    (architecture.prints, room("money"), "print(1)"),
    (architecture.sizes, room("money"), "a = 1\n" * 301),
    (architecture.sizes, room("money"), boundaries(51)),
    (architecture.sizes, room("money"), "async " + boundaries(51)),
    (architecture.sizes, room("money"), f"a = '{'x' * 95}'\n"),
    (architecture.sizes, "functions/health/handler.py", "a = 1\n" * 26),
    (architecture.empty_names, room("hostpay/utils"), ""),
    (architecture.empty_names, "local/common/server.py", ""),
    (architecture.empty_names, "cdk/queue_manager.py", ""),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "text"), CAUGHT)
def test_whatever_breaks_a_law_is_found(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


def test_every_law_has_been_seen_to_catch_somebody() -> None:
    seen = {rule for rule, _, _ in CAUGHT} | {architecture.wrong_arrows, architecture.eager_wiring}

    assert seen == set(IN_THE_PRODUCT)


ALLOWED = [
    (architecture.doubles, room("codec"), "def as_double(amount) -> float: return float(amount)"),
    (architecture.doubles, room("messages/fields"), "Hint = Annotated[float, F64]"),
    (architecture.doubles, room("vendors/wire"), "TIMEOUT_SECONDS = (3.05, 10)"),
    (architecture.clocks_without_zone, room("pace"), "datetime.now(UTC)"),
    (architecture.clocks_without_zone, room("pace"), "datetime.fromtimestamp(1, UTC)"),
    (architecture.environment_readers, room("wiring/environment"), "import os\nos.environ"),
    (architecture.sizes, room("money"), "a = 1\n" * 300),
    (architecture.sizes, room("money"), boundaries(50)),
    (architecture.sizes, "functions/health/handler.py", "a = 1\n" * 25),
    (architecture.sizes, room("money"), f"a = '{'x' * 94}'\n"),
    (architecture.wrong_arrows, room("hostpay/service"), "from microbatch.swap import service"),
    (architecture.wrong_arrows, room("swap/model"), "from microbatch.market.model import Pair"),
    (
        architecture.wrong_arrows,
        room("operations/invariants"),
        "from microbatch.platform.database import Database",
    ),
]


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED)
def test_what_keeps_a_law_is_left_alone(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(Source(path, text)))
