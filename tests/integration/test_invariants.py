"""The judge is judged: right books break no invariant, and every fault breaks its own."""

from collections.abc import Iterator

import pytest

from microbatch.operations.invariants import ALL, broken_in, broken_invariants
from microbatch.platform.database import Database, Transaction
from tests.integration.right_books import (
    AT_ONCE,
    DUE,
    LOST,
    OPEN,
    REFUNDED,
    REROUTED,
    TO_XMR,
    right_books,
)
from tests.integration.rows import SWAP, insert

DISTRIBUTED = "UPDATE batches SET {} WHERE state = 'distributed'"
REST = "UPDATE {} SET {} WHERE unique_id = '{}'"


@pytest.fixture(scope="module")
def books(module_database: Database) -> Iterator[Transaction]:
    """Right books, written once; every test undoes what it does to them."""
    with right_books(module_database) as tx:
        yield tx


def spoilt(books: Transaction, *statements: str) -> set[str]:
    """The invariants that do not hold once somebody has done this to right books."""
    with books.savepoint() as point:
        for statement in statements:
            assert books.execute(statement), "it spoils nothing"
        point.rollback()
        return set(broken_in(books))


def payment(number: int, change: str) -> str:
    return f"UPDATE payments SET {change} WHERE payment_id = '{number}'"


def transfer(unique_id: str, change: str) -> str:
    return REST.format("transfers", change, unique_id)


def attempt(unique_id: str, change: str, number: int = 1) -> str:
    return REST.format("transfer_attempts", change, unique_id) + f" AND attempt_no = {number}"


def payout(payout_id: str, change: str) -> str:
    return f"UPDATE payouts SET {change} WHERE payout_id = '{payout_id}'"


def swap(swap_id: str, change: str) -> str:
    return f"UPDATE swaps SET {change} WHERE swap_id = '{swap_id}'"


def receipts(swap_id: str, change: str) -> str:
    return f"UPDATE token_receipts SET {change} WHERE swap_id = '{swap_id}'"


def held(number: int, change: str) -> str:
    return f"UPDATE held_payments SET {change} WHERE payment_id = '{number}'"


def test_books_that_are_right_break_nothing(books: Transaction) -> None:
    with books.savepoint():
        assert broken_in(books) == []


def test_books_are_right_again_after_each_fault(books: Transaction) -> None:
    assert spoilt(books, payment(1, "batch_id = NULL")) != set()
    with books.savepoint():
        assert broken_in(books) == []


ATTEMPTS = "attempts_pay_the_transfer"
LOSSES = "losses_are_what_did_not_come_back"
OF_CLAIM = "a_swap_is_of_what_was_claimed"
OF_SWAP = "a_transfer_pays_its_swap"
TRANSFERS = "payouts_and_transfers_agree"
ROWS_OF_PAYOUT = "payout_is_its_rows"
FEES = "fees_rise_by_a_tenth"
NONCES = "nonces_have_no_gap"
HELD = "what_is_held_counts_once_it_is_accepted"

