"""What `microbatch` asks, how it asks before acts, and how it ends."""

import ast
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from command import transport
from command.main import parser
from command.registry import MODULES, subcommands
from local.aws import emulator
from tests.unit.command_line import CommandLine, Ended, run
from tests.unit.stub_server import Answer, StubServer, told

ROOT = Path(__file__).parents[2]
DONE = {"changed": True, "before": {"state": "parked"}, "after": {"state": "requested"},
        "sent": {"chain-requests": 1}}  # fmt: skip
ARN = "arn:aws:sts::123456789012:assumed-role/operator/ann"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[CommandLine]:
    with StubServer() as server:
        yield CommandLine(
            tmp_path, server, lambda request: dict(DONE, dry_run="dry_run" in request)
        )


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither settings nor credentials of this machine."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
                 "AWS_CA_BUNDLE", "MICROBATCH_ENVIRONMENT"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


# --- which acts are asked for, with which fields --------------------------------------------------

WHY = ["--why", "she wrote"]
ASKED: list[tuple[list[str], dict[str, Any]]] = [
    (["payment", "49"], {"act": "payment", "payment_id": "49"}),
    (["batch", "6f1c"], {"act": "batch", "batch_id": "6f1c"}),
    (["payout", "6f1c"], {"act": "payout", "payout_id": "6f1c"}),
    (["why", "49", "--of", "clients"], {"act": "why", "id": "49", "entity": "clients"}),
    (["held", "--limit", "5"], {"act": "held", "limit": 5}),
    (["parked"], {"act": "parked"}),
    (["acts"], {"act": "acts"}),
    (["dead", "events"], {"act": "dead", "queue": "events"}),
    (["clients", "show", "7"], {"act": "clients show", "client_id": "7"}),
    (["threshold", "get"], {"act": "threshold get"}),
]
CHANGES: list[tuple[list[str], dict[str, Any]]] = [
    (
        ["accept", "49", "--fingerprint", "ab", "--received-eth", "0.05"],
        {"act": "accept", "payment_id": "49", "fingerprint": "ab", "received_eth": "0.05"},
    ),
    (["reject", "49"], {"act": "reject", "payment_id": "49"}),
    (["retry", "49"], {"act": "retry", "id": "49"}),
    (["retry", "49", "--seen-amount", "1.5"], {"act": "retry", "id": "49", "seen_amount": "1.5"}),
    (["release", "49"], {"act": "release", "id": "49"}),
    (["cancel", "AAAABBBBCCCC2222"], {"act": "cancel", "unique_id": "AAAABBBBCCCC2222"}),
    (["redrive", "events"], {"act": "redrive", "queue": "events"}),
    (
        ["redrive", "events", "--limit", "3", "--discard-poison"],
        {"act": "redrive", "queue": "events", "limit": 3, "discard_poison": True},
    ),
    (["pause", "hostpay"], {"act": "pause", "part": "hostpay"}),
    (["resume", "hostpay"], {"act": "resume", "part": "hostpay"}),
    (["wallets", "activate", "0xab"], {"act": "wallets activate", "address": "0xab"}),
    (["threshold", "set", "30"], {"act": "threshold set", "threshold_usd": "30"}),
    (["clients", "pause", "-100"], {"act": "clients pause", "client_id": "-100"}),
    (["clients", "resume", "7"], {"act": "clients resume", "client_id": "7"}),
    (
        ["clients", "add", "7", "--address", "0x5", "--currency", "usdt", "--network", "eth",
         "--strategy", "threshold", "--threshold-usd", "50"],
        {"act": "clients add", "client_id": "7", "wallet_address": "0x5",
         "payout_currency": "usdt", "payout_network": "eth", "payout_strategy": "threshold",
         "payout_threshold_usd": "50"},
    ),
    (
        ["clients", "address", "7", "--address", "rX", "--extra-id", "4711"],
        {"act": "clients address", "client_id": "7", "wallet_address": "rX",
         "payout_extra_id": "4711"},
    ),
]  # fmt: skip


