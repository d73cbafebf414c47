"""A plugin of the runs on copies: notes in the report which package was really under test."""

import sys
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _witness(record_testsuite_property: Callable[[str, object], None]) -> Iterator[None]:
    """Module → file, of every module of the package that the run has imported."""
    yield
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] == "microbatch":
            record_testsuite_property(name, module.__file__)
