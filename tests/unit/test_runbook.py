"""docs/runbook.md has a section for each reason, says what its table says, and its commands exist.

That it has one for each alarm is in tests/infrastructure/test_runbook_alarms.py.
"""

import shlex

import pytest

from command.main import parser
from microbatch.operations.reasons import REASONS
from tests.unit import runbook

SECTIONS = runbook.sections()


def test_every_reason_has_its_section() -> None:
    assert REASONS.keys() - SECTIONS.keys() == set()


def test_no_title_comes_twice() -> None:
    titles = runbook.titles()
    assert sorted(titles) == sorted(set(titles))


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_says_meaning_first_look_fix_and_verify(title: str) -> None:
    parts = SECTIONS[title]

    assert tuple(parts) == runbook.PARTS
    assert all(parts.values())
    assert runbook.commands(parts["First look"])
    assert runbook.commands(parts["Verify"])


@pytest.mark.parametrize("code", REASONS)
def test_a_reason_is_explained_with_the_words_of_its_table(code: str) -> None:
    parts = SECTIONS[code]

    assert parts["Meaning"].startswith(REASONS[code].meaning)
    assert parts["Fix"].startswith(REASONS[code].fix)


@pytest.mark.parametrize("command", sorted(set(runbook.commands(runbook.TEXT))))
def test_every_command_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As the command line itself reads it: names, options, and what may not be left out."""
    program, *words = shlex.split(command)
    assert program == "microbatch"
    try:
        parser().parse_args(words)
    except SystemExit:
        pytest.fail(f"{command}: {capsys.readouterr().err}")


@pytest.mark.parametrize("wrong", ["microbatch redo ID", "microbatch retry ID", "microbatch dead"])
def test_a_command_that_does_not_exist_would_be_noticed(wrong: str) -> None:
    assert runbook.commands(f"Say `{wrong}`.") == [wrong]
    with pytest.raises(SystemExit):
        parser().parse_args(shlex.split(wrong)[1:])
