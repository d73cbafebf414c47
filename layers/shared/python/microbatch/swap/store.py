"""SQL of swaps, exchanges and token receipts, one statement a function."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from microbatch.pace import Standstill
from microbatch.platform.database import Transaction
from microbatch.swap.model import Swap, Terms

COLUMNS = """swap_id, context, owner_id, generation, state, state_since, asked_at, from_currency,
    from_network, from_amount_units, value_usd, to_currency, to_network, payout_address,
    refund_address, payout_extra_id, quoted_to_amount, cn_api_id, payin_address,
    expected_to_amount, provider_status, provider_amount_to, payout_hash, refund_hash,
    provider_refund_amount, received_units, vouched_amount"""


def insert(tx: Transaction, terms: Terms, now: datetime) -> bool:
    """Record what is asked for; False when it is recorded already."""
    return bool(
        tx.execute(
            """
            INSERT INTO swaps (swap_id, context, owner_id, generation, state, state_since,
                created_at, from_currency, from_network, from_amount_units, value_usd,
                to_currency, to_network, payout_address, refund_address, payout_extra_id)
            VALUES (%(swap_id)s, %(context)s, %(owner_id)s, %(generation)s, 'requested', %(now)s,
                %(now)s, %(from_currency)s, %(from_network)s, %(from_amount_units)s,
                %(value_usd)s, %(to_currency)s, %(to_network)s, %(payout_address)s,
                %(refund_address)s, %(payout_extra_id)s)
            ON CONFLICT (swap_id) DO NOTHING
            """,
            swap_id=terms.swap_id,
            context=terms.context,
            owner_id=terms.owner_id,
            generation=terms.generation,
            now=now,
            from_currency=terms.pair.from_currency,
            from_network=terms.pair.from_network,
            from_amount_units=terms.from_amount_units,
            value_usd=terms.value_usd,
            to_currency=terms.pair.to_currency,
            to_network=terms.pair.to_network,
            payout_address=terms.payout_address,
            refund_address=terms.refund_address,
            payout_extra_id=terms.payout_extra_id,
        )
    )


def lock(tx: Transaction, swap_id: str) -> Swap | None:
    """The swap, locked until the transaction ends."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM swaps WHERE swap_id = %(swap_id)s FOR UPDATE",  # noqa: S608
        swap_id=swap_id,
    )
    return Swap.from_row(row) if row else None


def read(tx: Transaction, swap_id: str) -> Swap | None:
    """The swap as it is now, not locked."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM swaps WHERE swap_id = %(swap_id)s",  # noqa: S608
        swap_id=swap_id,
    )
    return Swap.from_row(row) if row else None


def refund_is_used(tx: Transaction, refund_hash: str) -> bool:
    """Whether another swap has been refunded by this transaction."""
    row = tx.one(
        "SELECT 1 AS used FROM swaps WHERE refund_hash = %(refund_hash)s AND state = 'refunded'",
        refund_hash=refund_hash,
    )
    return row is not None


def shares_payout(tx: Transaction, swap_id: str, payout_hash: str) -> bool:
    """Whether another swap of ours is said to be paid by the same transaction."""
    row = tx.one(
        "SELECT 1 AS shared FROM swaps WHERE payout_hash = %(payout_hash)s"
        " AND swap_id <> %(swap_id)s LIMIT 1",
        payout_hash=payout_hash,
        swap_id=swap_id,
    )
    return row is not None


def lock_by_owner(tx: Transaction, context: str, owner_id: str, cn_api_id: str) -> Swap | None:
    """The owner's swap on this exchange, locked until the transaction ends."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM swaps WHERE context = %(context)s"  # noqa: S608
        " AND owner_id = %(owner_id)s AND cn_api_id = %(cn_api_id)s FOR UPDATE",
        context=context,
        owner_id=owner_id,
        cn_api_id=cn_api_id,
    )
    return Swap.from_row(row) if row else None


def move(
    tx: Transaction,
    swap_id: str,
    *,
    state_from: str,
    state_to: str,
    now: datetime,
    reason: str | None = None,
    received_units: int | None = None,
    refunded_units: int | None = None,
) -> bool:
    """Move a swap from one state to another; False when it is not there (any more)."""
    return bool(
        tx.execute(
            """
            UPDATE swaps SET state = %(state_to)s, state_since = %(now)s, asked_at = NULL,
                reason = coalesce(%(reason)s, reason),
                received_units = coalesce(%(received_units)s, received_units),
                refunded_units = coalesce(%(refunded_units)s, refunded_units)
            WHERE swap_id = %(swap_id)s AND state = %(state_from)s
            """,
            swap_id=swap_id,
            state_from=state_from,
            state_to=state_to,
            now=now,
            reason=reason,
            received_units=received_units,
            refunded_units=refunded_units,
        )
    )


