"""ChangeNow when it is unwell, its range and its estimates."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests

from microbatch.errors import ConfigurationError, KeyDenied, RetryLater
from microbatch.vendors.changenow import ChangeNow, ExchangeError, client
from tests.unit.changenow_bodies import (
    CREATED,
    KEY,
    PAIR,
    RANGE,
    TOO_SMALL,
    UNAUTHORIZED,
    UNWELL,
    always,
    by_path,
    create,
)
from tests.unit.stub_server import Answer, StubServer, told


@pytest.fixture
def changenow(stub: StubServer) -> Iterator[ChangeNow]:
    with requests.Session() as session:
        yield ChangeNow(stub.url + "/", KEY, session)


CALLS = {
    "range": lambda changenow: changenow.range(PAIR),
    "estimate": lambda changenow: changenow.estimate(PAIR, "1"),
    "create": create,
    "status": lambda changenow: changenow.status("c2036055d1f776"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("answer", UNWELL.values(), ids=UNWELL)
def test_what_says_nothing_is_asked_again_later_and_only_once_now(stub, changenow, call, answer):
    always(stub, answer)

    with pytest.raises(RetryLater) as caught:
        call(changenow)

    assert len(stub.requests) == 1
    assert KEY not in caught.value.reason
    assert "/v2/exchange" in caught.value.reason


@pytest.mark.parametrize(
    ("answer", "answered"),
    [
        (told({"minAmount": 1, "maxAmount": None}), True),
        (told({"error": "pair_is_inactive", "message": "no"}, 400), True),
        *((each, False) for each in UNWELL.values()),
    ],
)
def test_whoever_counts_hears_of_each_call_whether_it_was_answered(stub, answer, answered):
    heard = []
    always(stub, answer)

    with suppress(RetryLater, ExchangeError), requests.Session() as session:
        ChangeNow(stub.url, KEY, session, heard.append).range(PAIR)

    assert heard == [answered]


def test_a_refused_connection_is_asked_again_later():
    with StubServer() as server:
        url = server.url

    with requests.Session() as session, pytest.raises(RetryLater, match="ConnectionError"):
        ChangeNow(url, KEY, session).range(PAIR)


def test_a_timeout_is_asked_again_later(stub, changenow, monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", (1, 0.2))
    always(stub, Answer(200, CREATED, wait_seconds=0.6))

    with pytest.raises(RetryLater, match="ReadTimeout"):
        create(changenow)

    assert len(stub.requests) == 1


def test_a_session_that_repeats_by_itself_is_made_to_stop(stub):
    always(stub, Answer(503))
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=3))

        with pytest.raises(RetryLater):
            create(ChangeNow(stub.url, KEY, session))

        assert session.get_adapter(stub.url).max_retries.total == 0


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("name", ["create", "status"])
def test_a_denied_key_names_the_header_and_never_the_key(stub, changenow, status, name):
    always(stub, told({"error": "forbidden", "message": KEY}, status))

    with pytest.raises(KeyDenied, match="x-changenow-api-key") as caught:
        CALLS[name](changenow)

    assert isinstance(caught.value, RetryLater)
    assert KEY not in caught.value.reason


@pytest.mark.parametrize("key", ["", "two\nlines", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_named_and_never_shown(key):
    with pytest.raises(ConfigurationError, match="CHANGENOW_API_KEY") as caught:
        ChangeNow("http://127.0.0.1:1", key)

    assert not key or key not in str(caught.value)


def test_the_range_is_exact_decimal_text_and_null_maximum_is_empty(stub, changenow):
    always(stub, RANGE)

    found = changenow.range(PAIR)

    assert (found.minimum, found.maximum) == ("0.0001205", "")
    assert stub.requests[0].headers["x-changenow-api-key"] == KEY
    assert stub.requests[0].query == {
        "fromCurrency": "eth", "fromNetwork": "eth", "toCurrency": "usdt", "toNetwork": "eth",
        "flow": "standard",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("1.205e-4", "0.0001205"),
        ("5E-7", "0.0000005"),
        ("2e3", "2000"),
        ('"0.0001205"', "0.0001205"),
        (
            "0.1234567890123456789012345678901234567890",
            "0.1234567890123456789012345678901234567890",
        ),
        ("15.0", "15.0"),
        ("7", "7"),
    ],
)
def test_numbers_keep_every_digit_however_they_are_written(stub, changenow, written, plain):
    always(stub, f'{{"minAmount":{written},"maxAmount":{written},"new":{{"field":1e999}}}}')

    found = changenow.range(PAIR)

    assert (found.minimum, found.maximum) == (plain, plain)


@pytest.mark.parametrize(
    "minimum", ["null", '""', "true", '"0,5"', '"0x10"', "[1]", "1e999", '" 1"']
)
def test_a_minimum_that_is_no_number_is_asked_again_later(stub, changenow, minimum):
    always(stub, f'{{"minAmount":{minimum}}}')

    with pytest.raises(RetryLater, match="minAmount"):
        changenow.range(PAIR)


def test_a_key_without_the_range_gets_the_minimum_alone(stub, changenow):
    by_path(stub, range=UNAUTHORIZED, min_amount=told({"minAmount": 0.002}))

    found = changenow.range(PAIR)

    assert (found.minimum, found.maximum) == ("0.002", "")


def test_a_key_without_the_minimum_either_is_a_denied_key(stub, changenow):
    always(stub, UNAUTHORIZED)

    with pytest.raises(KeyDenied):
        changenow.range(PAIR)


def test_an_unknown_currency_is_refused_for_good(stub, changenow):
    always(stub, told({"error": "not_valid_params", "message": "Currency t is not supported"}, 400))

    with pytest.raises(ExchangeError, match="Currency t") as caught:
        changenow.range(PAIR)

    assert caught.value.code == "not_valid_params"


@pytest.mark.parametrize(
    ("answer", "estimate"),
    [
        (told({"toAmount": 1.7835728, "depositFee": 0.0000096}), "1.7835728"),
        (told({"toAmount": None}), ""),
        (UNAUTHORIZED, ""),
        (Answer(400, TOO_SMALL), ""),
    ],
)
def test_an_estimate_is_what_it_says_or_nothing(stub, changenow, answer, estimate):
    always(stub, answer)

    assert changenow.estimate(PAIR, "1e-2") == estimate
    assert stub.requests[0].query["fromAmount"] == "0.01"
