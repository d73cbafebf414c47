"""Shapes and refusals of the ChangeNOW simulator, against bodies recorded from the service."""

import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from eth_utils.address import is_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from local.changenow import bodies
from local.changenow.limits import RateLimit
from local.changenow.office import Office
from local.changenow.wire import decode, encode
from local.contracts.deploy import USDT_ADDRESS
from tests.unit.changenow_front import (
    KEY,
    MARKET,
    ORDER,
    PAIR,
    PRIVATE,
    START,
    WALLET,
    a_front,
    an_exchange,
    ask,
    read,
)

# Bodies recorded from the real service, 2026-07-29.
RECORDED_CREATED = (
    '{"fromAmount":0.01,"toAmount":18.373221,"flow":"standard","type":"direct",'
    '"payinAddress":"0x82E5678e6360596b949f2d5727b61BEa1402126d","payoutAddress":"A",'
    '"fromCurrency":"eth","toCurrency":"usdt","refundAddress":"A","id":"c2036055d1f776",'
    '"directedAmount":0.01,"fromNetwork":"eth","toNetwork":"eth"}'
)
RECORDED_WAITING = (
    '{"id":"c2036055d1f776","status":"waiting","actionsAvailable":false,"fromCurrency":"eth",'
    '"fromNetwork":"eth","toCurrency":"usdt","toNetwork":"eth","expectedAmountFrom":0.01,'
    '"expectedAmountTo":18.373221,"amountFrom":null,"amountTo":null,"payinAddress":"0x82E5",'
    '"payoutAddress":"0x00D2","payinExtraId":null,"payoutExtraId":null,"refundAddress":"0x00D2",'
    '"refundExtraId":null,"createdAt":"2026-07-29T14:04:27.001Z",'
    '"updatedAt":"2026-07-29T14:04:27.010Z","validUntil":null,"depositReceivedAt":null,'
    '"payinHash":null,"payoutHash":null,"fromLegacyTicker":"eth","toLegacyTicker":"usdterc20",'
    '"refundHash":null,"refundAmount":null,"userId":null,"originalExchangeInfo":null,'
    '"relatedExchangesInfo":[],"repeatedExchangesInfo":[]}'
)
RECORDED_RANGE = (
    '{"fromCurrency":"btc","fromNetwork":"btc","toCurrency":"xmr","toNetwork":"xmr",'
    '"flow":"standard","maxAmount":null,"minAmount":0.0001205}'
)
RECORDED_ESTIMATE = (
    '{"fromCurrency":"btc","fromNetwork":"btc","toCurrency":"xmr","toNetwork":"xmr",'
    '"flow":"standard","type":"direct","rateId":null,"validUntil":null,'
    '"transactionSpeedForecast":"10-60","warningMessage":null,"depositFee":0.0000096,'
    '"withdrawalFee":0.009,"userId":null,"fromAmount":0.01,"toAmount":1.7835728}'
)


