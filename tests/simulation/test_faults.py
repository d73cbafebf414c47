"""Every fault fits the code as it stands, once, and what comes of it is still a program."""

import ast
import functools
import re

import pytest

from tests.mutation import project
from tests.simulation.fault import Fault
from tests.simulation.faults import FAULTS


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_fits_the_code_once_and_changes_one_file(fault: Fault) -> None:
    path = project.ROOT / project.PACKAGE / fault.path
    text = path.read_text(encoding="utf-8")
    changed = functools.reduce(project.edited, fault.edits, text)

    assert {edit.path for edit in fault.edits} == {fault.path}
    assert changed != text
    if path.suffix == ".py":
        ast.parse(changed, path)


def test_every_fault_has_a_name_of_its_own_and_says_what_it_costs() -> None:
    names = [fault.name for fault in FAULTS]

    assert len(set(names)) == len(names) >= 25
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    assert all(len(fault.loses.split()) >= 6 for fault in FAULTS)
