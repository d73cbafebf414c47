"""Small changes to Python code, each of which a good test should notice.

Not changed: annotations, decorators, docstrings, assertions, logs, and what is worded for people.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from tests.money_mutation import sql_mutators
from tests.money_mutation.mutant import Splice

COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("//", "+")),
    ast.Div: ("/", ("*",)),
    ast.FloorDiv: ("//", ("*",)),
    ast.Mod: ("%", ("*",)),
    ast.Pow: ("**", ("*",)),
    ast.BitOr: ("|", ("&",)),
    ast.BitAnd: ("&", ("|",)),
}
NAMES = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "ROUND_DOWN": "ROUND_UP",
}
# Methods without which a text or a number is still one, but another.
TRANSPARENT = frozenset({"lower", "upper", "strip", "lstrip", "rstrip", "ljust", "rjust",
                         "removeprefix", "removesuffix", "normalize", "quantize", "scaleb",
                         "to_integral_value"})  # fmt: skip
SYMMETRIC = frozenset({"min", "max", "compare_digest"})  # whose arguments have no order
ONLY_NAMES = frozenset({"NewType", "TypeVar"})  # calls whose text only names a type


class Finder:
    """Finds every change in one source."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._parents: dict[ast.AST, ast.AST] = {
            child: parent
            for parent in ast.walk(self.tree)
            for child in ast.iter_child_nodes(parent)
        }

    def changes(self) -> Iterator[tuple[ast.AST, Splice]]:
        """Every change, with the node it is made to."""
        for node in self._walk(self.tree):
            for splice in self._of(node):
                yield node, splice

    def around(self, node: ast.AST) -> list[ast.FunctionDef | ast.ClassDef]:
        """The functions and classes a node stands in, outermost first."""
        found = [
            each for each in self.upwards(node) if isinstance(each, ast.FunctionDef | ast.ClassDef)
        ]
        return found[::-1]

    def upwards(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, innermost first."""
        while node in self._parents:
            node = self._parents[node]
            yield node

    def _walk(self, node: ast.AST) -> Iterator[ast.AST]:
        yield node
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "msg"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not self._is_left_alone(child, node):
                    yield from self._walk(child)

    def _is_left_alone(self, node: ast.AST, parent: ast.AST) -> bool:
        match node:
            case ast.Assert():
                return True
            case ast.Expr(value=ast.Constant()):
                return True  # a docstring
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logger")))):
                return True
            case ast.Call(func=ast.Name(id=name)) if name in ONLY_NAMES:
                return True
        # a raise can go, and a text with values in it, but their words stay
        return isinstance(parent, ast.Raise | ast.JoinedStr)

    def _of(self, node: ast.AST) -> Iterator[Splice]:
        for kind, find in self._finders:
            if isinstance(node, kind):
                yield from find(node)

    @property
    def _finders(self) -> tuple[tuple[Any, Callable[[Any], Iterator[Splice]]], ...]:
        return (
            (ast.Compare, self._comparisons),
            (ast.BinOp, self._arithmetic),
            (ast.BoolOp, self._of_bool_op),
            (ast.UnaryOp, self._signs),
            ((ast.If, ast.IfExp, ast.While, ast.comprehension), self._conditions),
            (ast.Constant, self._of_constant),
            (ast.JoinedStr, self._of_joined_text),
            (ast.Name, self._of_name),
            (ast.Call, self._of_call),
            (ast.stmt, self._of_statement),
        )

    def _signs(self, node: ast.UnaryOp) -> Iterator[Splice]:
        if isinstance(node.op, ast.Not | ast.USub):
            yield self._put(node, f"({self._text(node.operand)})", "sign")

    def _conditions(
        self, node: ast.If | ast.IfExp | ast.While | ast.comprehension
    ) -> Iterator[Splice]:
        if isinstance(node, ast.comprehension):
            for test in node.ifs:
                yield self._put(test, "True", "condition")
            return
        if not isinstance(node, ast.While):
            yield self._put(node.test, "True", "condition")
        yield self._put(node.test, "False", "condition")

    def _of_joined_text(self, node: ast.JoinedStr) -> Iterator[Splice]:
        if _is_code(node):
            yield self._put(node, '"another text"', "text")

    def _of_name(self, node: ast.Name) -> Iterator[Splice]:
        if node.id in NAMES:
            yield self._put(node, NAMES[node.id], "name")

    def _of_statement(self, node: ast.stmt) -> Iterator[Splice]:
        match node:
            case ast.Return(value=ast.expr() as value):
                if not (isinstance(value, ast.Constant) and value.value is None):
                    yield self._put(value, "None", "return")
            case ast.Expr() | ast.Raise():
                yield self._put(node, "pass", "statement")
            case ast.AugAssign():
                yield self._put(node, "pass", "statement")
                sign, others = ARITHMETIC[type(node.op)]
                between = self._between(node.target, node.value)
                yield self._replace(between, f"{sign}=", f"{others[0]}=", "arithmetic")
            case ast.Assign(targets=[target]) if self._is_bound_before(node, target):
                yield self._put(node, "pass", "statement")

    def _is_bound_before(self, node: ast.Assign, target: ast.expr) -> bool:
        """Whether the name has a value without this assignment, so that it can go."""
        if not isinstance(target, ast.Name):
            return isinstance(target, ast.Attribute | ast.Subscript)
        around = self.around(node)
        return bool(around) and any(
            isinstance(other, ast.Name)
            and other.id == target.id
            and isinstance(other.ctx, ast.Store)
            and other.lineno < node.lineno
            for other in ast.walk(around[-1])
        )

    def _comparisons(self, node: ast.Compare) -> Iterator[Splice]:
        operands = [node.left, *node.comparators]
        for place, operator in enumerate(node.ops):
            sign, others = COMPARISONS[type(operator)]
            between = self._between(operands[place], operands[place + 1])
            for other in others:
                yield self._replace(between, sign, other, "comparison")

    def _arithmetic(self, node: ast.BinOp) -> Iterator[Splice]:
        sign, others = ARITHMETIC.get(type(node.op), ("", ()))
        for other in others:
            between = self._between(node.left, node.right)
            yield self._replace(between, sign, other, "arithmetic")

    def _of_bool_op(self, node: ast.BoolOp) -> Iterator[Splice]:
        sign, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        texts = [f"({self._text(value)})" for value in node.values]
        yield self._put(node, f"({f' {other} '.join(texts)})", "boolean")
        for place in range(len(texts)):
            rest = texts[:place] + texts[place + 1 :]
            yield self._put(node, f"({f' {sign} '.join(rest)})", "operand")

    def _of_constant(self, node: ast.Constant) -> Iterator[Splice]:
        match node.value:
            case bool():
                yield self._put(node, str(not node.value), "constant")
            case int():
                for other in (node.value + 1, node.value - 1):
                    yield self._put(node, str(other), "constant")
            case str() if sql_mutators.is_sql(node.value):
                start, end = self._start(node), self._end(node)
                yield from sql_mutators.changes(self.source, start, end)
            case str() | bytes() if not _is_wording(node.value):
                yield self._other_text(node)

    def _other_text(self, node: ast.Constant) -> Splice:
        """A character is another one; what is longer, or empty, begins with XX."""
        written = self._text(node)
        quote = written.lstrip("rbRB")[0]
        prefix = written[: written.index(quote)]
        if len(node.value) == 1:
            return self._put(node, f"{prefix}{quote}X{quote}", "text")
        width = 3 if written[len(prefix) :].startswith(quote * 3) and len(written) > 5 else 1
        place = self._start(node) + len(prefix) + width
        return Splice(place, place, "XX", "text")

    def _of_call(self, node: ast.Call) -> Iterator[Splice]:
        match node.func:
            case ast.Name(id="abs"):
                yield self._put(node, f"({self._text(node.args[0])})", "call")
            case ast.Attribute(value=receiver, attr=method) if method in TRANSPARENT:
                yield self._put(node, f"({self._text(receiver)})", "call")
        symmetric = self._text(node.func).rpartition(".")[2] in SYMMETRIC
        for one, two in zip(node.args, node.args[1:], strict=False):
            if (
                not symmetric
                and not isinstance(one, ast.Starred)
                and not isinstance(two, ast.Starred)
            ):
                swapped = f"{self._text(two)}, {self._text(one)}"
                yield Splice(self._start(one), self._end(two), swapped, "arguments")
        for keyword in node.keywords:
            if keyword.arg is not None:
                end = self._end(keyword)
                comma = self.source[end : end + 1] == b","
                yield Splice(self._start(keyword), end + comma, "", "keyword")

    def _start(self, node: ast.AST) -> int:
        return self._starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]

    def _end(self, node: ast.AST) -> int:
        return self._starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def _text(self, node: ast.AST) -> str:
        return self.source[self._start(node) : self._end(node)].decode()

    def _between(self, left: ast.AST, right: ast.AST) -> tuple[int, int]:
        return self._end(left), self._start(right)

    def _put(self, node: ast.AST, text: str, kind: str) -> Splice:
        return Splice(self._start(node), self._end(node), text, kind)

    def _replace(self, place: tuple[int, int], old: str, new: str, kind: str) -> Splice:
        start = self.source.index(old.encode(), *place)
        return Splice(start, start + len(old), new, kind)


def _is_wording(value: str | bytes) -> bool:
    """Whether a text is a sentence; codes and keys have no blanks in them."""
    return isinstance(value, str) and " " in value.replace(": ", "")


def _is_code(text: ast.JoinedStr) -> bool:
    """Whether a text with values in it begins with a code, or is made of values alone."""
    first = text.values[0]
    return not isinstance(first, ast.Constant) or not _is_wording(str(first.value))
