"""Alchemy's notifications: is one authentic, and which transactions does it name.

The signature is HMAC-SHA256 over the raw body, in hex, under the webhook's signing key taken as it
is: the `whsec_…` is not decoded. It covers no time that we could check (`createdAt` is documented
as the webhook's own), so whoever uses this must not mind repeats. Of a transaction only its hash
and the two addresses are read: the rest may be missing, unknown or new, or a log be `removed`.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from microbatch.codec import BYTES_MAX
from microbatch.errors import ConfigurationError, InvalidInput, InvalidToken
from microbatch.vendors.wire import ETHEREUM_ADDRESS, Number, cut, read_json

SOURCE = "alchemy"
SECRET = "ALCHEMY_SIGNING_KEY"  # noqa: S105 - its name
KEY_CHARACTERS_MIN = 16
ADDRESS_ACTIVITY = "ADDRESS_ACTIVITY"
SIGNATURE = re.compile(r"[0-9a-f]{64}")
TX_HASH = re.compile(r"0x[0-9a-f]{64}")
TROUBLE_MAX_BYTES = 200

Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction, and the addresses between which it moved something; all in lower case."""

    tx_hash: str
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notification; only those of kind ADDRESS_ACTIVITY have movements."""

    kind: str
    movements: tuple[Movement, ...]
    trouble: str  # what Alchemy complains of instead; "" usually

    def hashes_of(self, wallet: str) -> list[str]:
        """Every transaction that moved something from or to the wallet, once, in order."""
        ours = (move.tx_hash for move in self.movements if wallet.lower() in move.addresses)
        return list(dict.fromkeys(ours))


def keys_in(secret: str) -> list[str]:
    """The live keys of a secret: one or more, separated by white space.

    Raises ConfigurationError when one is too short to be one, never showing it.
    """
    keys = secret.split()
    if not keys or any(len(key) < KEY_CHARACTERS_MIN for key in keys):
        raise ConfigurationError(f"{SECRET} is not one or more signing keys")
    return keys


def verify(raw_body: bytes, signature: str, keys: Sequence[str]) -> None:
    """Raises InvalidToken unless one of the keys signed this body."""
    claimed = signature.strip().lower()
    if not SIGNATURE.fullmatch(claimed):
        raise InvalidToken("x-alchemy-signature is not 64 hex digits")
    matches = [
        hmac.compare_digest(claimed, hmac.digest(key.encode(), raw_body, hashlib.sha256).hex())
        for key in keys
    ]
    if not any(matches):
        raise InvalidToken("x-alchemy-signature does not match the body")


def parse(raw_body: bytes) -> Notice:
    """What an authentic body says. Raises InvalidInput when it is no notification at all."""
    try:
        fields = read_json(raw_body) if len(raw_body) <= BYTES_MAX else None
    except ValueError as error:
        raise InvalidInput(f"body is not JSON: {cut(str(error), 120)}") from error
    if not isinstance(fields, dict):
        raise InvalidInput(f"body is not a JSON object of at most {BYTES_MAX} bytes")
    kind, event = _text(fields, "type"), fields.get("event")
    if not kind or not isinstance(event, dict):
        raise InvalidInput("body has no type or no event")
    listed = event.get("activity") if kind == ADDRESS_ACTIVITY else None
    items = listed if isinstance(listed, list) else []
    return Notice(
        kind=kind,
        movements=tuple(move for item in items if (move := _movement(item))),
        trouble=cut(str(event["error"]), TROUBLE_MAX_BYTES) if event.get("error") else "",
    )


def _movement(item: object) -> Movement | None:
    """None when the item names no transaction."""
    if not isinstance(item, dict):
        return None
    tx_hash = _text(item, "hash").lower()
    if not TX_HASH.fullmatch(tx_hash):
        return None
    named = (_text(item, "fromAddress"), _text(item, "toAddress"))
    addresses = (address.lower() for address in named if ETHEREUM_ADDRESS.fullmatch(address))
    return Movement(tx_hash, frozenset(addresses))


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) and not isinstance(value, Number) else ""