def set_quote(tx: Transaction, swap_id: str, to_amount: Decimal | None) -> None:
    """Note what the provider has estimated."""
    tx.execute(
        "UPDATE swaps SET quoted_to_amount = %(to_amount)s WHERE swap_id = %(swap_id)s",
        swap_id=swap_id,
        to_amount=to_amount,
    )


def set_exchange(
    tx: Transaction,
    swap_id: str,
    *,
    cn_api_id: str,
    payin_address: str,
    expected_to_amount: Decimal,
) -> None:
    """Fix the exchange that this swap pays."""
    tx.execute(
        "UPDATE swaps SET cn_api_id = %(cn_api_id)s, payin_address = %(payin_address)s,"
        " expected_to_amount = %(expected_to_amount)s WHERE swap_id = %(swap_id)s",
        swap_id=swap_id,
        cn_api_id=cn_api_id,
        payin_address=payin_address,
        expected_to_amount=expected_to_amount,
    )


def insert_exchange(
    tx: Transaction,
    *,
    cn_api_id: str,
    swap_id: str,
    payin_address: str,
    is_current: bool,
    now: datetime,
) -> bool:
    """Record an exchange the provider made; False when it is recorded already."""
    return bool(
        tx.execute(
            """
            INSERT INTO exchanges (cn_api_id, swap_id, payin_address, is_current, recorded_at)
            VALUES (%(cn_api_id)s, %(swap_id)s, %(payin_address)s, %(is_current)s, %(now)s)
            ON CONFLICT (cn_api_id) DO NOTHING
            """,
            cn_api_id=cn_api_id,
            swap_id=swap_id,
            payin_address=payin_address,
            is_current=is_current,
            now=now,
        )
    )


def set_provider_state(
    tx: Transaction,
    swap_id: str,
    *,
    status: str,
    amount_to: Decimal | None,
    payout_hash: str | None,
    refund_hash: str | None,
    refund_amount: Decimal | None,
    now: datetime,
) -> None:
    """Note what the provider says of the swap's exchange, and since when."""
    tx.execute(
        """
        UPDATE swaps SET provider_status = %(status)s,
            provider_status_since = CASE WHEN provider_status = %(status)s
                THEN coalesce(provider_status_since, %(now)s) ELSE %(now)s END,
            provider_amount_to = coalesce(%(amount_to)s, provider_amount_to),
            -- the provider names one of them: the other is not true (any more)
            payout_hash = CASE WHEN %(refund_hash)s::text IS NULL
                THEN coalesce(%(payout_hash)s, payout_hash) END,
            refund_hash = CASE WHEN %(payout_hash)s::text IS NULL
                THEN coalesce(%(refund_hash)s, refund_hash) END,
            provider_refund_amount = coalesce(%(refund_amount)s, provider_refund_amount)
        WHERE swap_id = %(swap_id)s
        """,
        swap_id=swap_id,
        status=status,
        amount_to=amount_to,
        payout_hash=payout_hash,
        refund_hash=refund_hash,
        refund_amount=refund_amount,
        now=now,
    )


def win_ask(tx: Transaction, swap_id: str, now: datetime, not_since: datetime) -> bool:
    """Whether we are the one to send this swap's message now: nobody has since `not_since`."""
    return bool(
        tx.execute(
            "UPDATE swaps SET asked_at = %(now)s WHERE swap_id = %(swap_id)s"
            " AND (asked_at IS NULL OR asked_at <= %(not_since)s)",
            swap_id=swap_id,
            now=now,
            not_since=not_since,
        )
    )


def standing_still(
    tx: Transaction, states: Sequence[str], standstill: Standstill, limit: int
) -> list[str]:
    """Swaps in these states for which nothing has been sent or changed for too long.

    One that is created waits for its transfer; only without a live one it is a standstill.
    """
    rows = tx.all(
        "SELECT swap_id FROM swaps WHERE state = ANY(%(states)s)"  # noqa: S608
        f" AND {Standstill.SQL}"
        " AND (state <> 'created' OR NOT EXISTS (SELECT FROM transfers"
        "   WHERE transfers.swap_id = swaps.swap_id"
        "   AND transfers.state NOT IN ('rejected', 'failed')))"
        " ORDER BY greatest(state_since, asked_at), swap_id LIMIT %(limit)s",
        states=list(states),
        limit=limit,
        **standstill.parameters,
    )
    return [row["swap_id"] for row in rows]


def in_trouble(tx: Transaction, well: Sequence[str]) -> int:
    """How many exchanges are paid, and say of themselves something else than these."""
    row = tx.one(
        "SELECT count(*) AS exchanges FROM swaps WHERE state = 'paid'"
        " AND provider_status <> ALL(%(well)s)",
        well=list(well),
    )
    assert row is not None
    return int(row["exchanges"])
