"""docs/operations.md names every act there is, and what each may do to whom."""

import re
from pathlib import Path

from microbatch.intake.model import HoldReason
from microbatch.operations import redriving
from microbatch.operations.acts import ACTS, ACTS_IN_ONE_TRANSACTION
from microbatch.pauses.model import Part

TEXT = (Path(__file__).parents[2] / "docs/operations.md").read_text()
PARTS = dict(part.split("\n", 1) for part in re.split(r"(?m)^# ", TEXT) if part)
ROW = re.compile(r"(?m)^\| (`[a-z_ `,]+`) \|")


def firsts(heading: str) -> list[str]:
    """What stands in the first cells of a part's table, its head left out."""
    cells = ROW.findall(PARTS[heading])
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell) if name != "act"]


def test_every_act_is_documented_and_no_other() -> None:
    documented = firsts("An operator's acts")
    assert len(documented) == len(set(documented))
    assert set(documented) == set(ACTS)


def test_what_can_be_rehearsed_says_so() -> None:
    rows = re.findall(r"(?m)^\| `([a-z ]+)` \| [^|]* \| (†?)", PARTS["An operator's acts"])
    rehearsed = {name for name, act in ACTS_IN_ONE_TRANSACTION.items() if act.rehearsed}
    assert {name for name, mark in rows if mark} == {*rehearsed, "redrive"}
    assert "redrive" in redriving.ACTS


def test_every_part_that_can_be_paused_is_described() -> None:
    assert firsts("Pauses") == list(Part)


def test_what_accepting_does_is_said_for_every_reason() -> None:
    assert sorted(firsts("Held payments")) == sorted(HoldReason)
