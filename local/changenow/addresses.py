"""Whether a text is an address of a network. Pure.

Check sums are verified, but Monero's: there only alphabet and length are looked at.
"""

from collections.abc import Callable

from eth_utils.address import is_address, is_checksum_address, is_checksum_formatted_address

from local.changenow.currencies import ETHEREUM
from local.changenow.encodings import BITCOIN, RIPPLE, base58_bytes, base58_checked, witness

INVALID = "Invalid address"
HASH_BYTES = 20  # of a key or a script
SOLANA_BYTES = 32
MONERO_LENGTHS = {"4": (95, 106), "8": (95,)}  # standard and integrated; of a subaddress
WITNESS_BYTES = {0: (20, 32), 1: (32,)}
WITNESS_VERSION_MAX = 16


def supported(network: str) -> bool:
    """Whether addresses of the network can be told from others."""
    return network in FAULTS


def fault(network: str, address: str) -> str | None:
    """What is wrong with an address; None: nothing."""
    try:
        return FAULTS[network](address)
    except ValueError:
        return INVALID


def _ethereum(address: str) -> str | None:
    """Mixed case must be a right check sum."""
    if not address.startswith("0x") or not is_address(address):
        return INVALID
    if is_checksum_formatted_address(address) and not is_checksum_address(address):
        return "Invalid address checksum"
    return None


def _versioned(versions: bytes, alphabet: str = BITCOIN) -> Callable[[str], str | None]:
    def check(address: str) -> str | None:
        payload = base58_checked(address, alphabet)
        return None if len(payload) == 1 + HASH_BYTES and payload[0] in versions else INVALID

    return check


def _bitcoin_like(versions: bytes, prefix: str) -> Callable[[str], str | None]:
    hashed = _versioned(versions)

    def check(address: str) -> str | None:
        if not address.lower().startswith(f"{prefix}1"):
            return hashed(address)
        version, length = witness(address, prefix)
        right = version <= WITNESS_VERSION_MAX and length in WITNESS_BYTES.get(version, (length,))
        return None if right else INVALID

    return check


def _monero(address: str) -> str | None:
    right_length = len(address) in MONERO_LENGTHS.get(address[:1], ())
    return None if right_length and set(address) <= set(BITCOIN) else INVALID


def _solana(address: str) -> str | None:
    return None if len(base58_bytes(address)) == SOLANA_BYTES else INVALID


FAULTS: dict[str, Callable[[str], str | None]] = {
    ETHEREUM: _ethereum,
    "btc": _bitcoin_like(b"\x00\x05", "bc"),
    "ltc": _bitcoin_like(b"\x30\x32\x05", "ltc"),
    "sol": _solana,
    "trx": _versioned(b"\x41"),
    "xmr": _monero,
    "xrp": _versioned(b"\x00", RIPPLE),
}
