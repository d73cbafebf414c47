"""Turn what the chain says into states and observations; never decide by an error alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from microbatch.errors import PermanentFailure
from microbatch.hostpay import attempt_store, store, wallet_store
from microbatch.hostpay.bumping import order_bump
from microbatch.hostpay.due import asks_again, messages_due
from microbatch.hostpay.model import Transfer
from microbatch.hostpay.moves import freeze, locked, move, park
from microbatch.hostpay.service import Policy
from microbatch.market import service as market
from microbatch.messages import (
    BroadcastObserved,
    ChainObserved,
    Message,
    NonceFound,
    NonceSearchRequested,
    Outgoing,
    PreflightObserved,
    ReceiptObserved,
)
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger

NO_ROOM = ("pool_full", "delegated_wallet")
# The same bytes are offered once a minute: what many of them find in one minute is found once.
POOL_FULL_AGAIN_AFTER = timedelta(seconds=60)


def take_answer(
    message: Message, tx: Transaction, now: datetime, policy: Policy, source: market.Source
) -> list[Outgoing]:
    """One answer of the Ethereum node."""
    if isinstance(message, ChainObserved):
        market.take_chain(message, tx, now, source)
        return []
    return _TAKERS[type(message)](message, tx, now, policy)


def _preflight(
    message: PreflightObserved, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    del policy
    at = min(now, datetime.fromtimestamp(message.timestamp, UTC))  # its clock may run ahead
    if not message.unique_id:  # a person has asked about the wallet
        wallet_store.note_look(tx, message, at)
        return []
    transfer = store.set_preflight(tx, message, at)
    return messages_due(tx, transfer, now) if transfer else []


def _broadcast(
    message: BroadcastObserved, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """The bytes were offered. What the node said changes nothing but our notes."""
    transfer = locked(tx, message.unique_id)
    _must_be_ours(tx, transfer, message.tx_hash)
    attempt_store.note_broadcast(tx, message.tx_hash, message.outcome, now)
    if message.outcome not in ("accepted", "already_known"):
        logger.warning(
            "broadcast_answer",
            unique_id=transfer.unique_id,
            outcome=message.outcome,
            detail=message.detail,
        )
    _note_pool(tx, transfer, message.outcome, now, policy)
    if transfer.state != "signed":
        return []  # the question for its receipt is on its way by itself
    return asks_again(tx, move(tx, transfer, "broadcast", now), now, policy.pace)


def _note_pool(
    tx: Transaction, transfer: Transfer, outcome: str, now: datetime, policy: Policy
) -> None:
    """Fewer nonces at once when a pool has no room for more; every mined one makes room again."""
    if outcome not in NO_ROOM:
        return
    window, not_since = policy.limits.window, now - POOL_FULL_AGAIN_AFTER
    if wallet_store.shrink_pool_room(
        tx, transfer.wallet, transfer.chain_id, window, now, not_since
    ):
        count("pool_full")
        logger.warning("window_shrunk", wallet=transfer.wallet, outcome=outcome)


def _receipt(
    message: ReceiptObserved, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Mined, confirmed at depth, failed, or taken back by a reorganisation.

    The answer to a hint names no transfer; found by its hash, it is an answer like any other.
    """
    is_hint = not message.unique_id  # of one hash; a question of ours is of all its nonce's
    unique_id = message.unique_id or attempt_store.owner_of(tx, message.tx_hash)
    if unique_id is None:
        _tell_foreign(tx, message)
        return []
    message = replace(message, unique_id=unique_id)
    transfer = locked(tx, unique_id)
    _must_be_ours(tx, transfer, message.tx_hash)
    if transfer.state == "failed":
        return messages_due(tx, transfer, now)
    if transfer.state not in ("signed", "broadcast", "mined"):
        return []
    on_chain = message.status != "absent" and message.block_hash == message.canonical_hash
    if not on_chain and is_hint and message.tx_hash != transfer.tx_hash:
        return []  # a hint that came too early is no hint
    if not on_chain:
        # A node that has not come as far as the block knows nothing of it yet.
        lags = message.status == "absent" and message.head_number < (transfer.block_number or 0)
        if transfer.state == "mined" and not lags:
            logger.error("transfer_reorganised", unique_id=transfer.unique_id)
            transfer = move(tx, transfer, "broadcast", now)
            attempt_store.move_attempt(tx, transfer.tx_hash or message.tx_hash, "sent", now)
        return _still_out(tx, transfer, message, now, policy)
    transfer = _note_mined(tx, transfer, message, now, policy)
    if message.head_number - message.block_number + 1 < policy.confirmations:
        return asks_again(tx, transfer, now, policy.pace)
    return _deep_enough(tx, transfer, message, now, policy)


