"""The ChangeNOW simulator's other currencies: pairs, addresses, memos, what is paid abroad."""

import re
from decimal import Decimal
from typing import Any

import pytest

from local.changenow import addresses, pairs
from local.changenow.currencies import CURRENCIES, ETH, FOREIGN, OURS, USDT, Currency
from local.changenow.foreign import DEPTH, ForeignChains
from tests.unit.changenow_front import MARKET, ORDER, WALLET, a_front, ask
from tests.unit.changenow_wallets import BITCOIN, BY_NETWORK, LITECOIN, TRON

HASHES = {
    "btc": "[0-9a-f]{64}", "ltc": "[0-9a-f]{64}", "trx": "[0-9a-f]{64}", "xmr": "[0-9a-f]{64}",
    "xrp": "[0-9A-F]{64}", "sol": "[1-9A-HJ-NP-Za-km-z]{86,88}",
}  # fmt: skip


def order(
    source: Currency, target: Currency, amount: str = "100", **changes: str
) -> dict[str, str]:
    return {
        **ORDER,
        "fromCurrency": source.ticker,
        "fromNetwork": source.network,
        "toCurrency": target.ticker,
        "toNetwork": target.network,
        "fromAmount": amount,
        "address": BY_NETWORK.get(target.network, WALLET),
        **changes,
    }


def query(source: Currency, target: Currency) -> str:
    asked = order(source, target)
    names = ("fromCurrency", "fromNetwork", "toCurrency", "toNetwork", "flow")
    return "&".join(f"{name}={asked[name]}" for name in names)


XRP = next(currency for currency in FOREIGN if currency.ticker == "xrp")
BTC = next(currency for currency in FOREIGN if currency.ticker == "btc")


class TestPairs:
    @pytest.mark.parametrize("target", FOREIGN, ids=lambda one: one.label)
    @pytest.mark.parametrize("source", OURS, ids=lambda one: one.label)
    def test_both_of_ours_become_every_other(self, source: Currency, target: Currency) -> None:
        service = a_front()
        amount = "0.5" if source is ETH else "1000"
        _, limits = ask(service, "GET", f"/v2/exchange/range?{query(source, target)}")
        _, estimate = ask(
            service,
            "GET",
            f"/v2/exchange/estimated-amount?{query(source, target)}&fromAmount={amount}",
        )
        status, created = ask(service, "POST", "/v2/exchange", order(source, target, amount))

        assert status == 200
        assert created["toAmount"] == estimate["toAmount"]
        worth = created["toAmount"] * pairs.rate(target, USDT, MARKET)
        assert Decimal(970) < worth < Decimal(1000)
        dollars = limits["minAmount"] * (2000 if source is ETH else 1)
        assert Decimal("0.5") < dollars < Decimal(15)
        assert pairs.quote(source, target, limits["minAmount"], MARKET).to_amount > 0

    def test_only_what_is_seen_can_be_paid_in(self) -> None:
        refused = ask(a_front(), "POST", "/v2/exchange", order(BTC, ETH, "1"))
        unknown = ask(a_front(), "POST", "/v2/exchange", {**ORDER, "toNetwork": "sol"})

        assert (refused[0], refused[1]["error"]) == (400, "pair_is_inactive")
        assert (unknown[0], unknown[1]["error"]) == (400, "not_valid_params")

    @pytest.mark.parametrize("kind", ["minimum", "maximum"])
    def test_a_limit_can_be_for_some_pairs_only(self, kind: str) -> None:
        service = a_front()
        amount = "500" if kind == "minimum" else "50"
        scripted = {"kind": kind, kind: amount, "from": "usdt/eth", "to": "btc/btc"}
        assert ask(service, "POST", "/_control/faults", scripted)[0] == 200

        refused = ask(service, "POST", "/v2/exchange", order(USDT, BTC))
        assert refused[0] == 400
        assert refused[1]["payload"]["range"][f"{kind[:3]}Amount"] == Decimal(amount)
        assert ask(service, "POST", "/v2/exchange", order(USDT, XRP))[0] == 200
        assert ask(service, "POST", "/v2/exchange", order(ETH, BTC, "1"))[0] == 200
        _, health = ask(service, "GET", "/_control/health")
        assert health[f"{kind}s"] == [{"from": "usdt/eth", "to": "btc/btc", kind: Decimal(amount)}]
        ask(service, "POST", "/_control/faults", {**scripted, kind: None})
        assert ask(service, "POST", "/v2/exchange", order(USDT, BTC))[0] == 200

    def test_prices_and_fees_of_others_can_be_set_and_taken_back(self) -> None:
        service = a_front()
        before = ask(service, "POST", "/v2/exchange", order(USDT, BTC))[1]["toAmount"]
        prices = {"usd": {"btc/btc": "30000"}, "fees": {"btc/btc": "0.0001"}}
        ask(service, "POST", "/_control/price", prices)
        changed = ask(service, "POST", "/v2/exchange", order(USDT, BTC))[1]["toAmount"]
        taken_back = {table: {"btc/btc": None} for table in prices}
        ask(service, "POST", "/_control/price", taken_back)

        assert changed == (Decimal("99.805") * Decimal("0.995") / 30000).quantize(
            Decimal("1e-8"), "ROUND_DOWN"
        ) - Decimal("0.0001")
        assert ask(service, "POST", "/v2/exchange", order(USDT, BTC))[1]["toAmount"] == before

    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("faults", {"kind": "minimum", "minimum": "1", "from": "doge/doge"}),
            ("faults", {"kind": "minimum"}),
            ("faults", {"kind": "address"}),
            ("price", {"usd": {"doge/doge": "1"}}),
            ("price", {"usd": {"eth/eth": "1"}}),
            ("price", {"usd": "1"}),
        ],
    )
    def test_an_impossible_script_is_refused(self, path: str, fields: dict[str, Any]) -> None:
        assert ask(a_front(), "POST", f"/_control/{path}", fields)[0] == 400


