"""Edits that several faults share: the schema without a guard, and steps nobody should have."""

from tests.mutation.project import Edit

SCHEMA = "migrations/0001_conversion.sql"
NONCES = "migrations/0002_hostile_chain.sql"
ACTS = "migrations/0005_acts.sql"
ATTEMPTS = "hostpay/attempt_store.py"
OUTBOUND = "hostpay/outbound.py"
RECORDING = "hostpay/recording.py"
SIGNING = "hostpay/signing.py"
WALLETS = "hostpay/wallet_store.py"

# --- the schema without a guard -------------------------------------------------------------------

LAST_EDGE_OF_TRANSFERS = "    ('transfers', 'mined', 'failed'),\n"
BACK_TO_APPROVED = Edit(
    SCHEMA,
    LAST_EDGE_OF_TRANSFERS,
    f"""{LAST_EDGE_OF_TRANSFERS}\
    ('transfers', 'signed', 'approved'),
    ('transfers', 'broadcast', 'approved'),
    ('transfers', 'confirmed', 'approved'),
""",
)
MAY_LOSE_ITS_NONCE = Edit(
    SCHEMA, "    IF OLD.nonce IS NOT NULL AND NEW.nonce IS NULL THEN\n", "    IF false THEN\n"
)
NONCE_MAY_BE_TAKEN_BACK = Edit(
    NONCES,
    """\
    RAISE EXCEPTION 'nonce % of % is given away for ever', OLD.nonce, OLD.wallet
        USING ERRCODE = 'check_violation';
""",
    "    RETURN NEW;\n",
)
MAY_GET_ANOTHER_NONCE = Edit(
    NONCES,
    """\
    RAISE EXCEPTION 'transfer % keeps its nonce', OLD.unique_id USING ERRCODE = 'check_violation';
""",
    "    RETURN NEW;\n",
)
UNGUARDED = (
    BACK_TO_APPROVED,
    MAY_LOSE_ITS_NONCE,
    NONCE_MAY_BE_TAKEN_BACK,
    MAY_GET_ANOTHER_NONCE,
)

MAY_LOSE_ITS_BYTES = Edit(
    SCHEMA,
    "        RAISE EXCEPTION 'an attempt is never deleted' USING ERRCODE = 'check_violation';\n",
    "        RETURN OLD;\n",
)
MANY_NONCES_FOR_A_TRANSFER = Edit(
    SCHEMA,
    """\
CREATE UNIQUE INDEX one_live_nonce_per_transfer ON transfer_nonces (unique_id) WHERE is_live;
""",
    "",
)
MANY_TRANSFERS_ON_A_NONCE = Edit(
    SCHEMA,
    """\
    PRIMARY KEY (wallet, chain_id, nonce),
    FOREIGN KEY (wallet, chain_id) REFERENCES wallets,
""",
    """\
    FOREIGN KEY (wallet, chain_id) REFERENCES wallets,
""",
)
BYTES_OF_ANY_NONCE = Edit(
    SCHEMA,
    """\
    FOREIGN KEY (wallet, chain_id, nonce, unique_id)
        REFERENCES transfer_nonces (wallet, chain_id, nonce, unique_id),
""",
    "",
)
FAILS_WITHOUT_A_RECEIPT = (
    Edit(
        ACTS,
        "        state NOT IN ('mined', 'confirmed', 'settled', 'failed')\n",
        "        state NOT IN ('mined', 'confirmed', 'settled')\n",
    ),
    Edit(
        SCHEMA,
        LAST_EDGE_OF_TRANSFERS,
        f"{LAST_EDGE_OF_TRANSFERS}    ('transfers', 'broadcast', 'failed'),\n",
    ),
)

# --- steps nobody should have ---------------------------------------------------------------------

LAST_OF_WALLETS = "def is_ours(tx: Transaction, wallet: str) -> bool:\n"

# A transfer that was signed waits for another signature, on whichever nonce is next.
SIGNED_AGAIN = (
    Edit(
        WALLETS,
        LAST_OF_WALLETS,
        f'''\
def requeue(tx: Transaction, transfer: Transfer, now: datetime) -> None:
    tx.execute(
        "UPDATE transfer_nonces SET is_live = false WHERE unique_id = %(unique_id)s",
        unique_id=transfer.unique_id,
    )
    tx.execute(
        """
        UPDATE transfers SET state = 'approved', state_since = %(now)s, asked_at = NULL,
            nonce = NULL, signed_at = NULL, preflight_at = NULL
        WHERE unique_id = %(unique_id)s
        """,
        unique_id=transfer.unique_id,
        now=now,
    )


{LAST_OF_WALLETS}''',
    ),
    Edit(
        ATTEMPTS,
        "%(nonce)s, 1, 'pay', 'prepared',\n",
        """%(nonce)s, (SELECT count(*) + 1
                FROM transfer_attempts WHERE unique_id = %(unique_id)s), 'pay', 'prepared',
""",
    ),
)

# No answer to a transaction is an answer: nobody has it.
SILENCE_IS_AN_ANSWER = (
    Edit(
        OUTBOUND,
        "    said = node.broadcast(message.raw_transaction, message.tx_hash)\n",
        """\
    try:
        said = node.broadcast(message.raw_transaction, message.tx_hash)
    except RetryLater as failure:
        said = Broadcast(BroadcastOutcome.UNKNOWN, str(failure)[:200])
""",
    ),
    Edit(
        OUTBOUND,
        "from microbatch.errors import InvalidInput, InvalidToken\n",
        "from microbatch.errors import InvalidInput, InvalidToken, RetryLater\n",
    ),
    Edit(
        OUTBOUND,
        "from microbatch.vendors.ethereum import Node, TransferLogs\n",
        "from microbatch.vendors.ethereum import Broadcast, BroadcastOutcome, Node, TransferLogs\n",
    ),
)

# The bytes come back with the node's answer, so that whoever takes it can store them then.
BYTES_COME_BACK = (
    Edit(
        "messages/chain.py",
        """\
    detail: Text = ""
""",
        """\
    detail: Text = ""
    raw_transaction: Octets = b""
""",
    ),
    Edit(
        OUTBOUND,
        "        detail=said.detail,\n",
        "        detail=said.detail,\n        raw_transaction=message.raw_transaction,\n",
    ),
)

# An error where a receipt was asked for is no receipt.
ERROR_IS_ABSENCE = Edit(
    "vendors/ethereum/node.py",
    "found, head_number = receipt.result,",
    "found, head_number = receipt.value,",
)