SPOILT: list[tuple[set[str], str]] = [
    ({"batch_is_its_rows", OF_CLAIM}, DISTRIBUTED.format("claimed_wei = 195")),
    ({"batch_is_its_rows"}, DISTRIBUTED.format("payments_count = 3")),
    ({"batch_is_its_rows", "shares_are_what_arrived"}, payment(1, "batch_id = NULL")),
    ({"shares_are_what_arrived"}, payment(1, "share_microusdt = 22")),
    ({"shares_are_proportional"},
     ("UPDATE payments SET share_microusdt = CASE payment_id WHEN '1' THEN 23 ELSE 20 END"
     " WHERE payment_id IN ('1', '2')")),
    # exactly one unit less than the exact quotient
    ({"shares_are_what_arrived", "shares_are_proportional"},
     DISTRIBUTED.format("received_microusdt = 44")),
    ({"arrived_is_what_the_chain_logged"}, swap(SWAP, "received_units = 44")),
    ({"arrived_is_what_the_chain_logged"}, receipts(SWAP, "swap_id = 'another'")),
    ({"one_live_transfer_per_exchange"}, transfer("TOXMR", "cn_api_id = 'cn1'")),
    ({"one_live_transfer_per_exchange"}, transfer("LOST", "cn_api_id = 'cn1'")),
    (set(), transfer("RELEASED", "cn_api_id = 'cn1'")),  # it is rejected
    (set(), transfer("RELEASED", "cn_api_id = 'cn1', state = 'failed'")),
    (set(), transfer("TOXMR", "cn_api_id = NULL")),  # as another has none
    ({NONCES}, "UPDATE wallets SET next_nonce = 13 WHERE next_nonce = 12"),
    ({NONCES}, "UPDATE wallets SET next_nonce = 6 WHERE next_nonce = 5"),
    ({NONCES}, "UPDATE wallets SET first_nonce = 6 WHERE next_nonce = 12"),
    ({NONCES}, "DELETE FROM transfer_nonces WHERE nonce = 9"),
    ({NONCES}, "UPDATE transfer_nonces SET nonce = 12 WHERE nonce = 11"),
    ({NONCES}, "UPDATE transfer_nonces SET chain_id = 2 WHERE nonce = 11"),
    ({ATTEMPTS, OF_SWAP}, transfer(SWAP, "to_address = '0x' || repeat('99', 20)")),
    ({ATTEMPTS}, attempt("ATONCE", "to_address = '0x' || repeat('99', 20)")),
    ({ATTEMPTS}, attempt("ATONCE", "value_wei = 98")),
    ({ATTEMPTS}, attempt("ATONCE", "data = 'x'")),
    (set(), attempt(SWAP, "value_wei = 1", 4)),  # it pays nobody
    ({ATTEMPTS}, attempt("TOXMR", "to_address = '0x' || repeat('99', 20)")),
    ({ATTEMPTS}, attempt("TOXMR", "value_wei = 1")),
    ({ATTEMPTS}, attempt("TOXMR", "value_wei = -1")),
    ({ATTEMPTS}, attempt("TOXMR", "data = set_byte(data, 3, 0)")),
    ({ATTEMPTS}, attempt("TOXMR", "data = set_byte(data, 35, 0)")),
    ({ATTEMPTS}, attempt("TOXMR", "data = set_byte(data, 67, 0)")),
    ({ATTEMPTS}, attempt("TOXMR", "data = data || 'x'")),
    ({FEES}, attempt(SWAP, "max_fee_per_gas_wei = 21", 2)),
    ({FEES}, attempt(SWAP, "max_priority_fee_per_gas_wei = 10", 2)),
    ({FEES}, attempt(SWAP, "max_fee_per_gas_wei = 24", 4)),
    ({FEES, ATTEMPTS}, attempt(SWAP, "value_wei = 193", 2)),
    ({"released_only_without_live_transfer"}, transfer("RELEASED", "state = 'signed'")),
    (set(), transfer("RELEASED", "state = 'failed'")),
    ({"refunds_are_booked", LOSSES}, swap("REFUNDED", "refunded_units = 98")),
    ({OF_CLAIM, OF_SWAP}, swap(SWAP, "from_amount_units = 195")),
    ({OF_CLAIM, OF_SWAP}, swap("TOXMR", "from_amount_units = 19")),
    ({OF_SWAP, ATTEMPTS}, transfer("REFUNDED", "amount_units = 96")),
    ({OF_SWAP}, transfer("REFUNDED", "currency = 'usdt'")),
    (set(), transfer("RELEASED", "to_address = '0x' || repeat('99', 20)")),  # of another exchange
    ({LOSSES}, payment(4, "refund_loss_wei = 6")),
    ({LOSSES}, payment(3, "refund_loss_wei = 1")),
    ({LOSSES, ROWS_OF_PAYOUT}, payment(5, "payout_loss_microusdt = 1")),
    ({LOSSES}, payment(2, "payout_loss_microusdt = 1")),
    ({ROWS_OF_PAYOUT}, payout(TO_XMR, "payments_count = 2")),
    ({ROWS_OF_PAYOUT}, payment(5, "client_id = '8'")),
    ({ROWS_OF_PAYOUT}, payment(5, "state = 'in_payout'")),
    ({ROWS_OF_PAYOUT}, payment(11, "state = 'paid'")),
    ({ROWS_OF_PAYOUT}, payment(6, "payout_id = NULL")),
    ({ROWS_OF_PAYOUT, OF_CLAIM}, payout(DUE, "amount_units = 6")),
    # exactly two payments, and exactly none; their swap is of another amount
    ({OF_CLAIM}, payment(12, f"state = 'in_payout', payout_id = '{DUE}'") + ";"
     + payout(DUE, "payments_count = 2, amount_units = 8")),
    ({OF_CLAIM}, payment(11, "state = 'converted', payout_id = NULL") + ";"
     + payout(DUE, "payments_count = 0, amount_units = 0")),
    ({ROWS_OF_PAYOUT}, payout(DUE, "state = 'parked', payments_count = 2")),
    (set(), payout(LOST, "payments_count = 9")),  # it is over
    (set(), payout(REROUTED, "payments_count = 9")),
    ({"a_payment_is_in_a_live_payout_or_none"}, payment(1, f"payout_id = '{LOST}'")),
    ({"a_payment_is_in_a_live_payout_or_none"}, payment(1, f"payout_id = '{REROUTED}'")),
    ({TRANSFERS, OF_SWAP, ATTEMPTS}, transfer("TOXMR", "amount_units = 17")),
    ({TRANSFERS}, transfer("ATONCE", "currency = 'usdt'")),
    ({TRANSFERS}, transfer("ATONCE", "kind = 'exchange'")),
    ({TRANSFERS}, transfer("TOXMR", "kind = 'direct'")),
    ({TRANSFERS}, payout(AT_ONCE, "to_address = 'elsewhere'")),
    (set(), payout(TO_XMR, "to_address = 'elsewhere'")),  # there the exchange pays it
    ({TRANSFERS}, transfer("ATONCE", "state = 'confirmed'")),
    ({TRANSFERS}, transfer("TOXMR", "state = 'confirmed'")),
    ({TRANSFERS, ROWS_OF_PAYOUT}, payout(AT_ONCE, "state = 'paid'")),
    ({TRANSFERS}, payout(LOST, "refunded_units = NULL")),
    ({"a_refund_of_usdt_is_what_the_chain_logged"}, receipts("LOST", "amount_units = 17")),
    ({"a_refund_of_usdt_is_what_the_chain_logged"}, receipts("LOST", "swap_id = 'another'")),
    ({"a_completed_payout_was_transferred"}, transfer("ATONCE", "unique_id = 'another'")),
    ({HELD}, held(13, "state = 'accepted'")),
    ({HELD}, held(14, "state = 'held'")),
    ({HELD}, held(14, "fingerprint = decode(repeat('00', 32), 'hex')")),  # another was accepted
    (set(), held(13, "state = 'rejected'")),
    ({"what_a_client_has_adds_up"}, payment(3, "state = 'gone'")),
    ({"what_a_client_has_adds_up"}, payment(2, "state = 'gone', batch_id = batch_id")),
]  # fmt: skip


