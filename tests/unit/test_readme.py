"""The README says what the code does: its stages, its commands, its paths."""

import pytest

from cdk import stage_table
from cdk.stages import BY_NAME, STAGES
from microbatch.messages import QUEUES
from tests.unit import documents

README = stage_table.README.read_text(encoding="utf-8")


def test_the_table_is_the_generated_one() -> None:
    assert stage_table.section(README) == stage_table.table(), "run python -m cdk.stage_table"


def test_the_table_says_of_every_stage_what_its_row_in_the_code_says() -> None:
    rows = {
        documents.codes(row[0])[0]: row for row in documents.table_rows(stage_table.section(README))
    }

    assert list(rows) == [stage.name for stage in STAGES]
    for name, (_, zone, trigger, does, sends_to) in rows.items():
        stage = BY_NAME[name]
        assert (zone, does) == (stage.zone, stage.does)
        assert tuple(documents.codes(trigger)) == (*stage.queues, *stage.routes)
        assert ("schedule" in trigger) == bool(stage.schedule)
        named = set(documents.codes(sends_to))
        shown = set(QUEUES) - named if sends_to.startswith("every queue") else named
        assert shown == set(stage.sends_to)


def test_every_make_target_it_names_exists_and_every_one_that_exists_is_named() -> None:
    assert documents.named_targets(README) == documents.make_targets()


def test_every_path_it_names_exists() -> None:
    paths = documents.named_paths(README)

    assert len(paths) > 10
    assert [path for path in sorted(paths) if not documents.exists(path, stage_table.README)] == []


def test_a_table_without_its_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="once each"):
        stage_table.rewritten(README.replace(stage_table.END, ""))


def test_writing_the_table_changes_nothing_else() -> None:
    stale = README.replace(stage_table.table(), "| old |")

    assert stage_table.rewritten(stale) == README
