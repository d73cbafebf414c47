"""Exact to the unit, or an error."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microbatch import money
from microbatch.errors import InvalidInput

WEIGHTS = st.lists(st.integers(0, 10**24), min_size=1, max_size=40).filter(any)


@given(st.integers(0, 10**15), WEIGHTS)
def test_shares_add_up_and_are_within_one_unit(total: int, weights: list[int]) -> None:
    shares = money.split_pro_rata(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total * weight, whole)) < 1
        assert share >= 0


@given(st.integers(0, 10**12), st.lists(st.decimals(0, 10**6, places=8), min_size=1).filter(any))
def test_decimal_weights_are_the_same_as_their_integers(total: int, weights: list[Decimal]) -> None:
    scaled = [int(weight.scaleb(8)) for weight in weights]
    assert money.split_pro_rata(total, weights) == money.split_pro_rata(total, scaled)


def test_known_shares() -> None:
    assert money.split_pro_rata(48_500_000, [10, 15, 25]) == [9_700_000, 14_550_000, 24_250_000]
    assert money.split_pro_rata(7, [1]) == [7]
    assert money.split_pro_rata(5, [0, 1, 0]) == [0, 5, 0]
    one_unit = money.split_pro_rata(1, [1] * 1000)
    assert (sum(one_unit), max(one_unit)) == (1, 1)
    million = money.split_pro_rata(1_000_000_007, [3] * 1_000_000)
    assert (sum(million), min(million), max(million)) == (1_000_000_007, 1000, 1001)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([], "empty or all zero"),
        ([0, 0], "empty or all zero"),
        ([1, -1], "not be negative"),
        ([5, -1], "not be negative"),  # would give somebody more than there is
        ([5, Decimal("-0.5")], "not be negative"),
        ([Decimal("NaN")], "finite"),
        ([Decimal("Infinity")], "finite"),
    ],
)
def test_weights_that_cannot_be_are_refused(weights: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        money.split_pro_rata(1, weights)


def test_a_double_is_no_weight_and_a_negative_total_no_total() -> None:
    with pytest.raises(TypeError):
        money.split_pro_rata(1, [0.5])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="total"):
        money.split_pro_rata(-1, [1])


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0.000000000000000001", 1),
        ("5e-7", 500_000_000_000),
        ("1", 10**18),
        ("0.00149302", 1_493_020_000_000_000),
        ("-1", -(10**18)),
        ("0", 0),
        ("1e60", 10**78),
        # more digits than an ordinary Decimal keeps
        (
            "123456789012345678901234567890.123456789012345678",
            123456789012345678901234567890123456789012345678,
        ),
    ],
)
def test_eth_is_read_exactly(text: str, wei: int) -> None:
    assert money.wei_from_eth(text) == wei


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a decimal number"),
        ("abc", "not a decimal number"),
        ("1,5", "not a decimal number"),
        ("NaN", "not a finite number"),
        ("Infinity", "not a finite number"),
        ("0.0000000000000000001", "more than 18 decimals"),
        ("1.0000000000000000001", "more than 18 decimals"),
        ("1e61", "out of any range"),
        ("1e999999", "out of any range"),
        ("1e-1000200", "out of any range"),  # so small that a Decimal would call it nothing
    ],
)
def test_what_is_no_amount_is_refused_and_named(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=f"^received_amount .*{says}"):
        money.wei_from_eth(text, "received_amount")
    with pytest.raises(InvalidInput, match=f"^amount .*{says}"):
        money.wei_from_eth(text)


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (50, 0, "50"),
        (50, 1, "5"),
        (1, 18, "0.000000000000000001"),
        (0, 6, "0"),
        (1_500_000, 6, "1.5"),
    ],
)
def test_units_are_written_without_needless_zeros(units: int, decimals: int, text: str) -> None:
    assert money.text_from_units(units, decimals) == text


@given(st.integers(0, 2**256 - 1))
def test_eth_in_wei_and_back_is_the_same(wei: int) -> None:
    eth = money.coins(wei, 18)

    assert money.wei_below(eth) == wei


def test_a_coin_has_as_many_decimals_as_its_chain_gives_it() -> None:
    assert (money.ETH_DECIMALS, money.USDT_DECIMALS) == (18, 6)


def test_less_than_a_wei_is_left_out() -> None:
    assert money.wei_below(Decimal("1.9e-18")) == 1
    assert money.wei_below(Decimal("0.9e-18")) == 0
    assert money.wei_below(Decimal("123456789012345678.9012345678901234567")) == (
        123456789012345678901234567890123456
    )


@given(st.integers(0, 10**30))
def test_text_of_units_reads_back(units: int) -> None:
    text = money.text_from_units(units, 18)
    assert money.units_from_text(text, 18, "amount") == units
    assert "e" not in text.lower()


def test_the_fee_is_rounded_in_the_clients_favour() -> None:
    assert money.split_fee(money.Wei(101), Decimal(3)) == (3, 98)
    assert money.split_fee(money.Wei(1_493_020_000_000_000), Decimal(15)) == (
        223_953_000_000_000,
        1_269_067_000_000_000,
    )


@given(st.integers(0, 2**256 - 1), st.decimals(0, 100, places=4))
def test_fee_and_net_are_what_was_received_and_the_fee_is_less_than_a_wei_too_small(
    received: int, fee_percent: Decimal
) -> None:
    fee, net = money.split_fee(money.Wei(received), fee_percent)

    assert fee + net == received
    assert fee <= Fraction(received) * Fraction(fee_percent) / 100 < fee + 1


def test_a_fee_is_between_nothing_and_everything() -> None:
    assert money.split_fee(money.Wei(101), Decimal(0)) == (0, 101)
    assert money.split_fee(money.Wei(101), Decimal(100)) == (101, 0)
    assert money.split_fee(money.Wei(1000), Decimal("0.1")) == (1, 999)
    for percent in ("-0.01", "100.01"):
        with pytest.raises(ValueError, match="fee_percent"):
            money.split_fee(money.Wei(1), Decimal(percent))


def test_value_is_rounded_down_to_a_millionth() -> None:
    assert money.value_usd(money.Wei(1_269_067_000_000_000), Decimal("3315.42")) == Decimal(
        "4.207490"
    )
    assert money.value_usd(money.Wei(999_999_999_999), Decimal(1)) == 0
    # a balance no Decimal of ordinary precision holds, at a price with decimals
    assert money.value_usd(money.Wei(2**256 - 1), Decimal("3315.42")) == Decimal(
        (2**256 - 1) * 331542 // 10**14
    ).scaleb(-6, context=money.EXACT)
