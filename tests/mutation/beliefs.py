"""Faults of what is believed: one receipt, one fee, one message."""

from tests.mutation.guards import RECORDING, SIGNING
from tests.mutation.mutant import CUSTOMERS_TWICE, NOT_AS_BOOKED, Mutant
from tests.mutation.project import Edit

REORGS = "tests/hostile/test_reorgs.py::"
LOSING_BRANCH = (
    f"{REORGS}test_a_payment_that_reverted_on_a_losing_branch_is_not_made_to_another_payee"
)
FORGOTTEN = (
    f"{REORGS}test_a_transfer_that_chain_and_pool_forget_after_its_first_block_is_paid_all_the_same"
)
RISING = (
    "tests/hostile/test_fees.py::"
    "test_while_the_base_fee_rises_dearer_bytes_follow_until_some_are_mined[0]"
)
MESSAGES = "tests/hostile/test_messages.py::"
OTHER_ORDER = (
    f"{MESSAGES}test_an_order_to_sign_that_names_another_payee_and_amount_pays_what_the_row_says"
)
OTHER_AMOUNT = (
    f"{MESSAGES}test_a_payment_id_that_comes_again_with_another_amount_is_held_and_not_paid"
)
THREE_ALIKE = (
    "tests/hostile/test_pool.py::test_what_finds_the_pool_full_is_sent_again_as_it_is[pool_full]"
)

INTAKE = "intake/service.py"
CLOCK = "from datetime import datetime\n"

FAILED_AT_ONE_RECEIPT = Edit(
    RECORDING,
    '    if (cancelled or message.status == "reverted") and not _is_final(transfer, message):\n',
    "    if cancelled and not _is_final(transfer, message):\n",
)
CONFIRMED_AT_ONE_RECEIPT = Edit(
    RECORDING,
    "    if message.head_number - message.block_number + 1 < policy.confirmations:\n",
    "    if message.head_number < message.block_number:\n",
)
TIP_STAYS = Edit(
    "hostpay/fees.py",
    "    tip = _raised(fees.max_priority_fee_per_gas_wei)\n",
    "    tip = fees.max_priority_fee_per_gas_wei\n",
)
SIGNS_THE_MESSAGE = (
    Edit(
        SIGNING,
        "    transfer = locked(tx, message.unique_id)\n",
        """\
    transfer = replace(
        locked(tx, message.unique_id),
        to_address=message.payin_address,
        amount_units=round(message.from_amount * 10**18),
    )
""",
    ),
    Edit(SIGNING, CLOCK, f"from dataclasses import replace\n{CLOCK}"),
)
ANY_PAYLOAD_OF_A_KNOWN_ID = Edit(
    INTAKE,
    "    if notice.fingerprint in (booked, *held):\n",
    "    if booked is not None or held:\n",
)
CONTENT_IS_IDENTITY = (
    Edit(
        INTAKE,
        """\
        payment_id=message.payment_id,
        source=message.source,
""",
        """\
        payment_id=sha256(f"{message.client_id} {message.received_amount}".encode()).hexdigest(),
        source=message.source,
""",
    ),
    Edit(INTAKE, CLOCK, f"{CLOCK}from hashlib import sha256\n"),
)

MUTANTS = (
    Mutant(
        name="failed_at_one_receipt",
        peer="OpenZeppelin Relayer, thirdweb engine-core",
        edits=(FAILED_AT_ONE_RECEIPT,),
        red={LOSING_BRANCH: CUSTOMERS_TWICE},
    ),
    Mutant(
        name="confirmed_at_one_receipt",
        peer="thirdweb engine-core",
        edits=(CONFIRMED_AT_ONE_RECEIPT,),
        red={FORGOTTEN: NOT_AS_BOOKED},
    ),
    Mutant(
        name="only_the_cap_is_bumped",
        peer="eth-custodial",
        edits=(TIP_STAYS,),
        red={RISING: "AssertionError: a step below a tenth: max_priority_fee_per_gas_wei"},
    ),
    Mutant(
        name="signed_from_the_message",
        peer="ethereum-shkeeper",
        edits=SIGNS_THE_MESSAGE,
        red={OTHER_ORDER: NOT_AS_BOOKED},
    ),
    Mutant(
        name="any_payload_of_a_known_id",
        peer="Chainlink",
        edits=(ANY_PAYLOAD_OF_A_KNOWN_ID,),
        red={OTHER_AMOUNT: "AssertionError: assert [] == ['conflict']"},
    ),
    Mutant(
        name="content_is_identity",
        peer="zkevm-ethtx-manager",
        edits=CONTENT_IS_IDENTITY,
        red={THREE_ALIKE: "assert [0] == [0, 1, 2]"},
    ),
)
