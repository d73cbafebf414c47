"""What the product's statements write, read from its code."""

import re
from collections.abc import Iterator
from pathlib import Path

import microbatch

PACKAGE = Path(microbatch.__file__).parent
WRITES = (
    ("INSERT", re.compile(r"\bINSERT INTO (\w+) \(")),
    ("UPDATE", re.compile(r"\bUPDATE (\w+) SET\b")),
    ("UPDATE", re.compile(r"\bINSERT INTO (\w+) \([^;=]*? DO UPDATE\b")),
    ("DELETE", re.compile(r"\bDELETE FROM (\w+)\b")),
)
SETS = re.compile(r"\bUPDATE (\w+) SET\b(.*?)(?:\bWHERE\b|\bFROM\b|\"\"\"|\",)", re.DOTALL)
ASSIGNED = re.compile(r"(?:^|,)\s*(\w+)\s*=(?!=)", re.MULTILINE)


def sources() -> Iterator[str]:
    """The product's code, each statement in one piece."""
    for source in PACKAGE.rglob("*.py"):
        yield re.sub(r'"\s*\n\s*f?"', "", source.read_text())


def written() -> set[tuple[str, str]]:
    """What the product's statements write: (privilege, table)."""
    return {
        (privilege, table)
        for source in sources()
        for privilege, pattern in WRITES
        for table in pattern.findall(source)
    }


def columns_set() -> set[tuple[str, str]]:
    """(table, column) of every assignment in an UPDATE."""
    return {
        (table, column)
        for source in sources()
        for table, assignments in SETS.findall(source)
        for column in ASSIGNED.findall(re.sub(r"CASE.*?END|\(.*?\)", "", assignments, flags=re.S))
    }
