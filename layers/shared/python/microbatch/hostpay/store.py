"""SQL of transfers, one statement a function; wallets and attempts have stores of their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from microbatch.hostpay.model import Transfer
from microbatch.messages import PreflightObserved, ReceiptObserved
from microbatch.pace import Standstill
from microbatch.platform.database import Transaction

COLUMNS = """unique_id, context, kind, swap_id, cn_api_id, wallet, chain_id, currency, network,
    token, to_address, amount_units, state, state_since, asked_at,
    coalesce(tried_since, created_at) AS tried_since, approved_at, nonce,
    preflight_at, preflight_chain_id, preflight_balance_wei, preflight_token_units,
    preflight_latest_nonce, preflight_pending_nonce, preflight_finalized_nonce,
    preflight_base_fee_wei, preflight_tip_wei, preflight_gas, preflight_problem, tx_hash,
    block_number, block_hash, gas_used, reason, wait_reason, consumed_by_hash"""


def insert(
    tx: Transaction,
    *,
    unique_id: str,
    context: str,
    kind: str,
    swap_id: str | None,
    cn_api_id: str | None,
    wallet: str,
    chain_id: int,
    currency: str,
    network: str,
    token: str | None,
    to_address: str,
    amount_units: int,
    state: str,
    reason: str | None,
    now: datetime,
) -> bool:
    """Reserve the payment of one exchange; False when it is reserved already."""
    return bool(
        tx.execute(
            """
            INSERT INTO transfers (unique_id, context, kind, swap_id, cn_api_id, wallet, chain_id,
                currency, network, token, to_address, amount_units, state, state_since,
                created_at, reason)
            VALUES (%(unique_id)s, %(context)s, %(kind)s, %(swap_id)s, %(cn_api_id)s,
                %(wallet)s, %(chain_id)s, %(currency)s, %(network)s, %(token)s, %(to_address)s,
                %(amount_units)s, %(state)s, %(now)s, %(now)s, %(reason)s)
            ON CONFLICT (unique_id) DO NOTHING
            """,
            unique_id=unique_id,
            context=context,
            kind=kind,
            swap_id=swap_id,
            cn_api_id=cn_api_id,
            wallet=wallet,
            chain_id=chain_id,
            currency=currency,
            network=network,
            token=token,
            to_address=to_address,
            amount_units=amount_units,
            state=state,
            reason=reason,
            now=now,
        )
    )


def lock(tx: Transaction, unique_id: str) -> Transfer | None:
    """The transfer, locked until the transaction ends."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM transfers WHERE unique_id = %(unique_id)s FOR UPDATE",  # noqa: S608
        unique_id=unique_id,
    )
    return Transfer.from_row(row) if row else None


def read(tx: Transaction, unique_id: str) -> Transfer | None:
    """The transfer as it is now, not locked."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM transfers WHERE unique_id = %(unique_id)s",  # noqa: S608
        unique_id=unique_id,
    )
    return Transfer.from_row(row) if row else None


def lock_of_swap(tx: Transaction, swap_id: str) -> Transfer | None:
    """The swap's live transfer, or its last ended one, locked until the transaction ends."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM transfers WHERE swap_id = %(swap_id)s"  # noqa: S608
        " ORDER BY state IN ('rejected', 'failed'), created_at DESC, unique_id"
        " LIMIT 1 FOR UPDATE",
        swap_id=swap_id,
    )
    return Transfer.from_row(row) if row else None


def move(
    tx: Transaction,
    unique_id: str,
    *,
    state_from: str,
    state_to: str,
    now: datetime,
    reason: str | None = None,
) -> Transfer | None:
    """The transfer, moved from one state to another; None when it is not there (any more)."""
    row = tx.one(
        "UPDATE transfers SET state = %(state_to)s, state_since = %(now)s, asked_at = NULL,"  # noqa: S608
        " approved_at = CASE WHEN %(state_to)s = 'requested' THEN NULL ELSE approved_at END,"
        " reason = coalesce(%(reason)s, reason)"
        f" WHERE unique_id = %(unique_id)s AND state = %(state_from)s RETURNING {COLUMNS}",
        unique_id=unique_id,
        state_from=state_from,
        state_to=state_to,
        now=now,
        reason=reason,
    )
    return Transfer.from_row(row) if row else None