class TestShapes:
    def test_created_has_exactly_the_recorded_members(self) -> None:
        status, body = ask(a_front(), "POST", "/v2/exchange", ORDER)

        assert status == 200
        assert list(body) == list(json.loads(RECORDED_CREATED))
        assert re.fullmatch("[0-9a-f]{14}", body["id"])
        assert is_checksum_address(body["payinAddress"])

    def test_optional_members_of_created_are_absent_not_null(self) -> None:
        order = {**ORDER, "refundAddress": ""}
        _, body = ask(a_front(), "POST", "/v2/exchange", order)

        assert "refundAddress" not in body

    def test_by_id_has_exactly_the_recorded_31_members_with_nulls(self) -> None:
        service = a_front()
        _, created = ask(service, "POST", "/v2/exchange", ORDER)
        status, body = ask(service, "GET", f"/v2/exchange/by-id?id={created['id']}")
        recorded = json.loads(RECORDED_WAITING)

        assert status == 200
        assert list(body) == list(recorded)
        assert len(body) == 31
        assert {k for k in body if body[k] is None} == {k for k in body if recorded[k] is None}
        assert body["createdAt"] == "2026-11-01T12:00:00.027Z"

    @pytest.mark.parametrize(
        ("target", "recorded"),
        [
            (f"/v2/exchange/range?{PAIR}", RECORDED_RANGE),
            (f"/v2/exchange/estimated-amount?{PAIR}&fromAmount=0.01&toAmount=", RECORDED_ESTIMATE),
        ],
    )
    def test_reads_have_exactly_the_recorded_members(self, target: str, recorded: str) -> None:
        status, body = ask(a_front(), "GET", target)

        assert status == 200
        assert list(body) == list(json.loads(recorded))

    def test_amounts_are_shown_only_once_finished(self) -> None:
        sending = an_exchange(status="sending", amount_to=Decimal("19.642315"))
        finished = replace(sending, status="finished")

        assert bodies.status(sending, {})["amountTo"] is None
        assert bodies.status(finished, {})["amountTo"] == Decimal("19.642315")

    def test_every_exchange_has_an_address_of_its_own_repeatable_by_seed(self) -> None:
        def addresses(seed: int) -> list[str]:
            service = a_front(office=Office(MARKET, seed=seed, clock=lambda: START))
            made = [ask(service, "POST", "/v2/exchange", ORDER)[1] for _ in range(5)]
            return [body["payinAddress"] for body in made]

        assert addresses(1) == addresses(1)
        assert len({*addresses(1), *addresses(2)}) == 10

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=0))
    def test_numbers_leave_and_come_back_exactly(self, number: Decimal) -> None:
        text = encode({"amount": number})

        assert "e" not in text.lower().replace("amount", "")
        assert decode(text.encode())["amount"] == number

    def test_numbers_are_written_as_on_the_wire(self) -> None:
        numbers = [Decimal("0.0000096"), Decimal("1E+2"), Decimal("15.00"), Decimal("0E-8")]

        assert encode(numbers) == "[0.0000096,100,15,0]"


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"fromAmount": "0.00001"}, "deposit_too_small"),
            ({"fromAmount": "-1"}, "not_valid_params"),
            ({"fromAmount": "many"}, "not_valid_params"),
            ({"fromAmount": ""}, "not_valid_params"),
            ({"fromCurrency": "t"}, "not_valid_params"),
            ({"fromCurrency": ""}, "not_valid_params"),
            ({"toCurrency": "eth"}, "pair_is_inactive"),
            ({"toNetwork": "erc20"}, "not_valid_params"),
            ({"flow": "fixed-rate"}, "fixed_rate_not_enabled"),
            ({"type": "reverse"}, "not_valid_params"),
            ({"address": ""}, "not_valid_address"),
            ({"address": WALLET[:-1]}, "not_valid_address"),
            ({"address": "0x52908400098527886E0F7030069857D2E4169Ee7"}, "not_valid_address"),
            ({"refundAddress": "0x12"}, "not_valid_refund_address"),
        ],
    )
    def test_a_wrong_order_creates_nothing(self, changes: dict[str, str], error: str) -> None:
        service = a_front()
        status, body = ask(service, "POST", "/v2/exchange", {**ORDER, **changes})

        assert (status, body["error"]) == (400, error)
        assert service.service.office.all() == []

    def test_below_the_minimum_the_range_is_told(self) -> None:
        _, limits = ask(a_front(), "GET", f"/v2/exchange/range?{PAIR}")
        status, body = ask(
            a_front(), "GET", f"/v2/exchange/estimated-amount?{PAIR}&fromAmount=0.00001"
        )

        assert status == 400
        assert body == {
            "error": "deposit_too_small",
            "message": "Out of min amount",
            "payload": {"range": {"minAmount": limits["minAmount"], "maxAmount": None}},
        }

    def test_malformed_json_is_a_bad_request(self) -> None:
        answer = a_front().answer("POST", "/v2/exchange", KEY, b'{"fromCurrency":')

        assert (answer.status, read(answer)["error"]) == (400, "not_valid_params")

    @pytest.mark.parametrize("key", [None, "unknown"])
    def test_without_a_key_the_answer_is_401_as_plain_text(self, key: str | None) -> None:
        answer = a_front().answer("GET", f"/v2/exchange/range?{PAIR}", key, b"")

        assert (answer.status, answer.content_type.split(";")[0]) == (401, "text/plain")

    def test_currencies_and_minimum_need_no_key(self) -> None:
        status, listed = ask(a_front(), "GET", "/v2/exchange/currencies?active=true", key=None)
        _, least = ask(a_front(), "GET", f"/v2/exchange/min-amount?{PAIR}", key=None)

        assert status == 200
        contracts = {(row["ticker"], row["network"]): row["tokenContract"] for row in listed}
        assert contracts["eth", "eth"] is contracts["btc", "btc"] is None
        assert contracts["usdt", "eth"] == USDT_ADDRESS
        assert contracts["usdt", "trx"] == "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
        assert [row["ticker"] for row in listed if row["hasExternalId"]] == ["xrp"]
        assert list(least)[-1] == "minAmount"

    def test_gated_endpoints_refuse_a_good_key_and_leave_the_rest(self) -> None:
        service = a_front("--gated", "/v2/exchange/range")

        assert ask(service, "GET", f"/v2/exchange/range?{PAIR}")[0] == 401
        assert ask(service, "GET", f"/v2/exchange/min-amount?{PAIR}")[0] == 200

    def test_an_exchange_of_another_key_is_forbidden_and_an_unknown_one_not_found(self) -> None:
        service = a_front()
        _, created = ask(service, "POST", "/v2/exchange", ORDER)

        other = ask(service, "GET", f"/v2/exchange/by-id?id={created['id']}", key="another")
        assert other[0] == 403
        assert other[1]["error"] == "forbidden"
        assert ask(service, "GET", "/v2/exchange/by-id?id=00000000000000")[0] == 404
        assert ask(service, "GET", "/v2/nothing")[0] == 404

    def test_the_list_needs_the_private_key_and_finds_by_payout_address(self) -> None:
        service = a_front()
        _, created = ask(service, "POST", "/v2/exchange", ORDER)
        listing = f"/v2/exchanges?payoutAddress={WALLET.lower()}&dateFrom=2026-11-01T00:00:00.000Z"

        assert ask(service, "GET", listing)[0] == 403
        status, found = ask(service, "GET", listing, key=PRIVATE)
        assert status == 200
        assert [row["exchangeId"] for row in found["exchanges"]] == [created["id"]]
        later = "/v2/exchanges?dateFrom=2026-12-01T00:00:00.000Z"
        assert ask(service, "GET", later, key=PRIVATE)[1]["count"] == 0

    @pytest.mark.parametrize(
        ("address", "result"),
        [(WALLET, True), (WALLET.lower(), True), (WALLET[:-1], False), ("bc1q", False)],
    )
    def test_addresses_are_validated(self, address: str, result: bool) -> None:
        status, body = ask(a_front(), "GET", f"/v2/validate/address?currency=eth&address={address}")

        assert (status, body["result"], body["isActivated"]) == (200, result, None)

    def test_the_31st_call_of_a_second_is_one_too_many(self) -> None:
        now = [0.0]
        limit = RateLimit(clock=lambda: now[0])

        assert [limit.allows(KEY) for _ in range(31)] == [True] * 30 + [False]
        now[0] = 1.0
        assert limit.allows(KEY)
