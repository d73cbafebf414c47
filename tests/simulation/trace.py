"""Everything a run has drawn, sent and been told, line by line: what two runs of a seed share."""

import hashlib
from pathlib import Path


class Trace:
    """A digest over all lines; the lines themselves only for whoever wants to compare them."""

    def __init__(self, *, keeps: bool = False) -> None:
        self._hash = hashlib.sha256()
        self._lines: list[str] | None = [] if keeps else None

    def note(self, line: str) -> None:
        """One more line."""
        self._hash.update(line.encode("utf-8", "surrogatepass"))
        self._hash.update(b"\n")
        if self._lines is not None:
            self._lines.append(line.replace("\n", "\\n"))

    @property
    def digest(self) -> str:
        """Of everything so far."""
        return self._hash.hexdigest()[:12]

    def write(self, path: Path) -> None:
        """All lines, if they were kept."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(self._lines or ()), encoding="utf-8")
