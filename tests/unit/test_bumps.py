"""What the next bytes on a nonce offer: enough that every node takes them, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microbatch.hostpay.fees import bumped
from microbatch.hostpay.model import Fees

WEI = st.integers(0, 10**15)
GWEI = 10**9


def by_an_eighth(wei: int) -> int:
    """The least whole number of wei that is 12.5 % more."""
    return (9 * wei + 7) // 8


@given(WEI, WEI, st.none() | WEI)
def test_a_bump_is_taken_by_every_node(cap: int, tip: int, base_fee: int | None) -> None:
    """geth wants 10 % more on both fields, and more than before even of nothing."""
    fees = Fees(21_000, max(cap, tip), tip)
    found = bumped(fees, base_fee)

    assert found.max_fee_per_gas_wei * 10 >= fees.max_fee_per_gas_wei * 11
    assert found.max_priority_fee_per_gas_wei * 10 >= fees.max_priority_fee_per_gas_wei * 11
    assert found.max_fee_per_gas_wei > fees.max_fee_per_gas_wei
    assert found.max_priority_fee_per_gas_wei > fees.max_priority_fee_per_gas_wei
    assert found.max_fee_per_gas_wei >= found.max_priority_fee_per_gas_wei
    assert found.gas_limit == 21_000


@given(st.integers(8, 10**15), st.integers(8, 10**15))
def test_a_bump_offers_an_eighth_more_and_not_a_wei_beyond(cap: int, tip: int) -> None:
    cap = max(cap, tip)

    assert bumped(Fees(72_000, cap, tip), None) == Fees(
        72_000, by_an_eighth(cap), by_an_eighth(tip)
    )


@pytest.mark.parametrize(
    ("cap", "tip", "base_fee", "expected"),
    [
        (100, 10, None, (113, 12)),
        (1, 0, None, (2, 1)),
        (0, 0, None, (1, 1)),
        (1000, 1000, None, (1125, 1125)),
        (30 * GWEI, GWEI, None, (33_750_000_000, 1_125_000_000)),
        (100, 10, 200, (412, 12)),  # twice the base fee of now, and the tip
        (100, 10, 51, (114, 12)),
        (100, 10, 50, (113, 12)),  # not less than an eighth, however low it has fallen
        (100, 10, 0, (113, 12)),
        (5, 100, None, (113, 113)),  # a node refuses a tip above the cap
    ],
)
def test_a_bump_follows_the_base_fee_where_it_is_known(
    cap: int, tip: int, base_fee: int | None, expected: tuple[int, int]
) -> None:
    assert bumped(Fees(21_000, cap, tip), base_fee) == Fees(21_000, *expected)
