"""SQL of wallets and nonces, one statement a function."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from microbatch.hostpay.model import Transfer, WalletState
from microbatch.messages import PreflightObserved
from microbatch.platform.database import Transaction


def lock_wallet(tx: Transaction, wallet: str, chain_id: int) -> dict[str, Any] | None:
    """The wallet's row, locked: whoever holds it is the only one to take a nonce."""
    return tx.one(
        "SELECT first_nonce, next_nonce, status, pool_room FROM wallets"
        " WHERE address = %(wallet)s AND chain_id = %(chain_id)s FOR UPDATE",
        wallet=wallet,
        chain_id=chain_id,
    )


def adopt_wallet(
    tx: Transaction, wallet: str, chain_id: int, first_nonce: int, now: datetime
) -> None:
    """Take a wallet into our books, once, at its finalized count."""
    tx.execute(
        """
        INSERT INTO wallets (address, chain_id, first_nonce, next_nonce, status, adopted_at)
        VALUES (%(wallet)s, %(chain_id)s, %(first_nonce)s, %(first_nonce)s, 'active', %(now)s)
        ON CONFLICT (address, chain_id) DO NOTHING
        """,
        wallet=wallet,
        chain_id=chain_id,
        first_nonce=first_nonce,
        now=now,
    )


def freeze_wallet(tx: Transaction, wallet: str, chain_id: int, reason: str, now: datetime) -> None:
    """Let nothing be signed from this wallet until a person has looked."""
    tx.execute(
        "UPDATE wallets SET status = 'frozen', reason = %(reason)s, frozen_at = %(now)s"
        " WHERE address = %(wallet)s AND chain_id = %(chain_id)s AND status = 'active'",
        wallet=wallet,
        chain_id=chain_id,
        reason=reason,
        now=now,
    )


def look_at_wallet(tx: Transaction, wallet: str, chain_id: int) -> dict[str, Any] | None:
    """The wallet and what a node said of it when a person last asked; its row locked.

    What was said before the wallet was frozen does not count: `looked_at` is None then.
    """
    return tx.one(
        "SELECT address, status, reason, first_nonce, next_nonce, CASE WHEN frozen_at IS NULL"
        " OR looked_at >= frozen_at THEN looked_at END AS looked_at, latest_nonce, pending_nonce,"
        " finalized_nonce FROM wallets"
        " WHERE address = %(wallet)s AND chain_id = %(chain_id)s FOR UPDATE",
        wallet=wallet,
        chain_id=chain_id,
    )


def note_look(tx: Transaction, seen: PreflightObserved, at: datetime) -> None:
    """Note a node's counts of a wallet that a person has asked about."""
    tx.execute(
        "UPDATE wallets SET looked_at = %(at)s, latest_nonce = %(latest)s,"
        " pending_nonce = %(pending)s, finalized_nonce = %(finalized)s"
        " WHERE address = lower(%(wallet)s) AND chain_id = %(chain_id)s"
        " AND (looked_at IS NULL OR looked_at <= %(at)s)",
        wallet=seen.wallet,
        chain_id=seen.chain_id,
        at=at,
        latest=seen.latest_nonce,
        pending=seen.pending_nonce,
        finalized=seen.finalized_nonce,
    )


def activate_wallet(tx: Transaction, wallet: str, chain_id: int) -> None:
    """Let a frozen wallet sign again."""
    tx.execute(
        "UPDATE wallets SET status = 'active', reason = NULL"
        " WHERE address = %(wallet)s AND chain_id = %(chain_id)s AND status = 'frozen'",
        wallet=wallet,
        chain_id=chain_id,
    )


