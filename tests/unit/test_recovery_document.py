"""docs/recovery.md says what the table of lifetimes says."""

from cdk import lifetime_table
from microbatch.operations.lifetimes import LIFETIMES, Act
from tests.unit import documents

TEXT = lifetime_table.DOCUMENT.read_text(encoding="utf-8")


def test_the_table_is_the_generated_one() -> None:
    assert lifetime_table.section(TEXT) == lifetime_table.table(), (
        "run python -m cdk.lifetime_table"
    )


def test_the_table_has_every_state_with_what_is_said_of_it() -> None:
    rows = documents.table_rows(lifetime_table.section(TEXT))
    assert len(rows) == len(LIFETIMES)
    for (entity, state, waits_for, after, does, over_age, _, ended_by), each in zip(
        rows, LIFETIMES, strict=True
    ):
        assert (documents.codes(entity), documents.codes(state)) == ([each.entity], [each.state])
        assert (waits_for, does, ended_by) == (each.waits_for, each.does, each.unblocked_by)
        assert (after == "–") == (each.act is Act.FOLLOW)
        assert (over_age == "–") == (not each.max_age)


def test_every_setting_that_an_age_comes_from_is_named() -> None:
    before_the_table = TEXT.partition(lifetime_table.BEGIN)[0]
    assert [name for name in lifetime_table.settings() if f"`{name}`" not in before_the_table] == []


def test_ages_are_shown_in_the_unit_that_fits() -> None:
    assert lifetime_table.shown("stale_after") == "5 min"
    assert lifetime_table.shown("hop_max_age") == "1 h"
    assert lifetime_table.shown("decision_max_age") == "24 h"
    assert lifetime_table.shown("batch_overdue") == "25 h"
    assert lifetime_table.shown("observation_overdue") == "1.5 h"
    assert lifetime_table.shown("exchange_max_age") == "2 d"
    assert lifetime_table.shown("every_run") == "every run"
    assert lifetime_table.shown("") == "–"
