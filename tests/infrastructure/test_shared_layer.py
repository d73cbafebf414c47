"""Our own layer carries what Python makes of it, and only changes when its sources do."""

import marshal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from cdk import shared_layer

UNCHECKED_HASH = b"\x01\x00\x00\x00"  # PEP 552: taken as it is, whatever the source's time
HEADER_BYTES = 16


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    package = tmp_path / "sources" / "python" / "room"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("NUMBER = 1\n")
    (package / "roots.pem").write_text("a certificate\n")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "left.pyc").write_text("of an earlier day")
    return tmp_path / "sources"


def compiled(folder: Path) -> Iterator[bytes]:
    for source in sorted(folder.rglob("*.py")):
        (found,) = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
        yield found.read_bytes()


def test_each_of_our_modules_is_compiled_for_where_lambda_puts_it(tmp_path: Path) -> None:
    layer = shared_layer.built("local", tmp_path)

    files = list(compiled(layer.folder))

    assert len(files) == len(list(shared_layer.SOURCES.rglob("*.py"))) > 0
    for content in files:
        assert content[4:8] == UNCHECKED_HASH
        code = marshal.loads(content[HEADER_BYTES:])
        assert isinstance(code, CodeType)
        assert code.co_filename.startswith("/opt/python/microbatch/")


def test_what_was_compiled_is_what_runs(tmp_path: Path, sources: Path) -> None:
    layer = shared_layer.built("local", tmp_path / "built", sources)
    source = layer.folder / "python" / "room" / "__init__.py"
    source.write_text("raise SystemExit('compiled again')\n")

    run = [sys.executable, "-c", "import room; print(room.NUMBER)"]
    done = subprocess.run(
        run, env={"PYTHONPATH": str(source.parents[1])}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "1\n"


def test_the_same_sources_are_the_same_layer(tmp_path: Path, sources: Path) -> None:
    first = shared_layer.built("local", tmp_path / "here", sources)
    (sources / "python" / "room" / "__pycache__" / "left.pyc").write_text("of another day")

    assert shared_layer.built("local", tmp_path / "here", sources) == first
    assert shared_layer.built("local", tmp_path / "there", sources).digest == first.digest
    assert (first.folder / "python" / "room" / "roots.pem").read_text() == "a certificate\n"
    assert not list(first.folder.rglob("left.pyc"))


@pytest.mark.parametrize("name", ["__init__.py", "roots.pem", "new.py"])
def test_another_source_is_another_layer(tmp_path: Path, sources: Path, name: str) -> None:
    before = shared_layer.built("local", tmp_path / "built", sources)
    (sources / "python" / "room" / name).write_text("NUMBER = 2\n")

    after = shared_layer.built("local", tmp_path / "built", sources)

    assert after.digest != before.digest
    assert (after.folder / "python" / "room" / name).read_text() == "NUMBER = 2\n"
    assert list((tmp_path / "built").iterdir()) == [after.folder]
