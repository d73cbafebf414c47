"""The ChangeNOW simulator on a real node: USDT paid in, other currencies paid out."""

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from local.changenow.chain import TREASURY_ADDRESS
from local.contracts import deploy
from microbatch.vendors.changenow import AddressVerdict, ChangeNow, ExchangeError, Pair
from tests.integration.changenow_process import KEY, PAYER, Simulator, fresh_address, running
from tests.unit.changenow_wallets import BITCOIN, RIPPLE, SOLANA, TRON

USDT = {"fromCurrency": "usdt", "fromNetwork": "eth"}
TO_BITCOIN = {"toCurrency": "btc", "toNetwork": "btc"}
TO_RIPPLE = {"toCurrency": "xrp", "toNetwork": "xrp", "extraId": "0077"}
TO_ETHER = {"toCurrency": "eth", "toNetwork": "eth"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _nothing_scripted(simulator: Simulator) -> Iterator[None]:
    yield
    simulator.call("DELETE", "/_control/faults")


def wei_of(simulator: Simulator, address: str) -> int:
    return int(simulator.rpc.call("eth_getBalance", address, "latest"), 16)


def test_a_deposit_of_usdt_becomes_ether_on_chain(simulator: Simulator) -> None:
    client = fresh_address()
    created = simulator.create(client, "100", **USDT, **TO_ETHER)
    payin_hash = simulator.pay_usdt(created["payinAddress"], "100")

    body = simulator.until(created["id"], "finished")
    assert (body["payinHash"], body["amountFrom"]) == (payin_hash, 100)
    assert body["amountTo"] == created["toAmount"] > 0
    assert wei_of(simulator, client) == int(body["amountTo"].scaleb(18))
    transaction = simulator.rpc.call("eth_getTransactionByHash", body["payoutHash"])
    assert transaction["from"].lower() == TREASURY_ADDRESS.lower()
    assert simulator.paid_abroad(created["id"]) == []


def test_a_deposit_of_usdt_is_paid_abroad_once_with_its_memo(simulator: Simulator) -> None:
    created = simulator.create(RIPPLE, "100", **USDT, **TO_RIPPLE)
    simulator.pay_usdt(created["payinAddress"], "100")

    body = simulator.until(created["id"], "finished")
    time.sleep(0.5)
    simulator.rpc.call("anvil_mine", "0x2")
    time.sleep(0.5)
    assert simulator.paid_abroad(created["id"]) == [
        {
            "exchangeId": created["id"],
            "hash": body["payoutHash"],
            "currency": "xrp",
            "network": "xrp",
            "address": RIPPLE,
            "extraId": "0077",
            "amount": body["amountTo"],
        }
    ]
    assert body["payoutExtraId"] == created["payoutExtraId"] == "0077"
    assert body["amountTo"] == created["toAmount"]


@pytest.mark.parametrize(
    ("currency", "network", "address"),
    [("btc", "btc", BITCOIN), ("usdt", "trx", TRON), ("sol", "sol", SOLANA)],
)
def test_a_deposit_of_ether_is_paid_abroad(
    simulator: Simulator, currency: str, network: str, address: str
) -> None:
    created = simulator.create(address, toCurrency=currency, toNetwork=network)
    simulator.pay(created["payinAddress"], "0.05")

    body = simulator.until(created["id"], "finished")
    [paid] = simulator.paid_abroad(created["id"])
    assert (paid["hash"], paid["amount"]) == (body["payoutHash"], body["amountTo"])
    assert (paid["currency"], paid["network"], paid["address"]) == (currency, network, address)
    assert paid["extraId"] is None


def test_a_scripted_refund_returns_real_usdt(simulator: Simulator) -> None:
    refund = fresh_address()
    simulator.script(kind="outcome", outcome="refunded")
    created = simulator.create(BITCOIN, "100", refund, **USDT, **TO_BITCOIN)
    simulator.pay_usdt(created["payinAddress"], "100")

    body = simulator.until(created["id"], "refunded")
    units = deploy.usdt_balance(simulator.rpc_url, refund)
    assert units == int(body["refundAmount"].scaleb(6))
    assert 99_000_000 < units < 100_000_000
    [log] = simulator.rpc.mined(body["refundHash"])["logs"]
    assert log["topics"][2][-40:] == refund[2:].lower()
    assert body["payoutHash"] is None
    assert simulator.paid_abroad(created["id"]) == []


def test_too_little_usdt_fails_and_can_be_asked_back(simulator: Simulator) -> None:
    refund = fresh_address()
    created = simulator.create(BITCOIN, "100", refund, **USDT, **TO_BITCOIN)
    simulator.script(kind="minimum", minimum="500", **{"from": "usdt/eth", "to": "btc/btc"})
    simulator.pay_usdt(created["payinAddress"], "100")
    assert simulator.until(created["id"], "failed")["actionsAvailable"] is True

    simulator.call("POST", "/v2/exchange/refund", json={"id": created["id"]})
    body = simulator.until(created["id"], "refunded")
    assert deploy.usdt_balance(simulator.rpc_url, refund) == int(body["refundAmount"].scaleb(6))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ({"outcome": "failed"}, "failed"),
        ({"outcome": "expired"}, "expired"),
        ({"outcome": "verifying"}, "verifying"),
        ({"outcome": "unknown_status", "status": "hold"}, "hold"),
    ],
)
def test_what_does_not_finish_pays_nobody(
    simulator: Simulator, outcome: dict[str, Any], status: str
) -> None:
    simulator.script(kind="outcome", **outcome)
    created = simulator.create(BITCOIN, "100", **USDT, **TO_BITCOIN)
    if status != "expired":
        simulator.pay_usdt(created["payinAddress"], "100")

    simulator.until(created["id"], status)
    time.sleep(1)
    assert simulator.status(created["id"])["status"] == status
    assert simulator.paid_abroad(created["id"]) == []


