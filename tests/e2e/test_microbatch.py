"""The installed `microbatch` as a process of its own against a running stack."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.day import SHOP
from local.stack import Stack
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy")

PROGRAM = Path(sys.executable).parent / "microbatch"
SECONDS = 60
WHY = ["--why", "a try"]
UNKNOWN = "31339"


@dataclass(frozen=True)
class Ended:
    """What the process has said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Operator:
    """Somebody at a shell, far from the project's folder."""

    stack: Path
    home: Path

    def run(self, *arguments: str, typed: str | None = None) -> Ended:
        """A command; with `typed` at a terminal, else with nobody there."""
        started = self.start(*arguments, typed=typed)
        out, err = started.communicate(timeout=SECONDS)
        return Ended(started.returncode, out, err)

    def start(self, *arguments: str, typed: str | None = None) -> "subprocess.Popen[str]":
        stdin: int = subprocess.DEVNULL
        if typed is not None:
            terminal, stdin = pty.openpty()
            os.write(terminal, typed.encode())
        process = subprocess.Popen(
            [str(PROGRAM), "--stack", str(self.stack), *arguments],
            cwd=self.home,
            env={"HOME": str(self.home), "PATH": os.defpath, "LOGNAME": "grace"},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if typed is not None:
            os.close(stdin)
        return process


@pytest.fixture
def operator(stack: Stack, tmp_path: Path) -> Operator:
    return Operator(stack.folder, tmp_path)


@pytest.fixture
def held(world: World) -> Iterator[str]:
    """The id of a payment for a client that nobody has registered."""
    fields = world.notification("0.011", UNKNOWN)
    assert world.notify(fields)[0] == 200
    payment_id = str(fields["payment_id"])
    query = "SELECT 1 FROM held_payments WHERE payment_id = %(id)s"
    world.until("the payment is held", lambda: bool(world.rows(query, id=payment_id)))
    yield payment_id
    rows = world.rows("SELECT 1 FROM held_payments WHERE payment_id = %(id)s AND state = 'held'",
                      id=payment_id)  # fmt: skip
    if rows:
        world.operate("reject", payment_id=payment_id)
        world.until_quiet()


def test_it_is_installed_and_says_what_it_can_do(operator: Operator) -> None:
    ended = operator.run("--help")
    assert (ended.code, ended.err) == (0, "")
    assert {"status", "why", "held", "redrive", "drill"} <= set(re.findall(r"\w+", ended.out))


def test_the_status_of_a_running_stack_for_people_and_for_machines(
    operator: Operator, world: World
) -> None:
    shown = operator.run("status")
    document = operator.run("status", "--json").document
    assert shown.code == 0
    (converted,) = (row for row in document["payments"] if row["state"] == "converted")
    counted = world.one("SELECT count(*) AS payments FROM payments WHERE state = 'converted'")
    assert converted["payments_count"] == counted["payments"] > 0
    assert re.search(rf"converted +{counted['payments']} ", shown.out)
    assert document["queues"].keys() == world.endpoints.queues.keys()
    assert document["funds"]["runway_transfers"] > 0


def test_the_status_is_watched_until_ctrl_c(operator: Operator) -> None:
    watching = operator.start("status", "--watch", "--every", "1", "--json")
    assert watching.stdout is not None
    seen = [json.loads(watching.stdout.readline())["at"] for _ in range(2)]
    assert seen[0] < seen[1]
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=SECONDS)
    assert (watching.returncode, err) == (0, "")


def test_a_payment_its_batch_and_why_it_is_where_it_is(operator: Operator, world: World) -> None:
    payment_id, other = world.pay("0.0123", "0.0234")
    waiting = operator.run("why", payment_id)
    assert re.search(rf"payment {payment_id}: pending since \d+ s", waiting.out)
    assert re.search(r"next +.*threshold_check", waiting.out)

    batch_id = world.open_batch()
    on_its_way = operator.run("why", payment_id, "--json").document
    assert on_its_way["chain"][0]["state"] in ("swapping", "converted")
    world.until_batch_is("distributed", batch_id)

    transfer = world.transfer_of(batch_id)
    shown = operator.run("payment", payment_id)
    assert shown.code == 0
    assert transfer["tx_hash"] in shown.out
    assert transfer["cn_api_id"] in shown.out
    assert re.search(r"net +0\.011931 ETH", shown.out)
    of_batch = operator.run("batch", batch_id[:8], "--json").document
    assert [row["payment_id"] for row in of_batch["payments"]] == sorted([payment_id, other])
    received = world.batch(batch_id)["received_microusdt"]
    assert of_batch["batch"]["received_microusdt"] == str(received)
    over = operator.run("why", transfer["tx_hash"])
    assert "It is over" in over.out


