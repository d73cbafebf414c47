"""One small change to a money module, as text spliced into its source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Splice:
    """Bytes `start` … `end` of a source replaced by a text; what kind of change that is."""

    start: int
    end: int
    text: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A splice in a file of the package, and the function it stands in ("" outside of any)."""

    path: str
    within: str
    line: int  # of the first changed one
    function_lines: range  # of the outermost function around it; empty outside of any
    in_body: bool  # of a function: what an import has run already does not know it
    splice: Splice
    before: str  # the changed lines, white space collapsed
    after: str

    @property
    def name(self) -> str:
        """Where it is and what it does, for people and for finding it again."""
        place = f"{self.path}:{self.line}"
        return f"{place} {self.within or 'module'} [{self.splice.kind}]"


def spliced(source: bytes, splice: Splice) -> bytes:
    """The source after the change."""
    return source[: splice.start] + splice.text.encode() + source[splice.end :]


def changed_lines(source: bytes, splice: Splice) -> tuple[int, str, str]:
    """(number of the first changed line, the changed lines before, and after)."""
    first = source.rfind(b"\n", 0, splice.start) + 1
    last = source.find(b"\n", splice.end)
    last = len(source) if last < 0 else last
    before = source[first:last]
    after = source[first : splice.start] + splice.text.encode() + source[splice.end : last]
    line = source.count(b"\n", 0, first) + 1
    return line, " ".join(before.decode().split()), " ".join(after.decode().split())
