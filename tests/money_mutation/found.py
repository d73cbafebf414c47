"""The mutants of one file."""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

from tests.money_mutation.mutant import Mutant, changed_lines, spliced
from tests.money_mutation.python_mutators import Finder


def mutants_of(package: Path, path: str, functions: Collection[str] = ()) -> Iterator[Mutant]:
    """Every mutant of a file of the package; with `functions`, only inside of those."""
    source = (package / path).read_bytes()
    finder, seen = Finder(source), {source}
    for node, splice in finder.changes():
        around = finder.around(node)
        within = ".".join(each.name for each in around)
        if functions and not set(functions) & {each.name for each in around}:
            continue
        text = spliced(source, splice)
        if text in seen or not _compiles(text):
            continue
        seen.add(text)
        line, before, after = changed_lines(source, splice)
        yield Mutant(
            path=path,
            within=within,
            line=line,
            function_lines=_lines_of_outermost(around),
            in_body=_is_in_body(finder, node),
            splice=splice,
            before=before,
            after=after,
        )


def _lines_of_outermost(around: list[ast.FunctionDef | ast.ClassDef]) -> range:
    for each in around:
        if isinstance(each, ast.FunctionDef):
            first = min([each.lineno, *(one.lineno for one in each.decorator_list)])
            return range(first, (each.end_lineno or each.lineno) + 1)
    return range(0)


def _is_in_body(finder: Finder, node: ast.AST) -> bool:
    """Whether it is run by calling a function, and not when the module is imported."""
    inner = node
    for parent in finder.upwards(node):
        if isinstance(parent, ast.FunctionDef) and inner in parent.body:
            return True
        inner = parent
    return False


def _compiles(text: bytes) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
