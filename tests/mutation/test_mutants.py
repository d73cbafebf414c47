"""The faults that other products had, made again one at a time: each must turn scenarios red.

A mutant is a copy of the project with some lines changed. Its scenarios run in a process of their
own, two mutants at a time, and must fail by what they look at: not because the copy is broken.
"""

import ast
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.mutation import beliefs, bytes_sent, nonces, project
from tests.mutation.mutant import Mutant
from tests.mutation.verdict import assert_green, assert_red
from tests.unit import documents

MUTANTS = (*nonces.MUTANTS, *bytes_sent.MUTANTS, *beliefs.MUTANTS)
SCENARIOS = frozenset(scenario for mutant in MUTANTS for scenario in mutant.red)
CONTROL = Mutant(name="no_fault", peer="nobody", red=dict.fromkeys(SCENARIOS, ""))
AT_ONCE = 2
DOCUMENT = project.ROOT / "docs" / "hostile-chain.md"
HEADING = "## The faults of others\n"

Runs = Mapping[str, Future[tuple[Path, project.Report]]]


def run(mutant: Mutant, folder: Path) -> tuple[Path, project.Report]:
    """Where the copy was, and how its scenarios ended; the copy is gone afterwards."""
    with project.copied(folder / mutant.name) as copy:
        project.apply(copy, mutant.edits)
        return copy, project.run(copy, mutant.red)


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    """The runs of all mutants that were asked for, on their way."""
    folder = tmp_path_factory.mktemp("mutants")
    asking = [item for item in request.session.items if "runs" in item.fixturenames]
    wanted = [item.callspec.params["mutant"] for item in asking]
    pool = ThreadPoolExecutor(AT_ONCE)
    yield {mutant.name: pool.submit(run, mutant, folder) for mutant in wanted}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("mutant", [CONTROL], ids=str)
def test_without_a_fault_every_scenario_is_green(mutant: Mutant, runs: Runs) -> None:
    copy, report = runs[mutant.name].result()

    assert_green(report, copy, SCENARIOS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_fault_turns_its_scenarios_red(mutant: Mutant, runs: Runs) -> None:
    copy, report = runs[mutant.name].result()

    assert_red(report, copy, mutant)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_is_whole(mutant: Mutant) -> None:
    """Quickly seen: each of its edits fits exactly once, and what comes of them is Python."""
    texts: dict[Path, str] = {}
    for edit in mutant.edits:
        path = project.ROOT / project.PACKAGE / edit.path
        texts[path] = project.edited(texts.get(path) or path.read_text(encoding="utf-8"), edit)

    assert mutant.red
    for path, text in texts.items():
        if path.suffix == ".py":
            ast.parse(text, path)


def test_the_document_names_every_mutant_with_the_files_of_its_scenarios() -> None:
    section = DOCUMENT.read_text(encoding="utf-8").partition(HEADING)[2]
    rows = documents.table_rows(section.partition("\n## ")[0])

    said = {documents.codes(row[0])[0]: set(documents.codes(row[2])) for row in rows}
    assert said == {
        mutant.name: {scenario.partition("::")[0] for scenario in mutant.red} for mutant in MUTANTS
    }
