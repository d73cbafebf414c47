"""Who uses a stack's folder, and what to end and remove of a stack that is over."""

import os
import shutil
from pathlib import Path

from local import endpoints, processes
from local.postgres import Postgres

POSTGRES = "postgres"
OWNER = "owner.json"  # the command that runs this stack; none when `up` left it running
LOGS = "logs"  # kept until the next stack starts
CONTENTS = (POSTGRES, "cdk", "pids", "tmp", endpoints.FILE, OWNER)


class StackInUseError(RuntimeError):
    """A stack runs in this folder and is not ours to end."""


def take_over(folder: Path) -> str:
    """Makes `folder` ours and empty; returns its owner. Raises StackInUseError."""
    refuse_if_owned(folder)
    if not (folder / OWNER).exists() and is_up(folder):
        raise StackInUseError(f"a stack is up in {folder}; make down ends it")
    remove(folder)
    shutil.rmtree(folder / LOGS, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    processes.write_record(folder / OWNER, os.getpid())
    return owner(folder)


def refuse_if_owned(folder: Path) -> None:
    """Raises StackInUseError when a running command owns the stack in `folder`."""
    if processes.is_running(folder / OWNER):
        raise StackInUseError(f"another command runs the stack in {folder}: end that one")


def owner(folder: Path) -> str:
    """The command that runs the stack in `folder`, as on record; empty when there is none."""
    try:
        return (folder / OWNER).read_text()
    except FileNotFoundError:
        return ""


def disown(folder: Path) -> None:
    """The stack in `folder` stays up, and nobody owns it."""
    (folder / OWNER).unlink()


def is_up(folder: Path) -> bool:
    """Whether any process of the stack in `folder` runs."""
    if processes.running_records(folder):
        return True
    return (folder / POSTGRES).is_dir() and Postgres(folder / POSTGRES).running()


def stop(folder: Path) -> None:
    """Ends every process of the stack in `folder`."""
    processes.stop_recorded(folder)
    if (folder / POSTGRES).is_dir():
        Postgres(folder / POSTGRES).stop()


def remove(folder: Path) -> None:
    """Ends the stack in `folder` and removes what it kept there: logs and reports stay."""
    stop(folder)
    for name in CONTENTS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
