"""Payments in, batches, payouts and what a client has: the steps that tests of payouts share."""

from datetime import timedelta
from typing import Any

from microbatch.errors import RetryLater
from microbatch.vendors.changenow import ExchangeError
from tests.fakes.pipeline import Pipeline

CLIENT = "0x" + "99" * 20
PAYOUTS = "SELECT * FROM payouts ORDER BY created_at"


def pay_in(pipeline: Pipeline, client_id: str, *amounts_eth: str) -> None:
    for eth in amounts_eth:
        pipeline.payment(client_id, eth)
    pipeline.run()


def convert(pipeline: Pipeline) -> None:
    pipeline.observe()
    pipeline.check()
    pipeline.run()


def pay_out(pipeline: Pipeline) -> None:
    """The scheduler runs until it has asked for what it needs to know, and acted on it."""
    for _ in range(2):
        pipeline.pay_out()
        pipeline.run()


def until(pipeline: Pipeline, state: str) -> None:
    """Step by step, for an exchange that is asked again and again, until the payout is there."""
    for _ in range(200):
        if pipeline.rows(f"SELECT 1 FROM payouts WHERE state = '{state}'"):
            return
        if not pipeline.queue:
            pipeline.now += timedelta(minutes=6)
            pipeline.reconcile()
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError(f"no payout became {state}: {pipeline.rows(PAYOUTS)}")


def one(pipeline: Pipeline, sql: str = PAYOUTS) -> dict[str, Any]:
    (row,) = pipeline.rows(sql)
    return row


def account(pipeline: Pipeline, client_id: str) -> dict[str, int]:
    row = one(pipeline, f"SELECT * FROM client_accounts WHERE client_id = '{client_id}'")
    return {name: int(value) for name, value in row.items() if name != "client_id"}


def states(pipeline: Pipeline) -> list[str]:
    return [row["state"] for row in pipeline.rows("SELECT state FROM payments ORDER BY payment_id")]


def told(pipeline: Pipeline) -> list[str]:
    return [each.name for each in pipeline.told]


def live(pipeline: Pipeline, hours: float, step_minutes: int = 6) -> None:
    """Time passes; whoever is unwell is asked again by the reconciler."""
    end = pipeline.now + timedelta(hours=hours)
    while pipeline.now < end:
        pipeline.now += timedelta(minutes=step_minutes)
        pipeline.reconcile()
        pipeline.pay_out()
        for _ in range(200):
            if not pipeline.queue:
                break
            try:
                pipeline.step(pipeline.queue.pop(0))
            except (RetryLater, ExchangeError):
                continue


def operate(pipeline: Pipeline, act: str, **fields: Any) -> dict[str, Any]:
    """An operator's act, and what comes of it."""
    answer = pipeline.operate(act, **fields)
    pipeline.run()
    return answer
