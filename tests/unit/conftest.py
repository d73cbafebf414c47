"""Stubs of parties outside: of a vendor, of a node, of AWS with nothing of this machine's own."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from microbatch.vendors.ethereum import Node
from tests.unit.command_line import CommandLine
from tests.unit.command_requests import DONE
from tests.unit.stub_node import StubNode
from tests.unit.stub_server import StubServer


@pytest.fixture
def stub() -> Iterator[StubServer]:
    """A vendor that answers as the test says."""
    with StubServer() as server:
        yield server


@pytest.fixture
def chain(stub: StubServer) -> StubNode:
    """What a node on that stub says."""
    return StubNode(stub)


@pytest.fixture
def node(stub: StubServer) -> Iterator[Node]:
    """Our client of it; its URL ends with a key, as Alchemy's does."""
    with requests.Session() as session:
        yield Node(stub.url + "/v2/SECRETKEY", session)


@pytest.fixture
def line(tmp_path: Path, no_aws: None) -> Iterator[CommandLine]:
    """Whatever is asked for is done; Ctrl-C is heard, also by tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with StubServer() as server:
            yield CommandLine(
                tmp_path, server, lambda request: dict(DONE, dry_run="dry_run" in request)
            )
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither settings nor credentials of this machine."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
                 "AWS_CA_BUNDLE", "MICROBATCH_ENVIRONMENT"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
