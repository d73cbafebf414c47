"""SQL of wallets and nonces, one statement a function."""

from datetime import datetime, timedelta
from typing import Any

from microbatch.hostpay.model import Transfer, WalletState
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


def is_ours(tx: Transaction, wallet: str) -> bool:
    """Whether a wallet is in our books."""
    return (
        tx.one(
            "SELECT 1 AS found FROM wallets WHERE lower(address) = lower(%(wallet)s) LIMIT 1",
            wallet=wallet,
        )
        is not None
    )
