"""Prices, states and deposits of the ChangeNOW simulator, without a chain."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.changenow import exchanges, pairs
from local.changenow.chain import Deposit
from local.changenow.currencies import ETH, USDT
from local.changenow.exchanges import FAST, Act, View
from local.changenow.office import Office
from local.changenow.outcomes import parse_outcome
from local.changenow.pairs import Market
from tests.unit.changenow_front import (
    MARKET,
    ORDER,
    START,
    WALLET,
    a_front,
    an_exchange,
    ask,
)


def view(seconds: float = 0, **facts: Any) -> View:
    return View(now=START + timedelta(seconds=seconds), minimum=Decimal("0.001"), **facts)


def deposit(address: str, tx: str, amount: str = "0.01", currency: Any = ETH) -> Deposit:
    return Deposit(tx, tx, address, currency, Decimal(amount), 5)


class TestPrices:
    def test_a_quote_is_the_documented_formula_rounded_down(self) -> None:
        quote = pairs.quote(ETH, USDT, Decimal("0.01"), MARKET)

        assert quote.deposit_fee == Decimal("0.0000315")
        assert quote.withdrawal_fee == Decimal("0.195")
        assert quote.rate == Decimal("1990")
        # (0.01 - 0.0000315) x 1990 - 0.195
        assert quote.to_amount == Decimal("19.642315")

    @given(st.integers(1, 10**20), st.integers(100, 10**7), st.integers(1, 500))
    def test_a_quote_never_pays_a_unit_too_much(self, wei: int, cents: int, gwei: int) -> None:
        market = Market(eth_usd=Decimal(cents) / 100, gas_price_gwei=Decimal(gwei) / 10)
        amount = ETH.from_units(wei)
        quote = pairs.quote(ETH, USDT, amount, market)
        exact = (amount - quote.deposit_fee) * quote.rate - quote.withdrawal_fee

        assert quote.to_amount == max(quote.to_amount, Decimal(0))
        assert quote.to_amount <= max(exact, Decimal(0)) < quote.to_amount + Decimal("0.000001")
        assert USDT.from_units(USDT.units(quote.to_amount)) == quote.to_amount

    def test_the_minimum_follows_the_gas_price_and_leaves_something(self) -> None:
        least = pairs.minimum(ETH, USDT, MARKET)
        dear = replace(MARKET, gas_price_gwei=Decimal(30))

        assert pairs.minimum(ETH, USDT, dear) > least
        assert pairs.quote(ETH, USDT, least, MARKET).to_amount > 0

    def test_the_other_direction_is_only_data(self) -> None:
        quote = pairs.quote(USDT, ETH, Decimal(100), MARKET)

        assert quote.withdrawal_fee == Decimal("0.0000315")
        assert quote.to_amount.as_tuple().exponent == -8
        assert Decimal("0.048") < quote.to_amount < Decimal("0.05")


class TestStates:
    def test_an_unpaid_exchange_waits_for_ever_unless_told_otherwise(self) -> None:
        exchange = an_exchange()
        expiring = replace(FAST, ttl_seconds=60)

        assert exchanges.plan(exchange, view(10**9), FAST) is Act.WAIT
        assert exchanges.plan(exchange, view(59), expiring) is Act.WAIT
        assert exchanges.plan(exchange, view(60), expiring) is Act.EXPIRE

    @pytest.mark.parametrize(
        ("status", "facts", "changes", "act"),
        [
            ("confirming", {"deposit_depth": 1}, {}, Act.EXCHANGE),
            ("confirming", {"deposit_depth": None}, {}, Act.FORGET_DEPOSIT),
            ("confirming", {"deposit_depth": 0}, {}, Act.FORGET_DEPOSIT),
            ("confirming", {"deposit_depth": 9}, {"amount_from": Decimal("0.0009")}, Act.FAIL),
            ("exchanging", {}, {}, Act.TRADE),
            ("sending", {}, {}, Act.PAY_OUT),
            ("sending", {"payout_depth": 0}, {"payout_hash": "0x1"}, Act.WAIT),
            ("sending", {"payout_depth": 1}, {"payout_hash": "0x1"}, Act.FINISH),
            ("sending", {"payout_depth": None}, {"payout_hash": "0x1"}, Act.PAY_OUT),
            ("finished", {"payout_depth": 1}, {"payout_hash": "0x1"}, Act.WAIT),
            ("finished", {"payout_depth": None}, {"payout_hash": "0x1"}, Act.PAY_OUT),
            ("failed", {}, {"payin_hash": "0x1"}, Act.WAIT),
            ("failed", {}, {"payin_hash": "0x1", "refund_to": WALLET}, Act.REFUND),
            ("failed", {"refund_depth": 0}, {"payin_hash": "0x1", "refund_to": WALLET,
                                            "refund_tx": "0x2"}, Act.WAIT),
            ("failed", {"refund_depth": 1}, {"payin_hash": "0x1", "refund_to": WALLET,
                                            "refund_tx": "0x2"}, Act.CLOSE_REFUND),
            ("failed", {}, {"payin_hash": "0x1", "continue_asked": True}, Act.EXCHANGE),
            ("refunded", {}, {}, Act.WAIT),
            ("expired", {}, {}, Act.WAIT),
        ],
    )  # fmt: skip
    def test_each_status_has_one_next_act(
        self, status: str, facts: dict[str, Any], changes: dict[str, Any], act: Act
    ) -> None:
        exchange = an_exchange(status=status, **{"amount_from": Decimal("0.01"), **changes})

        assert exchanges.plan(exchange, view(1, **facts), FAST) is act

    @pytest.mark.parametrize(
        ("outcome", "status", "act"),
        [
            ({"outcome": "failed"}, "confirming", Act.FAIL),
            ({"outcome": "verifying"}, "confirming", Act.HOLD),
            ({"outcome": "unknown_status"}, "confirming", Act.HOLD),
            ({"outcome": "refunded"}, "confirming", Act.EXCHANGE),
            ({"outcome": "refunded"}, "exchanging", Act.REFUND),
            ({"outcome": "expired"}, "waiting", Act.EXPIRE),
            ({"outcome": "failed", "at": "waiting"}, "waiting", Act.FAIL),
            ({"outcome": "failed"}, "waiting", Act.WAIT),
            ({"outcome": "verifying"}, "verifying", Act.WAIT),
            ({"outcome": "verifying", "seconds": 0.5}, "verifying", Act.EXCHANGE),
            ({"outcome": "verifying", "seconds": 0.5, "then": "failed"}, "verifying", Act.FAIL),
            ({"outcome": "finished"}, "hold", Act.EXCHANGE),
        ],
    )
    def test_scripted_outcomes_bend_the_path(
        self, outcome: dict[str, Any], status: str, act: Act
    ) -> None:
        exchange = an_exchange(
            status=status,
            outcome=parse_outcome(outcome),
            amount_from=Decimal("0.01"),
            payin_hash=None if status == "waiting" else "0x1",
        )

        assert exchanges.plan(exchange, view(1, deposit_depth=1), FAST) is act

    def test_a_hold_before_the_deposit_goes_back_to_waiting(self) -> None:
        held = exchanges.held(an_exchange(outcome=parse_outcome({"outcome": "verifying"})), START)
        cleared = replace(held, outcome=parse_outcome({"outcome": "finished"}))

        assert held.status == "verifying"
        assert exchanges.plan(cleared, view(), FAST) is Act.RELEASE
        assert exchanges.released(cleared, START).status == "waiting"

    def test_a_late_deposit_can_only_be_returned(self) -> None:
        expired = an_exchange(status="expired")
        paid = exchanges.deposited(
            expired, key="k", tx_hash="0x1", amount=Decimal("0.01"), now=START
        )

        assert (paid.status, paid.actions_available) == ("failed", True)

    @pytest.mark.parametrize(
        "fields",
        [{"outcome": "lost"}, {"outcome": "failed", "at": "noon"},
         {"outcome": "verifying", "then": "verifying"}],
    )  # fmt: skip
    def test_an_impossible_script_is_refused(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="must be"):
            parse_outcome(fields)


class TestDeposits:
    def test_a_second_deposit_becomes_a_repeated_exchange(self) -> None:
        office = Office(MARKET, seed=7, clock=lambda: START)
        service = a_front(office=office)
        _, created = ask(service, "POST", "/v2/exchange", ORDER)
        office.credit(deposit(created["payinAddress"], "0xaa"))
        office.credit(deposit(created["payinAddress"], "0xbb", "0.02"))
        office.credit(deposit(created["payinAddress"], "0xbb", "0.02"))

        _, parent = ask(service, "GET", f"/v2/exchange/by-id?id={created['id']}")
        [mention] = parent["repeatedExchangesInfo"]
        _, child = ask(service, "GET", f"/v2/exchange/by-id?id={mention['id']}")
        assert (parent["payinHash"], parent["amountFrom"]) == ("0xaa", Decimal("0.01"))
        assert set(mention) == {"id", "status", "createdAt", "amountFrom", "amountTo"}
        assert not mention["createdAt"].endswith("Z")
        assert (child["payinHash"], child["amountFrom"]) == ("0xbb", Decimal("0.02"))
        assert child["originalExchangeInfo"]["id"] == created["id"]

    def test_another_asset_becomes_a_related_exchange(self) -> None:
        office = Office(MARKET, seed=7, clock=lambda: START)
        service = a_front(office=office)
        _, created = ask(service, "POST", "/v2/exchange", ORDER)
        office.credit(deposit(created["payinAddress"], "0xaa", "9", USDT))

        _, parent = ask(service, "GET", f"/v2/exchange/by-id?id={created['id']}")
        [mention] = parent["relatedExchangesInfo"]
        assert (parent["status"], parent["amountFrom"]) == ("waiting", None)
        assert (mention["fromCurrency"], mention["status"]) == ("usdt", "failed")

    def test_a_deposit_lost_in_a_reorganisation_can_come_back(self) -> None:
        office = Office(MARKET, seed=7, clock=lambda: START)
        service = a_front(office=office)
        _, created = ask(service, "POST", "/v2/exchange", ORDER)
        office.credit(deposit(created["payinAddress"], "0xaa"))

        forgotten = office.forget_deposit(created["id"])
        again = office.credit(deposit(created["payinAddress"], "0xaa"))
        assert (forgotten.status, forgotten.payin_hash) == ("waiting", None)
        assert again is not None
        assert (again.id, again.status) == (created["id"], "confirming")