def test_a_payout_with_what_the_client_has_got(operator: Operator, world: World) -> None:
    paid = world.rows("SELECT * FROM payouts WHERE state = 'completed' ORDER BY created_at")[0]
    shown = operator.run("payout", paid["payout_id"])
    assert shown.code == 0
    assert paid["delivered_hash"] in shown.out
    assert paid["to_address"] in shown.out.replace("\n", "")


def test_a_held_payment_is_found_explained_and_accepted_by_a_person(
    operator: Operator, world: World, held: str
) -> None:
    listed = operator.run("held")
    assert re.search(rf"{held} +{UNKNOWN} +0\.011 eth +unknown_client", listed.out)
    assert "Register the client" in operator.run("why", held).out
    refused = operator.run("accept", held, *WHY, "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert "add the client first" in refused.err
    assert operator.run("accept", held, *WHY).code == 2, "nobody is there to be asked"

    added = operator.run(
        "clients", "add", UNKNOWN, "--address", "0x52908400098527886E0F7030069857D2E4169EE7",
        "--currency", "usdt", "--network", "eth", "--strategy", "threshold", "--threshold-usd",
        "500", *WHY,
    )  # fmt: skip
    assert added.code == 0
    declined = operator.run("accept", held, *WHY, typed="n\n")
    assert (declined.code, declined.out) == (0, "")
    assert re.search(r"state +held +accepted", declined.err)
    assert world.payments([held]) == []

    done = operator.run("accept", held, *WHY, "--who", "ann", typed="y\n")
    assert done.code == 0
    (payment,) = world.payments([held])
    assert payment["state"] == "pending"
    assert int(payment["received_wei"]) == 11 * 10**15
    act = operator.run("acts", "--limit", "1", "--json").document["acts"][0]
    assert (act["who"], act["act"], act["subject"], act["why"]) == ("ann", "accept", held, "a try")
    again = operator.run("accept", held, *WHY, "--yes", "--json").document
    assert again["changed"] is False
    world.until_quiet()


def test_a_paused_part_stops_is_shown_and_goes_on(operator: Operator, world: World) -> None:
    (payment_id,) = world.pay("0.0345")
    assert operator.run("pause", "conversion", *WHY).code == 0
    try:
        check = world.invoke("threshold_check")
        assert (check["decision"], check["reason"]) == ("wait", "conversion_paused")
        status = operator.run("status").out
        assert re.search(r"conversion is paused since \d+ s by grace: a try", status)
        why = operator.run("why", payment_id, "--json").document["answer"]
        assert why["reason"] == "conversion_paused"
    finally:
        assert operator.run("resume", "conversion", *WHY, "--yes").code == 0
    assert "is paused" not in operator.run("status").out
    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)


def test_what_is_shown_of_a_client_is_what_it_has(operator: Operator, world: World) -> None:
    shown = operator.run("clients", "show", SHOP, "--json").document
    account = world.one("SELECT * FROM client_accounts WHERE client_id = %(id)s", id=SHOP)
    assert shown["account"]["available_microusdt"] == str(account["available_microusdt"])
    assert SHOP in operator.run("clients", "list").out


def test_what_is_refused_or_wrong_has_its_exit_code(operator: Operator) -> None:
    for arguments, code in (
        (["payment", "no-such-payment"], 1),
        (["why", "no-such-thing"], 1),
        (["threshold", "set", "nothing", *WHY], 1),
        (["threshold", "set", "20"], 2),
        (["redrive", "no-such-queue", *WHY, "--yes"], 1),
        (["nothing"], 2),
    ):
        ended = operator.run(*arguments, "--json")
        assert (ended.code, ended.out) == (code, ""), arguments
        assert ended.err.strip()
        assert "Traceback" not in ended.err


def test_why_answers_within_a_second(operator: Operator, world: World) -> None:
    """The function's own time: its call, warm, without the process around it."""
    newest = world.one("SELECT payment_id FROM payments ORDER BY received_at DESC LIMIT 1")
    world.operate("why", id=newest["payment_id"])
    took = []
    for _ in range(5):
        began = time.monotonic()
        world.operate("why", id=newest["payment_id"])
        took.append(time.monotonic() - began)
    assert min(took) < 1
