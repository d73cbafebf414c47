"""Our own layer as it is deployed: the sources, and what Python makes of them.

/opt is read-only on Lambda: of sources alone every cold start would compile what it imports once
more. Built when the stack is synthesized and the sources have changed.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from cdk import layers

SOURCES = Path(__file__).parent.parent / "layers" / "shared"


class SharedLayer(NamedTuple):
    """A folder to deploy, and what it was built from."""

    folder: Path
    digest: str


def built(target: str, root: Path, sources: Path = SOURCES) -> SharedLayer:
    """The layer of these sources for a target, below `root`; the same ones give the same folder."""
    digest = _digest(target, sources)
    folder = root / f"shared-{digest[:16]}"
    if not folder.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix="making-shared-", dir=root))
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(sources, making, ignore=ignored, dirs_exist_ok=True)
        layers.compile_packages(target, making / "python")
        try:
            making.replace(folder)
        except OSError:  # somebody else has just built the same
            shutil.rmtree(making)
        _remove_others(folder)
    return SharedLayer(folder, digest)


def _digest(target: str, sources: Path) -> str:
    # of what it is made from: bytecode need not come out the same to the byte every time
    digest = hashlib.sha256(layers.compiled_as(target).encode())
    for path in sorted(sources.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            digest.update(f"\n{path.relative_to(sources)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _remove_others(folder: Path) -> None:
    for other in folder.parent.glob("shared-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
