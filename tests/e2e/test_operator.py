"""The operator's acts, health and secrets on a running stack."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import verdict
from local.day import CLIENTS, SHOP, WALLETS
from local.ports import http_get
from local.stack import HOST_WALLET, Stack
from tests.e2e.exactness import assert_converted
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy")

NEWCOMER = "990017"
HEALTH_SECONDS = 15


def health(world: World) -> tuple[int, Any]:
    status, body = http_get(f"{world.endpoints.webhook_url}/health", HEALTH_SECONDS)
    return status, json.loads(body)


def acts(world: World) -> list[dict[str, Any]]:
    return world.rows("SELECT * FROM operator_acts ORDER BY act_id")


# --- health ---------------------------------------------------------------------------------------


def test_health_reveals_nothing(world: World) -> None:
    assert health(world) == (200, {"status": "ok"})


# --- acts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        WALLETS[SHOP].lower(),  # nothing to check it by
        WALLETS[SHOP][:-1] + "8",  # a wrong checksum
        WALLETS[SHOP][:-1],
        WALLETS[SHOP][2:],
        "vitalik.eth.example",
        "0x" + "0" * 40,
        HOST_WALLET,  # ours
    ],
)
def test_a_client_with_a_malformed_address_is_refused(world: World, address: str) -> None:
    clients, recorded = world.digests()["clients"], acts(world)

    with pytest.raises(RuntimeError, match="wallet_address") as refusal:
        world.operate(
            "clients add",
            client_id=NEWCOMER,
            wallet_address=address,
            payout_currency="usdt",
            payout_network="eth",
            payout_strategy="threshold",
        )

    assert address in str(refusal.value)
    assert world.digests()["clients"] == clients
    assert acts(world) == recorded


def test_a_client_that_is_there_is_not_changed_by_adding_it_again(world: World) -> None:
    clients, recorded = world.digests()["clients"], acts(world)
    shop = CLIENTS[0]

    assert world.operate("clients add", **shop)["changed"] is False
    with pytest.raises(RuntimeError, match="other particulars"):
        world.operate("clients add", **{**shop, "payout_threshold_usd": "1"})

    assert world.digests()["clients"] == clients
    assert acts(world) == recorded


@pytest.mark.parametrize("value", ["0", "-1", "20.005", "a lot", "1e3", "2000000", ""])
def test_a_threshold_that_is_none_is_refused(world: World, value: str) -> None:
    before, recorded = world.operate("threshold get"), acts(world)

    with pytest.raises(RuntimeError, match="threshold_usd"):
        world.operate("threshold set", threshold_usd=value)

    assert world.operate("threshold get") == before
    assert acts(world) == recorded


def test_a_threshold_counts_from_the_next_check_and_is_recorded(world: World) -> None:
    before, ids = verdict.wallet_on_chain(world), world.pay("0.0101", "0.0202")
    world.operate("threshold set", why="a quiet week", threshold_usd="1000")
    try:
        check = world.invoke("threshold_check")
        assert (check["decision"], check["reason"]) == ("wait", "below_threshold")
        assert check["threshold_usd"] == "1000.00"
        assert {row["state"] for row in world.payments(ids)} == {"pending"}
    finally:
        world.operate("threshold set", why="it is over", threshold_usd="20")

    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)

    assert_converted(world, before, batch_id, ids)
    recorded = [
        (act["who"], act["why"], act["act"], act["subject"], act["before"], act["after"])
        for act in acts(world)[-2:]
    ]
    assert recorded == [
        ("demo", "a quiet week", "threshold set", "threshold_usd", "20.00", "1000.00"),
        ("demo", "it is over", "threshold set", "threshold_usd", "1000.00", "20.00"),
    ]


def test_schedules_run_by_themselves(stack: Stack, world: World) -> None:
    log = Log(stack, world.endpoints.functions["reconciler"])

    world.until("it was run once a minute", lambda: "parked_rows" in log.since(), 90.0)


def test_the_status_says_what_stands_where(world: World) -> None:
    status = world.operate("status")

    counted = world.one("SELECT count(*) AS payments FROM payments WHERE state = 'converted'")
    (converted,) = (row for row in status["payments"] if row["state"] == "converted")
    assert converted["payments_count"] == counted["payments"] > 0
    assert status["wallets"][0]["next_nonce"] == verdict.wallet_on_chain(world).nonce
    shown = {
        row["state"]: row["rows_count"] for row in status["rows"] if row["entity"] == "batches"
    }
    stored = world.rows("SELECT state, count(*) AS batches FROM batches GROUP BY state")
    assert shown == {row["state"]: row["batches"] for row in stored}
    assert status["queues"].keys() == world.endpoints.queues.keys()


# --- secrets --------------------------------------------------------------------------------------


class Spoiled:
    """One secret that is not what it should be, for a while."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._good: dict[str, str] = {}

    def put(self, name: str, value: str) -> None:
        self._good.setdefault(name, self._world.secret(name))
        self._write(name, value)

    def restore(self) -> None:
        for name, value in self._good.items():
            self._write(name, value)

    def restart(self, stage: str) -> None:
        """The function's next call meets a fresh execution environment: that of a new version."""
        client = self._world._client("lambda")
        name, _, alias = self._world.endpoints.functions[stage].partition(":")
        client.update_function_configuration(FunctionName=name, Description=f"{time.time_ns()}")
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name=alias, FunctionVersion=version)

    def _write(self, name: str, value: str) -> None:
        self._world._client("secretsmanager").put_secret_value(
            SecretId=self._world.endpoints.secrets[name], SecretString=value
        )


