"""A run of pytest in a forked process, on the package as it is or with one mutant in it."""

import importlib.abc
import importlib.machinery
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/shared/python/microbatch"
SERVER = "MONEY_MUTATION_SERVER"  # environment: how to connect to the server of all runs
SECONDS_MAX = 600  # of a child that waits for something, for ever
OURS = frozenset({"microbatch", "tests", "functions", "cdk", "local"})  # not for the parent


PASSED, FAILED, BROKEN = 0, 1, 2  # of pytest: all passed, one failed, one could not be imported
LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Changed:
    """A module of the package and the source it has in this process."""

    path: Path
    source: bytes


class ChangedFinder(importlib.abc.MetaPathFinder):
    """Finds one module with another source; nothing is written anywhere."""

    def __init__(self, changed: Changed) -> None:
        parts = changed.path.relative_to(PACKAGE.parent).with_suffix("").parts
        self.module = ".".join(parts)
        self.changed = changed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the changed module; of every other, None."""
        if fullname != self.module:
            return None
        loader = ChangedLoader(fullname, str(self.changed.path))
        loader.source = self.changed.source
        return importlib.machinery.ModuleSpec(fullname, loader, origin=str(self.changed.path))


class ChangedLoader(importlib.machinery.SourceFileLoader):
    """Compiles the changed source instead of the file's."""

    source: bytes

    def get_code(self, fullname: str) -> CodeType:
        """The module's code, never from a cache."""
        return self.source_to_code(self.source, self.path)


@dataclass
class Recorder:
    """A plugin: which functions of the package each test calls, and how long it takes.

    What is called while the modules are imported is noted under "".
    """

    calls: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> object:
        """Notes what imports call."""
        with self._noting(""):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        """Notes every function that is called from a test's set-up to its end."""
        with self._noting(item.nodeid):
            return (yield)

    @contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        found = self.calls.setdefault(name, set())
        prefix = f"{PACKAGE}{os.sep}"

        def note(frame: FrameType, event: str, _argument: object) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(prefix):
                found.add((code.co_filename.removeprefix(prefix), code.co_firstlineno))

        sys.setprofile(note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sums up a test's phases."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration


@dataclass(frozen=True)
class Chosen:
    """A plugin: these tests, quickest first; no others, unless a mutant may have renamed some."""

    names: Sequence[str]
    no_others: bool

    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Drops and sorts. Raises UsageError when a test is not there, and nothing says why."""
        place = {name: number for number, name in enumerate(self.names)}
        if self.no_others:
            items[:] = [item for item in items if item.nodeid in place]
            if len(items) != len(place) and not session.testsfailed:
                raise pytest.UsageError(f"{len(place) - len(items)} tests are gone")
        items.sort(key=lambda item: place.get(item.nodeid, -1))


def pytest_on(files: Collection[str], plugin_modules: Sequence[str], *plugins: object) -> int:
    """Run these test files here, stopping at the first failure; pytest's exit code."""
    options = ["-x", "-q", "--noconftest", "--assert=plain", f"--rootdir={ROOT}"]
    options += ["-p", "no:cacheprovider", "-p", "no:terminal" if not plugins else "no:junitxml"]
    for module in plugin_modules:
        options += ["-p", module]
    return int(pytest.main([*options, *sorted(files)], plugins=list(plugins)))


def fork(
    run: Callable[[], int], cpu_seconds_max: int, folder: Path, seconds_max: int = SECONDS_MAX
) -> int:
    """Call `run` in a child that ends with its result, or by a signal; the child's pid.

    What it prints is in a file of that name. A busy machine does not end it: its own time counts.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds_max, cpu_seconds_max))
        signal.alarm(seconds_max)
        target = os.open(folder / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, 1)
        os.dup2(target, 2)
        code = run()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return 0


def all_ended(
    jobs: Iterable[int], start: Callable[[int], int], at_once: int
) -> Iterator[tuple[int, int, int]]:
    """(job, pid, status) of each as it ends; `start` forks one and tells its pid."""
    waiting, running = iter(jobs), dict[int, int]()
    job = next(waiting, None)
    while job is not None or running:
        while job is not None and len(running) < at_once:
            running[start(job)] = job
            job = next(waiting, None)
        found = [os.waitpid(pid, os.WNOHANG) for pid in running]
        ended = [(pid, status) for pid, status in found if pid]
        for pid, status in ended:
            yield running.pop(pid), pid, status
        if not ended:
            time.sleep(LOOK_SECONDS)


def third_parties() -> list[str]:
    """Modules that this process has imported and a parent may import beforehand."""
    return [
        name
        for name in sys.modules
        if name.partition(".")[0] not in OURS and not name.startswith("_")
    ]


def write(path: Path, recorder: Recorder) -> None:
    """What a run on the unchanged package has shown, for the parent."""
    said = {
        "calls": {name: sorted(found) for name, found in recorder.calls.items()},
        "seconds": recorder.seconds,
        "modules": third_parties(),
    }
    path.write_text(json.dumps(said), encoding="utf-8")
