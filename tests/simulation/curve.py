"""The curve's arithmetic by OpenSSL, and remembered: the same bytes in a hundredth of the time."""

from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from eth_keys.backends.native import ecdsa
from eth_keys.backends.native.main import NativeECCBackend
from eth_keys.constants import SECPK1_G

Point = tuple[int, int]


def install() -> None:
    """In the place of arithmetic in pure Python, which takes ten milliseconds a signature."""
    really = ecdsa.fast_multiply
    recover = NativeECCBackend.ecdsa_recover

    def fast_multiply(point: Point, times: int) -> Point:
        return _public(times) if point == SECPK1_G else really(point, times)

    @lru_cache(maxsize=4096)
    def recovered(message_hash: bytes, signature: bytes) -> Any:
        return recover(NativeECCBackend(), message_hash, _signature(signature))

    def ecdsa_recover(_self: Any, message_hash: bytes, signature: Any) -> Any:
        return recovered(bytes(message_hash), bytes(signature.to_bytes()))

    ecdsa.fast_multiply = fast_multiply
    NativeECCBackend.ecdsa_recover = ecdsa_recover


@lru_cache(maxsize=64)
def _public(secret: int) -> Point:
    numbers = ec.derive_private_key(secret, ec.SECP256K1()).public_key().public_numbers()
    return numbers.x, numbers.y


def _signature(raw: bytes) -> Any:
    from eth_keys.datatypes import Signature  # noqa: PLC0415 - itself uses what is replaced here

    return Signature(signature_bytes=raw)
