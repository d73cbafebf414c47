"""The demo's day on a stack of its own, and the next batch after it."""

from dataclasses import replace

import pytest

from local import accounts, verdict
from local.day import ABROAD, ETHER, SAVER, WALLETS
from tests.e2e.conftest import Day
from tests.e2e.exactness import assert_converted
from tests.e2e.world import World


def test_everything_about_the_demos_day_holds(day: Day) -> None:
    assert [finding for finding in day.findings if not finding.holds] == []
    assert len({finding.what for finding in day.findings}) > 25


def test_the_verdict_covers_what_clients_were_paid(day: Day) -> None:
    found = {finding.what: finding.found for finding in day.findings}
    states = day.demo.expected.payments
    saved = day.demo.customer.one(
        "SELECT amount_units FROM payouts WHERE client_id = %(id)s ORDER BY created_at LIMIT 1",
        id=SAVER,
    )["amount_units"]

    assert found[f"USDT that {SAVER} holds = Σ its paid shares"] == str(saved)
    assert found[f"paid on chain for {SAVER}"] == f"{saved} micro-USDT to {WALLETS[SAVER].lower()}"
    assert found["USDT that left the wallet = Σ payouts"] == str(saved)
    ether = 6_499_000_000_000_000  # 0.0067 less 3 percent
    assert found[f"wei that {ETHER} holds = Σ its payments, net"] == str(ether)
    assert found[f"paid on chain for {ETHER}"] == f"{ether} wei to {WALLETS[ETHER].lower()}"
    assert found[f"paid on chain for {ABROAD}"].startswith("12707000000000000 wei to 0x")
    abroad = found["paid abroad by the exchange, once"]
    assert f" xmr/xmr to {WALLETS[ABROAD]} in " in abroad
    assert abroad.count(" to ") == 1
    assert found["payout.completed told, once for each"].count(", ") == 2
    assert found["transactions of the wallet on chain"] == "4"
    assert sorted(states.values()) == ["converted"] * 8 + ["paid"] * 4


def test_the_verdict_sees_what_is_not_as_it_should_be(day: Day) -> None:
    customer, expected = day.demo.customer, day.demo.expected
    too_little = {**expected.received_wei, SAVER: expected.received_wei[SAVER] - 1}

    findings = accounts.judge(customer, replace(expected, received_wei=too_little, told=[]))

    wrong = {finding.what for finding in findings if not finding.holds}
    assert wrong >= {"received by each client, in wei", "payout.completed told, once for each"}


def test_the_sender_was_told_what_it_should_be(day: Day) -> None:
    told = {(one["what"], one["status"], one["expected_status"]) for one in day.demo.deliveries}
    assert [one for one in told if one[1] != one[2]] == []
    assert {200, 400, 401} == {status for _, status, _ in told}


@pytest.mark.usefixtures("tidy")
def test_a_second_batch_works_after_the_first(world: World) -> None:
    before, books = verdict.wallet_on_chain(world), _finished(world)
    ids = world.pay("0.0071", "0.000000000000000001", "0.013333333333333")

    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)

    assert before.nonce >= 1
    assert_converted(world, before, batch_id, ids)
    assert _finished(world).items() >= books.items()


def _finished(world: World) -> dict[str, str]:
    rows = world.rows("SELECT payment_id, payments::text AS row FROM payments")
    return {row["payment_id"]: row["row"] for row in rows}
