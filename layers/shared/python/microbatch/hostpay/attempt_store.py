"""SQL of attempts: bytes that were ordered, signed, sent and mined; one statement a function."""

from datetime import datetime

from microbatch.hostpay.model import Attempt, Call, Fees, Ordered, Transfer
from microbatch.pace import Standstill
from microbatch.platform.database import Transaction

PLAIN_GAS = 21_000  # of a transfer to ourselves: preflight refuses a wallet that has code


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


SIGNED = (
    "SELECT attempt_id, attempt_no, kind, state, raw_transaction, tx_hash, sent_at, gas_limit,"
    " max_fee_per_gas_wei, max_priority_fee_per_gas_wei, unmined_at_block"
    " FROM transfer_attempts WHERE unique_id = %(unique_id)s AND raw_transaction IS NOT NULL"
    " ORDER BY attempt_no DESC"
)


def signed(tx: Transaction, unique_id: str) -> list[Attempt]:
    """All bytes signed for a transfer, newest first."""
    return [Attempt.from_row(row) for row in tx.all(SIGNED, unique_id=unique_id)]


def last_attempt(tx: Transaction, unique_id: str) -> Attempt | None:
    """The transfer's newest signed bytes."""
    row = tx.one(f"{SIGNED} LIMIT 1", unique_id=unique_id)
    return Attempt.from_row(row) if row else None


def note_unmined(tx: Transaction, attempt_id: int, head_number: int) -> None:
    """Note the head at which these bytes were first looked for in vain."""
    tx.execute(
        "UPDATE transfer_attempts SET unmined_at_block = %(head_number)s"
        " WHERE attempt_id = %(attempt_id)s AND unmined_at_block IS NULL",
        attempt_id=attempt_id,
        head_number=head_number,
    )


def order_attempt(tx: Transaction, unique_id: str, fees: Fees, now: datetime) -> None:
    """Order the next bytes of a transfer: the same nonce, payee and amount, at these fees."""
    tx.execute(
        """
        INSERT INTO transfer_attempts (unique_id, wallet, chain_id, nonce, attempt_no, kind,
            state, state_since, created_at, to_address, value_wei, data, gas_limit,
            max_fee_per_gas_wei, max_priority_fee_per_gas_wei)
        SELECT unique_id, wallet, chain_id, nonce, (SELECT max(attempt_no) + 1
                FROM transfer_attempts WHERE unique_id = %(unique_id)s), kind, 'ordered', %(now)s,
            %(now)s, to_address, value_wei, data, gas_limit, %(max_fee)s, %(tip)s
        FROM transfer_attempts
        WHERE unique_id = %(unique_id)s AND raw_transaction IS NOT NULL
        ORDER BY attempt_no DESC LIMIT 1
        """,
        unique_id=unique_id,
        now=now,
        max_fee=fees.max_fee_per_gas_wei,
        tip=fees.max_priority_fee_per_gas_wei,
    )


def order_cancel(tx: Transaction, unique_id: str, fees: Fees, now: datetime) -> None:
    """Order bytes that pay nobody on the transfer's nonce: 0 wei from the wallet to itself."""
    tx.execute(
        """
        INSERT INTO transfer_attempts (unique_id, wallet, chain_id, nonce, attempt_no, kind,
            state, state_since, created_at, to_address, value_wei, data, gas_limit,
            max_fee_per_gas_wei, max_priority_fee_per_gas_wei)
        SELECT unique_id, wallet, chain_id, nonce, attempt_no + 1, 'cancel', 'ordered', %(now)s,
            %(now)s, wallet, 0, '', %(gas_limit)s, %(max_fee)s, %(tip)s
        FROM transfer_attempts WHERE unique_id = %(unique_id)s
        ORDER BY attempt_no DESC LIMIT 1
        """,
        unique_id=unique_id,
        now=now,
        gas_limit=PLAIN_GAS,
        max_fee=fees.max_fee_per_gas_wei,
        tip=fees.max_priority_fee_per_gas_wei,
    )


def has_cancel(tx: Transaction, unique_id: str) -> bool:
    """Whether a cancel of this transfer is ordered or out."""
    row = tx.one(
        "SELECT 1 AS found FROM transfer_attempts WHERE unique_id = %(unique_id)s"
        " AND kind = 'cancel' AND NOT (state = 'superseded' AND tx_hash IS NULL) LIMIT 1",
        unique_id=unique_id,
    )
    return row is not None


