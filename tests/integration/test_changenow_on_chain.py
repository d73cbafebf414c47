"""The ChangeNOW simulator as its own process on a real node: paid, seen, swapped, paid out."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from local.changenow.chain import TRANSFER_TOPIC, TREASURY_ADDRESS
from local.contracts import deploy
from tests.integration.changenow_process import PATIENCE_SECONDS, Simulator, fresh_address, running


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _nothing_scripted(simulator: Simulator) -> Iterator[None]:
    yield
    simulator.call("DELETE", "/_control/faults")


def test_contracts_stand_where_they_should_and_may_be_deployed_again(simulator: Simulator) -> None:
    contracts = deploy.deploy(simulator.rpc_url)

    assert contracts.usdt_address == deploy.USDT_ADDRESS
    assert contracts.price_feed_address == deploy.PRICE_FEED_ADDRESS


def test_a_paid_exchange_finishes_and_the_exact_usdt_is_on_chain(simulator: Simulator) -> None:
    wallet = fresh_address()
    created = simulator.create(wallet)
    assert simulator.status(created["id"])["status"] == "waiting"
    payin_hash = simulator.pay(created["payinAddress"], "0.05")

    body = simulator.until(created["id"], "finished")
    units = int(body["amountTo"].scaleb(6))
    assert body["payinHash"] == payin_hash
    assert body["amountFrom"] == Decimal("0.05")
    assert body["amountTo"] == created["toAmount"]
    assert deploy.usdt_balance(simulator.rpc_url, wallet) == units
    receipt = simulator.rpc.mined(body["payoutHash"])
    [log] = receipt["logs"]
    assert log["topics"][0] == TRANSFER_TOPIC
    assert log["topics"][1][-40:] == TREASURY_ADDRESS[2:].lower()
    assert log["topics"][2][-40:] == wallet[2:].lower()
    assert int(log["data"], 16) == units


def test_another_amount_than_announced_is_swapped_at_its_own_size(simulator: Simulator) -> None:
    wallet = fresh_address()
    created = simulator.create(wallet, "0.05")
    simulator.pay(created["payinAddress"], "0.100000000000000001")

    body = simulator.until(created["id"], "finished")
    assert body["amountFrom"] == Decimal("0.100000000000000001")
    assert body["amountTo"] > 2 * created["toAmount"]
    assert deploy.usdt_balance(simulator.rpc_url, wallet) == int(body["amountTo"].scaleb(6))


def test_paying_twice_shows_as_a_repeated_exchange_with_a_payout_of_its_own(
    simulator: Simulator,
) -> None:
    wallet = fresh_address()
    created = simulator.create(wallet)
    simulator.pay(created["payinAddress"], "0.05")
    first = simulator.until(created["id"], "finished")
    simulator.pay(created["payinAddress"], "0.05")

    deadline = time.monotonic() + PATIENCE_SECONDS
    while not simulator.status(created["id"])["repeatedExchangesInfo"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    [repeated] = simulator.status(created["id"])["repeatedExchangesInfo"]
    second = simulator.until(repeated["id"], "finished")
    paid = (first["amountTo"] + second["amountTo"]).scaleb(6)
    assert deploy.usdt_balance(simulator.rpc_url, wallet) == int(paid)
    assert simulator.status(created["id"])["payoutHash"] == first["payoutHash"]


def test_a_short_deposit_fails_and_can_be_refunded_on_chain(simulator: Simulator) -> None:
    wallet, refund = fresh_address(), fresh_address()
    created = simulator.create(wallet, refund=refund)
    simulator.pay(created["payinAddress"], "0.0002")
    failed = simulator.until(created["id"], "failed")
    assert failed["actionsAvailable"] is True
    assert failed["amountTo"] is None

    simulator.call("POST", "/v2/exchange/refund", json={"id": created["id"], "address": refund})
    body = simulator.until(created["id"], "refunded")
    assert body["refundAmount"] == Decimal("0.0002") - Decimal("0.0000315")
    simulator.rpc.mined(body["refundHash"])
    wei = int(simulator.rpc.call("eth_getBalance", refund, "latest"), 16)
    assert wei == int(body["refundAmount"].scaleb(18))
    assert deploy.usdt_balance(simulator.rpc_url, wallet) == 0


def test_a_scripted_refund_returns_real_ether(simulator: Simulator) -> None:
    refund = fresh_address()
    simulator.script(kind="outcome", outcome="refunded")
    created = simulator.create(fresh_address(), refund=refund)
    simulator.pay(created["payinAddress"], "0.05")

    body = simulator.until(created["id"], "refunded")
    wei = int(simulator.rpc.call("eth_getBalance", refund, "latest"), 16)
    assert wei == int(body["refundAmount"].scaleb(18)) > 0
    assert body["payoutHash"] is None


def test_a_verifying_hold_lasts_until_it_is_lifted(simulator: Simulator) -> None:
    simulator.script(kind="outcome", outcome="verifying")
    created = simulator.create(fresh_address())
    simulator.pay(created["payinAddress"], "0.05")
    simulator.until(created["id"], "verifying")
    time.sleep(1)
    assert simulator.status(created["id"])["status"] == "verifying"

    simulator.script(kind="outcome", outcome="finished", id=created["id"])
    assert simulator.until(created["id"], "finished")["amountTo"] == created["toAmount"]


def test_the_price_follows_the_feed(simulator: Simulator) -> None:
    before = simulator.create(fresh_address())
    deploy.set_price(simulator.rpc_url, Decimal(4000))
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while simulator.call("GET", "/_control/health")["eth_usd"] != 4000:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert simulator.create(fresh_address())["toAmount"] > Decimal("1.9") * before["toAmount"]
    finally:
        deploy.set_price(simulator.rpc_url, deploy.DEFAULT_ETH_USD)


def test_a_paused_usdt_delays_the_payout_and_loses_nothing(simulator: Simulator) -> None:
    wallet = fresh_address()
    owner = {"from": deploy.DEPLOYER_ADDRESS, "to": deploy.USDT_ADDRESS}
    created = simulator.create(wallet)
    simulator.rpc.mined(simulator.rpc.send({**owner, "data": deploy.call_data("pause()")}))
    simulator.pay(created["payinAddress"], "0.05")
    try:
        simulator.until(created["id"], "sending")
        time.sleep(1)
        assert simulator.status(created["id"])["payoutHash"] is None
    finally:
        simulator.rpc.mined(simulator.rpc.send({**owner, "data": deploy.call_data("unpause()")}))

    body = simulator.until(created["id"], "finished")
    assert deploy.usdt_balance(simulator.rpc_url, wallet) == int(body["amountTo"].scaleb(6))


def test_a_payout_lost_in_a_reorganisation_is_made_again(simulator: Simulator) -> None:
    wallet = fresh_address()
    created = simulator.create(wallet)
    snapshot = simulator.rpc.call("evm_snapshot")
    simulator.pay(created["payinAddress"], "0.05")
    body = simulator.until(created["id"], "finished")

    simulator.rpc.call("evm_revert", snapshot)
    assert deploy.usdt_balance(simulator.rpc_url, wallet) == 0
    simulator.rpc.call("anvil_mine", "0x3")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while deploy.usdt_balance(simulator.rpc_url, wallet) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert simulator.status(created["id"])["status"] == "finished"
    assert deploy.usdt_balance(simulator.rpc_url, wallet) == int(body["amountTo"].scaleb(6))


def test_a_deposit_lost_in_a_reorganisation_takes_the_exchange_back_to_waiting() -> None:
    wallet = fresh_address()
    with running("--confirmations", "3") as simulator:
        created = simulator.create(wallet)
        snapshot = simulator.rpc.call("evm_snapshot")
        simulator.pay(created["payinAddress"], "0.05")
        assert simulator.until(created["id"], "confirming")["amountFrom"] == Decimal("0.05")

        simulator.rpc.call("evm_revert", snapshot)
        body = simulator.until(created["id"], "waiting")
        assert (body["payinHash"], body["amountFrom"]) == (None, None)

        simulator.pay(created["payinAddress"], "0.05")
        simulator.until(created["id"], "confirming")
        simulator.rpc.call("anvil_mine", "0x2")
        body = simulator.until(created["id"], "finished")
        assert body["repeatedExchangesInfo"] == []
        assert deploy.usdt_balance(simulator.rpc_url, wallet) == int(body["amountTo"].scaleb(6))
