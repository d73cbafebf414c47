"""Doors that no queue triggers: schedules, the operator, health, the migrator."""

import json
from typing import Any

import pytest

from microbatch import messages
from microbatch.wiring import MIGRATIONS
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import NOWHERE, Doors, everything

WALLET = "0x52908400098527886E0F7030069857D2E4169EE7"
ADD = {
    "act": "clients add",
    "client_id": "-100",
    "wallet_address": WALLET,
    "payout_currency": "usdt",
    "payout_network": "eth",
    "payout_strategy": "threshold",
    "payout_threshold_usd": "50",
    "who": "me",
    "why": "a new customer",
}


def test_the_threshold_check_opens_a_batch_and_has_its_exchange_made(
    doors: Doors, pipeline: Pipeline
) -> None:
    pipeline.payment("7", "0.02")
    pipeline.run()

    summary = doors.invoke("threshold_check")

    assert (summary["decision"], summary["reason"]) == ("open", "threshold")
    assert (summary["payments_count"], summary["claimed_wei"]) == (1, str(194 * 10**14))
    assert doors.counts() == {"swap-create": 1, "events": 1}
    (request,) = doors.waiting("swap-create")
    assert isinstance(request, messages.ExchangeRequested)
    assert request.from_amount == "0.0194"
    assert request.refund_address == pipeline.wallet


