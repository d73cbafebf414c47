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
        " address_reason, address_matures_at::text AS address_matures_at, payout_wait_reason,"
        " payout_waits_since::text AS payout_waits_since,"
        " paused_at IS NOT NULL AS paused FROM clients WHERE client_id = %(client_id)s"
        " FOR NO KEY UPDATE",
        client_id=client_id,
    )


def clients(tx: Transaction, after: str, limit: int) -> list[dict[str, Any]]:
    """Clients by their id, with what holds them up."""
    return tx.all(
        "SELECT client_id, payout_strategy, payout_currency, payout_network, wallet_address,"
        " payout_threshold_usd::text AS payout_threshold_usd, address_state,"
        " paused_at::text AS paused_at, payout_wait_reason,"
        " payout_waits_since::text AS payout_waits_since, created_at::text AS created_at"
        " FROM clients WHERE client_id > %(after)s ORDER BY client_id LIMIT %(limit)s",
        after=after,
        limit=limit,
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


def set_address(
    tx: Transaction, client_id: str, fields: Mapping[str, Any], matures_at: datetime
) -> None:
    """Send a client's money elsewhere, from some time on."""
    tx.execute(
        """
        UPDATE clients SET wallet_address = %(wallet_address)s,
            payout_currency = %(payout_currency)s, payout_network = %(payout_network)s,
            payout_extra_id = %(payout_extra_id)s, address_state = %(address_state)s,
            address_reason = NULL, address_matures_at = %(matures_at)s, asked_at = NULL,
            payout_wait_reason = NULL, payout_waits_since = NULL, payout_not_before = NULL
        WHERE client_id = %(client_id)s
        """,
        client_id=client_id,
        matures_at=matures_at,
        **fields,
    )


def ask_again(tx: Transaction, client_id: str) -> None:
    """Forget that an address was refused."""
    tx.execute(
        "UPDATE clients SET address_state = 'unverified', address_reason = NULL, asked_at = NULL"
        " WHERE client_id = %(client_id)s AND address_state = 'refused'",
        client_id=client_id,
    )


def insert_address_change(
    tx: Transaction,
    client_id: str,
    *,
    who: str,
    why: str,
    before: Any,
    after: Any,
    matures_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Record a change of address; what is told of it."""
    row = tx.one(
        """
        INSERT INTO address_changes (client_id, changed_at, matures_at, who, why, before, after)
        VALUES (%(client_id)s, %(now)s, %(matures_at)s, %(who)s, %(why)s, %(before)s, %(after)s)
        RETURNING change_id, client_id, changed_at, matures_at, after
        """,
        client_id=client_id,
        now=now,
        matures_at=matures_at,
        who=who,
        why=why,
        before=json.dumps(before),
        after=json.dumps(after),
    )
    assert row is not None
    return row


def account(tx: Transaction, client_id: str) -> dict[str, str]:
    """What a client has at this moment, in wei and micro-USDT."""
    row = tx.one(
        "SELECT * FROM client_accounts WHERE client_id = %(client_id)s", client_id=client_id
    )
    assert row is not None
    return {name: str(value) for name, value in row.items() if name != "client_id"}


def last_payouts(tx: Transaction, client_id: str) -> list[dict[str, Any]]:
    """A client's last twenty payouts, newest first."""
    return tx.all(
        "SELECT payout_id::text AS payout_id, context, kind, state,"
        " state_since::text AS state_since, payments_count, from_currency,"
        " amount_units::text AS amount_units, to_currency, to_network, to_address,"
        " delivered::text AS delivered, delivered_hash, reason FROM payouts"
        " WHERE client_id = %(client_id)s ORDER BY created_at DESC, payouts.payout_id LIMIT 20",
        client_id=client_id,
    )


def waiting_payouts(tx: Transaction, now: datetime) -> list[dict[str, Any]]:
    """Why payouts wait, for how many clients, and since when the first of them."""
    return tx.all(
        """
        SELECT split_part(payout_wait_reason, ':', 1) AS reason, count(*) AS clients_count,
            min(payout_waits_since)::text AS oldest_since
        FROM clients WHERE payout_wait_reason IS NOT NULL GROUP BY 1
        UNION ALL
        SELECT CASE WHEN clients.paused_at IS NOT NULL THEN 'client_paused'
                WHEN address_state = 'unverified' THEN 'address_unverified'
                WHEN address_state = 'refused' THEN 'address_refused'
                WHEN address_matures_at > %(now)s THEN 'address_changed_lately'
                WHEN p.payout_not_before > %(now)s THEN 'tried_again_within_the_hour'
                WHEN EXISTS (SELECT FROM pauses WHERE part = 'payout'
                    AND pauses.paused_at IS NOT NULL) THEN 'payout_paused'
                ELSE 'next_run_of_the_scheduler' END,
            count(DISTINCT client_id), min(p.state_since)::text
        FROM payments p JOIN clients USING (client_id) WHERE p.state = 'waiting_instant' GROUP BY 1
        ORDER BY reason
        """,
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
        " GROUP BY state"
        " UNION ALL SELECT 'payouts', state, count(*), min(state_since)::text FROM payouts"
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
