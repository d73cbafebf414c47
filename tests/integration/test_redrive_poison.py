"""Dead letters that stay, limits, ends in the middle, and looking without touching."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from microbatch import messages
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import Doors, everything, sample, signed
from tests.integration.test_doors import next_message

FORGED = "0" * 64


def poison(doors: Doors) -> dict[str, str]:
    """What is wrong → a body of `swap-create` that has it."""
    request = sample(messages.ExchangeRequested)
    return {
        "InvalidToken: signature does not match": signed("swap-create", request, key=FORGED),
        'InvalidToken: body is not {"token": "…"}': "not a token at all",
        "InvalidToken: swap-create does not carry this type of message": signed(
            "swap-create", sample(messages.RangeRequested)
        ),
        "unknown row: nothing of ours is AAAABBBBCCCC2222": signed("swap-create", request),
    }


def test_poison_stays_and_the_answer_says_what_is_wrong_with_each(doors: Doors) -> None:
    bodies = poison(doors)
    for body in bodies.values():
        doors.bury("swap-create", body, reason="InvalidToken: as its consumer said")

    answer = doors.operate("redrive", queue="swap-create")

    assert (answer["changed"], answer["sent"]) == (False, {})
    assert answer["after"] == {"dead_letters": 4, "kept": 4}
    told = {letter["why"]: letter for letter in answer["letters"]}
    assert told.keys() == bodies.keys()
    for why, letter in told.items():
        assert letter["body_sha256"] == hashlib.sha256(bodies[why].encode()).hexdigest()
        assert letter["reason"] == "InvalidToken: as its consumer said"
    assert {body for body, _ in doors.dead("swap-create")} == set(bodies.values())


def test_poison_is_thrown_away_once_it_is_recorded(doors: Doors, pipeline: Pipeline) -> None:
    bodies = poison(doors)
    ids = {doors.bury("swap-create", body) for body in bodies.values()}

    answer = doors.operate("redrive", queue="swap-create", discard_poison=True)

    assert answer["after"] == {"dead_letters": 0, "discarded": 4}
    assert doors.counts() == {}
    rows = pipeline.rows("SELECT * FROM discarded_letters")
    assert {row["message_id"] for row in rows} == ids
    assert {row["problem"] for row in rows} == bodies.keys()
    sums = {hashlib.sha256(body.encode()).hexdigest() for body in bodies.values()}
    assert {row["body_sha256"] for row in rows} == sums
    assert {(row["who"], row["why"], row["body"]) for row in rows} == {("me", "she wrote", None)}


def test_a_payment_under_an_unknown_key_is_kept_with_its_body(
    doors: Doors, pipeline: Pipeline
) -> None:
    body = signed("payments", pipeline.payment("7", "0.02"), key=FORGED)
    doors.bury("payments", body)
    kept = doors.operate("redrive", queue="payments")
    assert (kept["sent"], kept["letters"][0]["outcome"]) == ({}, "kept")

    doors.operate("redrive", queue="payments", discard_poison=True)

    assert pipeline.rows("SELECT body FROM discarded_letters") == [{"body": body}]
    assert doors.counts() == {}


def test_an_act_on_letters_is_recorded_with_what_came_of_it(
    doors: Doors, pipeline: Pipeline
) -> None:
    lost = next_message(pipeline, messages.ExchangeRequested)
    doors.bury(lost.queue, signed(lost.queue, lost.message))
    doors.bury(lost.queue, "poison")

    doors.operate("redrive", queue=lost.queue)

    (act,) = pipeline.rows("SELECT who, why, act, subject, after FROM operator_acts")
    assert act == {
        "who": "me", "why": "she wrote", "act": "redrive", "subject": "swap-create",
        "after": {"dead_letters": 1, "kept": 1, "sent": 1},
    }  # fmt: skip


def test_looking_and_rehearsing_change_nothing(doors: Doors, pipeline: Pipeline) -> None:
    lost = next_message(pipeline, messages.ExchangeRequested)
    doors.bury(lost.queue, signed(lost.queue, lost.message))
    doors.bury(lost.queue, "poison")
    before = everything(pipeline.database)

    seen = doors.operate("dead", queue=lost.queue)
    rehearsed = doors.operate("redrive", queue=lost.queue, dry_run=True)

    assert everything(pipeline.database) == before
    assert doors.counts() == {"swap-create-dlq": 2}
    assert len(doors.dead(lost.queue)) == 2, "nobody has to wait for them"
    (swap,) = pipeline.rows("SELECT swap_id FROM swaps")
    shown = {letter["kind"]: letter for letter in seen["letters"]}
    assert shown["ExchangeRequested"]["row"] == f"swaps {swap['swap_id']} is requested"
    assert shown[""]["why"].startswith("InvalidToken")
    assert (rehearsed["changed"], rehearsed["dry_run"]) == (False, True)
    assert rehearsed["sent"] == {"swap-create": 1}


def test_a_limit_is_kept_and_the_answer_says_that_there_is_more(
    doors: Doors, pipeline: Pipeline
) -> None:
    for number in range(7):
        payment = pipeline.payment("7", "0.02", payment_id=str(number))
        doors.bury("payments", signed("payments", payment))

    answer = doors.operate("redrive", queue="payments", limit=3)

    assert (answer["sent"], answer["more"]) == ({"payments": 3}, True)
    assert doors.counts() == {"payments": 3, "payments-dlq": 4}
    assert len(doors.dead("payments")) == 4, "what was not handled is given back"


@pytest.mark.parametrize("queue", ["payments", "swap-create"])
def test_an_end_between_sending_and_throwing_away_is_harmless(
    doors: Doors, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    if queue == "payments":
        body = signed(queue, pipeline.payment("7", "0.02"))
    else:
        body = signed(queue, next_message(pipeline, messages.ExchangeRequested).message)
    doors.bury(queue, body)
    fails_once(monkeypatch, "DeleteMessage")

    cut = doors.operate("redrive", queue=queue)
    again = doors.operate("redrive", queue=queue)

    assert "dead letters" in cut["stopped"]
    assert again["sent"] == {queue: 1}
    assert doors.counts() == {queue: 2}
    delivered = [message["Body"] for message in doors._receive(queue)]
    if queue == "payments":
        assert delivered == [body, body]
        assert doors.deliver(queue, body, body) == 0
        counted = pipeline.rows("SELECT count(*) AS payments FROM payments")
        assert counted == [{"payments": 1}]


def test_what_cannot_be_sent_stays(
    doors: Doors, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = next_message(pipeline, messages.ExchangeRequested)
    doors.bury(lost.queue, signed(lost.queue, lost.message))
    fails_once(monkeypatch, "SendMessageBatch")
    answer = doors.operate("redrive", queue=lost.queue)
    assert "not sent" in answer["stopped"]
    assert doors.counts() == {"swap-create-dlq": 1}
    assert doors.operate("redrive", queue=lost.queue)["sent"] == {"swap-create": 1}


def fails_once(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """The next call of this operation finds SQS unwell."""
    known, failed = BaseClient._make_api_call, []  # type: ignore[attr-defined]

    def call(self: Any, name: str, params: Any) -> Any:
        if name == operation and not failed:
            failed.append(name)
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, name)
        return known(self, name, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "queue is missing"),
        ({"queue": "payments-dlq"}, "queue 'payments-dlq'"),
        ({"queue": "payments", "limit": 0}, "limit must be"),
        ({"queue": "payments", "limit": 1001}, "limit must be"),
        ({"queue": "payments", "limit": "9"}, "limit must be"),
        ({"queue": "payments", "discard_poison": "yes"}, "discard_poison must be"),
        ({"queue": "payments", "dry_run": 1}, "dry_run must be"),
        ({"queue": "payments", "who": ""}, "who"),
        ({"queue": "payments", "why": None}, "why"),
    ],
)
def test_a_request_that_is_none_is_refused(
    doors: Doors, fields: dict[str, Any], named: str
) -> None:
    request = {"act": "redrive", "who": "me", "why": "because", **fields}
    answer = doors.invoke("operations", request)
    assert answer["ok"] is False
    assert named in answer["error"]


def test_age_does_not_matter_but_the_future_of_the_row_does(
    doors: Doors, pipeline: Pipeline
) -> None:
    lost = next_message(pipeline, messages.ExchangeRequested)
    with pipeline.database.transaction() as tx:
        for table in ("swaps", "batches", "payments"):
            tx.execute(
                f"UPDATE {table} SET state_since = %(then)s",
                then=pipeline.now - timedelta(days=3),
            )
    old = {"timestamp": int((pipeline.now - timedelta(days=3)).timestamp()) + 1}
    message = replace(lost.message, **old)
    doors.bury(lost.queue, signed(lost.queue, message))
    assert doors.operate("redrive", queue=lost.queue)["sent"] == {"swap-create": 1}
    (sent,) = doors.waiting("swap-create")
    assert sent.timestamp > message.timestamp + 2 * 86_400