@pytest.mark.parametrize(("invariants", "statement"), SPOILT, ids=[each for _, each in SPOILT])
def test_what_is_done_to_right_books_breaks_the_invariants_it_should(
    books: Transaction, invariants: set[str], statement: str
) -> None:
    assert spoilt(books, statement) == invariants


# batch or payout → the states that its swap may have; "" is no swap at all
OF_BATCHES = {
    "claimed": {"requested"},
    "exchange_created": {"created"},
    "pay_ordered": {"created"},
    "paid": {"paid"},
    "finished": {"finished"},
    "distributed": {"finished"},
    "released": {"failed", "refunded", "expired"},
    "parked": {"requested", "quoted", "created", "paid", "finished", "failed", "refunded",
               "expired", "parked", ""},
}  # fmt: skip
OF_PAYOUTS = {
    "claimed": {"requested", "quoted", "created"},
    "paid": {"paid"},
    "completed": {"finished"},
    "released": {"failed", "refunded", "expired"},
    "rerouted": {"failed", ""},
    "parked": OF_BATCHES["parked"],
}


@pytest.mark.parametrize("state", OF_BATCHES)
def test_a_batch_and_its_swap_are_in_states_that_go_together(
    books: Transaction, state: str
) -> None:
    batch = f"UPDATE batches SET state = '{state}' WHERE batch_id = '{OPEN}'"
    for of_swap in sorted(OF_BATCHES["parked"]):
        change = f"state = '{of_swap}', refunded_units = 0" if of_swap else "owner_id = 'nobody'"
        found = spoilt(books, batch, swap("OPEN", change))
        assert ("states_agree" in found) == (of_swap not in OF_BATCHES[state]), of_swap


