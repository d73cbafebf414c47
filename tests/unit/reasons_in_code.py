"""Every reason that the code can give a person, found in its source."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "layers/shared/python/microbatch"

# Whoever is called with a reason, in any place but the first.
TAKERS = frozenset(
    {"park", "end", "move", "give_back", "reroute", "release", "refunded", "freeze", "note_wait"}
    | {"payment_ended", "Ruling", "_give_up", "ExchangeError"}
)
# A variable that holds a reason. What a function returns is one where it says `str | None`.
HOLDERS = re.compile(r".*(reason|refusal|problem|objection|wait)")
CODE = re.compile(r"[a-z]+(_[a-z0-9]+)+_?(?=$|:)")
STARTS = re.compile(r"(rejected: )?([a-z_]+)")  # an element of NOT_ITS_FAULT and the like
IN_SQL = re.compile(r"(?:THEN|ELSE) '([a-z]+(?:_[a-z]+)+)'")
NO_REASONS = frozenset({"not_found", "new"})  # what an exchange's status may be

Constants = dict[str, list[str]]  # of modules: name → its texts


def given() -> dict[str, list[str]]:
    """Every code that the package gives: where it is given, as path:line."""
    found: dict[str, list[str]] = {}
    trees = _trees()
    constants = _constants(trees.values())
    for path, tree in trees.items():
        for code, line in given_in(path, tree, constants):
            found.setdefault(code, []).append(f"{path.relative_to(PACKAGE)}:{line}")
    return found


def matched() -> set[str]:
    """With what the code compares the beginning of a reason: NOT_ITS_FAULT and the like."""
    return {
        found[2]
        for name, texts in _constants(_trees().values()).items()
        if name.startswith("NOT_")
        for text in texts
        if (found := STARTS.fullmatch(text))
    } - NO_REASONS


def given_in(path: Path, tree: ast.Module, constants: Constants) -> Iterator[tuple[str, int]]:
    """The codes that one file gives, with their lines."""
    for node in ast.walk(tree):
        for value in _places(path, node):
            for text in _texts(value, constants):
                found = CODE.match(text)
                if found and found[0] not in NO_REASONS:
                    yield found[0], value.lineno
        yield from _enumerated(node)
        if isinstance(node, ast.keyword) and node.arg == "reason":
            for text in _texts(node.value, constants):
                yield text, node.value.lineno
        if isinstance(node, ast.Constant) and path.parent.name == "operations":
            query = str(node.value)
            for code in IN_SQL.findall(query) if "reason" in query else ():
                yield code, node.lineno


def _trees() -> dict[Path, ast.Module]:
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if "reasons" not in path.parts]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def _constants(trees: Iterable[ast.Module]) -> Constants:
    """Texts of every constant of a module: of one, of a tuple, or of a dictionary's values."""
    constants: Constants = {}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                texts = [
                    part.value
                    for value in values
                    for part in ast.walk(value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ]
                if node.targets[0].id.isupper() and texts:
                    constants.setdefault(node.targets[0].id, []).extend(texts)
    return constants


def _enumerated(node: ast.AST) -> Iterator[tuple[str, int]]:
    """The members of HoldReason and the like."""
    if isinstance(node, ast.ClassDef) and node.name.endswith("Reason"):
        for member in node.body:
            if isinstance(member, ast.Assign) and isinstance(member.value, ast.Constant):
                yield str(member.value.value), member.lineno


def _places(path: Path, node: ast.AST) -> Iterator[ast.expr]:
    """Where a reason may stand."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in TAKERS:
            yield from node.args[0 if name == "ExchangeError" else 1 :]
    elif isinstance(node, ast.FunctionDef):
        returns = ast.unparse(node.returns) if node.returns else ""
        of_a_room = "vendors" not in path.parts or path.name == "node.py"
        if of_a_room and "str" in returns and returns != "str":
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    yield inner.value
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        for name_node in ast.walk(target):
            if isinstance(name_node, ast.Name) and HOLDERS.fullmatch(name_node.id):
                yield node.value


def _texts(value: ast.expr, constants: Constants) -> Iterator[str]:
    """Texts that an expression may come to; of a text with gaps, what is before the first."""
    match value:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
            yield text
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(value=ast.Name(id=name)):
            yield from constants.get(name, [])
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body, constants)
            yield from _texts(orelse, constants)
        case ast.Tuple(elts=parts) | ast.BoolOp(values=parts) | ast.Call(args=parts):
            for part in parts:
                yield from _texts(part, constants)
