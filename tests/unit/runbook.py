"""docs/runbook.md as its tests read it: sections by title, their four parts, their commands."""

import re
from itertools import pairwise

from tests.unit import documents

TEXT = (documents.PROJECT / "docs/runbook.md").read_text(encoding="utf-8")
PARTS = ("Meaning", "First look", "Fix", "Verify")

_TITLE = re.compile(r"^### (.+)$", re.MULTILINE)
_PART = re.compile(r"^- \*\*(.+?)\*\*: ", re.MULTILINE)
_COMMAND = re.compile(r"`(microbatch [a-z][^`]*)`")
_IN_CONSOLE = re.compile(r"^\$ (microbatch [a-z].*)$", re.MULTILINE)


def titles() -> list[str]:
    """Of all sections, in order."""
    return _TITLE.findall(TEXT)


def sections() -> dict[str, dict[str, str]]:
    """Title → part → its text on one line."""
    body = re.sub(r"^## .*?(?=^### |\Z)", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    found = list(_TITLE.finditer(body))
    ends = [*(match.start() for match in found), len(body)]
    texts = [body[start:end] for start, end in pairwise(ends)]
    return {match[1]: _parts(text) for match, text in zip(found, texts, strict=True)}


def commands(text: str) -> list[str]:
    """Every call of `microbatch` in a text."""
    return [*_COMMAND.findall(text), *_IN_CONSOLE.findall(text)]


def _parts(section: str) -> dict[str, str]:
    found = list(_PART.finditer(section))
    ends = [*(match.start() for match in found[1:]), len(section)]
    return {
        match[1]: " ".join(section[match.end() : end].split())
        for match, end in zip(found, ends, strict=True)
    }
