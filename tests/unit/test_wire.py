"""Numbers and words of outside parties, made safe to carry."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microbatch.vendors.wire import cut, decimal_text, read_json


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=0, max_value=10**12))
def test_decimal_text_is_the_same_number_without_exponent(amount: Decimal):
    plain = decimal_text(str(amount))

    assert Decimal(plain) == amount
    assert "e" not in plain.lower()


@given(st.text(max_size=400), st.integers(0, 300))
def test_cut_text_always_fits_and_is_the_beginning(text: str, size: int):
    short = cut(text, size)

    assert len(short.encode()) <= size
    assert "\0" not in short
    assert text.replace("\0", "\ufffd").startswith(short)


def test_invalid_utf8_is_no_json():
    with pytest.raises(ValueError, match="utf-8"):
        read_json(b'{"a":"\xff"}')