class TestMemos:
    def test_a_memo_is_told_again_everywhere(self) -> None:
        service = a_front()
        _, created = ask(service, "POST", "/v2/exchange", order(USDT, XRP, extraId="0077"))
        _, body = ask(service, "GET", f"/v2/exchange/by-id?id={created['id']}")
        _, listed = ask(service, "GET", "/v2/exchanges", key="a-private-key")

        assert created["payoutExtraId"] == body["payoutExtraId"] == "0077"
        assert listed["exchanges"][0]["payout"]["extraId"] == "0077"
        assert "payinExtraId" not in created

    def test_without_a_memo_the_exchange_is_created_all_the_same(self) -> None:
        status, created = ask(a_front(), "POST", "/v2/exchange", order(USDT, XRP, extraId=""))

        assert status == 200
        assert "payoutExtraId" not in created


class TestAddresses:
    @pytest.mark.parametrize(
        ("network", "address"),
        [
            *BY_NETWORK.items(),
            ("btc", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
            ("btc", "34xp4vRoCGJym3xR7yCVPFHoCNxv4Twseo"),
            ("btc", BITCOIN.upper()),
            ("btc", "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
            ("ltc", "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9"),
            ("xrp", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"),
        ],
    )
    def test_a_right_address_is_valid_until_a_letter_changes(
        self, network: str, address: str
    ) -> None:
        wrong = address[:-2] + ("1" if address[-2] != "1" else "2") + address[-1]

        assert addresses.fault(network, address) is None
        if network not in ("sol", "xmr"):  # no check sum, or none that is looked at
            assert addresses.fault(network, wrong) is not None
        assert addresses.fault(network, address[: len(address) // 2]) is not None
        assert addresses.fault(network, address + "0") is not None

    @pytest.mark.parametrize("network", addresses.FAULTS)
    def test_an_address_of_another_network_is_none(self, network: str) -> None:
        every = {"eth": WALLET, **BY_NETWORK}

        for other, address in every.items():
            assert (addresses.fault(network, address) is None) == (other == network)

    @pytest.mark.parametrize("address", ["", "0x", "bc1", "bc1q", "1", "r", "T", "4", "é" * 34])
    @pytest.mark.parametrize("network", addresses.FAULTS)
    def test_what_is_no_address_at_all_is_an_answer_too(self, network: str, address: str) -> None:
        assert addresses.fault(network, address) is not None

    def test_an_unknown_network_is_a_bad_request_and_a_wrong_address_is_not(self) -> None:
        service = a_front()
        route = "/v2/validate/address"
        unknown = ask(service, "GET", f"{route}?currency=doge&address={BITCOIN}")
        missing = ask(service, "GET", f"{route}?currency=btc")
        wrong = ask(service, "GET", f"{route}?currency=trx&address={BITCOIN}")
        right = ask(service, "GET", f"{route}?currency=trx&address={TRON}")

        assert [unknown[0], missing[0]] == [400, 400]
        assert unknown[1]["error"] == "not_valid_params"
        assert wrong == (
            200,
            {"result": False, "message": "Invalid address", "isActivated": None},
        )
        assert right == (200, {"result": True, "message": None, "isActivated": None})

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"address": LITECOIN}, "not_valid_address"),
            ({"address": WALLET}, "not_valid_address"),
            ({"refundAddress": BITCOIN}, "not_valid_refund_address"),
        ],
    )
    def test_each_side_wants_an_address_of_its_own_network(
        self, changes: dict[str, str], error: str
    ) -> None:
        status, body = ask(a_front(), "POST", "/v2/exchange", order(USDT, BTC, **changes))

        assert (status, body["error"]) == (400, error)

    def test_an_address_can_be_scripted_to_be_refused(self) -> None:
        service = a_front()
        target = f"/v2/validate/address?currency=btc&address={BITCOIN}"
        scripted = {"kind": "address", "address": BITCOIN, "message": "Sanctioned"}
        ask(service, "POST", "/_control/faults", scripted)

        assert ask(service, "GET", target)[1]["message"] == "Sanctioned"
        refused = ask(service, "POST", "/v2/exchange", order(USDT, BTC))[1]
        assert (refused["error"], refused["message"]) == ("not_valid_address", "Sanctioned")
        ask(service, "POST", "/_control/faults", {**scripted, "valid": True})
        assert ask(service, "GET", target)[1]["result"] is True
        ask(service, "POST", "/_control/faults", scripted)
        ask(service, "DELETE", "/_control/faults")
        assert ask(service, "GET", target)[1]["result"] is True


class TestPaymentsAbroad:
    @pytest.mark.parametrize("currency", FOREIGN, ids=lambda one: one.label)
    def test_every_payment_has_a_hash_of_its_networks_shape(self, currency: Currency) -> None:
        chains = ForeignChains()
        fields: dict[str, Any] = {"currency": currency, "extra_id": None, "amount": Decimal(1)}
        hashes = [chains.pay(exchange_id="a", address="b", **fields) for _ in range(3)]

        assert len(set(hashes)) == 3
        assert all(re.fullmatch(HASHES[currency.network], one) for one in hashes)
        assert [chains.depth(one) for one in [*hashes, "", "nothing"]] == [*[DEPTH] * 3, None, None]

    def test_every_currency_is_listed_with_its_names(self) -> None:
        _, listed = ask(a_front(), "GET", "/v2/exchange/currencies")

        assert [(row["ticker"], row["network"]) for row in listed] == [
            currency.key for currency in CURRENCIES
        ]
        assert {row["legacyTicker"] for row in listed if row["sell"]} == {"eth", "usdterc20"}
