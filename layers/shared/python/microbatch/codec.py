"""The byte codes of a token, and signing and verifying one.

The only module of the package in which a double occurs: the ported layouts carry amounts as
IEEE doubles. They are hints; what is paid comes from the database.
"""

import base64
import binascii
import dataclasses
import hashlib
import hmac
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeVar, get_type_hints

from microbatch.errors import ExpiredToken, InvalidToken

MAC_BYTES = 16
VALID_BACK_SECONDS = 26 * 3600
VALID_AHEAD_SECONDS = 5 * 60
FIX16_BYTES = 16
STR_MAX_BYTES = 255
BYTES_MAX = 64 * 1024


class Message:
    """A frozen dataclass whose fields, in order, are the payload."""

    __slots__ = ()
    EXPIRES: ClassVar[bool] = True


class OwnMessage(Message):
    """A message of ours: the payload begins with VERSION and TYPE.

    Changes are additive: new fields come last, with a default. An older payload lacks them and
    gets the defaults; what a newer version has appended is passed over.
    """

    __slots__ = ()
    VERSION: ClassVar[int] = 1
    TYPE: ClassVar[int]


M = TypeVar("M", bound=Message)


class Cursor:
    """Reads a payload front to back; a read past the end is an InvalidToken."""

    __slots__ = ("payload", "position")

    def __init__(self, payload: bytes, start: int = 0) -> None:
        self.payload = payload
        self.position = start

    def take(self, count: int) -> bytes:
        end = self.position + count
        taken = self.payload[self.position : end]
        if len(taken) != count:
            raise InvalidToken("payload is cut short")
        self.position = end
        return taken

    @property
    def at_end(self) -> bool:
        return self.position == len(self.payload)


@dataclass(frozen=True)
class Code:
    """How one field becomes bytes and back."""

    pack: Callable[[Any], bytes]
    unpack: Callable[[Cursor], Any]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidToken("text field is not UTF-8") from error


def _pack_fix16(value: str) -> bytes:
    raw = value.encode()
    if len(raw) > FIX16_BYTES:
        raise ValueError(f"fix16 field has {len(raw)} bytes, at most {FIX16_BYTES}")
    if "\0" in value:
        raise ValueError("fix16 field contains NUL")
    return raw.ljust(FIX16_BYTES, b"\0")


def _pack_str(value: str) -> bytes:
    raw = value.encode()
    if len(raw) > STR_MAX_BYTES:
        raise ValueError(f"str field has {len(raw)} bytes, at most {STR_MAX_BYTES}")
    return bytes([len(raw)]) + raw


def _unpack_str(cursor: Cursor) -> str:
    # Most fields are these: read without a call for each step.
    payload, start = cursor.payload, cursor.position + 1
    if start > len(payload) or start + payload[start - 1] > len(payload):
        raise InvalidToken("payload is cut short")
    cursor.position = start + payload[start - 1]
    return _text(payload[start : cursor.position])


def _pack_bytes(value: bytes) -> bytes:
    if len(value) > BYTES_MAX:
        raise ValueError(f"bytes field has {len(value)} bytes, at most {BYTES_MAX}")
    return struct.pack(">I", len(value)) + value


def _unpack_bytes(cursor: Cursor) -> bytes:
    (length,) = struct.unpack(">I", cursor.take(4))
    if length > BYTES_MAX:
        raise InvalidToken("bytes field is too long")
    return cursor.take(length)


def _number(form: str) -> Code:
    size = struct.calcsize(form)

    def pack(value: Any) -> bytes:
        try:
            return struct.pack(form, value)
        except struct.error as error:
            raise ValueError(f"{value!r} does not fit its field: {error}") from error

    return Code(pack, lambda cursor: struct.unpack(form, cursor.take(size))[0])