@pytest.fixture
def spoiled(world: World) -> Iterator[Spoiled]:
    spoiled = Spoiled(world)
    yield spoiled
    spoiled.restore()
    spoiled.restart("threshold_check")
    assert world.invoke("threshold_check")["decision"] == "wait"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SWAP_SIGNING_KEY", "tooshort-6b1d", "has fewer than 64 characters"),
        ("DATABASE_LEDGER", "postgresql://nobody:hunter2@127.0.0.1/none", "is not a JSON object"),
    ],
)
def test_a_malformed_secret_stops_the_function_with_its_name_and_never_its_value(
    world: World, stack: Stack, spoiled: Spoiled, name: str, value: str, problem: str
) -> None:
    books, checks = world.digests(), world.rows("SELECT * FROM threshold_checks")
    log = Log(stack, world.endpoints.functions["threshold_check"])
    spoiled.put(name, value)
    spoiled.restart("threshold_check")

    with pytest.raises(RuntimeError) as failure:
        world.invoke("threshold_check")

    told = str(failure.value)
    assert f"secret {name} {problem}" in told
    logged = f"ConfigurationError: secret {name} {problem}"
    world.until("it is in the log", lambda: logged in log.since())
    assert value not in told + log.since()
    assert world.rows("SELECT * FROM threshold_checks") == checks
    assert world.digests() == books


def test_what_is_unwell_is_told_to_the_operator_and_why_to_the_log(
    world: World, stack: Stack, spoiled: Spoiled
) -> None:
    assert world.invoke("operations", {"act": "status"})["ok"]
    spoiled.put("DATABASE_LEDGER", "postgresql://nobody:hunter2@127.0.0.1/none")
    log = Log(stack, world.endpoints.functions["health"])

    assert health(world) == (503, {"status": "unavailable"})
    world.until("it is in the log", lambda: '"component":"secrets"' in log.since())
    told = world.invoke("operations", {"act": "status"})
    assert told["error"].startswith("not available: ")
    assert "secrets" in told["error"]
    assert "hunter2" not in json.dumps(told) + log.since()


class Log:
    """What a function writes from now on."""

    def __init__(self, stack: Stack, function: str) -> None:
        self._path: Path = (
            stack.folder / "logs" / "functions" / f"{function.partition(chr(58))[0]}.log"
        )
        self._seen = self._path.stat().st_size

    def since(self) -> str:
        return self._path.read_bytes()[self._seen :].decode()
