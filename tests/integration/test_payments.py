"""How payments wait, are told apart and are claimed."""

from dataclasses import replace

from microbatch.conversion.model import Wait, WaitReason
from microbatch.messages import PaymentReceived
from microbatch.money import Wei
from tests.fakes.pipeline import ETH, Pipeline


def test_an_instant_clients_payment_waits_in_a_state_of_its_own(pipeline: Pipeline) -> None:
    pipeline.client("instant_one", strategy="instant", address_state="unverified")
    pipeline.payment("instant_one", "0.5")
    pipeline.run()
    assert pipeline.rows("SELECT state FROM payments") == [{"state": "waiting_instant"}]
    assert pipeline.check().decision == Wait(WaitReason.NOTHING_PENDING)


def test_the_cap_in_wei_leaves_later_payments_for_the_next_batch(pipeline: Pipeline) -> None:
    pipeline.conversion_policy = replace(pipeline.conversion_policy, max_wei=Wei(2 * ETH))
    for eth in ("1.5", "1.5", "0.1"):
        pipeline.payment("7", eth)
    pipeline.run()
    assert pipeline.check().claimed.payments_count == 1
    assert pipeline.check().claimed.payments_count == 2


def test_a_second_notification_of_a_held_payment_is_a_conflict(pipeline: Pipeline) -> None:
    pipeline.payment("unknown", "0.01", payment_id="555")
    pipeline.payment("7", "9.99", payment_id="555")
    pipeline.run()
    held = pipeline.rows("SELECT reason FROM held_payments ORDER BY held_id")
    assert [row["reason"] for row in held] == ["unknown_client", "conflict"]
    assert pipeline.rows("SELECT * FROM payments WHERE payment_id = '555'") == []


def test_the_same_amount_written_otherwise_is_a_duplicate(pipeline: Pipeline) -> None:
    first: PaymentReceived = pipeline.payment("7", "0.004")
    pipeline.payment("7", "0.0040", payment_id=first.payment_id)
    pipeline.run()
    assert pipeline.rows("SELECT * FROM held_payments") == []