FIX16 = Code(_pack_fix16, lambda cursor: _text(cursor.take(FIX16_BYTES).rstrip(b"\0")))
STR = Code(_pack_str, _unpack_str)
BYTES = Code(_pack_bytes, _unpack_bytes)
F64 = _number(">d")
U32 = _number(">I")
U64 = _number(">Q")


_layouts: dict[type[Message], tuple[tuple[str, Code, Any], ...]] = {}


def _layout(kind: type[Message]) -> tuple[tuple[str, Code, Any], ...]:
    """(name, code, default) of each field in wire order; worked out once a class."""
    if kind not in _layouts:
        hints = get_type_hints(kind, include_extras=True)
        _layouts[kind] = tuple(
            (field.name, hints[field.name].__metadata__[0], field.default)
            for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        )
    return _layouts[kind]


def encode(message: Message) -> bytes:
    """The payload of a message. Raises ValueError when a value does not fit its field."""
    head = b""
    if isinstance(message, OwnMessage):
        head = bytes([message.VERSION, message.TYPE])
    return head + b"".join(
        code.pack(getattr(message, name)) for name, code, _ in _layout(type(message))
    )


def decode(kind: type[M], payload: bytes) -> M:
    """The message in an authentic payload. Raises InvalidToken when it is not of this kind."""
    cursor, appended, is_ours = Cursor(payload), False, issubclass(kind, OwnMessage)
    if issubclass(kind, OwnMessage):
        version, type_ = cursor.take(2)
        if type_ != kind.TYPE or version < 1:
            raise InvalidToken(f"payload is not a {kind.__name__}")
        appended = version > kind.VERSION
    values, end = {}, len(payload)
    for name, code, default in _layout(kind):
        lacking = is_ours and default is not MISSING and cursor.position == end
        values[name] = default if lacking else code.unpack(cursor)
    if not cursor.at_end and not appended:
        raise InvalidToken(f"payload is longer than a {kind.__name__}")
    return kind(**values)


def _mac(payload: bytes, key: bytes) -> bytes:
    return hmac.digest(key, payload, hashlib.sha256)[:MAC_BYTES]


def sign(message: Message, key: bytes) -> str:
    """The token of a message under `key`."""
    payload = encode(message)
    return base64.urlsafe_b64encode(payload + _mac(payload, key)).rstrip(b"=").decode()


def authentic_payload(token: str, keys: Iterable[bytes]) -> bytes:
    """The payload of a token, its MAC checked in constant time before a byte of it is read.

    Raises InvalidToken.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("token is not base64url") from error
    payload, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    matches = [hmac.compare_digest(mac, _mac(payload, key)) for key in keys]
    if not any(matches):
        raise InvalidToken("signature does not match")
    return payload


def check_age(message: Message, now: int | float | datetime | None) -> None:
    """Raises ExpiredToken unless the message's time is within 26 h back and 5 min ahead."""
    if not message.EXPIRES:
        return
    seconds = now.timestamp() if isinstance(now, datetime) else now
    age_seconds = (time.time() if seconds is None else seconds) - message.timestamp  # type: ignore[attr-defined]
    if age_seconds > VALID_BACK_SECONDS:
        raise ExpiredToken(f"{type(message).__name__} is {int(age_seconds)} s old")
    if age_seconds < -VALID_AHEAD_SECONDS:
        raise ExpiredToken(f"{type(message).__name__} is {int(-age_seconds)} s ahead")


def verify(
    kind: type[M],
    token: str,
    keys: Sequence[bytes],
    now: int | float | datetime | None = None,
) -> M:
    """The message of this kind in a token; `keys` newest first, `now` in Unix seconds.

    Raises InvalidToken or ExpiredToken.
    """
    message = decode(kind, authentic_payload(token, keys))
    check_age(message, now)
    return message


def as_double(amount: Decimal) -> float:
    """The double nearest to an exact amount, for a field that is only a hint."""
    return float(amount)


def agrees(hint: float, amount: Decimal) -> bool:
    """Whether a token's double is the exact amount as far as a double can say."""
    return hint == as_double(amount)
