import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from microbatch.errors import ConfigurationError, InvalidInput, RetryLater
from microbatch.vendors.changenow import ChangeNow, ExchangeError, KeyDenied, Pair, client
from microbatch.vendors.wire import cut, decimal_text, read_json
from tests.unit.stub_server import Answer, StubServer, told

KEY = "k3y-that-must-never-be-shown"
PAIR = Pair(from_currency="eth", from_network="eth", to_currency="usdt", to_network="eth")
PAYOUT = "0x00D2aBc0E3bC4b1eD3d1e7c1a29F8d9cC2F0aB10"
PAYIN = "0x82E5678e6360596b949f2d5727b61BEa1402126d"

# Bodies as recorded from the real service.
CREATED = (
    '{"fromAmount":0.01,"toAmount":18.373221,"flow":"standard","type":"direct",'
    f'"payinAddress":"{PAYIN}","payoutAddress":"{PAYOUT}","fromCurrency":"eth",'
    f'"toCurrency":"usdt","refundAddress":"{PAYOUT}","id":"c2036055d1f776",'
    '"directedAmount":0.01,"fromNetwork":"eth","toNetwork":"eth"}'
)
WAITING = {
    "id": "c2036055d1f776", "status": "waiting", "actionsAvailable": False,
    "fromCurrency": "eth", "fromNetwork": "eth", "toCurrency": "usdt", "toNetwork": "eth",
    "expectedAmountFrom": 0.01, "expectedAmountTo": 18.373221, "amountFrom": None,
    "amountTo": None, "payinAddress": PAYIN, "payoutAddress": PAYOUT, "payinExtraId": None,
    "payoutExtraId": None, "refundAddress": PAYOUT, "refundExtraId": None,
    "createdAt": "2026-07-29T14:04:27.001Z", "updatedAt": "2026-07-29T14:04:27.010Z",
    "validUntil": None, "depositReceivedAt": None, "payinHash": None, "payoutHash": None,
    "fromLegacyTicker": "eth", "toLegacyTicker": "usdterc20", "refundHash": None,
    "refundAmount": None, "userId": None, "originalExchangeInfo": None,
    "relatedExchangesInfo": [], "repeatedExchangesInfo": [],
}  # fmt: skip
RANGE = (
    '{"fromCurrency":"btc","fromNetwork":"btc","toCurrency":"xmr","toNetwork":"xmr",'
    '"flow":"standard","maxAmount":null,"minAmount":0.0001205}'
)
TOO_SMALL = (
    '{"error":"deposit_too_small","message":"Out of min amount",'
    '"payload":{"range":{"minAmount":0.00012045,"maxAmount":null}}}'
)
UNAUTHORIZED = Answer(401, "Unauthorized: x-changenow-api-key", "text/plain")

UNWELL = {
    "429 without a body": Answer(429),
    "429 with JSON": told({"error": "too_many_requests", "message": "slow down"}, 429),
    "500 with JSON": told({"error": "internal"}, 500),
    "502 with HTML": Answer(502, "<html>Bad gateway</html>", "text/html"),
    "503": Answer(503),
    "200 with HTML": Answer(200, "<html>Just a moment…</html>", "text/html"),
    "404 with HTML": Answer(404, "<!doctype html><HTML>", "text/html"),
    "200 empty": Answer(200),
    "200 truncated JSON": Answer(200, CREATED[:80]),
    "200 cut off": Answer(200, CREATED, claims_bytes=10_000),
    "200 with a list": Answer(200, "[]"),
    "200 with NaN": Answer(200, '{"minAmount":NaN}'),
    "200 with a repeated key": Answer(200, '{"id":"a","id":"b"}'),
    "200 nested without end": Answer(200, "[" * 100_000),
    "200 with an error of its own": told({"error": "internal_error", "message": "sorry"}),
    "400 with text": Answer(400, "Bad Request", "text/plain"),
    "408": Answer(408),
    "redirect": Answer(302),
    "no answer at all": Answer(hang_up=True),
}


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


@pytest.fixture
def changenow(stub: StubServer) -> Iterator[ChangeNow]:
    with requests.Session() as session:
        yield ChangeNow(stub.url + "/", KEY, session)


def always(stub: StubServer, answer: Answer | str) -> None:
    found = answer if isinstance(answer, Answer) else Answer(200, answer)
    stub.answer = lambda _request: found


def by_path(stub: StubServer, **answers: Answer) -> None:
    """Answers by the last part of the path, `-` written `_`."""
    stub.answer = lambda request: answers[request.path.rpartition("/")[2].replace("-", "_")]


def create(changenow: ChangeNow, amount: str = "0.01"):
    return changenow.create(PAIR, amount=amount, payout_address=PAYOUT, refund_address=PAYOUT)


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


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=0, max_value=10**12))
def test_decimal_text_is_the_same_number_without_exponent(amount: Decimal):
    plain = decimal_text(str(amount))

    assert Decimal(plain) == amount
    assert "e" not in plain.lower()


@given(st.text(max_size=400), st.integers(0, 300))
def test_cut_text_always_fits_and_is_the_beginning(text: str, size: int):
    short = cut(text, size)

    assert len(short.encode()) <= size
    assert "\0" not in short
    assert text.replace("\0", "\ufffd").startswith(short)


def test_invalid_utf8_is_no_json():
    with pytest.raises(ValueError, match="utf-8"):
        read_json(b'{"a":"\xff"}')
