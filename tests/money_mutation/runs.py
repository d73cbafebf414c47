"""Runs of the tests on mutants, a few at a time, each only as long as nothing has failed."""

import gc
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path

from local.postgres import Postgres
from tests.money_mutation import child, warm
from tests.money_mutation.modules import Module
from tests.money_mutation.mutant import Mutant, spliced
from tests.money_mutation.warm import Job

PLUGINS = ("tests.money_mutation.plugin",)
DATABASE_PLUGINS = (*PLUGINS, "tests.money_mutation.database_plugin")
BASELINE_SECONDS_MAX = 300
ALL_SECONDS_MAX = 3600  # of a module's mutants
NO_TESTS = 5  # of pytest: the process that ran all has run none itself
SECONDS_MAX = 10  # of computing, beyond five times what the tests take on the unchanged module


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    NOT_COVERED = "no test calls it"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the tests call, and how long they take, when nothing is changed."""

    calls: dict[str, list[tuple[str, int]]]
    seconds: dict[str, float]

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that call the function of a mutant, quickest first.

        Outside of any function these are all tests, those that call something in the file first.
        """
        called = {
            name: [line for path, line in calls if path == mutant.path]
            for name, calls in self.calls.items()
            if name
        }
        if not mutant.function_lines:
            return sorted(called, key=lambda name: (not called[name], self.seconds[name]))
        wanted = [
            name
            for name, lines in called.items()
            if any(line in mutant.function_lines for line in lines)
        ]
        return sorted(wanted, key=lambda name: self.seconds[name])

    def needs_import(self, mutant: Mutant) -> bool:
        """Whether importing the module runs what is changed."""
        return not mutant.in_body or any(
            path == mutant.path and line in mutant.function_lines for path, line in self.calls[""]
        )


class TestsFailed(Exception):
    """The tests fail, or cannot be run, without any mutant; with what they said."""


class Runs:
    """Forks children that run tests; keeps their output in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def baseline(self, module: Module) -> Baseline:
        """Run the tests of a module unchanged. Raises TestsFailed."""
        said = self.folder / "baseline.json"

        def run() -> int:
            recorder = child.Recorder()
            code = child.pytest_on(module.files, _plugins(module), recorder)
            child.write(said, recorder)
            return code

        self.have(run)
        found = json.loads(said.read_text(encoding="utf-8"))
        _import_beforehand(found["modules"])
        calls = {
            name: [(path, line) for path, line in all_] for name, all_ in found["calls"].items()
        }
        return Baseline(calls, found["seconds"])

    def have(self, run: Callable[[], int]) -> None:
        """Call in a child. Raises TestsFailed unless it succeeds."""
        pid = child.fork(run, BASELINE_SECONDS_MAX, self.folder)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != child.PASSED:
            raise TestsFailed((self.folder / str(pid)).read_text(errors="replace"))

    def fates(
        self, module: Module, mutants: Sequence[Mutant], baseline: Baseline, workers: int
    ) -> Iterator[tuple[Mutant, Fate]]:
        """What becomes of each mutant, in the order in which they end."""
        jobs = [_job(mutant, baseline) for mutant in mutants]
        yield from ((job.mutant, Fate.NOT_COVERED) for job in jobs if not job.names)
        jobs = [job for job in jobs if job.names]
        left = [job for job in jobs if baseline.needs_import(job.mutant)]
        for job, pid, status in self._in_place(
            module, [job for job in jobs if job not in left], workers
        ):
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == warm.CANNOT:
                left.append(job)
            else:
                yield job.mutant, self._fate(pid, status)
        for number, pid, status in child.all_ended(
            range(len(left)), lambda number: self._start(module, left[number]), workers
        ):
            yield left[number].mutant, self._fate(pid, status)

    def _in_place(
        self, module: Module, jobs: Sequence[Job], workers: int
    ) -> Iterator[tuple[Job, int, int]]:
        """(job, pid of the process that ran all, status); quick, as nothing is imported again."""
        reading, writing = os.pipe()

        def run() -> int:
            os.close(reading)
            plugin = warm.Warm(jobs, workers, self.folder, warm.tell(writing))
            return child.pytest_on(module.files, _plugins(module), plugin)

        pid = child.fork(run, ALL_SECONDS_MAX, self.folder, seconds_max=ALL_SECONDS_MAX)
        os.close(writing)
        with os.fdopen(reading) as lines:
            for line in lines:
                number, status = map(int, line.split())
                yield jobs[number], pid, status
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) not in (child.PASSED, NO_TESTS):
            raise TestsFailed((self.folder / str(pid)).read_text(errors="replace"))

    def _start(self, module: Module, job: Job) -> int:
        """Fork a run that imports the changed module; its pid."""
        path = child.PACKAGE / job.mutant.path
        changed = child.Changed(path, spliced(path.read_bytes(), job.mutant.splice))
        files = {name.partition("::")[0] for name in job.names}

        def run() -> int:
            sys.meta_path.insert(0, child.ChangedFinder(changed))
            chosen = child.Chosen(job.names, no_others=bool(job.mutant.function_lines))
            return child.pytest_on(files, _plugins(module), chosen)

        return child.fork(run, job.seconds_max, self.folder)

    def _fate(self, pid: int, status: int) -> Fate:
        if os.WIFSIGNALED(status):
            return Fate.TIMED_OUT
        code = os.waitstatus_to_exitcode(status)
        if code == child.PASSED:
            return Fate.SURVIVED
        if code in (child.FAILED, child.BROKEN):
            return Fate.KILLED
        raise TestsFailed((self.folder / str(pid)).read_text(errors="replace"))


def _job(mutant: Mutant, baseline: Baseline) -> Job:
    names = baseline.tests_of(mutant)
    usual_seconds = sum(baseline.seconds[name] for name in names)
    return Job(mutant, names, SECONDS_MAX + int(5 * usual_seconds))


def _plugins(module: Module) -> Sequence[str]:
    return DATABASE_PLUGINS if module.needs_database else PLUGINS


def _import_beforehand(names: Sequence[str]) -> None:
    """So that children find them there, instead of importing them a thousand times."""
    for name in names:
        with suppress(Exception):
            import_module(name)
    gc.collect()
    gc.freeze()  # a child's collector need not go through all that


@contextmanager
def standing(modules: Sequence[Module]) -> Iterator[Runs]:
    """Runs whose tests find a migrated database, if any needs one; all is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="microbatch-mutation-"))
    server = Postgres(folder / "postgres", fsync=False, dbname="migrated")
    try:
        runs = Runs(folder)
        if any(each.needs_database for each in modules):
            server.start()
            os.environ[child.SERVER] = json.dumps(server.fields())
            runs.have(_migrate)
        yield runs
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _migrate() -> int:
    import_module("tests.money_mutation.migration").migrate_server()
    return child.PASSED
