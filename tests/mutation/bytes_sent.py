"""Faults by which bytes leave that are not in the books, or not yet."""

from tests.mutation.guards import (
    BYTES_COME_BACK,
    FAILS_WITHOUT_A_RECEIPT,
    MANY_NONCES_FOR_A_TRANSFER,
    RECORDING,
    SIGNING,
)
from tests.mutation.mutant import (
    BYTES_UNKNOWN,
    CUSTOMERS_TWICE,
    ONE_NONCE,
    PAID_TWICE,
    Mutant,
)
from tests.mutation.project import Edit

FIRST_UNHEARD = (
    "tests/hostile/test_crashes.py::test_a_crash_after_the_first_bytes_were_sent_does_not_lose_them"
)
TWICE = "tests/hostile/test_straight.py::test_every_message_twice_pays_once"
BUMP_KNOWN = (
    "tests/hostile/test_fees.py::test_a_crash_after_a_bump_was_sent_does_not_lose_its_hash[False]"
)
BUMP_UNHEARD = (
    "tests/hostile/test_signers.py::"
    "test_a_bump_that_nobody_heard_of_is_in_the_books_whatever_the_key_gives[False]"
)
COMMIT_FAILS = "tests/integration/test_doors.py::test_bytes_whose_commit_fails_are_never_sent"

# --- the row after the send -----------------------------------------------------------------------

ANSWER_OF_OURS = """\
    transfer = locked(tx, message.unique_id)
    _must_be_ours(tx, transfer, message.tx_hash)
    attempt_store.note_broadcast("""
ROW_WITH_THE_ANSWER = (
    *BYTES_COME_BACK,
    Edit(
        SIGNING,
        """\
    attempt_store.insert_attempt(
        tx,
        transfer,
        nonce=nonce,
        call=call,
        fees=fees,
        raw_transaction=signed.raw,
        tx_hash=signed.tx_hash,
        now=now,
    )
    store.set_nonce(tx, transfer.unique_id, nonce, now)
""",
        "",
    ),
    Edit(
        RECORDING,
        ANSWER_OF_OURS,
        """\
    transfer = locked(tx, message.unique_id)
    if transfer.state == "approved":
        taken = tx.one(
            "SELECT max(nonce) AS nonce FROM transfer_nonces WHERE unique_id = %(id)s",
            id=transfer.unique_id,
        )
        attempt_store.insert_attempt(
            tx,
            transfer,
            nonce=taken["nonce"],
            call=call_of(transfer),
            fees=fees_for(transfer),
            raw_transaction=message.raw_transaction,
            tx_hash=message.tx_hash,
            now=now,
        )
        store.set_nonce(tx, transfer.unique_id, taken["nonce"], now)
        transfer = locked(tx, message.unique_id)
    attempt_store.note_broadcast(""",
    ),
    Edit(
        RECORDING,
        "from microbatch.hostpay.model import Transfer\n",
        """\
from microbatch.hostpay.fees import fees_for
from microbatch.hostpay.model import Transfer, call_of
""",
    ),
)
SENT_BEFORE_THE_COMMIT = Edit(
    "wiring/steps.py",
    "    _hand_on(transact(lambda tx, now: act(message, tx, now, *arguments)))\n",
    "    transact(lambda tx, now: _hand_on(act(message, tx, now, *arguments)))\n",
)

# --- the bump's row after the send ----------------------------------------------------------------

BUMP_WITH_THE_ANSWER = (
    *BYTES_COME_BACK,
    Edit(  # the ledger's role may not write bytes: without that guard
        "migrations/0007_database_roles.sql",
        "asked_at, sent_at, sends, last_outcome, unmined_at_block)\n",
        "asked_at, sent_at, sends, last_outcome, unmined_at_block, raw_transaction, tx_hash)\n",
    ),
    Edit(
        SIGNING,
        """\
    attempt_store.fill_attempt(
        tx, ordered.attempt_id, raw_transaction=signed.raw, tx_hash=signed.tx_hash, now=now
    )
""",
        "",
    ),
    Edit(
        RECORDING,
        ANSWER_OF_OURS,
        """\
    transfer = locked(tx, message.unique_id)
    ordered = attempt_store.ordered(tx, transfer.unique_id)
    known = attempt_store.has_attempt(tx, transfer.unique_id, message.tx_hash)
    if ordered and not known:
        attempt_store.fill_attempt(
            tx,
            ordered.attempt_id,
            raw_transaction=message.raw_transaction,
            tx_hash=message.tx_hash,
            now=now,
        )
    _must_be_ours(tx, transfer, message.tx_hash)
    attempt_store.note_broadcast(""",
    ),
)
CONSUMED_BY_OTHERS_IS_FAILED = (
    *FAILS_WITHOUT_A_RECEIPT,
    Edit(
        RECORDING,
        """\
    freeze(tx, transfer, reason, now)
    store.note_consumed(tx, transfer.unique_id, message.tx_hash, message.block_number)
    return park(tx, transfer, "nonce_consumed_by_another_transaction", now)
""",
        """\
    move(tx, transfer, "failed", now, reason)
    return messages_due(tx, locked(tx, transfer.unique_id), now)
""",
    ),
)

MUTANTS = (
    Mutant(
        name="row_after_send",
        peer="thirdweb Engine, FireFly, safe-relay-service, ethereum-shkeeper",
        edits=(*ROW_WITH_THE_ANSWER, MANY_NONCES_FOR_A_TRANSFER),
        red={FIRST_UNHEARD: PAID_TWICE, TWICE: PAID_TWICE},
    ),
    Mutant(
        name="row_after_send_under_our_schema",
        peer="thirdweb Engine, FireFly, safe-relay-service, ethereum-shkeeper",
        edits=ROW_WITH_THE_ANSWER,
        red={FIRST_UNHEARD: ONE_NONCE, TWICE: ONE_NONCE},
    ),
    Mutant(
        name="sent_before_the_commit",
        peer="Scroll",
        edits=(SENT_BEFORE_THE_COMMIT,),
        red={COMMIT_FAILS: "AssertionError: only the message that comes again"},
    ),
    Mutant(
        name="bump_saved_after_it_was_sent",
        peer="OpenZeppelin Relayer, tx-sitter, safe-relay-service",
        edits=BUMP_WITH_THE_ANSWER,
        red={
            BUMP_UNHEARD: BYTES_UNKNOWN,
            BUMP_KNOWN: "AssertionError: its hash was known before it was sent",
        },
    ),
    Mutant(
        name="bump_saved_after_it_was_sent_and_paid_again",
        peer="OpenZeppelin Relayer",
        edits=(*BUMP_WITH_THE_ANSWER, *CONSUMED_BY_OTHERS_IS_FAILED),
        red={BUMP_UNHEARD: CUSTOMERS_TWICE},
    ),
)
