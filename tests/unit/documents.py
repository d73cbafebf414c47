"""What a document names, for the tests that compare it with the code."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]

# Made by commands, so not there in a fresh clone.
MADE = (".local/", ".build/", ".venv/", "cdk.out/")

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"[\w.<>*-]+(?:/[\w.<>*-]*)+|[\w-]+\.(?:md|py|toml|txt|json|sql)|Makefile")
_PACKAGE = PROJECT / "layers" / "shared" / "python" / "microbatch"


def named_paths(text: str) -> set[str]:
    """Every file and folder in backticks or behind a link, but for those that commands make."""
    prose = _FENCE.sub("", text)
    links = {link for link in _LINK.findall(prose) if "://" not in link}
    codes = {code for code in _CODE.findall(prose) if _PATH.fullmatch(code)}
    return {path for path in links | codes if not path.startswith(MADE)}


def exists(path: str, document: Path) -> bool:
    """Whether a path is there, from the document, the project or the package; `<name>` is any.

    A bare name may be anywhere below.
    """
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    if "/" not in pattern:
        pattern = f"**/{pattern}"
    return any(
        next(iter(folder.glob(pattern)), None) is not None
        for folder in (_PACKAGE, document.parent, PROJECT)
    )


def named_targets(text: str) -> set[str]:
    """Every `make` target in the text."""
    return set(re.findall(r"\bmake ([a-z]+)(?=[`\s]|$)", "\n".join(_code_in(text))))


def make_targets() -> set[str]:
    """Every target of the Makefile that is for people."""
    return set(re.findall(r"^([a-z]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def table_rows(text: str) -> list[list[str]]:
    """The rows of every Markdown table in the text, headings and rulers left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rulers = [place for place, row in enumerate(rows) if set(row[0]) <= set("-: ")]
    skipped = {*rulers, *(place - 1 for place in rulers)}
    return [row for place, row in enumerate(rows) if place not in skipped]


def codes(text: str) -> list[str]:
    """What stands in backticks, in order."""
    return _CODE.findall(text)


def _code_in(text: str) -> list[str]:
    return [*_CODE.findall(text), *_FENCE.findall(text)]
