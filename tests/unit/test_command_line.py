"""What `microbatch` asks, where and in whose name; and what it is made of."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from command import transport
from command.registry import MODULES, subcommands
from local.aws import emulator
from tests.unit.command_line import CommandLine, aws, run
from tests.unit.command_requests import ASKED, CHANGES, DONE, WHY, asks

ROOT = Path(__file__).parents[2]
ARN = "arn:aws:sts::123456789012:assumed-role/operator/ann"

pytestmark = pytest.mark.usefixtures("no_aws")

# --- which acts are asked for, with which fields --------------------------------------------------


@pytest.mark.parametrize(("arguments", "request_"), ASKED, ids=lambda value: str(value)[:40])
def test_a_look_asks_for_its_act_and_says_nobodys_name(
    line: CommandLine, arguments: list[str], request_: dict[str, Any]
) -> None:
    ended = line.run(*arguments, "--json")
    assert ended.code == 0
    assert line.asked == [request_]
    assert ended.document == {**DONE, "dry_run": False}
    assert ended.err == ""


@pytest.mark.parametrize(("arguments", "request_"), CHANGES, ids=lambda value: str(value)[:40])
def test_an_act_says_who_and_why_and_answers_json_alone(
    line: CommandLine, arguments: list[str], request_: dict[str, Any]
) -> None:
    yes = ["--yes"] if asks(arguments) else []
    ended = line.run(*arguments, *WHY, "--who", "ann", "--json", *yes)
    assert (ended.code, ended.err) == (0, "")
    assert line.asked == [{**request_, "who": "ann", "why": "she wrote"}]
    assert ended.document == {**DONE, "dry_run": False}


@pytest.mark.parametrize(("arguments", "request_"), CHANGES, ids=lambda value: str(value)[:40])
def test_an_act_wants_to_know_why(
    line: CommandLine, arguments: list[str], request_: dict[str, Any]
) -> None:
    for why in ([], ["--why", " "], ["--why", "x" * 1001]):
        assert line.run(*arguments, *why, *(["--yes"] if asks(arguments) else [])).code == 2
    assert line.asked == []


def test_every_subcommand_is_tried_here() -> None:
    tried = {" ".join(arguments) for arguments, _ in (*ASKED, *CHANGES)}
    untried = [
        subcommand.name
        for subcommand in subcommands()
        if not any(name.startswith(subcommand.name) for name in tried)
    ]
    assert set(untried) <= {"status", "clients list", "drill"}


# --- where it asks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["status"],
        ["--environment", "local", "status"],
        ["--environment", "staging", "status"],
        ["payment"],
        ["clients"],
        ["clients", "add", "7"],
        ["pause", "everything", *WHY],
        ["status", "--every", "0"],
        ["held", "--limit", "501"],
        ["redrive", "events", "--limit", "x", *WHY],
        ["drill", "no-such-drill", "--local"],
    ],
    ids=str,
)
def test_a_wrong_command_line_ends_with_two_and_says_what_is_wrong(arguments: list[str]) -> None:
    ended = run(arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.strip()


def test_the_environment_may_be_named_by_a_variable(line: CommandLine) -> None:
    chosen = {"MICROBATCH_ENVIRONMENT": "local"}
    ended = run(["--stack", str(line.folder), "threshold", "get", "--json"], environment=chosen)
    assert ended.code == 0
    ended = run(["threshold", "get"], environment={"MICROBATCH_ENVIRONMENT": "moon"})
    assert ended.code == 2


def test_options_stand_before_or_after_the_subcommand(line: CommandLine) -> None:
    first = run(["--stack", str(line.folder), "--json", "threshold", "get"])
    last = run(["threshold", "get", "--stack", str(line.folder), "--json"])
    assert first == last
    assert first.code == 0


def test_locally_it_is_the_user_of_this_machine_unless_somebody_is_named(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    line.run("pause", "payout", *WHY)
    line.run("pause", "payout", *WHY, "--who", "ann")
    assert [request["who"] for request in line.asked] == ["grace", "ann"]


def test_on_aws_it_is_whoever_the_credentials_are_of(line: CommandLine) -> None:
    ended = aws(line, "pause", "payout", *WHY, "--json")
    assert ended.code == 0
    assert line.asked == [{"act": "pause", "part": "payout", "who": ARN, "why": "she wrote"}]
    (invoked,) = (each for each in line.server.requests if "functions" in each.path)
    assert invoked.path.split("/")[-2] == "microbatch-dev-operations%3Alive"


def test_on_aws_nobody_calls_himself_otherwise(line: CommandLine) -> None:
    ended = aws(line, "pause", "payout", *WHY, "--who", "ann")
    assert (ended.code, line.asked) == (2, [])
    assert "--who" in ended.err


def test_the_local_stack_is_reached_whatever_profile_or_proxy_is_set(line: CommandLine) -> None:
    other = {
        "AWS_PROFILE": "nobody",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }
    arguments = ["--stack", str(line.folder), "threshold", "get", "--json"]
    assert run(arguments, environment=other).code == 0


def test_the_emulator_of_the_local_stack_is_the_one_we_know() -> None:
    known = (transport.LOCAL_ACCOUNT, transport.LOCAL_REGION)
    assert known == (emulator.ACCOUNT, emulator.REGION)


# --- what it is made of ---------------------------------------------------------------------------


def test_it_reaches_for_nothing_but_aws() -> None:
    allowed = {"boto3", "botocore", "rich", "command"}
    for path in sorted((ROOT / "command").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            foreign = {module.partition(".")[0] for module in modules} - allowed
            assert not foreign & {"psycopg2", "microbatch", "local", "web3", "requests"}, path


def test_no_amount_is_a_double() -> None:
    for path in sorted((ROOT / "command").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Name) and node.id == "float"), path
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), path


def test_every_module_of_commands_is_registered() -> None:
    with_commands = {
        f"command.{path.stem}"
        for path in (ROOT / "command").glob("*.py")
        if re.search(r"^SUBCOMMANDS\b", path.read_text(), re.MULTILINE)
    }
    assert with_commands == set(MODULES)
