"""The fixtures of the tests' database, on the one server that all runs share."""

import itertools
import json
import os

import pytest

from local.postgres import Fields
from tests import conftest
from tests.conftest import database, database_fields, module_database, other
from tests.money_mutation import child

__all__ = ["database", "database_fields", "module_database", "other", "postgres"]

DATABASES_MAX = 10_000  # of one run


def _number_from_here() -> None:
    conftest._numbers = itertools.count(os.getpid() * DATABASES_MAX)


_number_from_here()
os.register_at_fork(after_in_child=_number_from_here)


class Shared:
    """A server that somebody else starts and ends."""

    def fields(self) -> Fields:
        """How to connect to it."""
        found: Fields = json.loads(os.environ[child.SERVER])
        return found


@pytest.fixture(scope="session")
def postgres() -> Shared:
    """In place of a server of the session's own."""
    return Shared()
