"""What people see of real answers: every command, of rows in every state, over the real acts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microbatch.errors import InvalidInput
from microbatch.operations.acts import perform
from microbatch.platform.database import Database, Transaction
from tests.fakes.pipeline import Pipeline
from tests.integration.looking import undone
from tests.integration.paying import convert, pay_in, pay_out
from tests.integration.rows import BATCH, PAYOUT
from tests.integration.standing import LATER, STATES, stand
from tests.integration.test_waits import walk
from tests.unit.command_line import CommandLine
from tests.unit.stub_server import StubServer, told

WHY = ["--why", "she wrote"]
QUEUES = {"events": {"visible": 3, "in_flight": 0, "delayed": 1, "dead": 2},
          "payments": {"visible": 0, "in_flight": 0, "delayed": 0, "dead": 0}}  # fmt: skip


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction that is rolled back."""
    with undone(module_database) as tx:
        yield tx


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


def on_rows(tx: Transaction, server: StubServer, folder: Path) -> CommandLine:
    """The command line over the rows of a transaction."""
    pipeline = Pipeline(Database(dict))

    def act(request: dict[str, Any]) -> Any:
        return perform(request, tx, LATER, pipeline.surroundings)[0]

    return CommandLine(folder, server, act)


def on_books(pipeline: Pipeline, server: StubServer, folder: Path) -> CommandLine:
    """The command line over a pipeline's books."""

    def act(request: dict[str, Any]) -> Any:
        fields = {name: value for name, value in request.items() if name != "act"}
        try:
            return pipeline.operate(request["act"], **fields)
        except InvalidInput as error:
            return told({"ok": False, "error": str(error)})

    return CommandLine(folder, server, act)


@pytest.mark.parametrize(("entity", "state"), STATES)
def test_every_command_that_looks_shows_rows_of_every_state(
    tx: Transaction, server: StubServer, tmp_path: Path, entity: str, state: str
) -> None:
    text = stand(tx, entity, state)
    line = on_rows(tx, server, tmp_path)
    commands = [["status"], ["held"], ["parked"], ["acts"], ["why", text]]
    if entity in ("payments", "held_payments"):
        commands.append(["payment", text])
    if tx.one("SELECT 1 FROM batches LIMIT 1"):
        commands.append(["batch", BATCH[:8] if entity != "payouts" else BATCH])
    if tx.one("SELECT 1 FROM payouts LIMIT 1"):
        commands.append(["payout", PAYOUT])
    for command in commands:
        ended = line.run(*command)
        assert (ended.code, ended.err) == (0, ""), command
        assert ended.out.strip()
        assert "None" not in ended.out, command
        assert "\x1b" not in ended.out, "no colours where nobody looks"
    document = line.run(*commands[-1], "--json")
    assert (document.code, document.err) == (0, "")
    assert document.document["at"] == LATER.isoformat()
    why = line.run("why", text).out
    assert "next" in why
    assert re.search(r"ended by +\S", why) or state == "untold"


def test_why_is_one_screen_with_reason_remedy_and_next_act(
    pipeline: Pipeline, server: StubServer, tmp_path: Path
) -> None:
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.check()
    pipeline.chain.balances_wei[pipeline.wallet] = 10**15
    walk(pipeline, 8)
    pipeline.queue.clear()
    (transfer,) = pipeline.rows("SELECT unique_id FROM transfers")

    shown = on_books(pipeline, server, tmp_path).run("why", "4900000001").out

    assert len(shown.splitlines()) <= 24
    first, second = shown.splitlines()[:2]
    assert re.fullmatch(r"payment 4900000001: swapping since \d+ min", first.strip())
    assert re.fullmatch(
        rf"It waits for transfer {transfer['unique_id']}: approved since \d+ min\.", second.strip()
    )
    assert re.search(r"reason +short_of_funds, since \d+ min", shown)
    assert "The wallet has too little ETH for the amount, its gas and the reserve." in shown
    assert re.search(r"ended by +whoever fills the wallet", shown)
    assert re.search(r"do first +Send ETH to the wallet\.", shown)
    assert re.search(r"next +(now|in \d+ \w+) \(\d{4}-", shown)
    assert re.search(r"at last +in 23 h \d+ min \(.* UTC\): it is given up", shown)