def approve(tx: Transaction, unique_id: str, *, approved_at: datetime, now: datetime) -> Transfer:
    """The transfer, approved as of the time the exchange said it waits.

    It is locked, and was found `requested`: no other may be approved.
    """
    row = tx.one(
        "UPDATE transfers SET state = 'approved', state_since = %(now)s, asked_at = NULL,"  # noqa: S608
        " approved_at = %(approved_at)s WHERE unique_id = %(unique_id)s AND state = 'requested'"
        f" RETURNING {COLUMNS}",
        unique_id=unique_id,
        approved_at=approved_at,
        now=now,
    )
    assert row is not None
    return Transfer.from_row(row)


def set_nonce(tx: Transaction, unique_id: str, nonce: int, now: datetime) -> None:
    """Bind the transfer to its nonce, and move it to `signed`, in one step."""
    tx.execute(
        "UPDATE transfers SET state = 'signed', state_since = %(now)s, signed_at = %(now)s,"
        " asked_at = NULL, nonce = %(nonce)s WHERE unique_id = %(unique_id)s",
        unique_id=unique_id,
        nonce=nonce,
        now=now,
    )


def note_wait(tx: Transaction, unique_id: str, reason: str, now: datetime) -> None:
    """Note why a transfer waits; since when, as long as the code before the colon is the same."""
    tx.execute(
        """
        UPDATE transfers SET wait_reason = %(reason)s, waits_since = CASE
            WHEN split_part(wait_reason, ':', 1) = split_part(%(reason)s, ':', 1) THEN waits_since
            ELSE %(now)s END
        WHERE unique_id = %(unique_id)s
        """,
        unique_id=unique_id,
        reason=reason,
        now=now,
    )


def end_wait(tx: Transaction, unique_id: str) -> None:
    """Forget why a transfer has waited; a change of its state does so by itself."""
    tx.execute(
        "UPDATE transfers SET wait_reason = NULL, waits_since = NULL"
        " WHERE unique_id = %(unique_id)s AND wait_reason IS NOT NULL",
        unique_id=unique_id,
    )


def wake(tx: Transaction, reason: str) -> int:
    """Let the reconciler look at what waits for this, as if nobody had; how many they are.

    One that is locked is being looked at: its signer waits for whoever wakes, and goes on then.
    """
    return tx.execute(
        "UPDATE transfers SET asked_at = NULL WHERE unique_id IN (SELECT unique_id FROM transfers"
        " WHERE state = 'approved' AND wait_reason = %(reason)s FOR UPDATE SKIP LOCKED)",
        reason=reason,
    )


def note_consumed(tx: Transaction, unique_id: str, tx_hash: str, block_number: int) -> None:
    """Note the transaction that has consumed the transfer's nonce in its place."""
    tx.execute(
        "UPDATE transfers SET consumed_by_hash = %(tx_hash)s, consumed_at_block = %(block_number)s"
        " WHERE unique_id = %(unique_id)s",
        unique_id=unique_id,
        tx_hash=tx_hash,
        block_number=block_number,
    )


def out(tx: Transaction, contexts: Sequence[str]) -> list[dict[str, Any]]:
    """What is signed and not mined, by state and currency."""
    return tx.all(
        "SELECT state, currency, count(*) AS transfers_count, sum(amount_units)::text AS"
        " amount_units FROM transfers WHERE state IN ('signed', 'broadcast')"
        " AND context = ANY(%(contexts)s) GROUP BY 1, 2 ORDER BY 1, 2",
        contexts=list(contexts),
    )


