import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from microbatch.errors import PermanentFailure, RetryLater
from microbatch.messages import (
    ExchangeCreated,
    ExchangeRefused,
    ExchangeRequested,
    ExchangeStatusObserved,
    ExchangeStatusRequested,
    Outgoing,
    RangeObserved,
    RangeRequested,
    sign,
)
from microbatch.swap import outbound
from microbatch.vendors.changenow import ChangeNow
from tests.unit.stub_server import Answer, StubServer, told

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ASKED = SECONDS - 30
WALLET = "0x52908400098527886E0F7030069857D2E4169EE7"
PAYIN = "0x82E5678e6360596b949f2d5727b61BEa1402126d"
PAIR = {
    "from_currency": "eth", "from_network": "eth", "to_currency": "usdt", "to_network": "eth",
}  # fmt: skip
REQUEST = ExchangeRequested(
    timestamp=ASKED,
    swap_id="swap-1",
    from_amount="0.010000000000000001",
    payout_address=WALLET,
    refund_address=WALLET,
    **PAIR,
)
CREATED = {
    "id": "c2036055d1f776", "payinAddress": PAYIN, "payoutAddress": WALLET, "fromCurrency": "eth",
    "toCurrency": "usdt", "fromNetwork": "eth", "toNetwork": "eth", "fromAmount": 0.01,
    "toAmount": 18.373221, "refundAddress": WALLET,
}  # fmt: skip


@pytest.fixture
def exchange(stub: StubServer) -> Iterator[ChangeNow]:
    with requests.Session() as session:
        yield ChangeNow(stub.url, "key", session)


def always(stub: StubServer, answer: Answer) -> None:
    stub.answer = lambda _request: answer


def fits_its_token(outgoing: list[Outgoing]) -> bool:
    return all(sign(each.message, b"k" * 64) for each in outgoing)


def test_a_range_is_observed_with_an_estimate(stub, exchange):
    answers = {
        "/v2/exchange/range": told({"minAmount": 0.0031, "maxAmount": None}),
        "/v2/exchange/estimated-amount": told({"toAmount": 3011.25}),
    }
    stub.answer = lambda request: answers[request.path]

    sent = outbound.observe_range(
        RangeRequested(timestamp=ASKED, amount="1", **PAIR), exchange, NOW
    )

    observed = RangeObserved(
        timestamp=SECONDS,
        minimum="0.0031",
        maximum="",
        amount="1",
        estimated_amount="3011.25",
        **PAIR,
    )
    assert sent == [Outgoing("swap-results", observed)]


def test_an_exchange_is_created_with_the_exact_amount_asked_for(stub, exchange):
    always(stub, told(CREATED))

    sent = outbound.create_exchange(REQUEST, exchange, NOW)

    created = ExchangeCreated(
        timestamp=SECONDS,
        swap_id="swap-1",
        cn_api_id="c2036055d1f776",
        payin_address=PAYIN,
        payin_extra_id="",
        payout_address=WALLET,
        refund_address=WALLET,
        from_amount="0.010000000000000001",
        to_amount="18.373221",
        **PAIR,
    )
    assert sent == [Outgoing("swap-results", created)]
    assert len(stub.requests) == 1


def test_a_refusal_is_a_message_with_its_limits(stub, exchange):
    body = {
        "error": "deposit_too_small",
        "message": "Out of min amount",
        "payload": {"range": {"minAmount": "0.02", "maxAmount": 50}},
    }
    always(stub, told(body, 400))

    sent = outbound.create_exchange(REQUEST, exchange, NOW)

    refused = ExchangeRefused(
        timestamp=SECONDS,
        swap_id="swap-1",
        error="deposit_too_small",
        detail="Out of min amount",
        minimum="0.02",
        maximum="50",
    )
    assert sent == [Outgoing("swap-results", refused)]


@pytest.mark.parametrize(
    "changed", [{"payinAddress": ""}, {"payoutAddress": PAYIN}, {"payoutAddress": "x" * 255}]
)
def test_an_answer_that_is_not_what_was_asked_for_is_a_refusal(stub, exchange, changed):
    always(stub, told({**CREATED, **changed}))

    (sent,) = outbound.create_exchange(REQUEST, exchange, NOW)

    assert isinstance(sent.message, ExchangeRefused)
    assert sent.message.error == "malformed_answer"
    assert fits_its_token([sent])


@pytest.mark.parametrize(
    "answer", [Answer(429), Answer(502, "<html>"), Answer(200, json.dumps(CREATED)[:50])]
)
def test_creating_is_tried_again_by_the_queue_and_never_here(stub, exchange, answer):
    always(stub, answer)

    with pytest.raises(RetryLater):
        outbound.create_exchange(REQUEST, exchange, NOW)

    assert len(stub.requests) == 1


STATUS = ExchangeStatusRequested(timestamp=ASKED, swap_id="swap-1", cn_api_id="c2036055d1f776")


def test_a_status_is_passed_on_whatever_it_is(stub, exchange):
    always(
        stub,
        told(
            {
                "id": "c2036055d1f776", "status": "finished", "amountFrom": 0.01,
                "amountTo": 18.37, "payinHash": "0x1", "payoutHash": "0x2", "refundHash": "0x3",
                "refundAmount": 0.009,
            }
        ),
    )  # fmt: skip

    sent = outbound.ask_exchange(STATUS, exchange, NOW)

    observed = ExchangeStatusObserved(
        timestamp=SECONDS,
        swap_id="swap-1",
        cn_api_id="c2036055d1f776",
        status="finished",
        amount_from="0.01",
        amount_to="18.37",
        payin_hash="0x1",
        payout_hash="0x2",
        refund_hash="0x3",
        refund_amount="0.009",
    )
    assert sent == [Outgoing("swap-results", observed)]


@pytest.mark.parametrize("status", ["waiting", "hold", "verifying", "ж" * 300])
def test_a_status_that_is_not_yet_or_unknown_is_an_answer(stub, exchange, status):
    always(stub, told({"id": "c2036055d1f776", "status": status}))

    sent = outbound.ask_exchange(STATUS, exchange, NOW)

    assert isinstance(sent[0].message, ExchangeStatusObserved)
    assert sent[0].message.status == status[:64]
    assert fits_its_token(sent)


def test_an_unknown_exchange_is_not_found_and_a_foreign_one_is_asked_again(stub, exchange):
    always(stub, Answer(404))
    (sent,) = outbound.ask_exchange(STATUS, exchange, NOW)
    assert isinstance(sent.message, ExchangeStatusObserved)
    assert sent.message.status == "not_found"

    always(stub, told({"error": "forbidden", "message": "made from another api key"}, 403))
    with pytest.raises(RetryLater):
        outbound.ask_exchange(STATUS, exchange, NOW)


def test_a_question_the_provider_rejects_is_a_dead_letter(stub, exchange):
    always(stub, told({"error": "not_valid_params", "message": "no such currency"}, 400))

    with pytest.raises(PermanentFailure, match="not_valid_params"):
        outbound.observe_range(RangeRequested(timestamp=ASKED, amount="1", **PAIR), exchange, NOW)
