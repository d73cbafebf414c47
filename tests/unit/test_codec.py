"""A field is read as it was written or refused; a payload is whole or refused; a token signed."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microbatch import codec
from microbatch.codec import OwnMessage
from microbatch.errors import ExpiredToken, InvalidToken
from microbatch.messages.fields import Fix16, Hint, Octets, Seconds, Text

KEY = b"k" * 64
KIB = 1024
TEXTS = st.text(max_size=80).filter(lambda text: len(text.encode()) <= 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(OwnMessage):
    """One field of each kind, of a kind of message that expires."""

    TYPE: ClassVar[int] = 7

    timestamp: Seconds
    unique_id: Fix16
    text: Text
    amount: Hint
    body: Octets = b"nothing"


NOTE = Note(timestamp=1000, unique_id="ABC", text="a", amount=0.5, body=b"{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ported(codec.Message):
    """A layout of the original: no version in front, every field there."""

    text: Text
    body: Octets = b""


def written(value: str | bytes, code: codec.Code) -> str | bytes:
    """What is read of a field when this was written."""
    cursor = codec.Cursor(code.pack(value))
    found: str | bytes = code.unpack(cursor)
    assert cursor.at_end, "a field reads its own bytes, no more and no fewer"
    return found


@given(st.integers(0, 2**64 - 1), TEXTS, st.floats(allow_nan=False), st.binary(max_size=300))
def test_whatever_is_written_is_read(timestamp: int, text: str, amount: float, body: bytes) -> None:
    note = Note(timestamp=timestamp, unique_id="X", text=text, amount=amount, body=body)

    assert codec.decode(Note, codec.encode(note)) == note


@pytest.mark.parametrize("length", [0, 1, 15, 16])
def test_an_identity_shorter_than_its_field_is_filled_up_and_read_without_the_filling(
    length: int,
) -> None:
    assert len(codec.FIX16.pack("x" * length)) == 16
    assert written("x" * length, codec.FIX16) == "x" * length


@pytest.mark.parametrize(
    ("code", "longest"),
    [(codec.FIX16, "é" * 8), (codec.STR, "é" * 127 + "x"), (codec.BYTES, b"x" * 64 * KIB)],
)
def test_the_longest_value_fits_and_one_byte_more_is_refused(
    code: codec.Code, longest: str | bytes
) -> None:
    longer = longest + "x" if isinstance(longest, str) else longest + b"x"

    assert written(longest, code) == longest
    with pytest.raises(ValueError, match="at most"):
        code.pack(longer)


@pytest.mark.parametrize("value", ["\0", "a\0", "a\0b"])
def test_an_identity_that_would_be_read_shorter_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="NUL"):
        codec.FIX16.pack(value)


def test_more_bytes_than_any_message_has_are_refused_before_they_are_read() -> None:
    claims = (64 * KIB + 1).to_bytes(4, "big") + b"x" * (64 * KIB + 1)

    with pytest.raises(InvalidToken, match="too long"):
        codec.BYTES.unpack(codec.Cursor(claims))


@pytest.mark.parametrize("code", [codec.FIX16, codec.STR])
def test_text_that_is_no_text_is_refused(code: codec.Code) -> None:
    raw = code.pack("é").replace("é".encode(), b"\xff\xff")

    with pytest.raises(InvalidToken, match="UTF-8"):
        code.unpack(codec.Cursor(raw))


def test_a_payload_cut_anywhere_is_refused_but_for_what_has_a_default() -> None:
    whole = codec.encode(NOTE)
    without_body = whole[: -4 - len(NOTE.body)]

    for length in range(len(whole)):
        if length == len(without_body):
            continue
        with pytest.raises(InvalidToken):
            codec.decode(Note, whole[:length])
    assert codec.decode(Note, without_body).body == b"nothing"


def test_a_message_of_the_original_has_every_field_and_nothing_else() -> None:
    whole = codec.encode(Ported(text="a", body=b"b"))

    assert whole == b"\x01a\x00\x00\x00\x01b", "no version, no type in front"
    with pytest.raises(InvalidToken, match="cut short"):
        codec.decode(Ported, whole[:2])
    with pytest.raises(InvalidToken, match="longer"):
        codec.decode(Ported, whole + b"\0")


@pytest.mark.parametrize(("version", "type_"), [(1, 8), (1, 6), (0, 7), (2, 8)])
def test_a_payload_of_another_type_or_of_no_version_is_refused(version: int, type_: int) -> None:
    payload = bytes([version, type_]) + codec.encode(NOTE)[2:]

    with pytest.raises(InvalidToken, match="not a Note"):
        codec.decode(Note, payload)


def test_only_a_newer_version_may_have_appended_something() -> None:
    fields = codec.encode(NOTE)[2:]

    assert codec.decode(Note, bytes([2, 7]) + fields + b"new") == NOTE
    with pytest.raises(InvalidToken, match="longer than a Note"):
        codec.decode(Note, bytes([1, 7]) + fields + b"new")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda token: ("B" if token[0] == "A" else "A") + token[1:], "signature"),
        (lambda token: "A", "base64url"),
        (lambda token: token[:8] + "****" + token[8:], "base64url"),
        (lambda token: token[:8] + "é" + token[8:], "base64url"),
        (lambda token: "", "signature"),
    ],
)
def test_a_spoilt_token_is_refused_for_what_is_wrong_with_it(
    spoil: Callable[[str], str], says: str
) -> None:
    with pytest.raises(InvalidToken, match=says):
        codec.authentic_payload(spoil(codec.sign(NOTE, KEY)), [KEY])


def test_a_token_is_the_payload_and_sixteen_bytes_in_the_alphabet_of_urls() -> None:
    for number in range(64):  # some of them have every character of the alphabet
        payload = codec.encode(Ported(text="", body=bytes([number, 255 - number])))
        token = codec.sign(Ported(text="", body=bytes([number, 255 - number])), KEY)
        raw = base64.urlsafe_b64decode(token + "==")

        assert not set("+/=") & set(token)
        assert (raw[:-16], len(raw)) == (payload, len(payload) + 16)
        assert codec.authentic_payload(token, [KEY]) == payload


def test_no_key_makes_nothing_authentic() -> None:
    with pytest.raises(InvalidToken, match="signature"):
        codec.authentic_payload(codec.sign(NOTE, KEY), [])


@pytest.mark.parametrize(
    ("age_seconds", "says"), [(26 * 3600 + 1, "93601 s old"), (-301, "301 s ahead")]
)
def test_a_message_outside_its_time_says_by_how_much(age_seconds: int, says: str) -> None:
    with pytest.raises(ExpiredToken, match=f"Note is {says}"):
        codec.check_age(NOTE, NOTE.timestamp + age_seconds)


def test_without_a_time_it_is_now() -> None:
    with pytest.raises(ExpiredToken, match="old"):
        codec.check_age(NOTE, None)


@pytest.mark.parametrize(
    ("amount", "hint", "agrees"),
    [
        ("0.001269067", 0.001269067, True),
        ("0.001269067000000000", 0.001269067, True),
        ("0.0012690670000000001", 0.001269067, True),  # no double is between them
        ("0.001269068", 0.001269067, False),
        ("48500000", 48500000.0, True),
        ("0", 0.0, True),
        ("1e-18", 0.0, False),
        ("1", -1.0, False),
        ("1", float("nan"), False),
        ("1e400", float("inf"), True),
    ],
)
def test_a_hint_agrees_with_an_amount_as_far_as_a_double_can_say(
    amount: str, hint: float, agrees: bool
) -> None:
    assert codec.agrees(hint, Decimal(amount)) is agrees


@given(st.integers(1, 10**27))
def test_the_double_nearest_to_an_amount_agrees_and_its_neighbours_do_not(wei: int) -> None:
    amount = Decimal(wei).scaleb(-18)
    nearest = codec.as_double(amount)

    assert codec.agrees(nearest, amount)
    assert not codec.agrees(nearest * (1 + 2**-50), amount)
    assert not codec.agrees(nearest * (1 - 2**-50), amount)
