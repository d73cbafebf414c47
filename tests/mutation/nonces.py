"""Faults by which a payment gets a second nonce, a nonce a second payment, or nobody a nonce."""

from tests.mutation.guards import (
    ATTEMPTS,
    BYTES_OF_ANY_NONCE,
    ERROR_IS_ABSENCE,
    MANY_TRANSFERS_ON_A_NONCE,
    MAY_GET_ANOTHER_NONCE,
    MAY_LOSE_ITS_BYTES,
    NONCE_MAY_BE_TAKEN_BACK,
    RECORDING,
    SCHEMA,
    SIGNED_AGAIN,
    SIGNING,
    SILENCE_IS_AN_ANSWER,
    UNGUARDED,
    WALLETS,
)
from tests.mutation.mutant import (
    GIVEN_AWAY,
    NEVER_DELETED,
    NONCES_BROKEN,
    ONE_TRANSFER,
    PAID_TWICE,
    Mutant,
)
from tests.mutation.project import Edit

ANSWERS = "tests/hostile/test_answers.py::"
UNHEARD = f"{ANSWERS}test_bytes_that_were_taken_unheard_and_mined_are_not_followed_by_others"
ANOTHERS = f"{ANSWERS}test_a_nonce_said_to_be_of_another_transaction_is_kept"
EVERY_ERROR = f"{ANSWERS}test_no_error_a_node_can_give_makes_a_nonce_lost_or_used_twice"
STALE = "tests/hostile/test_stale.py::"
GONE = f"{STALE}test_receipts_that_are_gone_for_a_while_pay_nothing_again"
BLIND = f"{STALE}test_a_consumed_nonce_without_any_receipt_stays_undecided"
BACKWARDS = f"{STALE}test_counts_that_go_back_by_nine_change_no_nonce"
OPERATIONS = "tests/hostile/test_operations.py::"
SIGNER_FAILS = (
    f"{OPERATIONS}test_a_signer_that_fails_leaves_nothing_behind_and_the_nonce_is_the_same_later"
)
ONCE_MORE = f"{OPERATIONS}test_everything_once_more_a_quarter_of_an_hour_later_changes_nothing"

# --- an answer to the bytes changes the nonce -----------------------------------------------------

ANSWER_TAKEN = """\
    if transfer.state != "signed":
        return []  # the question for its receipt is on its way by itself
"""


def signed_again_after(answer: str, *, first: str = "") -> Edit:
    """After this answer to its bytes a transfer is signed again, a minute later."""
    return Edit(
        RECORDING,
        ANSWER_TAKEN,
        f"""\
    if {answer} and transfer.state in ("signed", "broadcast"):
{first}\
        wallet_store.requeue(tx, transfer, now)
        return messages_due(tx, locked(tx, transfer.unique_id), now, 60)
{ANSWER_TAKEN}""",
    )


TAKE_NONCE = "def take_nonce(tx: Transaction, transfer: Transfer) -> int:\n"
RECYCLED = (
    *SIGNED_AGAIN,
    *SILENCE_IS_AN_ANSWER,
    signed_again_after('message.outcome in ("unknown", "nonce_too_low")'),
    Edit(
        WALLETS,
        TAKE_NONCE,
        f'''{TAKE_NONCE}\
    recycled = tx.one(
        """
        UPDATE transfer_nonces SET unique_id = %(unique_id)s, is_live = true
        WHERE nonce = (SELECT min(nonce) FROM transfer_nonces
            WHERE NOT is_live AND nonce >= %(latest)s)
        RETURNING nonce
        """,
        unique_id=transfer.unique_id,
        latest=transfer.preflight_latest_nonce,
    )
    if recycled is not None:
        return int(recycled["nonce"])
''',
    ),
)
PLUS_ONE = (*SIGNED_AGAIN, signed_again_after('message.outcome == "replacement_underpriced"'))
ROW_DELETED = (
    *SIGNED_AGAIN,
    signed_again_after(
        'message.outcome not in ("accepted", "already_known")',
        first="""\
        tx.execute(
            "DELETE FROM transfer_attempts WHERE unique_id = %(id)s", id=transfer.unique_id
        )
""",
    ),
)