def test_the_status_shows_what_is_wrong_before_everything_else(
    pipeline: Pipeline, server: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.payment("7", "0.006")
    pipeline.run()
    pipeline.check()
    pipeline.operate("pause", part="hostpay", why="a strange exchange")
    line = on_books(pipeline, server, tmp_path)
    before = line.act
    line.act = lambda request: {**before(request), "queues": QUEUES}
    shown = line.run("status").out
    paused = re.search(r"hostpay is paused since \S+ \S+ by me: a strange exchange", shown)
    dead = shown.index("2 dead letters of events: microbatch dead events")
    assert paused is not None
    assert paused.start() < dead < shown.index("Payments")
    assert "11.64 of 20.00 USD pending at the last check" in shown
    assert re.search(r"pending +1 +0\.00582 ETH +11\.64 USD", shown)
    assert re.search(r"events +3 +0 +1 +2", shown)
    assert re.search(r"of that ours +9\.99418 ETH: gas for \d+ transfers", shown)


def test_amounts_are_shown_to_the_last_unit(
    pipeline: Pipeline, server: StubServer, tmp_path: Path
) -> None:
    pipeline.client("8", wants="xmr/xmr", address="4x" + "8" * 90, threshold_usd=10)
    pay_in(pipeline, "8", "0.050000000000000007")
    convert(pipeline)
    pay_out(pipeline)
    line = on_books(pipeline, server, tmp_path)
    (row,) = pipeline.rows("SELECT * FROM payments")
    shown = line.run("payment", "4900000001").out
    assert re.search(r"received +0\.050000000000000007 ETH", shown)
    assert re.search(r"net +0\.0485000000000000\d\d ETH", shown)
    share = f"{row['share_microusdt'] / 10**6:f}".rstrip("0")
    assert re.search(rf"share +{share} USDT", shown)
    for fact in pipeline.rows("SELECT tx_hash, unique_id FROM transfers"):
        assert fact["tx_hash"] in shown
        assert fact["unique_id"] in shown


def test_what_somebody_else_wrote_cannot_move_the_cursor(
    pipeline: Pipeline, server: StubServer, tmp_path: Path
) -> None:
    pipeline.payment("nobody", "0.05", order_id="\x1b[2J[bold red]\r\x07", body=b"\x1b[31mred")
    pipeline.run()
    line = on_books(pipeline, server, tmp_path)
    for command in (["payment", "4900000001"], ["held"], ["why", "4900000001"]):
        shown = line.run(*command).out
        assert not {"\x1b", "\r", "\x07"} & set(shown)
    assert "\\x1b[2J[bold red]" in line.run("payment", "4900000001").out


# --- acts -----------------------------------------------------------------------------------------


def test_a_held_payment_is_shown_rehearsed_and_accepted(
    pipeline: Pipeline, server: StubServer, tmp_path: Path
) -> None:
    pipeline.payment("9", "0.05")
    pipeline.run()
    line = on_books(pipeline, server, tmp_path)
    assert "unknown_client" in line.run("held").out
    refused = line.run("accept", "4900000001", *WHY, typed="y\n")
    assert refused.code == 1
    assert "add the client first" in refused.err

    pipeline.client("9")
    declined = line.run("accept", "4900000001", *WHY, typed="n\n")
    assert declined.code == 0
    assert re.search(r"state +held +accepted", declined.err)
    assert pipeline.rows("SELECT 1 FROM payments") == []
    done = line.run("accept", "4900000001", *WHY, typed="y\n")
    assert done.code == 0
    assert re.search(r"state +held +accepted", done.out)
    (payment,) = pipeline.rows("SELECT state FROM payments")
    assert payment["state"] == "pending"
    assert "nothing is held" in line.run("held").out
    acts = line.run("acts").out
    assert re.search(r"accept +4900000001 +she wrote", acts)
    assert "held → accepted" in acts


def test_parked_money_is_shown_with_its_reason_and_released(
    pipeline: Pipeline, server: StubServer, tmp_path: Path
) -> None:
    pay_in(pipeline, "7", "0.05")
    with pipeline.database.transaction() as tx:
        tx.execute("UPDATE payments SET state = 'parked', park_reason = 'quote_missing'")
    line = on_books(pipeline, server, tmp_path)
    shown = line.run("parked").out
    assert re.search(r"payments +quote_missing +1 +0\.0485 ETH", shown)
    refused = line.run("release", "4900000001", *WHY, "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert "48500000000000000 wei of it are left: retry it" in refused.err
    retried = line.run("retry", "4900000001", *WHY, typed="y\n")
    assert retried.code == 0
    assert "nothing is parked" in line.run("parked").out


def test_clients_and_threshold_are_shown_and_changed(
    pipeline: Pipeline, server: StubServer, tmp_path: Path
) -> None:
    line = on_books(pipeline, server, tmp_path)
    added = line.run(
        "clients", "add", "8", "--address", "0x52908400098527886E0F7030069857D2E4169EE7",
        "--currency", "usdt", "--network", "eth", "--strategy", "threshold", "--threshold-usd",
        "37.50", *WHY,
    )  # fmt: skip
    assert added.code == 0
    assert re.search(r"8 +threshold +37\.50 USD +usdt/eth", line.run("clients", "list").out)
    assert re.search(r"from +37\.50 USD", line.run("clients", "show", "8").out)
    assert line.run("clients", "pause", "8", *WHY).code == 0
    assert re.search(r"paused +yes", line.run("clients", "show", "8").out)
    assert line.run("threshold", "set", "25", *WHY).code == 0
    assert line.run("threshold", "get").out.strip() == "25.00 USD"
    wrong = line.run("threshold", "set", "a lot", *WHY)
    assert (wrong.code, wrong.out) == (1, "")
    assert "threshold_usd" in wrong.err