@pytest.mark.parametrize("state", OF_PAYOUTS)
def test_a_payout_and_its_swap_are_in_states_that_go_together(
    books: Transaction, state: str
) -> None:
    for of_swap in sorted(OF_PAYOUTS["parked"]):
        change = f"state = '{of_swap}', refunded_units = 0" if of_swap else "swap_id = 'nobody'"
        found = spoilt(books, payout(DUE, f"state = '{state}'"), swap("DUE", change))
        assert ("payouts_and_swaps_agree" in found) == (of_swap not in OF_PAYOUTS[state]), of_swap


@pytest.mark.parametrize("state", OF_PAYOUTS)
def test_a_live_payout_is_over_payments_that_are_in_it(books: Transaction, state: str) -> None:
    found = spoilt(books, payout(DUE, f"state = '{state}'"))

    assert (ROWS_OF_PAYOUT in found) == (state == "completed")
    never_paid = "a_completed_payout_was_transferred" in found
    assert never_paid == (state in ("paid", "completed"))


def test_all_that_was_paid_may_come_back(books: Transaction) -> None:
    whole = swap("REFUNDED", "refunded_units = 97")

    assert spoilt(books, whole, payment(4, "refund_loss_wei = 0")) == set()


def test_the_losses_of_two_swaps_are_booked_together(books: Transaction) -> None:
    another = swap("OPEN", "state = 'refunded', refunded_units = 90")

    assert LOSSES in spoilt(books, another)
    assert LOSSES not in spoilt(books, another, payment(8, "refund_loss_wei = 7"))


@pytest.mark.parametrize("state", ["released", "rerouted"])
@pytest.mark.parametrize("of_transfer", ["rejected", "failed", "signed", "settled"])
def test_of_a_payout_that_was_given_up_no_transfer_lives(
    books: Transaction, state: str, of_transfer: str
) -> None:
    given_up = payout(TO_XMR, f"state = '{state}'")

    found = spoilt(books, given_up, transfer("TOXMR", f"state = '{of_transfer}'"))
    assert (TRANSFERS in found) == (of_transfer in ("signed", "settled"))


def test_a_refunded_batch_is_released(books: Transaction) -> None:
    paid = f"UPDATE batches SET state = 'paid' WHERE batch_id = '{REFUNDED}'"

    assert "refunds_are_booked" in spoilt(books, paid)


def test_every_invariant_has_been_seen_to_break() -> None:
    seen = {name for names, _ in SPOILT for name in names}
    by_matrix = {"states_agree", "payouts_and_swaps_agree"}

    assert seen | by_matrix == set(ALL)


def test_a_batch_of_nothing_is_its_rows(books: Transaction) -> None:
    nothing = f"UPDATE batches SET claimed_wei = 0, payments_count = 0 WHERE batch_id = '{OPEN}'"
    given_back = payment(8, "batch_id = NULL, state = 'pending'")

    found = spoilt(books, nothing, given_back, swap("OPEN", "from_amount_units = 0"))
    assert found == set()


def test_whoever_asks_is_told_the_names_of_what_is_broken_and_of_empty_books_nothing(
    database: Database,
) -> None:
    assert broken_invariants(database) == []
    with database.transaction() as tx:
        insert(tx, "batches")
    assert broken_invariants(database) == ["batch_is_its_rows", "states_agree"]
