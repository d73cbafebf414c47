"""Scripted failures and outcomes of the ChangeNOW simulator."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from local.changenow import exchanges
from local.changenow.faults import FaultScript, parse_fault
from local.changenow.office import Office
from local.changenow.outcomes import parse_outcome
from local.changenow.server import Front
from tests.unit.changenow_front import MARKET, ORDER, PAIR, START, a_front, ask


@contextmanager
def finished_exchange(outcome: dict[str, Any]) -> Iterator[tuple[Front, str]]:
    office = Office(MARKET, seed=7, clock=lambda: START)
    service = a_front(office=office)
    _, created = ask(service, "POST", "/v2/exchange", ORDER)
    office.script(parse_outcome(outcome), created["id"])
    paid: dict[str, Any] = {"amount_to": Decimal("19.6"), "payout_hash": "0x1"}
    office.change(created["id"], lambda one: exchanges.finished(replace(one, **paid), START))
    yield service, created["id"]


class TestScripts:
    def test_a_fault_hits_its_path_as_often_as_told(self) -> None:
        script = FaultScript()
        script.add(parse_fault({"path": "/v2/exchange", "kind": "html", "times": 2, "skip": 1}))

        assert script.take("GET", "/v2/exchange/by-id") is None
        taken = [script.take("POST", "/v2/exchange") for _ in range(4)]
        assert [fault is not None for fault in taken] == [False, True, True, False]

    @pytest.mark.parametrize(
        "fields",
        [{"kind": "flood", "path": "*"}, {"kind": "html", "path": "/nowhere"},
         {"kind": "html", "path": "*", "times": 0}],
    )  # fmt: skip
    def test_an_impossible_fault_is_refused(self, fields: dict[str, Any]) -> None:
        assert ask(a_front(), "POST", "/_control/faults", fields)[0] == 400

    def test_the_minimum_can_be_raised_between_estimate_and_creation(self) -> None:
        service = a_front()
        ask(service, "POST", "/_control/faults", {"kind": "minimum", "minimum": "0.5"})
        _, refused = ask(service, "POST", "/v2/exchange", ORDER)
        ask(service, "DELETE", "/_control/faults")

        assert refused["payload"]["range"]["minAmount"] == Decimal("0.5")
        assert ask(service, "POST", "/v2/exchange", ORDER)[0] == 200

    def test_a_maximum_can_be_set(self) -> None:
        service = a_front()
        ask(service, "POST", "/_control/faults", {"kind": "maximum", "maximum": "0.005"})
        _, refused = ask(service, "POST", "/v2/exchange", ORDER)

        assert refused["error"] == "max_amount_exceeded"

    def test_the_price_can_be_set(self) -> None:
        service = a_front()
        ask(service, "POST", "/_control/price", {"eth_usd": "4000", "spread_percent": 0})
        _, body = ask(service, "GET", f"/v2/exchange/estimated-amount?{PAIR}&fromAmount=1")

        assert Decimal(3990) < body["toAmount"] < Decimal(4000)
        assert service.service.office.scripted_price

    def test_an_outcome_is_for_one_exchange_or_the_next(self) -> None:
        service = a_front()
        ask(service, "POST", "/_control/faults", {"kind": "outcome", "outcome": "failed"})
        for _ in range(2):
            ask(service, "POST", "/v2/exchange", ORDER)
        first, second = service.service.office.all()
        chosen = {"kind": "outcome", "outcome": "verifying", "id": second.id}
        ask(service, "POST", "/_control/faults", chosen)

        assert first.outcome == parse_outcome({"outcome": "failed"})
        assert second.outcome is None
        changed = service.service.office.get(second.id)
        assert changed is not None
        assert changed.outcome == parse_outcome({"outcome": "verifying"})
        unknown = {"kind": "outcome", "outcome": "failed", "id": "nobody"}
        assert ask(service, "POST", "/_control/faults", unknown)[0] == 404

    @pytest.mark.parametrize(
        ("outcome", "member"),
        [("finish_without_amount", "amountTo"), ("finish_without_hash", "payoutHash")],
    )
    def test_a_finish_may_lack_something_for_one_poll(self, outcome: str, member: str) -> None:
        with finished_exchange({"outcome": outcome}) as (service, exchange_id):
            polls = [
                ask(service, "GET", f"/v2/exchange/by-id?id={exchange_id}")[1] for _ in range(2)
            ]

        assert [body["status"] for body in polls] == ["finished", "finished"]
        assert [body[member] is None for body in polls] == [True, False]

    def test_a_finish_may_lie_about_its_amount(self) -> None:
        told = {"outcome": "amount_lie", "amount_to": "99.5"}
        with finished_exchange(told) as (service, exchange_id):
            _, body = ask(service, "GET", f"/v2/exchange/by-id?id={exchange_id}")
            _, control = ask(service, "GET", "/_control/exchanges")

        assert body["amountTo"] == Decimal("99.5")
        assert control["exchanges"][0]["really"]["amountTo"] == Decimal("19.6")
