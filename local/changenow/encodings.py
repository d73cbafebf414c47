"""How other chains write addresses: base58 with a check sum, bech32. Pure."""

from hashlib import sha256

BITCOIN = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"  # the same, shuffled
CHECK_BYTES = 4
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
BECH32_CHECK_DIGITS = 6
BECH32_FIRST, BECH32_LATER = 1, 0x2BC830A3  # remainders: witness version 0, any later one
BECH32_MAX_CHARACTERS = 90


def base58(octets: bytes) -> str:
    """Bytes in base58."""
    number, digits = int.from_bytes(octets), ""
    while number:
        number, digit = divmod(number, len(BITCOIN))
        digits = BITCOIN[digit] + digits
    return BITCOIN[0] * (len(octets) - len(octets.lstrip(b"\0"))) + digits


def base58_bytes(text: str, alphabet: str = BITCOIN) -> bytes:
    """The bytes in a base58 text; raises ValueError."""
    number = 0
    for character in text:
        number = number * len(alphabet) + alphabet.index(character)
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def base58_checked(text: str, alphabet: str = BITCOIN) -> bytes:
    """Version and payload of a base58 text that ends in its check sum; raises ValueError."""
    octets = base58_bytes(text, alphabet)
    payload, check = octets[:-CHECK_BYTES], octets[-CHECK_BYTES:]
    if sha256(sha256(payload).digest()).digest()[:CHECK_BYTES] != check:
        raise ValueError("the check sum is wrong")
    return payload


def witness(text: str, prefix: str) -> tuple[int, int]:
    """Version and length in bytes of a bech32 witness program; raises ValueError."""
    if len(text) > BECH32_MAX_CHARACTERS or text not in (text.lower(), text.upper()):
        raise ValueError("too long, or mixed case")
    written, _, data = text.lower().rpartition("1")
    values = [BECH32.index(character) for character in data]
    if written != prefix or len(values) <= BECH32_CHECK_DIGITS:
        raise ValueError("another prefix, or nothing behind it")
    spread = [*(ord(one) >> 5 for one in prefix), 0, *(ord(one) & 31 for one in prefix)]
    if _remainder([*spread, *values]) != (BECH32_LATER if values[0] else BECH32_FIRST):
        raise ValueError("the check sum is wrong")
    return values[0], (len(values) - 1 - BECH32_CHECK_DIGITS) * 5 // 8


def _remainder(values: list[int]) -> int:
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(BECH32_GENERATORS):
            remainder ^= generator if top >> bit & 1 else 0
    return remainder
