"""What is read of a transfer's rows, and the rules that are constants."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from microbatch.hostpay.model import (
    ENDED,
    NOT_YET,
    TRANSFER_SELECTOR,
    Attempt,
    Call,
    Fees,
    HostWallet,
    Limits,
    WalletState,
    call_of,
)
from tests.unit.test_hostpay_model import LIMITS, TRANSFER, WALLET

TOKEN, PAYEE = "0x" + "55" * 20, "0x" + "aB" * 20
ATTEMPT = Attempt(
    attempt_id=1,
    attempt_no=2,
    kind="pay",
    state="sent",
    raw_transaction=b"\2raw",
    tx_hash="0x" + "ab" * 32,
    sent_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
    gas_limit=21_000,
    max_fee_per_gas_wei=22,
    max_priority_fee_per_gas_wei=2,
    unmined_at_block=None,
)


def test_an_attempts_row_has_whole_wei_and_is_otherwise_as_it_stands() -> None:
    row = {field.name: getattr(ATTEMPT, field.name) for field in fields(Attempt)}
    read = Attempt.from_row(row | {"max_fee_per_gas_wei": Decimal(22)})

    assert read == ATTEMPT
    assert type(read.max_fee_per_gas_wei) is int
    assert read.fees == Fees(
        gas_limit=21_000, max_fee_per_gas_wei=22, max_priority_fee_per_gas_wei=2
    )


def test_a_token_is_moved_as_the_standard_writes_it() -> None:
    transfer = replace(TRANSFER, token=TOKEN, to_address=PAYEE, amount_units=50_000_001)

    assert TRANSFER_SELECTOR.hex() == "a9059cbb"
    assert call_of(transfer) == Call(
        TOKEN,
        0,
        bytes.fromhex("a9059cbb" + "0" * 24 + "ab" * 20 + "0" * 57 + "2faf081"),
    )


def test_what_the_exchange_says_before_anything_is_paid() -> None:
    # any other word but "waiting" is not understood: not paid, asked again
    assert set(NOT_YET) == {"new", "not_found"}
    assert ENDED == {  # and why a transfer is rejected that nothing was paid for
        "failed": "exchange_failed",
        "refunded": "exchange_refunded",
        "expired": "exchange_expired",
    }


@pytest.mark.parametrize(("address", "ours"), [(WALLET, True), (PAYEE, False), ("", False)])
def test_a_wallet_is_ours_by_its_address(address: str, ours: bool) -> None:
    second = HostWallet("0x" + "77" * 20, 5)
    limits = replace(LIMITS, wallets=(second, HostWallet(WALLET)))

    assert limits.host_wallet(address) == (HostWallet(WALLET, 0) if ours else None)
    assert limits.host_wallet(second.address) == second


def test_unless_said_otherwise_a_wallet_is_new_and_sixteen_nonces_are_in_flight() -> None:
    defaults = {field.name: field.default for field in fields(Limits)}
    state = WalletState(
        next_nonce=0, status="active", in_flight=0, in_flight_cost_wei=0, signed_today_wei=0
    )

    assert (defaults["window"], defaults["allowed_payees"]) == (16, frozenset())
    assert HostWallet(WALLET).first_nonce == 0
    assert (state.in_flight_token_units, state.signed_today_token_units) == (0, 0)
    assert state.pool_room is None
