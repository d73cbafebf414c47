"""What the code counts and measures, read from the code: every metric with its dimensions."""

import ast
from collections.abc import Iterator
from pathlib import Path

from microbatch.platform import observability

PACKAGE = Path(__file__).parents[2] / "layers" / "shared" / "python" / "microbatch"
EVERYWHERE = frozenset({"environment"})
IN_STAGE = frozenset({"environment", "stage"})
OF_A_VERSION = (observability.UNHANDLED, frozenset({"function_name", "version"}))

Key = tuple[str, frozenset[str]]


def emitted() -> set[Key]:
    """(name, names of its dimensions) of each metric that some code writes."""
    found = {OF_A_VERSION}
    for path in PACKAGE.rglob("*.py"):
        if path.name != "observability.py":
            found.update(emitted_in(path.read_text()))
    return found


def emitted_in(source: str) -> Iterator[Key]:
    """Raises AssertionError for a name that is not written out: nobody could look for it."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id not in ("count", "count_in_stage", "gauge"):
            continue
        name = node.args[0]
        assert isinstance(name, ast.Constant), ast.unparse(node)
        own = [keyword.arg for keyword in node.keywords]
        assert None not in own, ast.unparse(node)
        yield str(name.value), EVERYWHERE | {each for each in own if each}
        if node.func.id == "count_in_stage":
            yield str(name.value), IN_STAGE
