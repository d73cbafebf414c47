"""docs/cost.md says what was counted, and what was counted adds up."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from bench.aws_prices import MILLION, SQS_REQUEST, Use
from tests.unit import documents

CENT = Decimal("0.01")
DOCUMENT = documents.PROJECT / "docs/cost.md"
COUNTED = documents.PROJECT / "bench/results/aws_requests.json"


@pytest.fixture
def counted() -> Any:
    return json.loads(COUNTED.read_text(encoding="utf-8"), parse_float=Decimal)


def test_the_bill_is_what_was_counted(counted: Any) -> None:
    usd = counted["usd"]
    columns = list(usd["lines"])
    said = {
        row[0]: [Decimal(cell) for cell in row[1:]]
        for row in documents.table_rows(DOCUMENT.read_text(encoding="utf-8"))
        if len(row) == len(columns) + 2 and re.fullmatch(r"[\d.]+", row[1])
    }
    wanted = {}
    for line in usd["lines"]["payments"]:
        prices = [usd["lines"][cause][line] for cause in columns]
        if not any(prices):  # nobody but the events' publisher pays for events
            continue
        wanted[line] = [price.quantize(CENT) for price in (*prices, sum(prices, Decimal(0)))]
    sums = [sum(usd["lines"][cause].values(), Decimal(0)) for cause in columns]
    wanted["in all"] = [price.quantize(CENT) for price in (*sums, usd["total"])]

    assert said == wanted


def test_what_stands_apart_is_said(counted: Any) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    for name, price in counted["usd"]["apart"].items():
        assert f"{name}: {price.quantize(CENT)}" in text


def test_a_payment_passes_as_the_stage_table_has_it(counted: Any) -> None:
    """By tens: as many invocations and requests as there are tens, and none that nobody needs."""
    payment = counted["counted"]["payment, 10 at once"]
    tens = payment["units"] / 10

    assert payment["invocations"]["payment_webhook"] == payment["units"]
    assert payment["records"]["accumulator"] >= payment["units"]
    assert payment["invocations"]["accumulator"] <= 1.2 * tens
    assert payment["invocations"]["event_publisher"] <= 1.2 * tens
    assert payment["requests"]["event_publisher events:PutEvents"] <= 1.2 * tens
    assert payment["requests"]["payment_webhook sqs:SendMessage payments"] == payment["units"]


def test_prices_are_of_single_requests() -> None:
    million = Use(api_requests=MILLION, invocations=MILLION, sqs_requests=MILLION, events=MILLION)

    assert million.usd() == {
        "API Gateway": 1,
        "Lambda requests": Decimal("0.20"),
        "Lambda time": 0,
        "SQS": MILLION * SQS_REQUEST,
        "function logs": 0,
        "EventBridge": 1,
    }
