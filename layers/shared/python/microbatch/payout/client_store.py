"""SQL of clients as payouts see them, one statement a function."""

from datetime import datetime
from typing import Any

from microbatch.payout.model import Client
from microbatch.platform.database import Transaction

COLUMNS = """client_id, wallet_address, payout_currency, payout_network, payout_extra_id,
    payout_threshold_usd, address_state, address_matures_at, paused_at, payout_not_before,
    payout_wait_reason"""


def read(tx: Transaction, client_id: str) -> Client:
    """The client as it is, and stays until the transaction ends."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM clients WHERE client_id = %(client_id)s FOR SHARE",  # noqa: S608
        client_id=client_id,
    )
    assert row is not None
    return Client(**row)


def find(tx: Transaction, client_id: str) -> Client | None:
    """The client as it is now, not locked."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM clients WHERE client_id = %(client_id)s",  # noqa: S608
        client_id=client_id,
    )
    return Client(**row) if row else None


def lock(tx: Transaction, client_id: str) -> Client | None:
    """The client, for the one scheduler that looks at it now; None for every other."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM clients WHERE client_id = %(client_id)s"  # noqa: S608
        " FOR NO KEY UPDATE SKIP LOCKED",  # payments that come in meanwhile do not hinder
        client_id=client_id,
    )
    return Client(**row) if row else None


def at_their_threshold(tx: Transaction, now: datetime, limit: int) -> list[str]:
    """Clients whose available USDT has reached their own threshold, and with no payout under way.

    Pending money is not counted: only what is converted and in nobody's payout.
    """
    rows = tx.all(
        """
        WITH available AS (
            SELECT client_id, sum(share_microusdt - payout_loss_microusdt) AS units
            FROM payments WHERE state = 'converted' GROUP BY client_id
        )
        SELECT client_id FROM available JOIN clients USING (client_id)
        WHERE units > 0 AND units >= payout_threshold_usd * 1000000
            AND (payout_not_before IS NULL OR payout_not_before <= %(now)s)
            AND NOT EXISTS (SELECT FROM payouts WHERE payouts.client_id = clients.client_id
                AND context = 'threshold' AND payouts.state IN ('claimed', 'paid'))
        ORDER BY payout_looked_at NULLS FIRST, client_id LIMIT %(limit)s
        """,
        now=now,
        limit=limit,
    )
    return [row["client_id"] for row in rows]


def available_units(tx: Transaction, client_id: str) -> int:
    """A client's micro-USDT that may be paid out now."""
    row = tx.one(
        "SELECT coalesce(sum(share_microusdt - payout_loss_microusdt), 0) AS units FROM payments"
        " WHERE client_id = %(client_id)s AND state = 'converted'",
        client_id=client_id,
    )
    assert row is not None
    return int(row["units"])


def has_payout_under_way(tx: Transaction, client_id: str) -> bool:
    """Whether a threshold payout of this client is not over."""
    row = tx.one(
        "SELECT 1 AS found FROM payouts WHERE client_id = %(client_id)s"
        " AND context = 'threshold' AND state IN ('claimed', 'paid')",
        client_id=client_id,
    )
    return row is not None


def was_paid_at(tx: Transaction, client_id: str, address: str) -> bool:
    """Whether a payout to this address has arrived before."""
    row = tx.one(
        "SELECT 1 AS found FROM payouts WHERE client_id = %(client_id)s"
        " AND to_address = %(address)s AND state = 'completed' LIMIT 1",
        client_id=client_id,
        address=address,
    )
    return row is not None


def note_look(tx: Transaction, client_id: str, now: datetime) -> None:
    """The scheduler is looking at this client: the others come before it next time."""
    tx.execute(
        "UPDATE clients SET payout_looked_at = %(now)s WHERE client_id = %(client_id)s",
        client_id=client_id,
        now=now,
    )


