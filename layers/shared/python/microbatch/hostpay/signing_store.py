"""SQL of wallets, nonces and attempts, one statement a function."""

from datetime import datetime, timedelta
from typing import Any

from microbatch.hostpay.model import Attempt, Call, Fees, Transfer, WalletState
from microbatch.platform.database import Transaction


def lock_wallet(tx: Transaction, wallet: str, chain_id: int) -> dict[str, Any] | None:
    """The wallet's row, locked: whoever holds it is the only one to take a nonce."""
    return tx.one(
        "SELECT first_nonce, next_nonce, status FROM wallets"
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


def freeze_wallet(tx: Transaction, wallet: str, chain_id: int, reason: str) -> None:
    """Let nothing be signed from this wallet until a person has looked."""
    tx.execute(
        "UPDATE wallets SET status = 'frozen', reason = %(reason)s"
        " WHERE address = %(wallet)s AND chain_id = %(chain_id)s AND status = 'active'",
        wallet=wallet,
        chain_id=chain_id,
        reason=reason,
    )


def wallet_state(
    tx: Transaction, transfer: Transfer, wallet: dict[str, Any], now: datetime
) -> WalletState:
    """What is in flight from the wallet and what was signed in the last 24 hours."""
    row = tx.one(
        """
        SELECT
            (SELECT count(*) FROM transfers WHERE wallet = %(wallet)s AND chain_id = %(chain_id)s
                AND state IN ('signed', 'broadcast')) AS in_flight,
            (SELECT coalesce(sum(cost), 0) FROM (
                SELECT max(a.value_wei + a.gas_limit * a.max_fee_per_gas_wei) AS cost
                FROM transfer_attempts a JOIN transfers t USING (unique_id)
                WHERE t.wallet = %(wallet)s AND t.chain_id = %(chain_id)s
                    AND (t.state IN ('signed', 'broadcast')
                        -- mined since the balance was read: that balance still holds its cost
                        OR (t.state IN ('mined', 'confirmed') AND t.state_since > %(seen_at)s))
                GROUP BY a.unique_id) AS costs) AS in_flight_cost_wei,
            (SELECT coalesce(sum(CASE WHEN token IS NULL THEN amount_units ELSE 0 END), 0)
                FROM transfers WHERE wallet = %(wallet)s AND chain_id = %(chain_id)s
                AND signed_at > %(day_ago)s) AS signed_today_wei
        """,
        wallet=transfer.wallet,
        chain_id=transfer.chain_id,
        seen_at=transfer.preflight_at,
        day_ago=now - timedelta(days=1),
    )
    assert row is not None
    return WalletState(
        next_nonce=wallet["next_nonce"],
        status=wallet["status"],
        in_flight=int(row["in_flight"]),
        in_flight_cost_wei=int(row["in_flight_cost_wei"]),
        signed_today_wei=int(row["signed_today_wei"]),
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


def insert_attempt(
    tx: Transaction,
    transfer: Transfer,
    *,
    nonce: int,
    call: Call,
    fees: Fees,
    raw_transaction: bytes,
    tx_hash: str,
    now: datetime,
) -> None:
    """Store signed bytes, before they leave."""
    tx.execute(
        """
        INSERT INTO transfer_attempts (unique_id, wallet, chain_id, nonce, attempt_no, kind,
            state, state_since, created_at, to_address, value_wei, data, gas_limit,
            max_fee_per_gas_wei, max_priority_fee_per_gas_wei, raw_transaction, tx_hash)
        VALUES (%(unique_id)s, %(wallet)s, %(chain_id)s, %(nonce)s, 1, 'pay', 'prepared',
            %(now)s, %(now)s, %(to_address)s, %(value_wei)s, %(data)s, %(gas_limit)s,
            %(max_fee)s, %(tip)s, %(raw_transaction)s, %(tx_hash)s)
        """,
        unique_id=transfer.unique_id,
        wallet=transfer.wallet,
        chain_id=transfer.chain_id,
        nonce=nonce,
        now=now,
        to_address=call.to_address,
        value_wei=call.value_wei,
        data=call.data,
        gas_limit=fees.gas_limit,
        max_fee=fees.max_fee_per_gas_wei,
        tip=fees.max_priority_fee_per_gas_wei,
        raw_transaction=raw_transaction,
        tx_hash=tx_hash,
    )


def last_attempt(tx: Transaction, unique_id: str) -> Attempt | None:
    """The transfer's newest signed bytes."""
    row = tx.one(
        "SELECT attempt_id, attempt_no, kind, state, raw_transaction, tx_hash, sent_at"
        " FROM transfer_attempts WHERE unique_id = %(unique_id)s AND state <> 'ordered'"
        " ORDER BY attempt_no DESC LIMIT 1",
        unique_id=unique_id,
    )
    return Attempt(**row) if row else None


def has_attempt(tx: Transaction, unique_id: str, tx_hash: str) -> bool:
    """Whether this hash is of bytes that we signed for this transfer."""
    return (
        tx.one(
            "SELECT 1 AS found FROM transfer_attempts"
            " WHERE unique_id = %(unique_id)s AND tx_hash = %(tx_hash)s",
            unique_id=unique_id,
            tx_hash=tx_hash,
        )
        is not None
    )


def owner_of(tx: Transaction, tx_hash: str) -> str | None:
    """The transfer for which the bytes of this hash were signed; None when they are not ours."""
    row = tx.one(
        "SELECT unique_id FROM transfer_attempts WHERE tx_hash = %(tx_hash)s", tx_hash=tx_hash
    )
    return str(row["unique_id"]) if row else None


def is_ours(tx: Transaction, wallet: str) -> bool:
    """Whether a wallet is in our books."""
    return (
        tx.one(
            "SELECT 1 AS found FROM wallets WHERE lower(address) = lower(%(wallet)s) LIMIT 1",
            wallet=wallet,
        )
        is not None
    )


def note_broadcast(tx: Transaction, tx_hash: str, outcome: str, now: datetime) -> None:
    """Note that the bytes were offered to a node, and what it said: evidence only.

    Of bytes that are mined nothing more is noted: an answer that comes again changes nothing.
    """
    tx.execute(
        """
        UPDATE transfer_attempts SET sends = sends + 1, last_outcome = %(outcome)s,
            sent_at = %(now)s,
            state_since = CASE WHEN state = 'prepared' THEN %(now)s ELSE state_since END,
            state = CASE WHEN state = 'prepared' THEN 'sent' ELSE state END
        WHERE tx_hash = %(tx_hash)s AND state <> 'mined'
        """,
        tx_hash=tx_hash,
        outcome=outcome,
        now=now,
    )


def move_attempt(tx: Transaction, tx_hash: str, state_to: str, now: datetime) -> None:
    """Move an attempt to the state the chain shows."""
    tx.execute(
        "UPDATE transfer_attempts SET state = %(state_to)s, state_since = %(now)s"
        " WHERE tx_hash = %(tx_hash)s AND state <> %(state_to)s",
        tx_hash=tx_hash,
        state_to=state_to,
        now=now,
    )
