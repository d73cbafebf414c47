"""Amounts, times and tables as people read them."""

import io
import json
import re
import signal
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from command import ages, amounts
from command.acting import flat
from command.screen import Screen, clean, facts, table
from tests.unit.command_line import CommandLine
from tests.unit.stub_server import told

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATUS: dict[str, Any] = {
    "at": NOW.isoformat(), "threshold_usd": "20.00", "payments": [], "held": [], "parked": [],
    "rows": [], "over_age": [], "payouts_waiting": [], "last_check": None, "wallets": [],
    "funds": None, "observations": [], "observation_max_age_seconds": 1800, "queues": {},
    "paused": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("wei", "text"),
    [
        ("1", "0.000000000000000001 ETH"),
        (50_000_000_000_000_007, "0.050000000000000007 ETH"),
        ("123456789012345678901234567890", "123456789012.34567890123456789 ETH"),
        (10**18, "1 ETH"),
        ("0", "0 ETH"),
        ("-5000000000000000", "-0.005 ETH"),
        (None, "–"),
    ],
)
def test_wei_are_whole_eth_to_the_last_digit(wei: object, text: str) -> None:
    assert amounts.eth(wei) == text


def test_what_we_pay_with_has_its_own_unit() -> None:
    assert amounts.of_currency("12500001", "usdt") == "12.500001 USDT"
    assert amounts.of_currency("12500001", "eth") == "0.000000000012500001 ETH"
    assert amounts.usdt("1000000") == "1 USDT"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12.209757", "12.20 USD"),
        ("19.999999", "19.99 USD"),
        ("20", "20.00 USD"),
        ("0.5", "0.50 USD"),
        (Decimal("1E+3"), "1000.00 USD"),
        (None, "–"),
    ],
)
def test_dollars_are_cut_and_never_rounded_up(value: object, text: str) -> None:
    assert amounts.usd(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
        (30 * 86_400 + 60, "30 d"),
    ],
)
def test_an_age_is_in_words(seconds: int, text: str) -> None:
    assert ages.span(timedelta(seconds=seconds)) == text


def test_times_are_by_the_clock_of_whoever_answered() -> None:
    assert ages.ago("2026-11-22 11:57:00.5+00", NOW) == "2 min"
    assert ages.ago("2026-11-22T13:57:00+02:00", NOW) == "3 min"
    assert ages.ahead("2026-11-22T12:15:00+00:00", NOW) == "in 15 min"
    assert ages.ahead("2026-11-22T11:00:00+00:00", NOW) == "now"
    assert ages.clock("2026-11-22T13:57:00+02:00") == "2026-11-22 11:57:00"
    assert ages.ago(None, NOW) == ages.clock(None) == "–"
    with pytest.raises(ValueError, match="zone"):
        ages.instant("2026-11-22 12:00:00")


def shown(*parts: Any, width: int | None = None) -> str:
    out = io.StringIO()
    screen = Screen(as_json=False, out=out)
    if width is not None:
        screen.out.width = width
    screen.show(parts)
    return out.getvalue()


def test_nothing_is_cut_where_there_is_little_room() -> None:
    tx_hash = "0x" + "ab" * 32
    text = shown(table(("what", "transaction"), [("payment", tx_hash)]), width=40)
    assert "…" not in text
    assert tx_hash in "".join(line[10:].strip() for line in text.splitlines()[2:])


def test_what_is_empty_is_left_out_of_facts_and_zero_is_not() -> None:
    text = shown(facts([("none", None), ("text", ""), ("dash", "–"), ("zero", 0), ("is", "x")]))
    assert [line.split()[0] for line in text.splitlines()] == ["zero", "is"]


def test_control_characters_are_spelt_out() -> None:
    assert clean("a\x1b[2J\r\tb\nc\u202e") == "a\\x1b[2J\\x0d\\x09b\nc\\x202e"


def test_a_nested_answer_is_one_level() -> None:
    value = {"a": {"b": 1, "c": [{"d": 2}, 3]}, "e": None}
    assert flat(value) == {"a.b": 1, "a.c[0].d": 2, "a.c[1]": 3, "e": None}
    assert flat("20.00") == {"": "20.00"}
    assert flat(None) == {}


# --- the watched status ---------------------------------------------------------------------------


def test_a_watched_status_is_shown_again_until_ctrl_c(line: CommandLine) -> None:
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def third_time_is_enough(request: dict[str, Any]) -> Any:
        if len(line.asked) == 3:
            signal.pthread_kill(main_thread, signal.SIGINT)
        return {**STATUS, "threshold_usd": f"{len(line.asked)}.00"}

    line.act = third_time_is_enough
    ended = line.run("status", "--watch", "--every", "1")
    assert (ended.code, ended.err) == (0, "")
    assert re.findall(r"threshold +(\d)\.00 USD", ended.out)[:2] == ["1", "2"]


def test_a_look_that_fails_does_not_end_the_watch(line: CommandLine) -> None:
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def second_fails(request: dict[str, Any]) -> Any:
        if len(line.asked) == 4:
            signal.pthread_kill(main_thread, signal.SIGINT)
        return told({"ok": False, "error": "too slow"}) if len(line.asked) == 2 else STATUS

    line.act = second_fails
    ended = line.run("status", "--watch", "--every", "1", "--json")
    assert (ended.code, ended.err) == (0, "microbatch: too slow\n")
    assert [json.loads(text)["at"] for text in ended.out.splitlines()[:2]] == [NOW.isoformat()] * 2


def test_a_watch_that_is_refused_ends(line: CommandLine) -> None:
    (line.folder / "endpoints.json").unlink()
    ended = line.run("status", "--watch")
    assert (ended.code, ended.out) == (1, "")
    assert "make up" in ended.err
