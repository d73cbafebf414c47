"""docs/ says what the code does: states, tables, paths, commands."""

import re

import pytest

from microbatch.conversion import model as conversion
from microbatch.hostpay import model as hostpay
from microbatch.intake import model as intake
from microbatch.payout import model as payout
from microbatch.swap import model as swap
from tests.unit import documents

DOCS = documents.PROJECT / "docs"
ALL = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
DECISIONS = [name for name in ALL if name.startswith("adr/")]
MIGRATIONS = documents.PROJECT / "layers/shared/python/microbatch/migrations"

EDGES = {
    "batches": conversion.EDGES,
    "swaps": swap.EDGES,
    "payouts": payout.EDGES,
    "transfers": hostpay.EDGES,
    "transfer_attempts": hostpay.ATTEMPT_EDGES,
    "held_payments": intake.HELD_EDGES,
}


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def part_of(name: str, heading: str) -> str:
    """What stands under a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text_of(name), re.M | re.S)
    assert found, f"{name} has no heading {heading}"
    return found[1]


def schema() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(MIGRATIONS.glob("*.sql")))


@pytest.mark.parametrize("entity", EDGES)
def test_the_states_are_those_of_the_code(entity: str) -> None:
    rows = documents.table_rows(part_of("architecture.md", entity))

    said = {documents.codes(row[0])[0]: frozenset(documents.codes(row[1])) for row in rows}
    assert said == EDGES[entity]


def test_every_table_of_the_schema_is_described() -> None:
    tables = re.findall(r"^CREATE TABLE (\w+)", schema(), re.MULTILINE)
    rows = documents.table_rows(part_of("architecture.md", "Data"))

    described = [documents.codes(row[0])[0] for row in rows]
    assert sorted(described) == sorted([*tables, "schema_migrations"])


@pytest.mark.parametrize("name", ALL)
def test_every_path_a_document_names_exists(name: str) -> None:
    paths = documents.named_paths(text_of(name))

    assert [path for path in sorted(paths) if not documents.exists(path, DOCS / name)] == []


@pytest.mark.parametrize("name", ALL)
def test_every_command_a_document_names_exists(name: str) -> None:
    assert documents.named_targets(text_of(name)) <= documents.make_targets()


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_short_and_complete(name: str) -> None:
    text = text_of(name)

    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(name.removeprefix("adr/")[:4]) for name in DECISIONS]

    assert numbers == list(range(1, len(DECISIONS) + 1))