def is_cancel(tx: Transaction, tx_hash: str) -> bool:
    """Whether the bytes of this hash pay nobody."""
    row = tx.one(
        "SELECT 1 AS found FROM transfer_attempts WHERE tx_hash = %(tx_hash)s AND kind = 'cancel'",
        tx_hash=tx_hash,
    )
    return row is not None


def ordered(tx: Transaction, unique_id: str) -> Ordered | None:
    """The bytes that are ordered and not signed yet, locked."""
    row = tx.one(
        "SELECT attempt_id, nonce, to_address, value_wei, data, gas_limit, max_fee_per_gas_wei,"
        " max_priority_fee_per_gas_wei FROM transfer_attempts"
        " WHERE unique_id = %(unique_id)s AND state = 'ordered' FOR UPDATE",
        unique_id=unique_id,
    )
    if row is None:
        return None
    fees = Fees(
        row["gas_limit"],
        int(row["max_fee_per_gas_wei"]),
        int(row["max_priority_fee_per_gas_wei"]),
    )
    return Ordered(
        attempt_id=row["attempt_id"],
        nonce=row["nonce"],
        to_address=row["to_address"],
        value_wei=int(row["value_wei"]),
        data=row["data"],
        fees=fees,
    )


def fill_attempt(
    tx: Transaction, attempt_id: int, *, raw_transaction: bytes, tx_hash: str, now: datetime
) -> None:
    """Store the signed bytes of an ordered attempt, before they leave."""
    tx.execute(
        "UPDATE transfer_attempts SET state = 'prepared', state_since = %(now)s,"
        " raw_transaction = %(raw_transaction)s, tx_hash = %(tx_hash)s"
        " WHERE attempt_id = %(attempt_id)s AND state = 'ordered'",
        attempt_id=attempt_id,
        raw_transaction=raw_transaction,
        tx_hash=tx_hash,
        now=now,
    )


def mine(tx: Transaction, unique_id: str, tx_hash: str, now: datetime) -> None:
    """These bytes are mined: no others of the transfer will be, nor signed any more."""
    tx.execute(
        """
        UPDATE transfer_attempts SET state_since = %(now)s,
            state = CASE WHEN tx_hash = %(tx_hash)s THEN 'mined' ELSE 'superseded' END
        WHERE unique_id = %(unique_id)s AND (state = 'ordered'
            OR (tx_hash = %(tx_hash)s AND state <> 'mined')
            OR (tx_hash <> %(tx_hash)s AND state IN ('prepared', 'sent')))
        """,
        unique_id=unique_id,
        tx_hash=tx_hash,
        now=now,
    )


def supersede_others(tx: Transaction, unique_id: str, tx_hash: str, now: datetime) -> None:
    """These bytes are mined: no others of the transfer will be."""
    tx.execute(
        "UPDATE transfer_attempts SET state = 'superseded', state_since = %(now)s"
        " WHERE unique_id = %(unique_id)s AND tx_hash IS NOT NULL AND tx_hash <> %(tx_hash)s"
        " AND state IN ('prepared', 'sent')",
        unique_id=unique_id,
        tx_hash=tx_hash,
        now=now,
    )


def drop_order(tx: Transaction, unique_id: str, now: datetime) -> None:
    """An order that nobody has signed is not needed any more."""
    tx.execute(
        "UPDATE transfer_attempts SET state = 'superseded', state_since = %(now)s"
        " WHERE unique_id = %(unique_id)s AND state = 'ordered'",
        unique_id=unique_id,
        now=now,
    )


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


def orders_standing_still(tx: Transaction, standstill: Standstill, limit: int) -> list[str]:
    """Transfers with bytes that were ordered long ago and can still be signed."""
    rows = tx.all(
        "SELECT unique_id FROM transfer_attempts WHERE state = 'ordered'"  # noqa: S608
        f" AND {Standstill.SQL}"
        " AND EXISTS (SELECT FROM transfers WHERE transfers.state IN ('signed', 'broadcast')"
        "   AND transfers.unique_id = transfer_attempts.unique_id)"
        " ORDER BY greatest(state_since, asked_at), attempt_id LIMIT %(limit)s",
        limit=limit,
        **standstill.parameters,
    )
    return [row["unique_id"] for row in rows]


def note_order_asked(tx: Transaction, unique_id: str, now: datetime) -> bool:
    """The signer is told of an order now; False when there is none (any more)."""
    return bool(
        tx.execute(
            "UPDATE transfer_attempts SET asked_at = %(now)s"
            " WHERE unique_id = %(unique_id)s AND state = 'ordered'",
            unique_id=unique_id,
            now=now,
        )
    )
