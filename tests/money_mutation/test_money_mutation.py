"""A sample of `make mutate`; and that a mutant which nobody notices is never taken for noticed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.money_mutation import child
from tests.money_mutation.__main__ import claim_of, stale_claims
from tests.money_mutation.equivalent import EQUIVALENT, Equivalent
from tests.money_mutation.found import mutants_of
from tests.money_mutation.modules import MODULES
from tests.money_mutation.mutant import Mutant, spliced
from tests.money_mutation.report import SCORE_MIN_PERCENT, Tally, difference, table
from tests.money_mutation.runs import Fate
from tests.unit import documents

SAMPLE = "40"
DOCUMENT = child.ROOT / "docs" / "reliability.md"
HEADING = "## Mutation run\n"
NOBODY_LOOKS = """
from dataclasses import replace
from tests.money_mutation import __main__ as run
run.MODULES = tuple(
    replace(each, tests=("unit/test_wire", "unit/test_swap_model")) for each in run.MODULES
)
raise SystemExit(run.main(["--only", "hostpay/clearance.py", "--sample", "30"]))
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(child.PACKAGE.parent)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=child.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_sample_of_all_mutants_is_noticed() -> None:
    ended = run("-m", "tests.money_mutation", "--sample", SAMPLE)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = documents.table_rows(ended.stdout)
    assert [documents.codes(row[0])[0] for row in rows] == [
        *(each.path for each in MODULES),
        "all",
    ]
    assert all(int(row[3]) > 0 for row in rows), "in every module something was killed"


def test_where_no_test_looks_mutants_survive_and_the_run_fails() -> None:
    ended = run("-c", NOBODY_LOOKS)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "no test calls it: hostpay/clearance.py:" in ended.stdout
    row = documents.table_rows(ended.stdout)[0]
    assert (row[3], row[7]) == ("0", "0.0 %")


def mutants_in(tmp_path: Path, source: str) -> list[Mutant]:
    (tmp_path / "module.py").write_text(source)
    return list(mutants_of(tmp_path, "module.py"))


CHANGES = [
    ("a < b", {"a <= b", "a >= b"}),
    ("a == b", {"a != b"}),
    ("a is None", {"a is not None"}),
    ("a in b", {"a not in b"}),
    ("a + b", {"a - b"}),
    ("a * b", {"a // b", "a + b"}),
    ("a // b", {"a * b"}),
    ("a and b", {"((a) or (b))", "((b))", "((a))"}),
    ("not a", {"(a)"}),
    ("-a", {"(a)"}),
    ("b if a else c", {"b if True else c", "b if False else c"}),
    ("True", {"False"}),
    ("7", {"8", "6"}),
    ("'code'", {"'XXcode'"}),
    ("'='", {"'X'"}),
    ("'words for people'", set()),
    ("f'{a}|{b}'", {'"another text"'}),
    ("f'words for {a}'", set()),
    ("min(a, b)", {"max(a, b)"}),
    ("abs(a)", {"(a)"}),
    ("a.lower()", {"(a)"}),
    ("f(a, b)", {"f(b, a)"}),
    ("f(a, b=c)", {"f(a, )"}),
    ("[x for x in a if x]", {"[x for x in a if True]"}),
    ("a[b:]", set()),
]


@pytest.mark.parametrize(("expression", "changed"), CHANGES, ids=[each for each, _ in CHANGES])
def test_an_expression_is_changed_in_every_way_and_no_other(
    tmp_path: Path, expression: str, changed: set[str]
) -> None:
    found = mutants_in(tmp_path, f"def f():\n    return {expression}\n")

    assert {each.after for each in found} == {f"return {each}" for each in (*changed, "None")}
    assert {each.within for each in found} == {"f"}


STATEMENTS = [
    ("raise ValueError('7' + a)", {"pass"}),
    ("call(a)", {"pass"}),
    ("logger.info('code', a=7)", set()),
    ("assert a == 7", set()),
    ("a += b", {"pass", "a -= b"}),
    ("if a: call()", {"if True: call()", "if False: call()", "if a: pass"}),
    ("while a: call()", {"while False: call()", "while a: pass"}),
    ("b: 'int' = c", set()),
]


@pytest.mark.parametrize(("statement", "changed"), STATEMENTS, ids=[each for each, _ in STATEMENTS])
def test_a_statement_is_changed_in_every_way_and_no_other(
    tmp_path: Path, statement: str, changed: set[str]
) -> None:
    found = mutants_in(tmp_path, f"def f(a):\n    {statement}\n")

    assert {each.after for each in found} == changed


