"""Creating an exchange, and asking how one stands."""

import json
from collections.abc import Iterator

import pytest
import requests

from microbatch.errors import InvalidInput, RetryLater
from microbatch.vendors.changenow import ChangeNow, ExchangeError
from tests.unit.changenow_bodies import (
    CREATED,
    KEY,
    PAYIN,
    PAYOUT,
    TOO_SMALL,
    UNAUTHORIZED,
    WAITING,
    always,
    by_path,
    create,
)
from tests.unit.stub_server import Answer, StubServer, told


@pytest.fixture
def changenow(stub: StubServer) -> Iterator[ChangeNow]:
    with requests.Session() as session:
        yield ChangeNow(stub.url + "/", KEY, session)


def test_a_created_exchange_is_returned_and_the_request_is_the_proven_one(stub, changenow):
    always(stub, CREATED)

    created = create(changenow, "0.010000000000000001")

    assert created.exchange_id == "c2036055d1f776"
    assert created.payin_address == PAYIN
    assert created.to_amount == "18.373221"
    assert (stub.requests[0].method, stub.requests[0].path) == ("POST", "/v2/exchange")
    assert stub.requests[0].json() == {
        "fromCurrency": "eth", "toCurrency": "usdt", "fromNetwork": "eth", "toNetwork": "eth",
        "fromAmount": "0.010000000000000001", "address": PAYOUT, "refundAddress": PAYOUT,
        "flow": "standard", "type": "direct",
    }  # fmt: skip


def test_amounts_go_out_without_exponent(stub, changenow):
    always(stub, CREATED)

    with pytest.raises(ExchangeError):  # the stub echoes another amount
        create(changenow, "5E-7")

    assert stub.requests[0].json()["fromAmount"] == "0.0000005"


@pytest.mark.parametrize("amount", ["", "NaN", "a lot", "1e999"])
def test_an_amount_that_is_none_is_never_sent(stub, changenow, amount):
    with pytest.raises(InvalidInput, match="amount"):
        create(changenow, amount)

    assert not stub.requests


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", None),
        ("id", "x" * 256),
        ("id", "nul\0"),
        ("id", ["c2"]),
        ("payinAddress", ""),
        ("payinAddress", None),
        ("payinAddress", PAYIN[:-1]),
        ("payinAddress", "TXYZ"),
        ("payoutAddress", PAYIN),
        ("payoutAddress", None),
        ("refundAddress", PAYIN),
        ("fromCurrency", "btc"),
        ("toCurrency", "usdc"),
        ("fromNetwork", "bsc"),
        ("toNetwork", "trx"),
        ("toNetwork", None),
        ("payinExtraId", "memo"),
        ("fromAmount", 1),
        ("toAmount", "eighteen"),
    ],
)
def test_an_exchange_that_is_not_the_one_asked_for_is_malformed(stub, changenow, field, value):
    always(stub, json.dumps({**json.loads(CREATED), field: value}))

    with pytest.raises(ExchangeError) as caught:
        create(changenow)

    assert caught.value.code == "malformed_answer"
    assert field in caught.value.detail


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("payoutAddress", PAYOUT.lower()),
        ("refundAddress", None),
        ("fromCurrency", "ETH"),
        ("toAmount", None),
        ("fromAmount", None),
        ("fromAmount", "0.01"),
        ("payinExtraId", None),
        ("somethingNew", {"a": [1e999]}),
    ],
)
def test_an_answer_may_leave_out_or_add_what_does_not_matter(stub, changenow, field, value):
    always(stub, json.dumps({**json.loads(CREATED), field: value}).replace("Infinity", "1e999"))

    assert create(changenow).payin_address == PAYIN


@pytest.mark.parametrize("status", [400, 200])
def test_a_refusal_carries_code_and_limits_whatever_its_http_status(stub, changenow, status):
    always(stub, Answer(status, TOO_SMALL))

    with pytest.raises(ExchangeError) as caught:
        create(changenow)

    assert caught.value.code == "deposit_too_small"
    assert caught.value.detail == "Out of min amount"
    assert (caught.value.minimum, caught.value.maximum) == ("0.00012045", "")


