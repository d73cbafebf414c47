"""A message applied twice leaves the money tables byte for byte the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cdk.stages import CONSUMER
from microbatch.wiring.parts import LOGINS
from tests.simulation.judge import Judge
from tests.simulation.lambdas import record_of
from tests.simulation.outcome import Wrong
from tests.simulation.seams import Killed
from tests.simulation.sqs import Held
from tests.simulation.world import World

LIKELY = 0.1
# Columns that say when somebody was asked or told, and what a node said to bytes: no money.
NOTES = ("asked_at", "announced_state", "sends", "sent_at", "last_outcome", "payout_looked_at")
MONEY = {
    "payments": "payment_id",
    "held_payments": "held_id",
    "batches": "batch_id",
    "swaps": "swap_id",
    "exchanges": "cn_api_id",
    "token_receipts": "tx_hash, log_index",
    "payouts": "payout_id",
    "transfers": "unique_id",
    "transfer_attempts": "attempt_id",
    "transfer_nonces": "wallet, chain_id, nonce",
    "wallets": "address",
}
_NOTES = ", ".join(f"'{name}'" for name in NOTES)
QUERY = " UNION ALL ".join(
    f"(SELECT '{table}', (to_jsonb(t) - ARRAY[{_NOTES}])::text FROM {table} t ORDER BY {key})"
    for table, key in MONEY.items()
)


class Twice:
    """Applies some of what was done once more; what comes of it is lost."""

    def __init__(self, world: World, judge: Judge) -> None:
        self._world, self._judge = world, judge

    def perhaps(self, queue: str, batch: list[Held]) -> None:
        """Raises Wrong when the second time has changed anything."""
        stage = CONSUMER[queue]
        if not {*stage.secrets} & {*LOGINS}:
            return
        if not self._world.chance.strikes("applied_twice", queue, LIKELY):
            return
        before = self._money()
        with self._in_peace():
            copies = [self._world.sqs.copied(message) for message in batch]
            for copy in copies:
                self._world.sqs.receive(copy)
            event = {"Records": [record_of(queue, each) for each in copies]}
            try:
                self._world.functions.invoke(stage.name, event)
            except Killed:  # it was told to end here: crash_at
                return
            finally:
                for copy in copies:
                    self._world.sqs.queues[queue].remove(copy)
        after = self._money()
        if before != after:
            changed = [str(pair) for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
            raise Wrong("a_message_twice_is_once", "\n".join([queue, *changed]))

    def _money(self) -> list[Any]:
        return self._judge.books.all(QUERY)

    @contextmanager
    def _in_peace(self) -> Iterator[None]:
        """Nothing goes wrong, and nothing that is sent arrives."""
        chance, sqs = self._world.chance, self._world.sqs
        troubled, chance.troubled, sqs.muted = chance.troubled, False, True
        try:
            yield
        finally:
            chance.troubled, sqs.muted = troubled, False
