"""SQL of why something waits, one statement a function; nothing is locked, nothing is changed."""

from datetime import datetime
from typing import Any

from microbatch.platform.database import Transaction

Row = dict[str, Any]


def client(tx: Transaction, client_id: str) -> Row | None:
    """A client."""
    return tx.one("SELECT * FROM clients WHERE client_id = %(client_id)s", client_id=client_id)


def wallet(tx: Transaction, address: str) -> Row | None:
    """A wallet of our books, on the chain it was last adopted on."""
    return tx.one(
        "SELECT * FROM wallets WHERE address = %(address)s ORDER BY adopted_at DESC LIMIT 1",
        address=address,
    )


def available_microusdt(tx: Transaction, client_id: str) -> int:
    """What of a client is converted and in no payout."""
    row = tx.one(
        "SELECT coalesce(sum(share_microusdt - payout_loss_microusdt), 0) AS units FROM payments"
        " WHERE client_id = %(client_id)s AND state = 'converted'",
        client_id=client_id,
    )
    assert row is not None
    return int(row["units"])


def open_payout(tx: Transaction, client_id: str) -> str | None:
    """The client's payout that is under way."""
    row = tx.one(
        "SELECT payout_id::text AS payout_id FROM payouts WHERE client_id = %(client_id)s"
        " AND context = 'threshold' AND state IN ('claimed', 'paid')",
        client_id=client_id,
    )
    return row["payout_id"] if row else None


def last_check(tx: Transaction) -> Row | None:
    """The last threshold check."""
    return tx.one("SELECT * FROM threshold_checks ORDER BY check_id DESC LIMIT 1")


def oldest_pending(tx: Transaction) -> Row | None:
    """The pending payment that has waited longest."""
    return tx.one(
        "SELECT payment_id, received_at FROM payments WHERE state = 'pending'"
        " ORDER BY received_at, payment_id LIMIT 1"
    )


def observation(tx: Transaction, name: str) -> Row | None:
    """The newest observation of a name."""
    return tx.one(
        "SELECT value, observed_at FROM observations WHERE name = %(name)s"
        " ORDER BY observed_at DESC LIMIT 1",
        name=name,
    )


def untold_change(tx: Transaction, client_id: str) -> datetime | None:
    """When a client's address changed of which nobody was told yet."""
    row = tx.one(
        "SELECT max(changed_at) AS changed_at FROM address_changes"
        " WHERE announced_at IS NULL AND client_id = %(client_id)s",
        client_id=client_id,
    )
    assert row is not None
    at: datetime | None = row["changed_at"]
    return at


def lowest_unmined(tx: Transaction, wallet: str, chain_id: int) -> Row | None:
    """The transfer on the lowest nonce of a wallet that is out and not mined: others follow it."""
    return tx.one(
        "SELECT * FROM transfers WHERE wallet = %(wallet)s AND chain_id = %(chain_id)s"
        " AND state IN ('signed', 'broadcast') ORDER BY nonce LIMIT 1",
        wallet=wallet,
        chain_id=chain_id,
    )


def threshold_usd(tx: Transaction) -> str | None:
    """From which sum on pending payments are converted."""
    row = tx.one("SELECT value FROM settings WHERE name = 'threshold_usd'")
    return row["value"] if row else None
