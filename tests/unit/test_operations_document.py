"""docs/operations.md names every act there is."""

import re
from pathlib import Path

from microbatch.operations.acts import ACTS

TEXT = (Path(__file__).parents[2] / "docs/operations.md").read_text()


def test_every_act_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"(?m)^\| `([a-z ]+)` \|", TEXT)) - {"act"}  # the table's head
    assert documented == set(ACTS)
