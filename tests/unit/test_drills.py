"""What the command line knows of the drills is what there is."""

from command import drill
from local.drills.faults import DRILLS


def test_the_command_line_names_every_drill() -> None:
    assert (*DRILLS, "all") == drill.NAMES
