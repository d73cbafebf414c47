"""What must hold before a transfer is signed: every verdict, every boundary on both sides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from microbatch.hostpay.clearance import adoption_refusal, clearance
from microbatch.hostpay.fees import above_ceiling, bumped, fees_for, worth_wei
from microbatch.hostpay.model import (
    Fees,
    HostWallet,
    Limits,
    Ruling,
    Transfer,
    Verdict,
    WalletState,
    readiness,
)
from microbatch.money import Wei

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GWEI = 10**9
MILLI_ETH = 10**15
WALLET = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
FOREIGN = "nonces_are_not_ours: the chain has {}, we gave out 7"
LIMITS = Limits(
    chain_id=1,
    wallets=(HostWallet(WALLET),),
    token=TOKEN,
    approval_max_age_seconds=600,
    preflight_max_age_seconds=60,
    transfer_max_wei=Wei(500 * MILLI_ETH),
    transfer_max_token_units=100_000 * 10**6,
    daily_max_wei=Wei(2000 * MILLI_ETH),
    daily_max_token_units=400_000 * 10**6,
    fee_per_gas_ceiling_wei=Wei(300 * GWEI),
    gas_limit_ceiling=200_000,
    gas_cost_max_percent=25,
    bump_after_blocks=3,
    gas_reserve_wei=Wei(5 * MILLI_ETH),
)
STATE = WalletState(
    next_nonce=7, status="active", in_flight=0, in_flight_cost_wei=0, signed_today_wei=0
)
TRANSFER = Transfer(
    **{
        **dict.fromkeys(Transfer.__slots__),
        "unique_id": "H4G9ORQ1DLTHAQ04",
        "context": "batch",
        "kind": "exchange",
        "swap_id": "H4G9ORQ1DLTHAQ04",
        "cn_api_id": "ccb079fe70f827",
        "wallet": WALLET,
        "chain_id": 1,
        "currency": "eth",
        "network": "eth",
        "to_address": PAYEE,
        "amount_units": 100 * MILLI_ETH,
        "state": "approved",
        "state_since": NOW,
        "approved_at": NOW - timedelta(seconds=30),
        "preflight_at": NOW - timedelta(seconds=5),
        "preflight_chain_id": 1,
        "preflight_balance_wei": 1000 * MILLI_ETH,
        "preflight_latest_nonce": 7,
        "preflight_pending_nonce": 7,
        "preflight_finalized_nonce": 7,
        "preflight_base_fee_wei": 10 * GWEI,
        "preflight_tip_wei": 2 * GWEI,
        "preflight_gas": 21_000,
        "preflight_problem": "",
    }
)
COST = 21_000 * 22 * GWEI
MICRO = timedelta(microseconds=1)
ETH_USD = Decimal(2000)


def ago(seconds: int) -> datetime:
    return NOW - timedelta(seconds=seconds)


TO_TOKEN = {
    "token": TOKEN,
    "currency": "usdt",
    "amount_units": 50_000_000,
    "preflight_token_units": 50_000_000,
    "preflight_gas": 60_000,
}
READINESS: list[tuple[Verdict, str, dict[str, Any]]] = [
    (Verdict.SIGN, "", {}),
    (Verdict.SIGN, "", {"approved_at": ago(600)}),
    (Verdict.ASK_EXCHANGE, "approval_too_old", {"approved_at": ago(600) - MICRO}),
    (Verdict.SIGN, "", {"approved_at": ago(10**6), "kind": "direct"}),  # by nobody outside
    (Verdict.SIGN, "", {"preflight_at": ago(60)}),
    (Verdict.LOOK, "no_fresh_preflight", {"preflight_at": ago(60) - MICRO}),
    (Verdict.LOOK, "no_fresh_preflight", {"preflight_at": None}),
    (Verdict.ASK_EXCHANGE, "approval_too_old", {"approved_at": ago(601), "preflight_at": None}),
    (Verdict.PARK, "wallet_is_not_the_configured_one", {"wallet": PAYEE}),
    (Verdict.PARK, "wallet_is_not_the_configured_one", {"chain_id": 5}),
    (Verdict.WAIT, "node_of_another_chain", {"preflight_chain_id": 5}),
    (Verdict.WAIT, "node_of_another_chain", {"preflight_chain_id": None}),
    (Verdict.PARK, "receiver_reverts", {"preflight_problem": "reverted: no"}),
    (Verdict.WAIT, "insufficient_funds", {"preflight_problem": "insufficient_funds"}),
    (Verdict.WAIT, "wallet_has_code", {"preflight_problem": "wallet_has_code"}),
    (Verdict.SIGN, "", {"preflight_problem": None}),
    (Verdict.SIGN, "", {"amount_units": 500 * MILLI_ETH}),
    (Verdict.PARK, "above_transfer_limit", {"amount_units": 500 * MILLI_ETH + 1}),
    (Verdict.SIGN, "", TO_TOKEN),
    (Verdict.WAIT, "short_of_token", {**TO_TOKEN, "preflight_token_units": 49_999_999}),
    (Verdict.WAIT, "short_of_token", TO_TOKEN | {"amount_units": 1, "preflight_token_units": None}),
    (Verdict.WAIT, "short_of_token",
     {**TO_TOKEN, "preflight_token_units": 0, "preflight_problem": "reverted: no"}),
    (Verdict.PARK, "token_refuses", {**TO_TOKEN, "preflight_problem": "reverted: paused"}),
    (Verdict.PARK, "payee_blacklisted", {**TO_TOKEN, "preflight_problem": "payee_blacklisted"}),
    (Verdict.SIGN, "", {**TO_TOKEN, "amount_units": 10**11, "preflight_token_units": 10**11}),
    (Verdict.PARK, "above_transfer_limit",
     {**TO_TOKEN, "amount_units": 10**11 + 1, "preflight_token_units": 10**12}),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "reason", "changed"), READINESS)
def test_a_transfer_goes_to_the_wallets_lock_or_says_why_not(
    verdict: Verdict, reason: str, changed: dict[str, Any]
) -> None:
    assert readiness(replace(TRANSFER, **changed), LIMITS, NOW) == Ruling(verdict, reason)


TOKEN_COST = 72_000 * 22 * GWEI
RESERVE = 5 * MILLI_ETH
NEEDED = 100 * MILLI_ETH + COST + RESERVE
CLEARANCE: list[tuple[Verdict, str, dict[str, Any], dict[str, Any]]] = [
    (Verdict.SIGN, "", {}, {}),
    (Verdict.WAIT, "wallet_frozen", {}, {"status": "frozen"}),
    (Verdict.SIGN, "", {}, {"next_nonce": 9}),
    (Verdict.FREEZE, FOREIGN.format(8), {"preflight_latest_nonce": 8}, {}),
    (Verdict.FREEZE, FOREIGN.format(9), {"preflight_pending_nonce": 9}, {}),
    (Verdict.WAIT, "wallet_frozen", {"preflight_latest_nonce": 8}, {"status": "frozen"}),
    (Verdict.SIGN, "", {}, {"in_flight": LIMITS.window - 1}),
    (Verdict.WAIT, "window_full", {}, {"in_flight": LIMITS.window}),
    (Verdict.SIGN, "", {}, {"in_flight": 3, "pool_room": 4}),
    (Verdict.WAIT, "window_full", {}, {"in_flight": 4, "pool_room": 4}),
    (Verdict.WAIT, "window_full", {}, {"in_flight": LIMITS.window, "pool_room": 99}),
    (Verdict.SIGN, "", {"preflight_base_fee_wei": 149 * GWEI}, {}),
    (Verdict.WAIT, "gas_price_above_ceiling", {"preflight_base_fee_wei": 149 * GWEI + 1}, {}),
    (Verdict.WAIT, "gas_price_above_ceiling", {"preflight_tip_wei": 280 * GWEI + 1}, {}),
    (Verdict.SIGN, "", {"preflight_gas": 166_667}, {}),
    (Verdict.PARK, "gas_limit_above_ceiling", {"preflight_gas": 166_668}, {}),
    (Verdict.SIGN, "", {}, {"signed_today_wei": 1900 * MILLI_ETH}),
    (Verdict.WAIT, "daily_limit_reached", {}, {"signed_today_wei": 1900 * MILLI_ETH + 1}),
    (Verdict.SIGN, "", {"preflight_balance_wei": NEEDED}, {}),
    (Verdict.WAIT, "short_of_funds", {"preflight_balance_wei": NEEDED - 1}, {}),
    (Verdict.SIGN, "", {"preflight_balance_wei": NEEDED + 3}, {"in_flight_cost_wei": 3}),
    (Verdict.WAIT, "short_of_funds", {"preflight_balance_wei": NEEDED + 2},
     {"in_flight_cost_wei": 3}),
    (Verdict.SIGN, "", TO_TOKEN, {}),
    (Verdict.SIGN, "", TO_TOKEN, {"signed_today_wei": 2000 * MILLI_ETH}),
    (Verdict.SIGN, "", TO_TOKEN, {"signed_today_token_units": 399_950 * 10**6}),
    (Verdict.WAIT, "daily_limit_reached", TO_TOKEN,
     {"signed_today_token_units": 399_950 * 10**6 + 1}),
    (Verdict.WAIT, "short_of_token", {**TO_TOKEN, "preflight_token_units": 49_999_999}, {}),
    (Verdict.WAIT, "short_of_token", {**TO_TOKEN, "preflight_token_units": None}, {}),
    (Verdict.WAIT, "short_of_token", {**TO_TOKEN, "preflight_token_units": None,
     "amount_units": 1, "preflight_base_fee_wei": 0, "preflight_tip_wei": 0}, {}),
    (Verdict.SIGN, "", {"preflight_token_units": None}, {"in_flight_token_units": 5}),
    (Verdict.SIGN, "", {**TO_TOKEN, "preflight_token_units": 80_000_000},
     {"in_flight_token_units": 30_000_000}),
    (Verdict.WAIT, "short_of_token", {**TO_TOKEN, "preflight_token_units": 80_000_000},
     {"in_flight_token_units": 30_000_001}),
    (Verdict.SIGN, "", {**TO_TOKEN, "preflight_base_fee_wei": 42 * GWEI}, {}),  # 12.38 USD of 50
    (Verdict.WAIT, "gas_price_above_ceiling",
     {**TO_TOKEN, "preflight_base_fee_wei": 43 * GWEI}, {}),
    (Verdict.SIGN, "", {**TO_TOKEN, "preflight_balance_wei": TOKEN_COST + RESERVE}, {}),
    (Verdict.WAIT, "short_of_funds",
     {**TO_TOKEN, "preflight_balance_wei": TOKEN_COST + RESERVE - 1}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "reason", "transfer", "wallet"), CLEARANCE)
def test_the_next_nonce_goes_to_a_transfer_or_it_is_said_why_not(
    verdict: Verdict, reason: str, transfer: dict[str, Any], wallet: dict[str, Any]
) -> None:
    ruling = clearance(replace(TRANSFER, **transfer), replace(STATE, **wallet), LIMITS, ETH_USD)

    assert ruling == Ruling(verdict, reason)


def test_without_a_price_of_eth_no_token_is_paid() -> None:
    ruling = clearance(replace(TRANSFER, **TO_TOKEN), STATE, LIMITS, None)

    assert ruling == Ruling(Verdict.WAIT, "no_fresh_price")
    assert clearance(TRANSFER, STATE, LIMITS, None) == Ruling(Verdict.SIGN)


def test_a_payee_who_is_not_on_the_allow_list_is_not_paid() -> None:
    only = replace(LIMITS, allowed_payees=frozenset({PAYEE.lower()}))
    other = replace(TRANSFER, to_address=WALLET)

    assert readiness(TRANSFER, only, NOW) == Ruling(Verdict.SIGN)
    assert readiness(other, only, NOW) == Ruling(Verdict.PARK, "payee_is_not_on_the_allow_list")
    assert readiness(other, LIMITS, NOW) == Ruling(Verdict.SIGN)


@pytest.mark.parametrize(
    ("declared", "finalized", "latest", "pending", "refusal"),
    [
        (0, 0, 0, 0, None),
        (7, 7, 7, 7, None),
        (0, 0, 1, 1, "wallet_has_open_nonces"),
        (0, 0, 0, 1, "wallet_has_open_nonces"),
        (0, 7, 7, 7, "wallet_has_a_history: its count is 7, and HOST_WALLET_ADDRESS says 0"),
        (7, 8, 8, 8, "wallet_has_a_history: its count is 8, and HOST_WALLET_ADDRESS says 7"),
        (7, 6, 6, 6, "wallet_has_a_history: its count is 6, and HOST_WALLET_ADDRESS says 7"),
    ],
)
def test_a_wallet_is_taken_into_the_books_at_the_count_that_was_declared(
    declared: int, finalized: int, latest: int, pending: int, refusal: str | None
) -> None:
    seen = replace(
        TRANSFER,
        preflight_finalized_nonce=finalized,
        preflight_latest_nonce=latest,
        preflight_pending_nonce=pending,
    )
    found = adoption_refusal(seen, replace(LIMITS, wallets=(HostWallet(WALLET, declared),)))

    assert found == refusal


def test_a_dollar_of_usdt_is_worth_its_eth_rounded_down() -> None:
    token = replace(TRANSFER, **{**TO_TOKEN, "amount_units": 1_000_000})

    assert worth_wei(token, Decimal(2000)) == 5 * 10**14
    assert worth_wei(token, Decimal(3000)) == 333_333_333_333_333
    assert worth_wei(token, None) is None
    assert worth_wei(TRANSFER, None) == 100 * MILLI_ETH


def test_a_bump_ends_at_the_ceiling_of_what_is_paid() -> None:
    fees = Fees(72_000, 22 * GWEI, 2 * GWEI)

    assert not above_ceiling(fees, 4 * fees.cost_wei, LIMITS)
    assert above_ceiling(fees, 4 * fees.cost_wei - 1, LIMITS)
    assert above_ceiling(bumped(fees, None), 4 * fees.cost_wei, LIMITS)


def test_every_verdict_has_been_seen() -> None:
    seen = {case[0] for case in READINESS} | {case[0] for case in CLEARANCE}

    assert seen == set(Verdict)


@pytest.mark.parametrize(
    ("gas", "base_fee_wei", "tip_wei", "expected"),
    [
        (21_000, 10 * GWEI, 2 * GWEI, Fees(21_000, 22 * GWEI, 2 * GWEI)),
        (21_001, 10 * GWEI, 2 * GWEI, Fees(25_201, 22 * GWEI, 2 * GWEI)),
        (60_000, 1, 0, Fees(72_000, 2, 0)),
        (21_000, 0, 1_000_000, Fees(21_000, 1_000_000, 1_000_000)),
        (21_000, 0, 0, Fees(21_000, 1, 0)),
    ],
)
def test_fees_outlast_five_full_blocks(
    gas: int, base_fee_wei: int, tip_wei: int, expected: Fees
) -> None:
    seen = replace(
        TRANSFER,
        preflight_gas=gas,
        preflight_base_fee_wei=base_fee_wei,
        preflight_tip_wei=tip_wei,
    )
    after_five_blocks = base_fee_wei * 1125**5 // 1000**5 + tip_wei

    assert fees_for(seen) == expected
    assert after_five_blocks <= expected.max_fee_per_gas_wei
    assert expected.max_priority_fee_per_gas_wei <= expected.max_fee_per_gas_wei
    assert expected.cost_wei == expected.gas_limit * expected.max_fee_per_gas_wei


def test_a_token_transfer_carries_no_ether() -> None:
    transfer = replace(TRANSFER, **TO_TOKEN)

    assert TRANSFER.value_wei == 100 * MILLI_ETH
    assert transfer.value_wei == 0
    assert (TRANSFER.amount, transfer.amount) == (Decimal("0.1"), Decimal(50))


def test_a_row_has_whole_numbers() -> None:
    row = {name: getattr(TRANSFER, name) for name in Transfer.__slots__}
    read = Transfer.from_row(
        {**row, "amount_units": Decimal(7), "preflight_balance_wei": Decimal(8)}
    )

    assert read == replace(TRANSFER, amount_units=7, preflight_balance_wei=8)
    assert (type(read.amount_units), type(read.preflight_balance_wei)) == (int, int)
