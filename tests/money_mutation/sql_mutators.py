"""Small changes to SQL statements, each of which a good test should notice."""

import re
from collections.abc import Iterator

from tests.money_mutation.mutant import Splice

_SQL = re.compile(r"\s*(SELECT|WITH|UPDATE|INSERT|DELETE)\b|%\(\w+\)s")

# Behind these words an equals sign compares; elsewhere it may assign.
_COMPARES = re.compile(rb"\b(?:WHERE|AND|OR|ON|WHEN|HAVING)\s+\(?[\w.]+\s*(=)(?=\s)")
_NUMBER = re.compile(rb"(?<![\w.%:'])(\d+)(?![\w.'])")
_TEXT = re.compile(rb"'(\w+)'")
_WORDS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"<>"), "="),
    (re.compile(rb">="), ">"),
    (re.compile(rb"<="), "<"),
    (re.compile(rb"(?<![<>])<(?![>=])"), "<="),
    (re.compile(rb"(?<![<>-])>(?!=)"), ">="),
    (re.compile(rb"(?<= )\+(?= )"), "-"),
    (re.compile(rb"(?<= )-(?= )"), "+"),
    (re.compile(rb"(?<= )\*(?= )"), "+"),
    (re.compile(rb"(?<= )/(?= )"), "*"),
    (re.compile(rb"\bAND\b"), "OR"),
    (re.compile(rb"\bOR\b"), "AND"),
    (re.compile(rb"\bsum(?=\()"), "max"),
    (re.compile(rb"\bmax(?=\()"), "min"),
    (re.compile(rb"\bgreatest(?=\()"), "least"),
    (re.compile(rb"\bleast(?=\()"), "greatest"),
    (re.compile(rb"\babs(?=\()"), ""),
    (re.compile(rb"\bIS NOT NULL\b"), "IS NULL"),
    (re.compile(rb"\bIS NULL\b"), "IS NOT NULL"),
    (re.compile(rb"\bIS DISTINCT FROM\b"), "IS NOT DISTINCT FROM"),
    (re.compile(rb"\bNOT IN\b"), "IN"),
    (re.compile(rb"(?<!NOT )\bIN (?=\()"), "NOT IN "),
    (re.compile(rb"\bNOT (?=EXISTS|CASE)"), ""),
    (re.compile(rb"\btrue\b"), "false"),
)


def is_sql(text: str) -> bool:
    """Whether a literal is a statement, or a part of one."""
    return _SQL.match(text) is not None


def changes(source: bytes, start: int, end: int) -> Iterator[Splice]:
    """Every change to the literal at these bytes."""
    for pattern, text in _WORDS:
        for found in pattern.finditer(source, start, end):
            yield Splice(*found.span(), text, "sql")
    for found in _COMPARES.finditer(source, start, end):
        yield Splice(*found.span(1), "<>", "sql")
    for found in _NUMBER.finditer(source, start, end):
        for other in (int(found[1]) + 1, int(found[1]) - 1):
            yield Splice(*found.span(1), str(other), "sql")
    for found in _TEXT.finditer(source, start, end):
        yield Splice(*found.span(1), f"{found[1].decode()}_x", "sql")