@pytest.mark.parametrize(
    "body",
    [
        {"error": "out_of_range", "message": {"not": "text"}, "payload": []},
        {"error": "out_of_range", "payload": {"range": {"minAmount": "?", "maxAmount": [1]}}},
        {"error": "out_of_range", "message": "Ж" * 400},
    ],
)
def test_a_refusal_stands_however_odd_its_particulars(stub, changenow, body):
    always(stub, told(body, 400))

    with pytest.raises(ExchangeError) as caught:
        create(changenow)

    assert (caught.value.code, caught.value.minimum) == ("out_of_range", "")
    assert len(caught.value.detail.encode()) <= 255


def test_a_refusal_whose_error_is_no_text_is_named_by_its_http_status(stub, changenow):
    always(stub, told({"error": {"code": 7}}, 422))

    with pytest.raises(ExchangeError, match="http_422"):
        create(changenow)


def test_an_inactive_pair_is_only_too_small_an_amount_when_it_is_below_the_minimum(stub, changenow):
    inactive = told({"error": "pair_is_inactive", "message": "Pair is inactive"}, 400)
    by_path(stub, exchange=inactive, min_amount=told({"minAmount": 0.02}))

    with pytest.raises(ExchangeError) as below:
        create(changenow, "0.01")
    with pytest.raises(ExchangeError) as above:
        create(changenow, "0.02")

    assert (below.value.code, below.value.minimum) == ("deposit_too_small", "0.02")
    assert above.value.code == "pair_is_inactive"


@pytest.mark.parametrize("minimum", [UNAUTHORIZED, told({"error": "pair_is_inactive"}, 400)])
def test_a_pair_whose_minimum_is_unknown_stays_inactive(stub, changenow, minimum):
    by_path(stub, exchange=told({"error": "pair_is_inactive"}, 400), min_amount=minimum)

    with pytest.raises(ExchangeError, match="pair_is_inactive"):
        create(changenow)


def test_a_waiting_exchange_has_its_own_payin_address_and_no_amounts(stub, changenow):
    always(stub, told(WAITING))

    found = changenow.status("c2036055d1f776")

    assert found.status == "waiting"
    assert (found.payin_address, found.from_currency, found.from_network) == (PAYIN, "eth", "eth")
    assert (found.amount_from, found.amount_to, found.payout_hash) == ("", "", "")
    assert stub.requests[0].query == {"id": "c2036055d1f776"}


def test_a_finished_exchange_has_amounts_and_hashes(stub, changenow):
    always(
        stub,
        told({**WAITING, "status": "finished", "payoutHash": "0xab"}).body.replace(
            '"amountTo": null', '"amountTo": 7.41109355'
        ),
    )

    found = changenow.status("c2036055d1f776")

    assert (found.status, found.amount_to, found.payout_hash) == ("finished", "7.41109355", "0xab")


def test_fields_that_are_absent_are_empty(stub, changenow):
    always(stub, told({"id": "c2036055d1f776", "status": "new"}))

    assert changenow.status("c2036055d1f776").payin_address == ""


@pytest.mark.parametrize(
    ("written", "status"), [("Hold", "hold"), ("  WAITING ", "waiting"), ("x" * 500, "x" * 64)]
)
def test_an_unknown_status_passes_through_lower_case_and_cut(stub, changenow, written, status):
    always(stub, told({**WAITING, "status": written}))

    assert changenow.status("c2036055d1f776").status == status


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404),
        Answer(404, "Not Found", "text/plain"),
        told({"error": "not_found", "message": "Exchange not found"}, 404),
        told({"error": "not_found"}, 400),
        told({"error": "bad_params", "message": "Transaction not found"}, 400),
        told({"error": "not_found"}),
    ],
)
def test_an_exchange_nobody_knows_is_not_found(stub, changenow, answer):
    always(stub, answer)

    assert changenow.status("c2036055d1f776").status == "not_found"


@pytest.mark.parametrize(
    "changed",
    [
        {"status": None},
        {"status": ""},
        {"id": "another"},
        {"amountTo": "much"},
        {"payoutHash": "x" * 256},
    ],
)
def test_a_status_that_cannot_be_read_is_asked_again_later(stub, changenow, changed):
    always(stub, told({**WAITING, **changed}))

    with pytest.raises(RetryLater):
        changenow.status("c2036055d1f776")


def test_a_refusal_to_tell_the_status_is_permanent(stub, changenow):
    always(stub, told({"error": "bad_params", "message": "id is required"}, 400))

    with pytest.raises(ExchangeError):
        changenow.status("c2036055d1f776")
