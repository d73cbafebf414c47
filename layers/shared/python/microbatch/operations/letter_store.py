"""SQL of dead letters: who has redriven them, and what was thrown away."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from microbatch.platform.database import Transaction

PAYMENTS = "payments"  # there the message is the payment: its body is kept


def begin(tx: Transaction, now: datetime, request: Mapping[str, Any], queue: str) -> int:
    """Record that somebody redrives a queue, before anything is sent; the record's id."""
    row = tx.one(
        "INSERT INTO operator_acts (at, who, why, act, subject)"
        " VALUES (%(now)s, %(who)s, %(why)s, %(act)s, %(queue)s) RETURNING act_id",
        now=now,
        who=request["who"],
        why=request["why"],
        act=request["act"],
        queue=queue,
    )
    assert row is not None
    return int(row["act_id"])


def end(tx: Transaction, now: datetime, act_id: int, after: Mapping[str, Any]) -> None:
    """Record what came of it; a run that was cut off leaves that open."""
    del now
    tx.execute(
        "UPDATE operator_acts SET after = %(after)s WHERE act_id = %(act_id)s",
        act_id=act_id,
        after=json.dumps(dict(after)),
    )


def discard(
    tx: Transaction, now: datetime, letter: Any, problem: str, request: Mapping[str, Any]
) -> None:
    """Record a letter that is thrown away; a second time it is recorded already."""
    tx.execute(
        """
        INSERT INTO discarded_letters (discarded_at, queue, message_id, body_sha256, body, problem,
            reason, who, why)
        VALUES (%(now)s, %(queue)s, %(message_id)s, %(body_sha256)s, %(body)s, %(problem)s,
            %(reason)s, %(who)s, %(why)s)
        ON CONFLICT (queue, message_id) DO NOTHING
        """,
        now=now,
        queue=letter.queue,
        message_id=letter.message_id,
        body_sha256=hashlib.sha256(letter.body.encode()).hexdigest(),
        body=letter.body if letter.queue == PAYMENTS else None,
        problem=problem,
        reason=letter.reason,
        who=request["who"],
        why=request["why"],
    )