# --- whoever finds no receipt pays again ----------------------------------------------------------

NO_RECEIPT = "    if again and message.finalized_nonce > transfer.nonce:\n"
SIGNED_AGAIN_WITHOUT_RECEIPT = (
    *SIGNED_AGAIN,
    Edit(
        RECORDING,
        NO_RECEIPT,
        f"""\
    if message.latest_nonce > transfer.nonce:
        wallet_store.requeue(tx, transfer, now)
        return messages_due(tx, locked(tx, transfer.unique_id), now)
{NO_RECEIPT}""",
    ),
)
# The same, but the other nonce comes as if it were a bump: no guard of the schema is in its way.
ORDERED_WITHOUT_RECEIPT = (
    Edit(
        RECORDING,
        NO_RECEIPT,
        f"""\
    if message.latest_nonce > transfer.nonce and not attempt_store.ordered(tx, transfer.unique_id):
        tx.execute(
            "UPDATE transfer_nonces SET is_live = false WHERE unique_id = %(id)s",
            id=transfer.unique_id,
        )
        wallet_store.take_nonce(tx, transfer)
        newest = attempt_store.last_attempt(tx, transfer.unique_id)
        attempt_store.order_attempt(tx, transfer.unique_id, bumped(newest.fees, None), now)
        order = Outgoing("hostpay-payment-execute", execution(transfer, now))
        return [order, *again]
{NO_RECEIPT}""",
    ),
    Edit(
        RECORDING,
        "from microbatch.hostpay.due import asks_again, messages_due\n",
        """\
from microbatch.hostpay.due import asks_again, execution, messages_due
from microbatch.hostpay.fees import bumped
""",
    ),
    Edit(
        ATTEMPTS,
        "        SELECT unique_id, wallet, chain_id, nonce, (SELECT max(attempt_no) + 1\n",
        """\
        SELECT unique_id, wallet, chain_id, (SELECT nonce FROM transfer_nonces n
                WHERE n.unique_id = %(unique_id)s AND is_live), (SELECT max(attempt_no) + 1
""",
    ),
)
# --- where the next nonce comes from --------------------------------------------------------------

NEXT = "            UPDATE wallets SET next_nonce = next_nonce + 1\n"
COUNTED_APART = (
    Edit(
        SCHEMA,
        "-- A nonce belongs to one transfer for ever.\n",
        "CREATE SEQUENCE nonce_counter MINVALUE 0;\n\n",
    ),
    Edit(WALLETS, NEXT, NEXT.replace("next_nonce + 1", "nextval('nonce_counter') + 1")),
)
ASKED_OF_THE_NODE = (
    Edit(WALLETS, NEXT, NEXT.replace("next_nonce + 1", "%(latest)s + 1")),
    Edit(
        WALLETS,
        """\
        unique_id=transfer.unique_id,
    )
    assert row is not None
""",
        """\
        unique_id=transfer.unique_id,
        latest=transfer.preflight_latest_nonce,
    )
    assert row is not None
""",
    ),
)

# --- whoever asks again is paid again -------------------------------------------------------------

ASKED_AGAIN = '    if transfer.state != "approved":\n        return []\n'
SIGNED_WHENEVER_ASKED = (
    *SIGNED_AGAIN,
    Edit(
        SIGNING,
        ASKED_AGAIN,
        f"""\
    if transfer.state == "confirmed":
        wallet_store.requeue(tx, transfer, now)
        transfer = locked(tx, transfer.unique_id)
{ASKED_AGAIN}""",
    ),
)

