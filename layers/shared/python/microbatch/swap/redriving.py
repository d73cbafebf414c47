"""The message that a swap's state calls for, sent because a person wants it to be."""

from datetime import datetime

from microbatch.messages import Outgoing
from microbatch.platform.database import Transaction
from microbatch.swap import store
from microbatch.swap.due import Rules, messages_due
from microbatch.swap.model import Swap


def look(tx: Transaction, swap_id: str) -> Swap | None:
    """The swap, locked until the transaction ends."""
    return store.lock(tx, swap_id)


def send_now(tx: Transaction, swap: Swap, now: datetime, rules: Rules) -> list[Outgoing]:
    """Its message, whenever it was sent last; whoever asks again by itself waits from now on."""
    store.win_ask(tx, swap.swap_id, now, now)
    return messages_due(swap, now, rules.token)
