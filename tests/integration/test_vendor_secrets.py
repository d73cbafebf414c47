"""What outside parties gave is changed, and functions that are warm go on with what is new."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from eth_account import Account

from cdk.stages import STAGES
from microbatch import messages
from microbatch.messages import Message
from microbatch.platform.secrets import MAX_AGE_SECONDS
from tests.fakes.outside import answer_outside
from tests.fakes.pipeline import FEED, KEY, TOKEN, Pipeline
from tests.integration.doors import Doors, sample, signed
from tests.integration.test_doors import next_message, until
from tests.unit.stub_server import Answer, Request, StubServer

OLD_API_KEY, NEW_API_KEY = "changenow-key", "another-changenow-key"
NEW_PATH = "/v2/another-node-key"
OF_THE_EXCHANGE: dict[str, type[Message]] = {
    "swap-quote": messages.RangeRequested,
    "swap-create": messages.ExchangeRequested,
    "swap-monitor": messages.ExchangeStatusRequested,
    "hostpay-status-check": messages.StatusCheckRequest,
}


@pytest.fixture
def warm(doors_without_database: Doors, monkeypatch: pytest.MonkeyPatch) -> Doors:
    """Functions whose environment lives on from one invocation to the next."""
    monkeypatch.setattr("tests.integration.doors.forget", lambda: None)
    return doors_without_database


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`later.seconds` is how much later it is for whoever keeps secrets."""
    offset = SimpleNamespace(seconds=0)
    clock = SimpleNamespace(monotonic_ns=lambda: time.monotonic_ns() + offset.seconds * 10**9)
    monkeypatch.setattr("microbatch.platform.secrets.time", clock)
    return offset


def take(doors: Doors, queue: str, kind: type[Message]) -> int:
    """Deliver one message; how many were not finished."""
    message = sample(kind)
    if isinstance(message, messages.ExchangeRequested):
        eth = {"from_currency": "eth", "from_network": "eth", "from_amount": "1"}
        usdt = {"to_currency": "usdt", "to_network": "eth", "payout_extra_id": ""}
        message = replace(message, **eth, **usdt)
    if isinstance(message, messages.ChainObservationRequested):
        message = replace(message, wallet=TOKEN, token=TOKEN, price_feed=FEED)
    return doors.deliver(queue, signed(queue, message))


def keys_shown(outside: StubServer) -> list[str]:
    """The exchange's key in each request since the last look."""
    shown = [request.headers["x-changenow-api-key"] for request in outside.requests]
    outside.requests.clear()
    return shown


def paths_asked(outside: StubServer) -> set[str]:
    """Where a node was asked since the last look."""
    asked = {request.path for request in outside.requests}
    outside.requests.clear()
    return asked


def node_key(doors: Doors, outside: StubServer) -> None:
    """Give the functions a node with another key in its URL."""
    doors.set_secret("ETHEREUM_RPC_URL", outside.url + NEW_PATH)


def of_either_path(request: Request) -> Answer:
    """The node answers under both of its URLs."""
    return answer_outside(replace(request, path="/") if request.path == NEW_PATH else request)


@pytest.mark.parametrize(("queue", "kind"), OF_THE_EXCHANGE.items())
def test_a_warm_function_uses_the_exchange_s_new_key_once_the_old_is_aged(
    warm: Doors, outside: StubServer, later: SimpleNamespace, queue: str, kind: type[Message]
) -> None:
    assert take(warm, queue, kind) == 0
    warm.set_secret("CHANGENOW_API_KEY", NEW_API_KEY)
    assert take(warm, queue, kind) == 0
    assert set(keys_shown(outside)) == {OLD_API_KEY}  # kept, as every secret is

    later.seconds += MAX_AGE_SECONDS
    assert take(warm, queue, kind) == 0

    assert set(keys_shown(outside)) == {NEW_API_KEY}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(("queue", "kind"), OF_THE_EXCHANGE.items())
def test_a_key_that_is_denied_is_read_again_at_once(
    warm: Doors, outside: StubServer, queue: str, kind: type[Message], status: int
) -> None:
    outside.answer = lambda request: (
        answer_outside(request)
        if request.headers["x-changenow-api-key"] == NEW_API_KEY
        else Answer(status)
    )
    assert take(warm, queue, kind) == 1  # nothing new is to be had: it is not asked twice
    denied = keys_shown(outside)
    assert denied == [OLD_API_KEY] * (2 if queue == "swap-quote" else 1)  # range, then minimum
    warm.set_secret("CHANGENOW_API_KEY", NEW_API_KEY)

    assert take(warm, queue, kind) == 0
    assert keys_shown(outside) == [*denied, NEW_API_KEY]
    assert take(warm, queue, kind) == 0
    assert keys_shown(outside) == [NEW_API_KEY]  # and stays


def test_every_function_of_the_exchange_was_asked() -> None:
    readers = {stage.queues for stage in STAGES if "CHANGENOW_API_KEY" in stage.secrets}

    assert readers == {(queue,) for queue in OF_THE_EXCHANGE}


def test_a_warm_function_asks_the_new_node_once_the_old_url_is_aged(
    warm: Doors, outside: StubServer, later: SimpleNamespace
) -> None:
    outside.answer = of_either_path
    ask = ("chain-requests", messages.ChainObservationRequested)
    assert take(warm, *ask) == 0
    node_key(warm, outside)
    assert take(warm, *ask) == 0
    assert paths_asked(outside) == {"/"}

    later.seconds += MAX_AGE_SECONDS
    assert take(warm, *ask) == 0

    assert paths_asked(outside) == {NEW_PATH}


@pytest.mark.parametrize("status", [401, 403])
def test_a_url_that_is_denied_is_read_again_at_once(
    warm: Doors, outside: StubServer, status: int
) -> None:
    ask = ("chain-requests", messages.ChainObservationRequested)
    outside.answer = lambda request: (
        Answer(status) if request.path == "/" else of_either_path(request)
    )
    assert take(warm, *ask) == 1
    assert len(outside.requests) == 1
    node_key(warm, outside)

    assert take(warm, *ask) == 0
    assert paths_asked(outside) == {"/", NEW_PATH}
    assert take(warm, *ask) == 0
    assert paths_asked(outside) == {NEW_PATH}


def test_a_warm_signer_uses_the_wallet_s_key_that_was_put_right(
    doors: Doors, pipeline: Pipeline, later: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.step(next_message(pipeline, messages.PaymentExecutionRequest))
    order = until(pipeline, messages.PaymentExecutionRequest)
    body = signed(order.queue, order.message)
    monkeypatch.setattr("tests.integration.doors.forget", lambda: None)
    doors.set_secret("HOST_WALLET_PRIVATE_KEY", "0x" + "22" * 32)
    assert doors.deliver(order.queue, body) == 1  # a key of another wallet: nothing is signed
    assert pipeline.rows("SELECT * FROM transfer_attempts") == []

    doors.set_secret("HOST_WALLET_PRIVATE_KEY", KEY)
    later.seconds += MAX_AGE_SECONDS
    assert doors.deliver(order.queue, body) == 0

    (attempt,) = pipeline.rows("SELECT raw_transaction FROM transfer_attempts")
    signer = Account.recover_transaction(attempt["raw_transaction"])
    assert signer.lower() == pipeline.wallet