def rehearsed(arguments: list[str]) -> bool:
    return bool(parser().parse_args([*arguments, *WHY]).subcommand.rehearsed)


def asks(arguments: list[str]) -> bool:
    return bool(parser().parse_args([*arguments, *WHY]).subcommand.asks)


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


# --- the question before an act -------------------------------------------------------------------

MOVES_MONEY = [arguments for arguments, _ in CHANGES if asks(arguments)]


def test_whatever_moves_or_releases_money_asks_before() -> None:
    names = {subcommand.name for subcommand in subcommands() if subcommand.asks}
    assert names == {
        "accept", "reject", "retry", "release", "cancel", "redrive", "resume", "wallets activate",
        "clients address", "clients resume",
    }  # fmt: skip
    assert {subcommand.name for subcommand in subcommands() if subcommand.rehearsed} == {
        "accept", "retry", "release", "cancel", "redrive", "wallets activate",
    }  # fmt: skip


@pytest.mark.parametrize("arguments", MOVES_MONEY, ids=str)
@pytest.mark.parametrize("typed", ["n\n", "\n", "", "no\n", "yess\n"])
def test_without_a_yes_nothing_is_done(line: CommandLine, arguments: list[str], typed: str) -> None:
    ended = line.run(*arguments, *WHY, typed=typed)
    assert ended.code == 0
    assert all(request.get("dry_run") for request in line.asked)
    assert "nothing was done" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [*((arguments, "y\n") for arguments in MOVES_MONEY), (["release", "49"], "Yes\n")],
    ids=str,
)
def test_with_a_yes_it_is_done_after_it_was_shown(
    line: CommandLine, arguments: list[str], typed: str
) -> None:
    ended = line.run(*arguments, *WHY, typed=typed)
    assert ended.code == 0
    assert [bool(request.get("dry_run")) for request in line.asked] == (
        [True, False] if rehearsed(arguments) else [False]
    )
    assert "Do it? [y/N]" in ended.err
    if rehearsed(arguments):
        assert "this would change" in ended.err
        assert re.search(r"state +parked +requested", ended.err)
    assert re.search(r"state +parked +requested", ended.out)
    assert "sent: 1 to chain-requests" in ended.out


@pytest.mark.parametrize("arguments", MOVES_MONEY, ids=str)
def test_where_nobody_can_answer_it_is_refused_unless_yes_is_said(
    line: CommandLine, arguments: list[str]
) -> None:
    ended = line.run(*arguments, *WHY)
    assert (ended.code, line.asked, ended.out) == (2, [], "")
    assert "--yes" in ended.err


@pytest.mark.parametrize("arguments", [each for each in MOVES_MONEY if rehearsed(each)], ids=str)
def test_a_rehearsal_alone_asks_nothing_and_does_nothing(
    line: CommandLine, arguments: list[str]
) -> None:
    ended = line.run(*arguments, *WHY, "--dry-run")
    assert ended.code == 0
    assert [request.get("dry_run") for request in line.asked] == [True]
    assert "this would change" in ended.out


def test_what_would_change_nothing_says_so(line: CommandLine) -> None:
    line.act = lambda request: {"changed": False, "before": {}, "after": {}, "sent": {},
                                "dry_run": "dry_run" in request}  # fmt: skip
    ended = line.run("release", "49", *WHY, typed="y\n")
    assert "nothing would change" in ended.err
    assert "nothing has changed" in ended.out


def test_an_option_cannot_be_cut_short(line: CommandLine) -> None:
    assert line.run("release", "49", *WHY, "--y").code == 2
    assert line.run("release", "49", "--wh", "x", "--yes").code == 2
    assert line.asked == []


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