def test_a_finish_may_lie_about_what_is_paid_abroad(simulator: Simulator) -> None:
    simulator.script(kind="outcome", outcome="amount_lie", amount_to="7")
    created = simulator.create(BITCOIN, "100", **USDT, **TO_BITCOIN)
    simulator.pay_usdt(created["payinAddress"], "100")

    body = simulator.until(created["id"], "finished")
    [paid] = simulator.paid_abroad(created["id"])
    assert (body["amountTo"], paid["amount"]) == (Decimal(7), created["toAmount"])


def test_ether_where_usdt_was_expected_stays_a_related_exchange(simulator: Simulator) -> None:
    created = simulator.create(BITCOIN, "100", **USDT, **TO_BITCOIN)
    simulator.pay(created["payinAddress"], "0.05")
    simulator.pay_usdt(created["payinAddress"], "100")

    body = simulator.until(created["id"], "finished")
    [related] = body["relatedExchangesInfo"]
    assert (related["fromCurrency"], related["status"]) == ("eth", "failed")
    assert len(simulator.paid_abroad(created["id"])) == 1
    assert simulator.paid_abroad(related["id"]) == []


def test_the_production_client_and_the_simulator_understand_each_other(
    simulator: Simulator,
) -> None:
    pair = Pair(from_currency="usdt", from_network="eth", to_currency="xrp", to_network="xrp")
    with requests.Session() as session:
        changenow = ChangeNow(simulator.url, KEY, session)
        assert changenow.validate_address("xrp", RIPPLE) == AddressVerdict(True, "")
        assert changenow.validate_address("xrp", BITCOIN) == AddressVerdict(
            False, "Invalid address"
        )
        with pytest.raises(ExchangeError, match="not_valid_params"):
            changenow.validate_address("doge", BITCOIN)
        created = changenow.create(
            pair, amount="100", payout_address=RIPPLE, refund_address=PAYER, payout_extra_id="0077"
        )
        assert Decimal(changenow.estimate(pair, "100")) == Decimal(created.to_amount)
        simulator.pay_usdt(created.payin_address, "100")
        simulator.until(created.exchange_id, "finished")
        found = changenow.status(created.exchange_id)

    [paid] = simulator.paid_abroad(created.exchange_id)
    assert (found.from_currency, found.amount_from) == ("usdt", "100")
    assert (found.payout_hash, Decimal(found.amount_to)) == (paid["hash"], paid["amount"])
    assert paid["extraId"] == "0077"


def test_a_deposit_of_usdt_lost_in_a_reorganisation_pays_nobody() -> None:
    with running("--confirmations", "3") as simulator:
        created = simulator.create(BITCOIN, "100", **USDT, **TO_BITCOIN)
        snapshot = simulator.rpc.call("evm_snapshot")
        simulator.pay_usdt(created["payinAddress"], "100")
        assert simulator.until(created["id"], "confirming")["amountFrom"] == 100

        simulator.rpc.call("evm_revert", snapshot)
        simulator.until(created["id"], "waiting")
        assert simulator.paid_abroad(created["id"]) == []
