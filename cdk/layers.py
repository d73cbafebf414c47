"""Builds the third-party layers: `python -m cdk.layers aws` or `… local`.

`aws` fetches wheels for the functions' machines (arm64, Python 3.13) whatever machine builds them;
`local` for this machine and this Python, because the emulator really runs them here. Every
distribution must be pinned in layers/constraints.txt. Nothing is done when nothing has changed.
"""

import argparse
import hashlib
import importlib.metadata
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
CONSTRAINTS = PROJECT / "layers" / "constraints.txt"
LAYERS = ("runtime", "ethereum")
AWS_PYTHON = "3.13"
AWS_PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")

# Never imported by a function; SelfTest alone is thousands of test vectors.
SUPERFLUOUS = ("bin", "Crypto/SelfTest")

logger = logging.getLogger("layers")


def root(target: str) -> Path:
    """Where the built layers of a target are."""
    return PROJECT / ".build" / "layers" / target


def require(built: Path, name: str) -> Path:
    """The folder of a built layer. Raises FileNotFoundError, saying how to build it."""
    folder = built / name
    if not (folder / "python").is_dir():
        raise FileNotFoundError(f"no layer in {folder}: run python -m cdk.layers {built.name}")
    return folder


def build(target: str) -> None:
    """Build what is missing or out of date of a target's layers."""
    for name in LAYERS:
        folder, stamp = root(target) / name, root(target) / f"{name}.stamp"
        wanted = _fingerprint(target, name)
        if folder.is_dir() and stamp.is_file() and stamp.read_text() == wanted:
            logger.info("%s/%s is up to date", target, name)
            continue
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        packages = folder / "python"
        _install(target, name, packages)
        _check_pinned(packages)
        for path in SUPERFLUOUS:
            shutil.rmtree(packages / path, ignore_errors=True)
        compile_packages(target, packages)
        stamp.write_text(wanted)
        logger.info("%s/%s is built", target, name)


def _requirements(name: str) -> Path:
    return PROJECT / "layers" / name / "requirements.txt"


def _fingerprint(target: str, name: str) -> str:
    inputs = (_requirements(name), CONSTRAINTS, Path(__file__))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    return f"{digest} {compiled_as(target)}\n"


def compiled_as(target: str) -> str:
    """For which machine and Python a target's packages are, and whether they can be compiled."""
    machine = sys.version if target == "local" else f"arm64, Python {AWS_PYTHON}"
    compiled = "compiled" if _compiler(target) else "sources only"
    return f"{machine} {compiled}"


def _install(target: str, name: str, packages: Path) -> None:
    platforms = [f"--platform={platform}" for platform in AWS_PLATFORMS]
    for_aws = [*platforms, f"--python-version={AWS_PYTHON}", "--implementation=cp"]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-compile", "--only-binary=:all:", "--root-user-action=ignore"),
        *(for_aws if target == "aws" else []),
        *("--constraint", str(CONSTRAINTS), "--requirement", str(_requirements(name))),
        *("--target", str(packages)),
    ]
    subprocess.run(command, check=True)  # noqa: S603 - our own arguments


def _check_pinned(packages: Path) -> None:
    """Raise RuntimeError when something was installed whose version is not ours to choose."""
    pinned = {_normal(line.split("==")[0]) for line in CONSTRAINTS.read_text().splitlines()}
    found = importlib.metadata.distributions(path=[str(packages)])
    loose = sorted({entry.name for entry in found if _normal(entry.name) not in pinned})
    if loose:
        raise RuntimeError(f"pin these in {CONSTRAINTS.name}: {', '.join(loose)}")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _compiler(target: str) -> list[str] | None:
    """A Python of the functions' own version, which alone can compile for them."""
    if target == "local" or sys.version_info[:2] == tuple(map(int, AWS_PYTHON.split("."))):
        return [sys.executable, "-m", "compileall"]
    python = shutil.which(f"python{AWS_PYTHON}")
    if python is None:
        return None
    probe = subprocess.run([python, "--version"], check=False, capture_output=True)  # noqa: S603
    return [python, "-m", "compileall"] if probe.returncode == 0 else None


def compile_packages(target: str, packages: Path) -> None:
    """Lay what Python makes of sources beside them, where a Python of that version is there."""
    # /opt is read-only on Lambda: without .pyc files every cold start compiles everything. The
    # asset's zip changes all times, so only "unchecked hash" ones are taken as valid there.
    compiler = _compiler(target)
    if compiler is None:
        logger.warning(
            "no python%s here: layers ship without .pyc, cold starts are slower",
            AWS_PYTHON,
        )
        return
    options = ["-q", "--invalidation-mode=unchecked-hash", "-s", str(packages), "-p", "/opt/python"]
    subprocess.run([*compiler, *options, str(packages)], check=True)  # noqa: S603


def main() -> None:
    """Build the layers of the target named on the command line."""
    parser = argparse.ArgumentParser(description="Build the third-party Lambda layers.")
    parser.add_argument("target", choices=("aws", "local"))
    logging.basicConfig(level=logging.INFO, format="layers: %(message)s")
    build(parser.parse_args().target)


if __name__ == "__main__":
    main()
