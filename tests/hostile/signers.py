"""Signers that work at the same moment, each in a thread and on its own connection."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from microbatch.hostpay import signing
from microbatch.messages import Outgoing, PaymentExecutionRequest
from microbatch.platform.database import Database
from tests.hostile.world import World

EXECUTE = "hostpay-payment-execute"
PATIENCE_SECONDS = 60


def ready_to_sign(
    world: World, orders: Sequence[Callable[[], object]]
) -> list[PaymentExecutionRequest]:
    """Give these orders; the messages to sign them, of which none was followed."""
    ready: dict[str, PaymentExecutionRequest] = {}

    def is_ready(each: Outgoing) -> bool:
        if each.queue != EXECUTE or not world.rows(
            "SELECT 1 FROM transfers WHERE unique_id = %(unique_id)s AND preflight_at IS NOT NULL",
            unique_id=each.message.unique_id,  # type: ignore[attr-defined]
        ):
            return False
        ready[each.message.unique_id] = each.message  # type: ignore[attr-defined,assignment]
        return True

    world.lose = is_ready
    for order in orders:
        order()
    world.settle()
    world.lose = lambda _: False
    assert len(ready) == len(orders)
    return list(ready.values())


def follow_at_once(
    world: World, fields: dict[str, Any], messages: Sequence[PaymentExecutionRequest]
) -> list[Outgoing]:
    """Every message to a signer of its own, all at the same moment; what they send."""
    gate = threading.Barrier(len(messages))

    def one(message: PaymentExecutionRequest) -> list[Outgoing]:
        with closing(Database(lambda _fresh: fields)) as database:
            with database.transaction() as tx:
                tx.one("SELECT 1 AS connected")
            gate.wait(PATIENCE_SECONDS)
            with database.transaction() as tx:
                return signing.sign(message, tx, world.now, world.hostpay_policy, world.signers)

    with ThreadPoolExecutor(len(messages)) as pool:
        answers = pool.map(one, messages, timeout=PATIENCE_SECONDS)
        return [outgoing for answer in answers for outgoing in answer]


def sign_at_once(
    world: World, fields: dict[str, Any], orders: Sequence[Callable[[], object]]
) -> list[Outgoing]:
    """Give these orders, and have them signed at the same moment; what the signers send."""
    return follow_at_once(world, fields, ready_to_sign(world, orders))