def set_preflight(tx: Transaction, seen: PreflightObserved, at: datetime) -> Transfer | None:
    """The transfer, with what the node said before signing; None when it is not approved (now)."""
    row = tx.one(
        f"""
        UPDATE transfers SET asked_at = NULL, preflight_at = %(at)s,
            preflight_chain_id = %(chain_id)s, preflight_balance_wei = %(balance_wei)s,
            preflight_token_units = %(token_units)s, preflight_latest_nonce = %(latest)s,
            preflight_pending_nonce = %(pending)s, preflight_finalized_nonce = %(finalized)s,
            preflight_base_fee_wei = %(base_fee_wei)s, preflight_tip_wei = %(tip_wei)s,
            preflight_gas = %(gas)s, preflight_problem = %(problem)s
        WHERE unique_id = %(unique_id)s AND state = 'approved'
            AND lower(wallet) = lower(%(wallet)s)
            AND (preflight_at IS NULL OR preflight_at <= %(at)s)
        RETURNING {COLUMNS}
        """,  # noqa: S608
        unique_id=seen.unique_id,
        at=at,
        chain_id=seen.chain_id,
        balance_wei=int(seen.balance_wei),
        token_units=int(seen.token_balance_units) if seen.token_balance_units else None,
        latest=seen.latest_nonce,
        pending=seen.pending_nonce,
        finalized=seen.finalized_nonce,
        base_fee_wei=int(seen.base_fee_wei),
        tip_wei=int(seen.priority_fee_wei),
        gas=seen.gas_estimate,
        problem=seen.problem,
        wallet=seen.wallet,
    )
    return Transfer.from_row(row) if row else None


def set_receipt(tx: Transaction, seen: ReceiptObserved) -> Transfer:
    """The transfer, with where and how it was mined; it is locked, so it is there."""
    row = tx.one(
        "UPDATE transfers SET tx_hash = %(tx_hash)s, block_number = %(block_number)s,"  # noqa: S608
        " block_hash = %(block_hash)s, gas_used = %(gas_used)s,"
        f" effective_gas_price_wei = %(price)s WHERE unique_id = %(unique_id)s RETURNING {COLUMNS}",
        unique_id=seen.unique_id,
        tx_hash=seen.tx_hash,
        block_number=seen.block_number,
        block_hash=seen.block_hash,
        gas_used=seen.gas_used,
        price=int(seen.effective_gas_price_wei),
    )
    assert row is not None
    return Transfer.from_row(row)


def win_ask(tx: Transaction, unique_id: str, now: datetime, not_since: datetime) -> bool:
    """Whether we are the one to send this transfer's message now: nobody has since then."""
    return bool(
        tx.execute(
            "UPDATE transfers SET asked_at = %(now)s WHERE unique_id = %(unique_id)s"
            " AND (asked_at IS NULL OR asked_at <= %(not_since)s)",
            unique_id=unique_id,
            now=now,
            not_since=not_since,
        )
    )


def standing_still(
    tx: Transaction,
    states: Sequence[str],
    standstill: Standstill,
    given_up_before: datetime,
    limit: int,
) -> list[str]:
    """Transfers in these states for which nothing has been sent or changed for too long.

    A confirmed one waits for its exchange; only its swap not knowing of it is a standstill. One
    that is not signed may move to and fro and is too old all the same.
    """
    rows = tx.all(
        "SELECT unique_id FROM transfers WHERE state = ANY(%(states)s)"  # noqa: S608
        f" AND ({Standstill.SQL}"
        "   OR (state IN ('requested', 'approved')"
        "     AND coalesce(tried_since, created_at) < %(given_up_before)s))"
        " AND (state <> 'confirmed' OR kind = 'direct' OR EXISTS (SELECT FROM swaps"
        "   WHERE swaps.state = 'created' AND swaps.swap_id = transfers.swap_id))"
        " ORDER BY greatest(state_since, asked_at), unique_id LIMIT %(limit)s",
        states=list(states),
        given_up_before=given_up_before,
        limit=limit,
        **standstill.parameters,
    )
    return [row["unique_id"] for row in rows]
