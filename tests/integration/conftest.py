"""What stands around a function: a pipeline to bring rows into a state, AWS, the outside world."""

from collections.abc import Iterator
from typing import Any

import pytest

from microbatch.platform.database import Database
from tests.fakes.outside import answer_outside
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import NOWHERE, Doors, forget
from tests.unit.stub_server import StubServer


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """A client, fresh observations, nothing pending."""
    pipeline = Pipeline(database)
    pipeline.client("7")
    pipeline.observe()
    return pipeline


@pytest.fixture
def outside() -> Iterator[StubServer]:
    """ChangeNOW and a node; they remember what they were asked."""
    with StubServer(answer_outside) as server:
        yield server


@pytest.fixture
def doors(
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
    database_fields: dict[str, Any],
    outside: StubServer,
    pipeline: Pipeline,
) -> Iterator[Doors]:
    """Every function, on the pipeline's own database."""
    yield Doors(monkeypatch, database_fields, outside.url, pipeline.wallet)
    forget()


@pytest.fixture
def doors_without_database(
    aws: None, monkeypatch: pytest.MonkeyPatch, outside: StubServer
) -> Iterator[Doors]:
    """Every function; whoever connects to the database finds nobody there."""
    yield Doors(monkeypatch, NOWHERE, outside.url, "0x" + "2c" * 20)
    forget()