def test_the_threshold_check_says_why_it_waits(doors: Doors, pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.002")
    pipeline.run()
    payments = pipeline.rows("SELECT * FROM payments")

    summary = doors.invoke("threshold_check")

    assert (summary["decision"], summary["reason"]) == ("wait", "below_threshold")
    assert doors.counts() == {}
    assert pipeline.rows("SELECT * FROM payments") == payments


def test_the_payout_scheduler_orders_what_is_due_once(doors: Doors, pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.05")
    pipeline.client("8", strategy="instant", wants="btc/btc", address_state="unverified")
    pipeline.payment("8", "0.05")
    pipeline.run()
    pipeline.check()
    pipeline.run()
    pipeline.rows("UPDATE clients SET address_state = 'verified' RETURNING 1")

    first, second = doors.invoke("payout_scheduler"), doors.invoke("payout_scheduler")

    assert (first, second) == ({"clients": 1, "payments": 1}, {"clients": 0, "payments": 0})
    assert doors.counts() == {"hostpay-trigger": 1, "swap-quote": 1}
    (order,) = doors.waiting("hostpay-trigger")
    assert isinstance(order, messages.HostPayOrder)
    assert (order.from_currency, order.from_amount) == ("usdt", 96.03)
    states = pipeline.rows("SELECT state FROM payments ORDER BY payment_id")
    assert [row["state"] for row in states] == ["in_payout", "in_payout"]


def test_an_address_is_changed_with_all_that_is_sent_of_it(
    doors: Doors, pipeline: Pipeline
) -> None:
    change = {"act": "clients address", "client_id": "7", "who": "me", "why": "she wrote"}

    abroad = {"wallet_address": "bc1qclient0", "payout_currency": "btc", "payout_network": "btc"}
    changed = doors.invoke("operations", change | abroad)
    shown = doors.invoke("operations", {"act": "clients show", "client_id": "7"})

    assert (changed["ok"], changed["result"]["changed"]) == (True, True)
    assert doors.counts() == {"events": 1, "swap-quote": 1}
    assert shown["result"]["client"]["address_state"] == "unverified"
    json.dumps(shown)  # it is an answer to an invocation
    told = pipeline.rows("SELECT announced_at IS NOT NULL AS told FROM address_changes")
    assert told == [{"told": True}]


def test_an_act_whose_messages_cannot_leave_is_done_and_says_what_becomes_of_them(
    doors: Doors, pipeline: Pipeline
) -> None:
    """Said to have failed, it would be said again, or believed undone."""
    doors.drop_queue("swap-quote")
    change = {"act": "clients address", "client_id": "7", "who": "me", "why": "she wrote"}
    abroad = {"wallet_address": "bc1qclient0", "payout_currency": "btc", "payout_network": "btc"}

    changed = doors.invoke("operations", change | abroad)

    assert (changed["ok"], changed["result"]["changed"]) == (True, True)
    assert changed["result"]["sent"] == {}
    assert "the reconciler sends them" in changed["result"]["not_sent"]
    (client,) = pipeline.rows("SELECT wallet_address, payout_currency FROM clients")
    assert client == {"wallet_address": "bc1qclient0", "payout_currency": "btc"}
    (act,) = pipeline.rows("SELECT act, why FROM operator_acts")
    assert act == {"act": "clients address", "why": "she wrote"}


def test_the_reconciler_asks_for_observations_once_a_period(
    doors: Doors, pipeline: Pipeline
) -> None:
    with pipeline.database.transaction() as tx:
        tx.execute("DELETE FROM observation_requests")

    first, second = doors.invoke("reconciler"), doors.invoke("reconciler")

    assert first["sent"] == dict.fromkeys(first["sent"], 0) | {"observations": 2}
    assert second["sent"] == dict.fromkeys(first["sent"], 0)
    assert doors.counts() == {"chain-requests": 1, "swap-quote": 1}


def test_the_operator_adds_pauses_and_resumes_a_client(doors: Doors, pipeline: Pipeline) -> None:
    by = {"client_id": "-100", "who": "me", "why": "because"}

    added = doors.invoke("operations", ADD)
    again = doors.invoke("operations", ADD)
    paused = doors.invoke("operations", {"act": "clients pause", **by})
    resumed = doors.invoke("operations", {"act": "clients resume", **by})

    assert (added["ok"], added["result"]["changed"]) == (True, True)
    assert (again["ok"], again["result"]["changed"]) == (True, False)
    assert paused["result"]["after"]["paused"] is True
    assert resumed["result"]["after"]["paused"] is False
    acts = pipeline.rows("SELECT act, subject, who, why FROM operator_acts ORDER BY act_id")
    assert [(row["act"], row["subject"]) for row in acts] == [
        ("clients add", "-100"),
        ("clients pause", "-100"),
        ("clients resume", "-100"),
    ]
    assert (acts[0]["who"], acts[0]["why"]) == ("me", "a new customer")


def test_the_operator_sets_the_threshold(doors: Doors, pipeline: Pipeline) -> None:
    setting = {"act": "threshold set", "threshold_usd": "35.5", "who": "me", "why": "fees"}

    done = doors.invoke("operations", setting)

    assert done["ok"] is True
    assert done["result"] == {
        "changed": True, "before": "20.00", "after": "35.50", "threshold_usd": "35.50", "sent": {},
    }  # fmt: skip
    read = doors.invoke("operations", {"act": "threshold get"})
    assert read["result"] == {"threshold_usd": "35.50"}
    (act,) = pipeline.rows("SELECT before, after FROM operator_acts")
    assert act == {"before": "20.00", "after": "35.50"}


BAD_ACTS: list[tuple[str, dict[str, Any]]] = [
    ("act", {}),
    ("act", {"act": "clients delete"}),
    ("client_id", ADD | {"client_id": "a b"}),
    ("client_id", {"act": "clients pause", "client_id": 7, "who": "me", "why": "x"}),
    ("nobody", {"act": "clients pause", "client_id": "nobody", "who": "me", "why": "x"}),
    ("other particulars", ADD | {"client_id": "7"}),
    ("wallet_address", ADD | {"wallet_address": WALLET[:-1]}),
    ("wallet_address", ADD | {"wallet_address": WALLET.lower()}),
    ("wallet_address", ADD | {"wallet_address": "0x" + "0" * 40}),
    ("payout_strategy", ADD | {"payout_strategy": "sometimes"}),
    ("payout_threshold_usd", ADD | {"payout_threshold_usd": "-1"}),
    ("payout_currency", {name: ADD[name] for name in ADD if name != "payout_currency"}),
    ("who", {name: ADD[name] for name in ADD if name != "who"}),
    ("why", ADD | {"why": ""}),
    ("threshold_usd", {"act": "threshold set", "who": "me", "why": "x"}),
    ("threshold_usd", {"act": "threshold set", "threshold_usd": "0", "who": "me", "why": "x"}),
    ("threshold_usd", {"act": "threshold set", "threshold_usd": "1e3", "who": "me", "why": "x"}),
    ("threshold_usd", {"act": "threshold set", "threshold_usd": 30, "who": "me", "why": "x"}),
    ("who", {"act": "threshold set", "threshold_usd": "30", "why": "x"}),
]


def test_an_act_that_cannot_be_right_names_the_field_and_changes_nothing(
    doors: Doors, pipeline: Pipeline
) -> None:
    before = everything(pipeline.database)
    for name, act in BAD_ACTS:
        answer = doors.invoke("operations", act)

        assert answer["ok"] is False, act
        assert name in answer["error"]
        assert everything(pipeline.database) == before, act


@pytest.mark.parametrize("address", ["wallet", "token"])
def test_a_client_is_never_one_of_our_own_addresses(
    doors: Doors, pipeline: Pipeline, address: str
) -> None:
    ours = pipeline.wallet if address == "wallet" else "0x" + "55" * 20

    answer = doors.invoke("operations", ADD | {"wallet_address": ours})

    assert answer["ok"] is False
    assert "wallet_address" in answer["error"]


def test_the_status_shows_every_queue_and_its_dead_letters(doors: Doors) -> None:
    doors.deliver("swap-create", "hello")

    status = doors.invoke("operations", {"act": "status"})["result"]

    assert set(status["queues"]) == set(messages.QUEUES)
    assert status["queues"]["swap-create"]["dead"] == 1
    assert status["threshold_usd"] == "20.00"
    json.dumps(status)  # it is an answer to an invocation


def test_health_reveals_nothing(doors: Doors) -> None:
    answer = doors.invoke("health")

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"status": "ok"}


@pytest.mark.parametrize("away", [("database",), ("queues",), ("database", "queues")])
def test_which_component_is_not_well_is_told_to_the_operator_alone(
    doors: Doors, away: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    if "database" in away:
        doors.set_secret("DATABASE_LEDGER", json.dumps(NOWHERE))
    if "queues" in away:
        doors.drop_queue("payments")

    answer = doors.invoke("health")
    logged = [vars(each)["component"] for each in caplog.records if each.msg == "probe_failed"]
    status = doors.invoke("operations", {"act": "status"})

    assert (answer["statusCode"], json.loads(answer["body"])) == (503, {"status": "unavailable"})
    assert logged == list(away)
    assert status == {
        "ok": False,
        "error": f"not available: {', '.join(away)}; the log of operations says why",
    }


def test_the_migrator_brings_an_empty_database_up_to_date_once(
    doors: Doors, pipeline: Pipeline
) -> None:
    with pipeline.database.transaction() as tx:
        tx.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    first, second = doors.invoke("migrator"), doors.invoke("migrator")

    assert first == {"applied": sorted(path.name for path in MIGRATIONS.glob("*.sql"))}
    assert second == {"applied": []}
    assert pipeline.rows("SELECT value FROM settings") == [{"value": "20.00"}]