def note_wait(tx: Transaction, client_id: str, reason: str, now: datetime) -> None:
    """Say why the client's payout waits, and since when it has been for that."""
    tx.execute(
        "UPDATE clients SET payout_wait_reason = %(reason)s, payout_waits_since = CASE"
        " WHEN split_part(payout_wait_reason, ':', 1) = split_part(%(reason)s, ':', 1)"
        " THEN payout_waits_since ELSE %(now)s END"
        " WHERE client_id = %(client_id)s AND payout_wait_reason IS DISTINCT FROM %(reason)s",
        client_id=client_id,
        reason=reason,
        now=now,
    )


def clear_wait(tx: Transaction, client_id: str) -> None:
    """The client's payout waits for nothing."""
    tx.execute(
        "UPDATE clients SET payout_wait_reason = NULL, payout_waits_since = NULL,"
        " payout_not_before = NULL WHERE client_id = %(client_id)s"
        " AND (payout_wait_reason IS NOT NULL OR payout_not_before IS NOT NULL)",
        client_id=client_id,
    )


def wait_until(tx: Transaction, client_id: str, not_before: datetime) -> None:
    """Try no threshold payout of this client before then."""
    tx.execute(
        "UPDATE clients SET payout_not_before = %(not_before)s WHERE client_id = %(client_id)s",
        client_id=client_id,
        not_before=not_before,
    )


def judge_address(
    tx: Transaction, client_id: str, *, network: str, address: str, problem: str
) -> bool:
    """Note what the provider says of an address; False when it is not the client's (any more)."""
    return bool(
        tx.execute(
            "UPDATE clients SET asked_at = NULL, address_reason = nullif(%(problem)s, ''),"
            " address_state = CASE WHEN %(problem)s = '' THEN 'verified' ELSE 'refused' END"
            " WHERE client_id = %(client_id)s AND payout_network = %(network)s"
            " AND wallet_address = %(address)s AND address_state <> 'refused'",
            client_id=client_id,
            network=network,
            address=address,
            problem=problem,
        )
    )


def unverified(tx: Transaction, not_since: datetime, limit: int) -> list[str]:
    """Clients whose address nobody was asked about since then."""
    rows = tx.all(
        "SELECT client_id FROM clients"
        " WHERE address_state = 'unverified' AND (asked_at IS NULL OR asked_at <= %(not_since)s)"
        " ORDER BY asked_at NULLS FIRST, client_id LIMIT %(limit)s",
        not_since=not_since,
        limit=limit,
    )
    return [row["client_id"] for row in rows]


def win_question(
    tx: Transaction, client_id: str, now: datetime, not_since: datetime
) -> dict[str, Any] | None:
    """Where a client's money goes, if we are the one to ask about it: nobody has since then."""
    return tx.one(
        "UPDATE clients SET asked_at = %(now)s WHERE client_id = %(client_id)s"
        " AND address_state = 'unverified' AND (asked_at IS NULL OR asked_at <= %(not_since)s)"
        " RETURNING client_id, payout_network, wallet_address",
        client_id=client_id,
        now=now,
        not_since=not_since,
    )


def unannounced_changes(tx: Transaction, not_since: datetime, limit: int) -> list[str]:
    """Changes of address that nobody was told of, and that nobody has looked at since then."""
    rows = tx.all(
        "SELECT change_id::text AS change_id FROM address_changes WHERE announced_at IS NULL"
        " AND greatest(changed_at, asked_at) <= %(not_since)s"
        " ORDER BY greatest(changed_at, asked_at), address_changes.change_id"
        " LIMIT %(limit)s",
        not_since=not_since,
        limit=limit,
    )
    return [row["change_id"] for row in rows]


def look_at_change(tx: Transaction, change_id: int, now: datetime) -> dict[str, Any] | None:
    """A change of address that nobody was told of; the others come before it next time."""
    return tx.one(
        "UPDATE address_changes SET asked_at = %(now)s"
        " WHERE change_id = %(change_id)s AND announced_at IS NULL"
        " RETURNING change_id, client_id, changed_at, matures_at, after",
        change_id=change_id,
        now=now,
    )


def note_change_told(tx: Transaction, change_id: int, now: datetime) -> None:
    """The outside world knows of this change of address."""
    tx.execute(
        "UPDATE address_changes SET announced_at = %(now)s"
        " WHERE change_id = %(change_id)s AND announced_at IS NULL",
        change_id=change_id,
        now=now,
    )
