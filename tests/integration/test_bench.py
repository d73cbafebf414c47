"""Every benchmark runs, at a tiny size, and says how often the one is the other."""

import math
from collections.abc import Iterator

import pytest

from bench import __main__ as bench
from bench import picture
from bench.measure import Ratio, in_turns, quartiles, ratio
from bench.server import Server, server
from tests.unit import documents

DOCUMENT = documents.PROJECT / "docs" / "performance.md"


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.mark.parametrize("name", bench.NAMES)
@pytest.mark.filterwarnings("ignore")  # a library's, at its import
def test_a_benchmark_gives_its_ratios(started: Server, name: str) -> None:
    found = bench.run(started, name, small=True)

    assert found
    for each in found:
        assert math.isfinite(each.median)
        assert each.low <= each.median <= each.high
        assert each.median > 0
        assert f"`{each.name}`" in DOCUMENT.read_text(encoding="utf-8")


def test_rounds_are_run_in_turns_and_the_first_is_thrown_away() -> None:
    order: list[str] = []

    def run(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    taken = in_turns(2, a=lambda: run("a", 1.0), b=lambda: run("b", 4.0))

    assert order == ["a", "b"] * 3
    assert taken == {"a": [1.0, 1.0], "b": [4.0, 4.0]}


def of(over: list[float], *, at_least: bool) -> Ratio:
    under = [1.0] * len(over)
    return ratio("n", "what", "against", over, under, goal=2, at_least=at_least)


def test_a_goal_is_met_by_the_median() -> None:
    assert of([1, 2, 9], at_least=True).met
    assert not of([1, 1.9, 9], at_least=True).met
    assert of([1, 2, 9], at_least=False).met
    assert not of([1, 2.1, 2.2], at_least=False).met
    assert quartiles([1, 2, 3, 4, 5]) == (2, 3, 4)


def test_the_picture_shows_every_ratio(tmp_path: object) -> None:
    path = tmp_path / "picture.svg"  # type: ignore[operator]

    picture.draw([of([1, 2, 9], at_least=True).fields], path)

    assert path.read_text(encoding="utf-8").lstrip().startswith("<?xml")
