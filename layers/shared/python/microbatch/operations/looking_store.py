"""SQL of what is looked at, one statement a function; nothing is locked, nothing is changed."""

from typing import Any

from microbatch.platform.database import Transaction

Row = dict[str, Any]
LISTED_MAX = 100  # rows of a list below a batch or a payout


def payment(tx: Transaction, payment_id: str) -> Row | None:
    """A credited payment."""
    return tx.one("SELECT * FROM payments WHERE payment_id = %(payment_id)s", payment_id=payment_id)


def held_of(tx: Transaction, payment_id: str) -> list[Row]:
    """Every notification of this id that was held, oldest first."""
    return tx.all(
        "SELECT * FROM held_payments WHERE payment_id = %(payment_id)s ORDER BY held_id",
        payment_id=payment_id,
    )


def batch(tx: Transaction, batch_id: str) -> Row | None:
    """A batch."""
    return tx.one("SELECT * FROM batches WHERE batch_id = %(batch_id)s::uuid", batch_id=batch_id)


def payout(tx: Transaction, payout_id: str) -> Row | None:
    """A payout."""
    return tx.one(
        "SELECT * FROM payouts WHERE payout_id = %(payout_id)s::uuid", payout_id=payout_id
    )


def payout_of(tx: Transaction, unique_id: str) -> Row | None:
    """The payout whose swap or transfer has this id."""
    return tx.one("SELECT * FROM payouts WHERE unique_id = %(unique_id)s", unique_id=unique_id)


def swap(tx: Transaction, swap_id: str) -> Row | None:
    """A swap."""
    return tx.one("SELECT * FROM swaps WHERE swap_id = %(swap_id)s", swap_id=swap_id)


def swap_of(tx: Transaction, context: str, owner_id: str) -> Row | None:
    """The newest swap of a batch or payout."""
    return tx.one(
        "SELECT * FROM swaps WHERE context = %(context)s AND owner_id = %(owner_id)s"
        " ORDER BY generation DESC LIMIT 1",
        context=context,
        owner_id=owner_id,
    )


def transfer(tx: Transaction, unique_id: str) -> Row | None:
    """A transfer; a swap's has the swap's own id."""
    return tx.one("SELECT * FROM transfers WHERE unique_id = %(unique_id)s", unique_id=unique_id)


def attempts(tx: Transaction, unique_id: str) -> list[Row]:
    """The bytes of a transfer, oldest first."""
    return tx.all(
        "SELECT unique_id, attempt_no, kind, state, state_since, created_at, asked_at, nonce,"
        " to_address, value_wei, gas_limit, max_fee_per_gas_wei, max_priority_fee_per_gas_wei,"
        " tx_hash, sent_at, sends, last_outcome, unmined_at_block"
        " FROM transfer_attempts WHERE unique_id = %(unique_id)s ORDER BY attempt_no",
        unique_id=unique_id,
    )


def exchanges(tx: Transaction, swap_id: str) -> list[Row]:
    """Every exchange that the provider has made for a swap, oldest first."""
    return tx.all(
        "SELECT * FROM exchanges WHERE swap_id = %(swap_id)s ORDER BY recorded_at, cn_api_id",
        swap_id=swap_id,
    )


def receipts(tx: Transaction, swap_id: str) -> list[Row]:
    """What the chain has shown to arrive for a swap."""
    return tx.all(
        "SELECT * FROM token_receipts WHERE swap_id = %(swap_id)s ORDER BY recorded_at, log_index",
        swap_id=swap_id,
    )


def payments_of_batch(tx: Transaction, batch_id: str) -> list[Row]:
    """The first payments of a batch."""
    return tx.all(
        "SELECT payment_id, client_id, state, received_wei, net_wei, convertible_wei, net_usd,"
        " share_microusdt FROM payments WHERE batch_id = %(batch_id)s::uuid"
        " ORDER BY payment_id LIMIT %(limit)s",
        batch_id=batch_id,
        limit=LISTED_MAX,
    )


def payments_of_payout(tx: Transaction, payout_id: str) -> list[Row]:
    """The first payments of a payout."""
    return tx.all(
        "SELECT payment_id, client_id, state, received_wei, convertible_wei, share_microusdt,"
        " payout_loss_microusdt FROM payments WHERE payout_id = %(payout_id)s::uuid"
        " ORDER BY payment_id LIMIT %(limit)s",
        payout_id=payout_id,
        limit=LISTED_MAX,
    )


def changes(tx: Transaction, entity: str, row_id: str) -> list[Row]:
    """How a row has moved, in order."""
    return tx.all(
        "SELECT entity, row_id, from_state, to_state, at, reason FROM state_changes"
        " WHERE entity = %(entity)s AND row_id = %(row_id)s ORDER BY change_id",
        entity=entity,
        row_id=row_id,
    )


def acts_on(tx: Transaction, subjects: list[str]) -> list[Row]:
    """What operators have done to any of these, in order."""
    return tx.all(
        "SELECT act_id, at, who, why, act, subject FROM operator_acts"
        " WHERE subject = ANY(%(subjects)s) ORDER BY act_id",
        subjects=subjects,
    )


def acts(tx: Transaction, limit: int) -> list[Row]:
    """The last acts of operators, newest first."""
    return tx.all(
        "SELECT act_id, at, who, why, act, subject, before, after FROM operator_acts"
        " ORDER BY act_id DESC LIMIT %(limit)s",
        limit=limit,
    )


def held(tx: Transaction, limit: int) -> list[Row]:
    """What waits for accept or reject, oldest first."""
    return tx.all(
        "SELECT * FROM held_payments WHERE state = 'held' ORDER BY held_at LIMIT %(limit)s",
        limit=limit,
    )


PARKED: dict[str, str] = {
    "payments": (
        "SELECT payment_id AS id, client_id, park_reason AS reason, state_since, attempts,"
        " CASE WHEN share_microusdt IS NULL THEN convertible_wei"
        "  ELSE share_microusdt - payout_loss_microusdt END AS units,"
        " CASE WHEN share_microusdt IS NULL THEN 'eth' ELSE 'usdt' END AS currency"
        " FROM payments WHERE state = 'parked'"
    ),
    "batches": (
        "SELECT batch_id::text AS id, reason, state_since, payments_count, claimed_wei AS units,"
        " 'eth' AS currency FROM batches WHERE state = 'parked'"
    ),
    "payouts": (
        "SELECT payout_id::text AS id, client_id, reason, state_since, payments_count,"
        " amount_units AS units, from_currency AS currency FROM payouts WHERE state = 'parked'"
    ),
    "swaps": (
        "SELECT swap_id AS id, context, owner_id, cn_api_id, reason, state_since,"
        " from_amount_units AS units, from_currency AS currency FROM swaps WHERE state = 'parked'"
    ),
    "transfers": (
        "SELECT unique_id AS id, context, reason, state_since, tx_hash, amount_units AS units,"
        " currency FROM transfers WHERE state = 'parked'"
    ),
}


def parked(tx: Transaction, entity: str, limit: int) -> list[Row]:
    """The parked rows of one table, oldest first."""
    return tx.all(PARKED[entity] + " ORDER BY state_since, id LIMIT %(limit)s", limit=limit)
