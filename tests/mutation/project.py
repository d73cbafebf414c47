"""A copy of the project in a folder of its own, changed by edits and judged by its own tests."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = Path("layers/shared/python/microbatch")
FOLDERS = ("cdk", "functions", "layers", "local", "tests")
FILES = ("cdk.json", "pyproject.toml")
TOOLS = ".build"
# The database's roles, and its check of what is signed, keep most of these faults out: here it is
# the tests that have to find them.
WITHOUT_ROLES = """
GRANT ALL ON ALL TABLES IN SCHEMA public TO microbatch_ledger, microbatch_vault;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO microbatch_ledger, microbatch_vault;
DROP TRIGGER transfer_attempts_repeat_the_first ON transfer_attempts;
"""
WITNESS = "tests.mutation.witness"
SECONDS_MAX = 600  # two at once, beside whatever else a machine of two processors does
SECONDS_TO_END = 30  # a terminated run still ends its Anvil and its Postgres


@dataclass(frozen=True, slots=True)
class Edit:
    """One place in the package: the text that stands there, once, and what a fault makes of it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a run of pytest ended."""

    exit_code: int
    passed: frozenset[str]
    failures: Mapping[str, str]  # scenario → the exception that ended it
    errors: Mapping[str, str]  # of fixtures and of what could not be imported
    modules: Mapping[str, Path]  # module of the package → the file it was read from
    output: str


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """The tests, the package and what they need, in a new folder that is gone afterwards."""
    try:
        for name in FOLDERS:
            shutil.copytree(ROOT / name, folder / name)
        for name in FILES:
            shutil.copy(ROOT / name, folder)
        (folder / TOOLS).symlink_to(ROOT / TOOLS)
        yield folder
    finally:
        shutil.rmtree(folder)


def apply(folder: Path, edits: Iterable[Edit]) -> None:
    """Make the edits in the copy. Raises ValueError when one does not fit exactly once."""
    for edit in edits:
        path = folder / PACKAGE / edit.path
        path.write_text(edited(path.read_text(encoding="utf-8"), edit), encoding="utf-8")
    last = folder / PACKAGE / "migrations/9999_without_roles.sql"
    last.write_text(WITHOUT_ROLES, encoding="utf-8")


def edited(text: str, edit: Edit) -> str:
    """The text after an edit. Raises ValueError when it does not fit exactly once."""
    found = text.count(edit.before)
    if found != 1:
        raise ValueError(
            f"{edit.path} has {found} times, not once:\n{edit.before}\n"
            "the code has changed; write the mutant anew, so that it is still the peer's fault"
        )
    return text.replace(edit.before, edit.after)


def run(folder: Path, scenarios: Iterable[str]) -> Report:
    """Run these tests of the copy, on a Postgres and an Anvil of their own."""
    result = folder / "report.xml"
    options = ["-p", WITNESS, f"--junitxml={result}", "--show-capture=no"]
    command = [sys.executable, "-m", "pytest", *options, *scenarios]
    ours = ("PYTHONPATH", "PYTEST_ADDOPTS")  # they may name this project's own package
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    output = folder / "output"
    with output.open("w") as said:  # not a pipe: whatever outlived the run would keep it open
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            exit_code = process.wait(SECONDS_MAX)
        finally:
            process.terminate()
            process.wait(SECONDS_TO_END)
    suite = ET.parse(result).getroot().find("testsuite") if result.exists() else None
    return _report(exit_code, suite, output.read_text(errors="replace"))


def _report(exit_code: int, suite: ET.Element | None, output: str) -> Report:
    cases = {_node_id(case): case for case in suite.iter("testcase")} if suite is not None else {}
    failures, errors = _said(cases, "failure"), _said(cases, "error")
    unfinished = {*failures, *errors, *_said(cases, "skipped")}
    properties = suite.iter("property") if suite is not None else ()
    return Report(
        exit_code=exit_code,
        passed=frozenset(cases.keys() - unfinished),
        failures=failures,
        errors=errors,
        modules={one.attrib["name"]: Path(one.attrib["value"]) for one in properties},
        output=output,
    )


def _node_id(case: ET.Element) -> str:
    return f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name']}"


def _said(cases: Mapping[str, ET.Element], kind: str) -> dict[str, str]:
    """Scenario → the message of the first element of this kind."""
    found = {name: case.find(kind) for name, case in cases.items()}
    return {name: one.attrib["message"] for name, one in found.items() if one is not None}
