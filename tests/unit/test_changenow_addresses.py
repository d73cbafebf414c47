"""Paying whoever is asked for: memos of payouts, and whether an address can be paid to."""

import json
from collections.abc import Iterator

import pytest
import requests

from microbatch.errors import KeyDenied, RetryLater
from microbatch.vendors.changenow import AddressVerdict, ChangeNow, ExchangeError, Pair
from tests.unit.changenow_bodies import (
    CREATED,
    KEY,
    PAYIN,
    PAYOUT,
    UNAUTHORIZED,
    UNWELL,
    always,
)
from tests.unit.stub_server import Answer, StubServer, told

RIPPLE = "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH"
MEMO = "0012345"
TO_RIPPLE = Pair(from_currency="usdt", from_network="eth", to_currency="xrp", to_network="xrp")
CREATED_RIPPLE = {
    **json.loads(CREATED),
    "fromCurrency": "usdt", "toCurrency": "xrp", "toNetwork": "xrp",
    "payoutAddress": RIPPLE, "payoutExtraId": MEMO,
}  # fmt: skip


@pytest.fixture
def changenow(stub: StubServer) -> Iterator[ChangeNow]:
    with requests.Session() as session:
        yield ChangeNow(stub.url, KEY, session)


def create(changenow: ChangeNow, memo: str = MEMO):
    return changenow.create(
        TO_RIPPLE,
        amount="0.01",
        payout_address=RIPPLE,
        refund_address=PAYOUT,
        payout_extra_id=memo,
    )


def test_a_memo_goes_out_and_comes_back(stub, changenow):
    always(stub, told(CREATED_RIPPLE))

    created = create(changenow)

    assert created.payin_address == PAYIN
    assert stub.requests[0].json()["extraId"] == MEMO
    assert stub.requests[0].json()["address"] == RIPPLE


@pytest.mark.parametrize("memo", ["", None])
def test_no_memo_is_neither_sent_nor_missed(stub, changenow, memo):
    always(stub, told({**CREATED_RIPPLE, "payoutExtraId": memo}))

    create(changenow, memo="")

    assert "extraId" not in stub.requests[0].json()


@pytest.mark.parametrize(
    ("memo", "told_memo"),
    [(MEMO, "12345"), (MEMO, None), (MEMO, ""), (MEMO, ["0012345"]), ("", MEMO)],
)
def test_another_memo_than_asked_for_is_malformed(stub, changenow, memo, told_memo):
    always(stub, told({**CREATED_RIPPLE, "payoutExtraId": told_memo}))

    with pytest.raises(ExchangeError) as caught:
        create(changenow, memo)

    assert caught.value.code == "malformed_answer"
    assert "payoutExtraId" in caught.value.detail


def test_a_memo_told_as_a_number_is_compared_by_its_digits(stub, changenow):
    always(stub, told({**CREATED_RIPPLE, "payoutExtraId": 77}))

    assert create(changenow, "77").payin_address == PAYIN


def test_an_address_of_another_network_is_compared_letter_by_letter(stub, changenow):
    always(stub, told({**CREATED_RIPPLE, "payoutAddress": RIPPLE.lower()}))

    with pytest.raises(ExchangeError, match="payoutAddress"):
        create(changenow)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"result": True, "message": None, "isActivated": None}, AddressVerdict(True, "")),
        ({"result": True}, AddressVerdict(True, "")),
        ({"result": False, "message": "Invalid"}, AddressVerdict(False, "Invalid")),
    ],
)
def test_a_verdict_on_an_address_is_an_answer_either_way(stub, changenow, answer, verdict):
    always(stub, told(answer))

    assert changenow.validate_address("xrp", f"{RIPPLE}&currency=eth") == verdict
    assert stub.requests[0].path == "/v2/validate/address"
    assert stub.requests[0].query == {"currency": "xrp", "address": f"{RIPPLE}&currency=eth"}
    assert stub.requests[0].headers["x-changenow-api-key"] == KEY


def test_a_network_it_does_not_know_is_refused_for_good(stub, changenow):
    always(stub, told({"error": "not_valid_params", "message": "not supported"}, 400))

    with pytest.raises(ExchangeError, match="not supported") as caught:
        changenow.validate_address("nowhere", RIPPLE)

    assert caught.value.code == "not_valid_params"


@pytest.mark.parametrize("result", [None, "true", 1, [], {}])
def test_a_verdict_that_is_none_is_asked_for_again_later(stub, changenow, result):
    always(stub, told({"result": result, "message": None}))

    with pytest.raises(RetryLater, match="result"):
        changenow.validate_address("xrp", RIPPLE)


@pytest.mark.parametrize("answer", [*UNWELL.values(), Answer(404)])
def test_a_provider_that_is_unwell_gives_no_verdict(stub, changenow, answer):
    always(stub, answer)

    with pytest.raises(RetryLater, match="/v2/validate/address"):
        changenow.validate_address("xrp", RIPPLE)


def test_a_denied_key_is_no_verdict_either(stub, changenow):
    always(stub, UNAUTHORIZED)

    with pytest.raises(KeyDenied):
        changenow.validate_address("xrp", RIPPLE)