def _still_out(
    tx: Transaction, transfer: Transfer, message: ReceiptObserved, now: datetime, policy: Policy
) -> list[Outgoing]:
    """No receipt yet: ask again; bump what is due; find out who consumed a finalized nonce."""
    again = asks_again(tx, transfer, now, policy.pace)
    if transfer.state != "broadcast" or transfer.nonce is None:
        return again
    if again and message.finalized_nonce > transfer.nonce:
        store.note_wait(tx, transfer.unique_id, "nonce_consumed_without_receipt", now)
        logger.error("nonce_consumed_without_receipt", unique_id=transfer.unique_id)
        search = NonceSearchRequested(
            timestamp=int(now.timestamp()),
            unique_id=transfer.unique_id,
            wallet=transfer.wallet,
            nonce=transfer.nonce,
        )
        return [Outgoing("chain-requests", search), *again]
    return [*order_bump(tx, transfer, message, now, policy), *again]


def _nonce_found(
    message: NonceFound, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Who consumed a finalized nonce of ours. Another's transaction: somebody else has the key.

    Then nothing more is signed from the wallet, and a person decides about the transfer: it is
    never paid again by itself.
    """
    del policy
    transfer = locked(tx, message.unique_id)
    ours = not message.tx_hash or attempt_store.has_attempt(tx, transfer.unique_id, message.tx_hash)
    if ours or transfer.state != "broadcast" or transfer.nonce != message.nonce:
        return []  # the question for its receipts goes on
    reason = f"nonce_consumed_by_another_transaction: {message.nonce} by {message.tx_hash}"
    freeze(tx, transfer, reason, now)
    store.note_consumed(tx, transfer.unique_id, message.tx_hash, message.block_number)
    return park(tx, transfer, "nonce_consumed_by_another_transaction", now)


def _deep_enough(
    tx: Transaction, transfer: Transfer, message: ReceiptObserved, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Mined at the confirmation depth: confirmed, or failed for good."""
    cancelled = attempt_store.is_cancel(tx, message.tx_hash)
    if (cancelled or message.status == "reverted") and not _is_final(transfer, message):
        # The money goes back to be paid again: only what cannot be undone is reason enough.
        return asks_again(tx, transfer, now, policy.pace)
    if cancelled:
        ended = move(tx, transfer, "failed", now, "cancelled_by_operator")
        logger.warning("transfer_cancelled", unique_id=transfer.unique_id, tx_hash=message.tx_hash)
    elif message.status == "reverted":
        ended = move(tx, transfer, "failed", now, "mined_and_reverted")
        logger.error("transfer_failed", unique_id=transfer.unique_id, tx_hash=message.tx_hash)
    else:
        ended = move(tx, transfer, "confirmed", now)
        logger.info("transfer_confirmed", unique_id=transfer.unique_id, tx_hash=message.tx_hash)
    return messages_due(tx, ended, now)


def _is_final(transfer: Transfer, message: ReceiptObserved) -> bool:
    """Whether the transfer's nonce is consumed in a finalized block, and by these bytes.

    The count alone may be another node's, or another branch's: then other bytes have consumed it.
    """
    return (
        transfer.nonce is not None
        and message.finalized_nonce > transfer.nonce
        and 0 < message.block_number <= message.finalized_number
    )


def _note_mined(
    tx: Transaction, transfer: Transfer, message: ReceiptObserved, now: datetime, policy: Policy
) -> Transfer:
    """The transfer as it is when of all bytes on its nonce these are the ones that were mined."""
    if transfer.state == "mined" and transfer.tx_hash not in (None, message.tx_hash):
        attempt_store.move_attempt(tx, transfer.tx_hash or "", "sent", now)
    noted = store.set_receipt(tx, message)
    attempt_store.mine(tx, transfer.unique_id, message.tx_hash, now)
    if noted.state == "mined":
        return noted
    moved = move(tx, noted, "mined", now)
    wallet_store.widen_pool_room(tx, transfer.wallet, transfer.chain_id, policy.limits.window)
    return moved


def _tell_foreign(tx: Transaction, message: ReceiptObserved) -> None:
    """Somebody's transaction concerns us. That our wallet sent it, and not we, is an alarm.

    The log only: what is done about it is decided by finalized evidence.
    """
    if message.sender and wallet_store.is_ours(tx, message.sender):
        count("foreign_transaction")
        logger.error(
            "foreign_transaction",
            wallet=message.sender,
            tx_hash=message.tx_hash,
            block_number=message.block_number,
        )


_TAKERS: dict[type[Message], Callable[[Any, Transaction, datetime, Policy], list[Outgoing]]] = {
    PreflightObserved: _preflight,
    BroadcastObserved: _broadcast,
    ReceiptObserved: _receipt,
    NonceFound: _nonce_found,
}


def _must_be_ours(tx: Transaction, transfer: Transfer, tx_hash: str) -> None:
    if not attempt_store.has_attempt(tx, transfer.unique_id, tx_hash):
        raise PermanentFailure(f"{tx_hash} was never signed for {transfer.unique_id}")
