"""Where two processes share the tests, no file is torn apart."""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FILES = ("tests/unit/test_pace.py", "tests/unit/test_money.py", "tests/unit/test_codec.py")
RUN = re.compile(r"^\[(gw\d)\] .*? PASSED (tests/\S+?)::", re.MULTILINE)


def test_each_file_is_run_by_one_of_them_and_both_have_something_to_do() -> None:
    words = ["-n", "2", "--no-loadscope-reorder", "-v", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *FILES, *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]

    found = set(RUN.findall(done.stdout))

    assert sorted(file for _, file in found) == sorted(FILES)
    assert {worker for worker, _ in found} == {"gw0", "gw1"}


def test_the_local_stack_is_begun_once() -> None:
    from tests.conftest import ByFile  # noqa: PLC0415

    def scope(nodeid: str) -> str:
        return ByFile._split_scope(object.__new__(ByFile), nodeid)

    assert scope("tests/e2e/test_day.py::test_a") == scope("tests/e2e/test_webhook.py::test_b[1]")
    assert scope("tests/unit/test_a.py::test_a") != scope("tests/unit/test_b.py::test_a")
