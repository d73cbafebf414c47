"""What stands in the books, in one round trip: every invariant of the product, and the rows."""

import json
import threading
from decimal import Decimal
from typing import Any

from microbatch.operations.invariants import ALL

ROWS = {
    "payments": "SELECT payment_id, client_id, state, state_since, received_wei, fee_wei, net_wei,"
    " refund_loss_wei, convertible_wei, batch_id, share_microusdt, payout_id,"
    " payout_loss_microusdt, attempts, park_reason FROM payments ORDER BY payment_id",
    "held": "SELECT payment_id, client_id, reason, state, received_amount FROM held_payments"
    " ORDER BY held_id",
    "batches": "SELECT batch_id, state, claimed_wei, received_microusdt, reason, announced_state"
    " FROM batches ORDER BY created_at, batch_id",
    "swaps": "SELECT swap_id, context, owner_id, state, cn_api_id, payin_address,"
    " from_currency, from_amount_units, refunded_units, received_units, payout_hash, refund_hash,"
    " reason FROM swaps ORDER BY created_at, swap_id",
    "payouts": "SELECT payout_id, unique_id, context, kind, client_id, state, from_currency,"
    " amount_units, to_currency, to_network, to_address, to_extra_id, delivered::text AS delivered,"
    " delivered_hash, refunded_units, reason, announced_state FROM payouts"
    " ORDER BY created_at, payout_id",
    "transfers": "SELECT unique_id, context, kind, swap_id, cn_api_id, wallet, currency,"
    " to_address, amount_units, state, nonce, tx_hash, block_number, block_hash, gas_used,"
    " effective_gas_price_wei, reason"
    " FROM transfers ORDER BY created_at, unique_id",
    "attempts": "SELECT unique_id, nonce, wallet, attempt_no, kind, state, tx_hash,"
    " encode(raw_transaction, 'hex') AS raw FROM transfer_attempts ORDER BY attempt_id",
    "wallets": "SELECT address, first_nonce, next_nonce, status, reason FROM wallets"
    " ORDER BY address",
    "receipts": "SELECT tx_hash, log_index, swap_id, amount_units FROM token_receipts"
    " ORDER BY tx_hash, log_index",
    "clients": "SELECT client_id, wallet_address, payout_currency, payout_network,"
    " payout_strategy, payout_threshold_usd::text AS payout_threshold_usd, address_state,"
    " address_matures_at, paused_at, payout_wait_reason FROM clients ORDER BY client_id",
}

Rows = list[dict[str, Any]]


def _query() -> str:
    broken = " UNION ALL ".join(
        f"SELECT '{name}' AS name WHERE EXISTS ({query})" for name, query in sorted(ALL.items())
    )
    rows = ", ".join(
        f"(SELECT coalesce(json_agg(r), '[]') FROM ({query}) r)" for query in ROWS.values()
    )
    return f"SELECT ARRAY(SELECT name FROM ({broken}) b ORDER BY name), {rows}".replace("%", "%%")


class Books:
    """Reads the committed rows over a connection of its own."""

    def __init__(self, connection: Any) -> None:
        self._cursor = connection.cursor()
        self._asking = threading.Lock()  # an answer is for whoever has asked
        # plain: no function is to parse what is JSON already; numbers stay exact
        self._cursor.execute(f"PREPARE books AS {_query().replace('%%', '%')}")

    def read(self) -> "Page":
        """As it stands now."""
        with self._asking:
            self._cursor.execute("EXECUTE books")
            broken, *rows = self._cursor.fetchone()
        return Page(broken, dict(zip(ROWS, rows, strict=True)))

    def one(self, sql: str, *parameters: Any) -> Any:
        """The first column of the first row of any query; None without a row."""
        with self._asking:
            self._cursor.execute(sql, parameters)
            row = self._cursor.fetchone()
        return row[0] if row else None

    def all(self, sql: str, *parameters: Any) -> list[Any]:
        """All rows of any query."""
        with self._asking:
            self._cursor.execute(sql, parameters)
            return list(self._cursor.fetchall())


class Page:
    """The books at one moment; tables are read when they are asked for."""

    def __init__(self, broken: list[str], raw: dict[str, Any]) -> None:
        self.broken = broken
        self._raw = raw
        self._read: dict[str, Rows] = {}

    def __str__(self) -> str:
        return f"{self.broken} {self._raw}"

    def __getattr__(self, table: str) -> Rows:
        if table.startswith("_") or table not in self._raw:
            raise AttributeError(table)
        if table not in self._read:
            value = self._raw[table]
            if isinstance(value, str):
                value = json.loads(value, parse_float=Decimal)
            self._read[table] = value
        return self._read[table]
