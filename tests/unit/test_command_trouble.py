"""What is refused or goes wrong: one line on stderr, nothing on stdout, an exit code."""

import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.command_line import CommandLine, Ended, aws, run
from tests.unit.command_requests import WHY
from tests.unit.stub_server import Answer, told

pytestmark = pytest.mark.usefixtures("no_aws")


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
