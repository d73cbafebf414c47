"""Held payments: a person says whether each counts, once, and what nobody can vouch for stays."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from microbatch.errors import InvalidInput
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import ETH, Pipeline
from tests.integration.paying import CLIENT, one, operate, states

HELD = "SELECT * FROM held_payments ORDER BY held_id"
PAYMENT = "SELECT * FROM payments"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """A client, fresh observations; at the end the books are right."""
    pipeline = Pipeline(database)
    pipeline.client("7", threshold_usd=1000)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def held(pipeline: Pipeline, client_id: str = "7", eth: str = "0.02", **fields: Any) -> str:
    """A payment that is held; its id."""
    message = pipeline.payment(client_id, eth, **fields)
    pipeline.run()
    return message.payment_id


def unchanged(pipeline: Pipeline) -> Any:
    """What no refused act may change."""
    tables = ("held_payments", "payments", "operator_acts", "payouts")
    return [pipeline.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def pause(pipeline: Pipeline) -> None:
    pipeline.operate("clients pause", client_id="7")


# --- what a person can vouch for ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "fields", "said", "wei"),
    [
        ("redeposit", {"parent_payment_id": "1"}, {}, ETH // 50),
        ("implausible_amount", {"eth": "11"}, {}, 11 * ETH),
        ("implausible_amount", {"invoice_usd": "1"}, {}, ETH // 50),
        ("implausible_amount", {"eth": "0"}, {"received_eth": "0.5"}, ETH // 2),
        ("implausible_amount", {"eth": "NaN"}, {"received_eth": "0.5"}, ETH // 2),
        ("amount_unknown", {"eth": ""}, {"received_eth": "0.000000000000000007"}, 7),
        ("client_paused", {}, {}, ETH // 50),
        ("ingress_paused", {}, {}, ETH // 50),
    ],
)
def test_a_held_payment_is_credited_as_any_other_once_a_person_vouches_for_it(
    pipeline: Pipeline, reason: str, fields: dict[str, str], said: dict[str, str], wei: int
) -> None:
    if reason == "client_paused":
        pause(pipeline)
    if reason == "ingress_paused":
        pipeline.operate("pause", part="ingress")
    payment_id, arrived = held(pipeline, **fields), pipeline.now
    assert one(pipeline, HELD)["reason"] == reason
    pipeline.now += timedelta(hours=1)

    answer = operate(pipeline, "accept", payment_id=payment_id, why="it is ours", **said)

    payment, row = one(pipeline, PAYMENT), one(pipeline, HELD)
    assert int(payment["received_wei"]) == wei
    assert int(payment["fee_wei"]) == wei * 3 // 100
    assert payment["received_at"] == arrived, "it waits for its conversion since it arrived"
    assert (payment["state"], payment["fingerprint"]) == ("pending", row["fingerprint"])
    assert (row["state"], row["decided_by"], row["decided_why"]) == ("accepted", "me", "it is ours")
    assert row["decided_at"] == pipeline.now
    assert (row["named_wei"] is None) == (not said)
    assert answer["changed"] is True
    assert answer["sent"] == {"events": 1}
    assert (answer["before"]["state"], answer["after"]["state"]) == ("held", "accepted")
    assert answer["after"]["received_eth"] == said.get("received_eth")
    (event,) = [each for each in pipeline.told if each.name == "payment.accumulated"]
    assert event.occurred_at == pipeline.now.isoformat()


def test_an_accepted_payment_is_converted_with_the_others(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, parent_payment_id="1", eth="0.05")
    operate(pipeline, "accept", payment_id=payment_id)
    pipeline.observe()
    pipeline.check()
    pipeline.run()
    assert states(pipeline) == ["converted"]


def test_an_accepted_instant_payment_is_paid_at_once(pipeline: Pipeline) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth")
    payment_id = held(pipeline, "8", "0.05", parent_payment_id="1")
    answer = operate(pipeline, "accept", payment_id=payment_id)
    assert answer["sent"] == {"events": 1, "hostpay-trigger": 1}
    assert states(pipeline) == ["paid"]
    assert pipeline.chain.received_wei(CLIENT) == ETH // 20 * 97 // 100


def test_a_payment_of_nobody_counts_once_its_client_is_registered(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, "8")
    with pytest.raises(InvalidInput, match=r"no client '8' is .*clients add"):
        pipeline.operate("accept", payment_id=payment_id)
    pipeline.client("8")
    pipeline.operate("accept", payment_id=payment_id)
    assert one(pipeline, PAYMENT)["client_id"] == "8"


def test_what_nobody_has_seen_yet_is_held_for_that_and_told(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, "8", "0.5", parent_payment_id="1", invoice_usd="1")
    pipeline.client("8")
    seen = []
    for _ in range(3):
        answer = operate(pipeline, "accept", payment_id=payment_id)
        seen.append((answer["after"]["state"], answer["after"]["reason"], answer["changed"]))
    assert seen == [
        ("held", "redeposit", True),
        ("held", "implausible_amount", True),
        ("accepted", "implausible_amount", True),
    ]
    reasons = [each.detail for each in pipeline.told if each.name == "payment.held"]
    assert len(reasons) == 3
    assert len({each.event_id for each in pipeline.told}) == 4
    assert len(pipeline.rows("SELECT 1 FROM operator_acts WHERE act = 'accept'")) == 3


# --- what nobody can vouch for --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said", "what"),
    [
        ({"received_currency": "usdt"}, {}, "only eth on eth is credited"),
        ({"problem": "body is not JSON"}, {}, "have the sender send it again"),
        ({"eth": ""}, {}, "received_eth is missing"),
        ({"eth": ""}, {"received_eth": "0"}, "must be above zero"),
        ({"eth": ""}, {"received_eth": "-1"}, "received_eth"),
        ({"eth": ""}, {"received_eth": "1e3"}, "received_eth"),
        ({"eth": ""}, {"received_eth": "1.0000000000000000001"}, "received_eth"),
        ({"eth": ""}, {"received_eth": 1}, "in quotes"),
        ({"eth": "0"}, {}, "say what has arrived as received_eth"),
        ({"eth": ""}, {"received_eth": "1000000001"}, "more than there is"),
        ({"parent_payment_id": "1"}, {"received_eth": "1"}, "is held for redeposit"),
    ],
)
def test_what_cannot_be_credited_is_refused_and_nothing_changes(
    pipeline: Pipeline, fields: dict[str, Any], said: dict[str, Any], what: str
) -> None:
    payment_id = held(pipeline, **fields)
    before = unchanged(pipeline)
    with pytest.raises(InvalidInput, match=what):
        pipeline.operate("accept", payment_id=payment_id, **said)
    assert unchanged(pipeline) == before
    assert pipeline.rows(PAYMENT) == []


def test_an_amount_that_a_person_names_is_looked_at_as_any_other(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, eth="")
    answer = pipeline.operate("accept", payment_id=payment_id, received_eth="11")
    assert (answer["after"]["state"], answer["after"]["reason"]) == ("held", "implausible_amount")
    with pytest.raises(InvalidInput, match="received_eth is missing"):
        pipeline.operate("accept", payment_id=payment_id)
    pipeline.operate("accept", payment_id=payment_id, received_eth="11")
    assert int(one(pipeline, PAYMENT)["received_wei"]) == 11 * ETH


@pytest.mark.parametrize("act", ["accept", "reject"])
def test_what_is_not_held_is_named(pipeline: Pipeline, act: str) -> None:
    credited = held(pipeline)
    with pytest.raises(InvalidInput, match="is credited already, and was never held"):
        pipeline.operate(act, payment_id=credited)
    with pytest.raises(InvalidInput, match="payment 17 is not known"):
        pipeline.operate(act, payment_id="17")
    for fields in ({}, {"payment_id": ""}, {"payment_id": credited, "fingerprint": "XY"}):
        with pytest.raises(InvalidInput):
            pipeline.operate(act, **fields)


# --- several versions -----------------------------------------------------------------------------


def fingerprints(pipeline: Pipeline) -> list[str]:
    return [bytes(row["fingerprint"]).hex() for row in pipeline.rows(HELD)]


def test_an_id_that_is_booked_is_never_credited_again(pipeline: Pipeline) -> None:
    payment_id = held(pipeline)
    held(pipeline, eth="0.03", payment_id=payment_id)
    assert one(pipeline, HELD)["reason"] == "conflict"
    with pytest.raises(InvalidInput, match="credited in another version"):
        pipeline.operate("accept", payment_id=payment_id)
    assert pipeline.operate("reject", payment_id=payment_id)["changed"] is True
    assert int(one(pipeline, PAYMENT)["received_wei"]) == ETH // 50


def test_of_several_versions_the_fingerprint_says_which(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, parent_payment_id="1")
    held(pipeline, eth="0.03", payment_id=payment_id)
    first, second = fingerprints(pipeline)
    with pytest.raises(InvalidInput, match="2 versions") as refused:
        pipeline.operate("accept", payment_id=payment_id)
    assert first[:16] in str(refused.value)
    assert second[:16] in str(refused.value)

    answer = pipeline.operate("accept", payment_id=payment_id, fingerprint=second[:12])

    assert answer["after"]["fingerprint"] == second
    assert int(one(pipeline, PAYMENT)["received_wei"]) == 3 * ETH // 100
    with pytest.raises(InvalidInput, match="credited in another version"):
        pipeline.operate("accept", payment_id=payment_id, fingerprint=first)
    assert pipeline.operate("reject", payment_id=payment_id)["after"]["fingerprint"] == first


def test_a_fingerprint_of_none_of_them_is_refused(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, parent_payment_id="1")
    with pytest.raises(InvalidInput, match="by its fingerprint"):
        pipeline.operate("accept", payment_id=payment_id, fingerprint="00")