def test_of_sql_what_decides_is_changed(tmp_path: Path) -> None:
    found = mutants_in(
        tmp_path,
        'A = """\n    SELECT sum(a) FROM t WHERE b = 1 AND c >= %(d2)s\n'
        '        OR s NOT IN (\'x\')\n"""\n',
    )

    assert {each.after for each in found} == {
        "SELECT max(a) FROM t WHERE b = 1 AND c >= %(d2)s",
        "SELECT sum(a) FROM t WHERE b <> 1 AND c >= %(d2)s",
        "SELECT sum(a) FROM t WHERE b = 2 AND c >= %(d2)s",
        "SELECT sum(a) FROM t WHERE b = 0 AND c >= %(d2)s",
        "SELECT sum(a) FROM t WHERE b = 1 OR c >= %(d2)s",
        "SELECT sum(a) FROM t WHERE b = 1 AND c > %(d2)s",
        "AND s NOT IN ('x')",
        "OR s IN ('x')",
        "OR s NOT IN ('x_x')",
    }


@pytest.fixture(scope="module")
def mutants() -> list[Mutant]:
    """Every mutant of every module."""
    return [one for each in MODULES for one in mutants_of(child.PACKAGE, each.path, each.functions)]


def test_every_mutant_differs_from_the_code_and_from_the_others(mutants: list[Mutant]) -> None:
    texts = {each.path: {(child.PACKAGE / each.path).read_bytes()} for each in MODULES}
    for mutant in mutants:
        source = (child.PACKAGE / mutant.path).read_bytes()
        texts[mutant.path].add(spliced(source, mutant.splice))

    assert sum(map(len, texts.values())) == len(mutants) + len(MODULES)
    assert min(map(len, texts.values())) > 20, "in every module there is something to change"


def test_whatever_is_called_equivalent_is_a_mutant_and_has_a_reason(
    mutants: list[Mutant],
) -> None:
    assert stale_claims(mutants, [each.path for each in MODULES]) == []
    assert all(len(each.reason) > 20 for each in EQUIVALENT)
    assert len(EQUIVALENT) < len(mutants) / 20


def test_a_tally_counts_what_was_noticed_and_what_was_not(tmp_path: Path) -> None:
    mutant, *_ = mutants_in(tmp_path, "def f(a):\n    return a < 7\n")
    claim = Equivalent(mutant.path, mutant.within, mutant.before, mutant.after, "because")
    tally = Tally("module.py", 20)
    for fate, count in ((Fate.KILLED, 8), (Fate.TIMED_OUT, 1), (Fate.SURVIVED, 1)):
        for _ in range(count):
            assert tally.add(mutant, fate, None) is (fate is Fate.SURVIVED)

    assert claim.is_of(mutant)
    assert claim_of(mutant) is None, "nobody has claimed it"
    assert not tally.add(mutant, Fate.SURVIVED, claim)
    assert (tally.score_permille, tally.equivalent, tally.good) == (900, 1, True)
    assert "| `module.py` | 20 | 11 | 9 | 1 | 1 | 1 | 90.0 % |" in table([tally])
    assert "survived: module.py:2 f [" in difference(mutant, Fate.SURVIVED)
    tally.add(mutant, Fate.NOT_COVERED, None)
    assert (tally.score_permille, tally.good) == (818, False)


def test_what_is_called_equivalent_and_was_killed_is_a_false_claim(tmp_path: Path) -> None:
    mutant, *_ = mutants_in(tmp_path, "def f(a):\n    return a < 7\n")
    claim = Equivalent(mutant.path, mutant.within, mutant.before, mutant.after, "because")
    tally = Tally("module.py", 1)
    tally.add(mutant, Fate.KILLED, claim)

    assert (tally.score_permille, tally.good) == (1000, False)


def test_the_document_has_the_table_of_a_run_that_was_good_enough() -> None:
    section = DOCUMENT.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    rows = {documents.codes(row[0])[0]: row[1:] for row in documents.table_rows(section)}

    assert sorted(rows) == sorted([*(each.path for each in MODULES), "all"])
    for mutants, ran, killed, timed_out, survived, equivalent, score in rows.values():
        assert int(mutants) == int(ran) == int(killed) + int(survived) + int(equivalent) > 0
        assert int(timed_out) <= int(killed)
        assert 100 * int(killed) >= SCORE_MIN_PERCENT * (int(killed) + int(survived))
        permille = 1000 * int(killed) // (int(killed) + int(survived))
        assert score == f"{permille // 10}.{permille % 10} %"
    *modules, total = ([int(cell) for cell in row[:-1]] for row in rows.values())
    assert total == [sum(column) for column in zip(*modules, strict=True)]
