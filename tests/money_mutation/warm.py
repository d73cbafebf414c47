"""A process that has collected a module's tests once, and forks a run of them for each mutant."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.money_mutation import child, in_place
from tests.money_mutation.mutant import Mutant, spliced

CANNOT = 75  # exit code: this mutant is more than other code of some functions


@dataclass(frozen=True, slots=True)
class Job:
    """A mutant, the tests that have to notice it, and how long they may compute."""

    mutant: Mutant
    names: Sequence[str]
    seconds_max: int


@dataclass(frozen=True)
class Warm:
    """A plugin: instead of the tests, runs of them in children, one for each mutant."""

    jobs: Sequence[Job]
    workers: int
    folder: Path
    answer: Callable[[int, int], None]  # (number of the job, how its child ended)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all jobs."""
        items = {item.nodeid: item for item in session.items}

        def start(number: int) -> int:
            job = self.jobs[number]
            wanted = [items[name] for name in job.names]
            return child.fork(
                lambda: _run(job.mutant, session, wanted), job.seconds_max, self.folder
            )

        for number, _, status in child.all_ended(range(len(self.jobs)), start, self.workers):
            self.answer(number, status)
        return True


def _run(mutant: Mutant, session: pytest.Session, items: Sequence[pytest.Item]) -> int:
    path = child.PACKAGE / mutant.path
    if not in_place.change(path, spliced(path.read_bytes(), mutant.splice)):
        return CANNOT
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            session._setupstate.teardown_exact(None)
            return child.FAILED
    return child.PASSED


def tell(pipe: int) -> Callable[[int, int], None]:
    """Answers as lines on a pipe."""

    def answer(number: int, status: int) -> None:
        os.write(pipe, f"{number} {status}\n".encode())

    return answer