def aws(line: CommandLine, *arguments: str, **changed: str) -> Ended:
    """A command on AWS, whose every service is the stub."""
    credentials = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "sEcReT",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": line.server.url,
    }
    given = {name: value for name, value in (credentials | changed).items() if value}
    return run(["--environment", "dev", *arguments], environment=given)


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


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_refused_act_says_why_on_stderr_and_nothing_on_stdout(line: CommandLine) -> None:
    line.act = lambda request: told({"ok": False, "error": "payment 49 is not held"})
    for arguments in (["payment", "49"], ["reject", "49", *WHY, "--yes"]):
        ended = line.run(*arguments, "--json")
        assert (ended.code, ended.out) == (1, "")
        assert ended.err == "microbatch: payment 49 is not held\n"


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("ResourceNotFoundException", 404, "microbatch-dev-operations:live is not there"),
        ("AccessDeniedException", 403, "lambda:InvokeFunction"),
        ("TooManyRequestsException", 429, "throttled"),
        ("ExpiredTokenException", 403, "have expired"),
        ("UnrecognizedClientException", 403, "does not know these credentials"),
        ("InvalidSignatureException", 403, "clock"),
        ("ServiceException", 500, "ServiceException"),
    ],
)
def test_what_aws_refuses_is_one_line_that_says_what_to_do(
    line: CommandLine, code: str, status: int, said: str
) -> None:
    answer = told({"message": "no"}, status)
    line.server.answer = lambda request: replace(answer, headers={"x-amzn-errortype": code})
    ended = aws(line, "threshold", "get")
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    assert len(line.server.requests) == 1, "nothing is asked twice"


def test_without_credentials_or_region_it_says_how_to_give_them(line: CommandLine) -> None:
    ended = aws(line, "threshold", "get", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert ended.code == 1
    assert "no AWS credentials" in ended.err
    ended = aws(line, "threshold", "get", AWS_REGION="")
    assert ended.code == 1
    assert "no AWS region" in ended.err
    ended = aws(line, "threshold", "get", "--profile", "nobody")
    assert ended.code == 1
    assert "nobody" in ended.err


def test_a_function_that_breaks_off_names_its_log(line: CommandLine) -> None:
    for error, said in (
        ({"errorType": "RetryLater", "errorMessage": "database: gone"}, "try again in a moment"),
        ({"errorType": "KeyError", "errorMessage": "'x'"}, "/aws/lambda/microbatch-local-op"),
        ({"errorMessage": "Task timed out after 30.00 seconds"}, "look with microbatch acts"),
    ):
        line.act = lambda request, error=error: replace(
            told(error), headers={"X-Amz-Function-Error": "Unhandled"}
        )
        ended = line.run("threshold", "get")
        assert (ended.code, ended.out) == (1, "")
        assert said in ended.err


def test_a_connection_that_breaks_leaves_open_whether_it_was_done(line: CommandLine) -> None:
    line.act = lambda request: Answer(hang_up=True)
    ended = line.run("pause", "payout", *WHY)
    assert (ended.code, ended.out) == (1, "")
    assert "whether it was done is not known" in ended.err
    assert len(line.asked) == 1


def test_a_stack_that_is_not_up_says_how_to_bring_it_up(tmp_path: Path) -> None:
    ended = run(["--stack", str(tmp_path), "status"])
    assert ended.code == 1
    assert "make up" in ended.err
    (tmp_path / "endpoints.json").write_text("{}")
    assert run(["--stack", str(tmp_path), "status"]).code == 1
    (tmp_path / "endpoints.json").write_text(
        '{"functions": {"operations": "x"}, "aws_endpoint_url": "http://127.0.0.1:9"}'
    )
    ended = run(["--stack", str(tmp_path), "status"])
    assert ended.code == 1
    assert "cannot be reached" in ended.err


@pytest.mark.parametrize("body", ['"text"', "[]", '{"result": 1}', '{"ok": 1}', "null"])
def test_an_answer_of_another_version_is_no_answer(line: CommandLine, body: str) -> None:
    line.act = lambda request: Answer(200, body)
    ended = line.run("threshold", "get", "--json")
    assert (ended.code, ended.out) == (1, "")


def test_ctrl_c_ends_it_without_a_word_too_many(line: CommandLine) -> None:
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def press(request: dict[str, Any]) -> Any:
        signal.pthread_kill(main_thread, signal.SIGINT)
        return Answer(wait_seconds=1)

    line.act = press
    assert line.run("threshold", "get") == Ended(130, "", "interrupted\n")


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
