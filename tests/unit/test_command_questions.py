"""What moves or releases money is shown and asked about before it is done."""

import re

import pytest

from command.registry import subcommands
from tests.unit.command_line import CommandLine, Ended
from tests.unit.command_requests import MOVES_MONEY, WHY, rehearsed


def test_whatever_moves_or_releases_money_asks_before() -> None:
    names = {subcommand.name for subcommand in subcommands() if subcommand.asks}
    assert names == {
        "accept", "reject", "retry", "release", "cancel", "redrive", "resume", "wallets activate",
        "clients address", "clients resume",
    }  # fmt: skip
    assert {subcommand.name for subcommand in subcommands() if subcommand.rehearsed} == {
        "accept", "reject", "retry", "release", "cancel", "redrive", "wallets activate",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        *((arguments, "n\n") for arguments in MOVES_MONEY),
        *((["release", "49"], typed) for typed in ("\n", "", "no\n", "yess\n")),
    ],
    ids=str,
)
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
    assert ended == Ended(0, "", "nothing would change\n")
    assert [request.get("dry_run") for request in line.asked] == [True], "and asks nothing"
    ended = line.run("release", "49", *WHY, "--yes")
    assert ended == Ended(0, "nothing has changed\n", "")


def test_an_option_cannot_be_cut_short(line: CommandLine) -> None:
    assert line.run("release", "49", *WHY, "--y").code == 2
    assert line.run("release", "49", "--wh", "x", "--yes").code == 2
    assert line.asked == []