MUTANTS = (
    Mutant(
        name="nonce_recycled_on_timeout",
        peer="thirdweb Engine, thirdweb engine-core",
        edits=(*RECYCLED, *UNGUARDED, BYTES_OF_ANY_NONCE),
        red={f"{UNHEARD}[{kind}]": PAID_TWICE for kind in ("drop_answer", "status")},
    ),
    Mutant(
        name="nonce_recycled_on_timeout_under_our_schema",
        peer="thirdweb Engine, thirdweb engine-core",
        edits=RECYCLED,
        red={f"{UNHEARD}[drop_answer]": GIVEN_AWAY},
    ),
    Mutant(
        name="nonce_plus_one_on_underpriced",
        peer="safe-eth-py",
        edits=(*PLUS_ONE, *UNGUARDED),
        red={f"{ANOTHERS}[replacement_underpriced]": PAID_TWICE},
    ),
    Mutant(
        name="nonce_plus_one_on_underpriced_under_our_schema",
        peer="safe-eth-py",
        edits=PLUS_ONE,
        red={f"{ANOTHERS}[replacement_underpriced]": GIVEN_AWAY},
    ),
    Mutant(
        name="row_deleted_when_a_send_fails",
        peer="Scroll",
        edits=(*ROW_DELETED, *UNGUARDED, MAY_LOSE_ITS_BYTES),
        red={f"{EVERY_ERROR}[0-taken]": PAID_TWICE},
    ),
    Mutant(
        name="row_deleted_when_a_send_fails_under_our_schema",
        peer="Scroll",
        edits=ROW_DELETED,
        red={f"{EVERY_ERROR}[0-taken]": NEVER_DELETED},
    ),
    Mutant(
        name="new_nonce_without_receipt",
        peer="thirdweb engine-core",
        edits=(*SIGNED_AGAIN_WITHOUT_RECEIPT, *UNGUARDED),
        red={GONE: PAID_TWICE, f"{BLIND}[null]": PAID_TWICE},
    ),
    Mutant(
        name="new_nonce_without_receipt_under_our_schema",
        peer="thirdweb engine-core",
        edits=SIGNED_AGAIN_WITHOUT_RECEIPT,
        red={GONE: GIVEN_AWAY},
    ),
    Mutant(
        name="new_nonce_beside_the_old_one",
        peer="thirdweb engine-core",
        edits=(*ORDERED_WITHOUT_RECEIPT, NONCE_MAY_BE_TAKEN_BACK, MAY_GET_ANOTHER_NONCE),
        red={GONE: PAID_TWICE},
    ),
    Mutant(
        name="new_nonce_beside_the_old_one_under_our_schema",
        peer="thirdweb engine-core",
        edits=ORDERED_WITHOUT_RECEIPT,
        red={GONE: GIVEN_AWAY},
    ),
    Mutant(
        name="new_nonce_when_receipts_fail",
        peer="thirdweb engine-core",
        edits=(*SIGNED_AGAIN_WITHOUT_RECEIPT, ERROR_IS_ABSENCE, *UNGUARDED),
        red={f"{BLIND}[internal_error]": PAID_TWICE},
    ),
    Mutant(
        name="error_counted_as_absence",
        peer="thirdweb engine-core, OpenZeppelin Relayer, zkevm-ethtx-manager",
        edits=(ERROR_IS_ABSENCE,),
        red={f"{BLIND}[internal_error]": "assert True == ('error' == 'null'"},
    ),
    Mutant(
        name="counter_outside_the_transaction",
        peer="OpenZeppelin Relayer, thirdweb Engine",
        edits=COUNTED_APART,
        red={f"{SIGNER_FAILS}[before]": NONCES_BROKEN},
    ),
    Mutant(
        name="nonce_asked_of_the_node",
        peer="Optimism, safe-eth-py, ethereum-shkeeper",
        edits=(*ASKED_OF_THE_NODE, MANY_TRANSFERS_ON_A_NONCE),
        red={BACKWARDS: NONCES_BROKEN},
    ),
    Mutant(
        name="nonce_asked_of_the_node_under_our_schema",
        peer="Optimism, safe-eth-py, ethereum-shkeeper",
        edits=ASKED_OF_THE_NODE,
        red={BACKWARDS: ONE_TRANSFER},
    ),
    Mutant(
        name="signed_whenever_asked",
        peer="peanut-ui",
        edits=(*SIGNED_WHENEVER_ASKED, *UNGUARDED),
        red={ONCE_MORE: PAID_TWICE},
    ),
)
