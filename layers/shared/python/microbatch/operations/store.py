"""SQL of an operator's acts and of what is shown, one statement a function."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from microbatch.platform.database import Transaction


def client(tx: Transaction, client_id: str) -> dict[str, Any] | None:
    """A client's particulars, locked until the transaction ends."""
    return tx.one(
        "SELECT client_id, wallet_address, payout_currency, payout_network, payout_extra_id,"
        " payout_strategy, payout_threshold_usd::text AS payout_threshold_usd, address_state,"
        " paused_at IS NOT NULL AS paused FROM clients WHERE client_id = %(client_id)s FOR UPDATE",
        client_id=client_id,
    )


def insert_client(tx: Transaction, fields: Mapping[str, Any], now: datetime) -> None:
    """Register a client."""
    tx.execute(
        """
        INSERT INTO clients (client_id, wallet_address, payout_currency, payout_network,
            payout_extra_id, payout_strategy, payout_threshold_usd, address_state, created_at)
        VALUES (%(client_id)s, %(wallet_address)s, %(payout_currency)s, %(payout_network)s,
            %(payout_extra_id)s, %(payout_strategy)s, %(payout_threshold_usd)s,
            %(address_state)s, %(now)s)
        """,
        **fields,
        now=now,
    )


def set_client_paused(tx: Transaction, client_id: str, paused_at: datetime | None) -> None:
    """Pause a client, or let it go on."""
    tx.execute(
        "UPDATE clients SET paused_at = %(paused_at)s WHERE client_id = %(client_id)s",
        client_id=client_id,
        paused_at=paused_at,
    )


def setting(tx: Transaction, name: str) -> str | None:
    """A setting's value, locked until the transaction ends."""
    row = tx.one("SELECT value FROM settings WHERE name = %(name)s FOR UPDATE", name=name)
    return row["value"] if row else None


def set_setting(tx: Transaction, name: str, value: str, now: datetime) -> None:
    """Change a setting; read at the next check."""
    tx.execute(
        "UPDATE settings SET value = %(value)s, updated_at = %(now)s WHERE name = %(name)s",
        name=name,
        value=value,
        now=now,
    )


def insert_act(
    tx: Transaction,
    *,
    who: str,
    why: str,
    act: str,
    subject: str,
    before: Any,
    after: Any,
    now: datetime,
) -> None:
    """Record an operator's act."""
    tx.execute(
        """
        INSERT INTO operator_acts (at, who, why, act, subject, before, after)
        VALUES (%(now)s, %(who)s, %(why)s, %(act)s, %(subject)s, %(before)s, %(after)s)
        """,
        now=now,
        who=who,
        why=why,
        act=act,
        subject=subject,
        before=json.dumps(before),
        after=json.dumps(after),
    )


def payments_by_state(tx: Transaction) -> list[dict[str, Any]]:
    """Number and sums of payments in each state."""
    return tx.all(
        "SELECT state, count(*) AS payments_count, sum(received_wei)::text AS received_wei,"
        " sum(net_wei)::text AS net_wei, coalesce(sum(net_usd), 0)::text AS net_usd,"
        " coalesce(sum(share_microusdt), 0)::text AS share_microusdt,"
        " min(received_at)::text AS oldest_received_at"
        " FROM payments GROUP BY state ORDER BY state"
    )


def held_by_reason(tx: Transaction) -> list[dict[str, Any]]:
    """Number of held payments by reason."""
    return tx.all(
        "SELECT reason, count(*) AS payments_count, min(held_at)::text AS oldest_held_at"
        " FROM held_payments WHERE state = 'held' GROUP BY reason ORDER BY reason"
    )


def rows_by_state(tx: Transaction) -> list[dict[str, Any]]:
    """Number of batches, swaps and transfers in each state, and since when the oldest."""
    return tx.all(
        "SELECT 'batches' AS entity, state, count(*) AS rows_count,"
        " min(state_since)::text AS oldest_since FROM batches GROUP BY state"
        " UNION ALL SELECT 'swaps', state, count(*), min(state_since)::text FROM swaps"
        " GROUP BY state"
        " UNION ALL SELECT 'transfers', state, count(*), min(state_since)::text FROM transfers"
        " GROUP BY state ORDER BY entity, state"
    )


def last_check(tx: Transaction) -> dict[str, Any] | None:
    """What the last threshold check decided."""
    return tx.one(
        "SELECT at::text AS at, decision, reason, payments_count, claimed_wei::text AS claimed_wei,"
        " claimed_usd::text AS claimed_usd, threshold_usd::text AS threshold_usd,"
        " batch_id::text AS batch_id FROM threshold_checks ORDER BY check_id DESC LIMIT 1"
    )


def wallets(tx: Transaction) -> list[dict[str, Any]]:
    """The wallets in our books."""
    return tx.all(
        "SELECT address, chain_id, first_nonce, next_nonce, status, reason FROM wallets"
        " ORDER BY address, chain_id"
    )


def latest_observations(tx: Transaction) -> list[dict[str, Any]]:
    """The newest observation of each name."""
    return tx.all(
        "SELECT DISTINCT ON (name) name, value::text AS value, observed_at::text AS observed_at"
        " FROM observations ORDER BY name, observed_at DESC"
    )