def wallet_state(
    tx: Transaction, transfer: Transfer, wallet: dict[str, Any], now: datetime
) -> WalletState:
    """What is in flight from the wallet and what was signed in the last 24 hours."""
    row = tx.one(
        """
        WITH ours AS (
            SELECT unique_id, token, amount_units, signed_at > %(day_ago)s AS is_of_today,
                state IN ('signed', 'broadcast') AS is_out,
                -- mined since the balance was read: that balance still holds its cost
                state IN ('mined', 'confirmed', 'settled', 'failed')
                    AND state_since > %(seen_at)s AS is_unseen
            FROM transfers WHERE wallet = %(wallet)s AND chain_id = %(chain_id)s
                AND signed_at IS NOT NULL
                AND (signed_at > %(day_ago)s OR state NOT IN ('settled', 'rejected', 'failed'))
        ), costs AS (
            SELECT max(a.value_wei + a.gas_limit * a.max_fee_per_gas_wei) AS cost
            FROM transfer_attempts a JOIN ours USING (unique_id) WHERE is_out OR is_unseen
            GROUP BY unique_id
        )
        SELECT count(*) FILTER (WHERE is_out) AS in_flight,
            (SELECT coalesce(sum(cost), 0) FROM costs) AS in_flight_cost_wei,
            coalesce(sum(amount_units) FILTER (WHERE (is_out OR is_unseen)
                AND token = %(token)s), 0) AS in_flight_token_units,
            coalesce(sum(amount_units) FILTER (WHERE is_of_today AND token IS NULL), 0)
                AS signed_today_wei,
            coalesce(sum(amount_units) FILTER (WHERE is_of_today AND token = %(token)s), 0)
                AS signed_today_token_units
        FROM ours
        """,
        wallet=transfer.wallet,
        chain_id=transfer.chain_id,
        token=transfer.token,
        seen_at=transfer.preflight_at,
        day_ago=now - timedelta(days=1),
    )
    assert row is not None
    return WalletState(
        next_nonce=wallet["next_nonce"],
        status=wallet["status"],
        pool_room=wallet["pool_room"],
        **{name: int(found) for name, found in row.items()},
    )


def least_busy(tx: Transaction, wallets: Sequence[str], chain_id: int) -> str:
    """The wallet with the fewest transfers before it, of those that are not frozen.

    The first of several alike; and the first of all when every one is frozen: there it waits.
    """
    row = tx.one(
        """
        SELECT ours.address
        FROM unnest(%(wallets)s::text[]) WITH ORDINALITY AS ours (address, place)
        LEFT JOIN wallets w ON w.address = ours.address AND w.chain_id = %(chain_id)s
        ORDER BY w.status IS NOT DISTINCT FROM 'frozen',
            CASE WHEN w.status IS DISTINCT FROM 'frozen' THEN (SELECT count(*) FROM transfers t
                WHERE t.wallet = ours.address AND t.chain_id = %(chain_id)s
                AND t.state IN ('requested', 'approved', 'signed', 'broadcast')) END,
            place
        LIMIT 1
        """,
        wallets=list(wallets),
        chain_id=chain_id,
    )
    assert row is not None
    return str(row["address"])


def shrink_pool_room(
    tx: Transaction, wallet: str, chain_id: int, window: int, now: datetime, not_since: datetime
) -> bool:
    """A pool is full: halve what we send to it; False when that was done a moment ago."""
    return bool(
        tx.execute(
            """
            UPDATE wallets SET pool_full_at = %(now)s, pool_room = greatest(1, least(
                coalesce(pool_room, %(window)s), (SELECT count(*) FROM transfers t
                    WHERE t.wallet = wallets.address AND t.chain_id = wallets.chain_id
                    AND t.state IN ('signed', 'broadcast'))) / 2)
            WHERE address = %(wallet)s AND chain_id = %(chain_id)s
                AND (pool_full_at IS NULL OR pool_full_at <= %(not_since)s)
            """,
            wallet=wallet,
            chain_id=chain_id,
            window=window,
            now=now,
            not_since=not_since,
        )
    )


def widen_pool_room(tx: Transaction, wallet: str, chain_id: int, window: int) -> None:
    """One more of ours was mined: there is room for one more, up to the window."""
    tx.execute(
        "UPDATE wallets SET pool_room = nullif(least(pool_room + 1, %(window)s), %(window)s)"
        " WHERE address = %(wallet)s AND chain_id = %(chain_id)s AND pool_room IS NOT NULL",
        wallet=wallet,
        chain_id=chain_id,
        window=window,
    )


def take_nonce(tx: Transaction, transfer: Transfer) -> int:
    """The wallet's next nonce, bound to this transfer for ever."""
    row = tx.one(
        """
        WITH taken AS (
            UPDATE wallets SET next_nonce = next_nonce + 1
            WHERE address = %(wallet)s AND chain_id = %(chain_id)s AND status = 'active'
            RETURNING next_nonce - 1 AS nonce
        )
        INSERT INTO transfer_nonces (wallet, chain_id, nonce, unique_id, is_live)
        SELECT %(wallet)s, %(chain_id)s, nonce, %(unique_id)s, true FROM taken
        RETURNING nonce
        """,
        wallet=transfer.wallet,
        chain_id=transfer.chain_id,
        unique_id=transfer.unique_id,
    )
    assert row is not None
    return int(row["nonce"])


def is_ours(tx: Transaction, wallet: str) -> bool:
    """Whether a wallet is in our books."""
    return (
        tx.one(
            "SELECT 1 AS found FROM wallets WHERE lower(address) = lower(%(wallet)s) LIMIT 1",
            wallet=wallet,
        )
        is not None
    )
