"""The wallet's key inside KMS, as the one thing that can sign."""

from typing import Any, Protocol

from microbatch.errors import ConfigurationError, RetryLater
from microbatch.vendors.ethereum.signing import Signed, may_be_paid, unsigned_transfer

# SubjectPublicKeyInfo of an uncompressed point on secp256k1 is always these bytes and the point.
SPKI_PREFIX = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a03420004")
POINT_BYTES = 64
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

DER_SEQUENCE = 0x30
DER_INTEGER = 0x02
DER_SHORT_LENGTH_MAX = 0x7F  # a signature has at most 72 bytes


class DigestSigner(Protocol):
    """A key that signs behind a door (platform.kms.KmsKey)."""

    def public_key(self) -> bytes:
        """The public key as DER (SubjectPublicKeyInfo)."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """An ECDSA signature over 32 bytes as they are, in DER."""
        ...


class KmsSigner:
    """Signs with a key that nobody can read; the same members as KeySigner.

    KMS takes a random number for every signature, so the same fields give other bytes and another
    hash each time. That is harmless: the bytes are committed together with their nonce before any
    of them leaves, and only committed bytes are ever sent. A crash before the commit leaves
    neither nonce nor signature behind; after it nothing is signed again.
    """

    def __init__(self, key: DigestSigner) -> None:
        """Asks for the public key, once. Raises ConfigurationError, RetryLater."""
        from eth_utils.address import to_checksum_address  # noqa: PLC0415 - costs a second
        from eth_utils.crypto import keccak  # noqa: PLC0415

        self._key = key
        self.address: str = to_checksum_address(keccak(_point(key.public_key()))[-20:])

    def __repr__(self) -> str:
        return f"KmsSigner({self.address})"

    def accepts(self, to_address: str) -> bool:
        """Whether an address may be paid: EIP-55 when it is of mixed case, else a plain one."""
        return may_be_paid(to_address)

    def sign(
        self,
        *,
        chain_id: int,
        nonce: int,
        to_address: str,
        value_wei: int,
        data: bytes,
        gas_limit: int,
        max_fee_per_gas_wei: int,
        max_priority_fee_per_gas_wei: int,
    ) -> Signed:
        """One EIP-1559 transaction, verified to be signed by the wallet's key.

        Raises RetryLater, ConfigurationError; then nothing is signed.
        """
        from eth_account.typed_transactions.typed_transaction import (  # noqa: PLC0415
            TypedTransaction,
        )
        from eth_utils.address import to_checksum_address  # noqa: PLC0415
        from eth_utils.crypto import keccak  # noqa: PLC0415

        fields = unsigned_transfer(
            chain_id=chain_id,
            nonce=nonce,
            to=to_checksum_address(to_address),
            value_wei=value_wei,
            data=data,
            gas_limit=gas_limit,
            max_fee=max_fee_per_gas_wei,
            max_priority_fee=max_priority_fee_per_gas_wei,
        )
        digest = bytes(TypedTransaction.from_dict(fields).hash())
        r, s = self._signature(digest)
        raw = self._verified(fields, r, s)
        return Signed(raw, "0x" + keccak(raw).hex())

    def _signature(self, digest: bytes) -> tuple[int, int]:
        """r, and of the two equally valid values of s the low one, as Ethereum wants (EIP-2)."""
        der = self._key.sign(digest)
        try:
            r, s = _numbers(der)
        except ValueError:
            raise RetryLater("KMS answered with something that is not a signature") from None
        return r, min(s, CURVE_ORDER - s)

    def _verified(self, fields: dict[str, Any], r: int, s: int) -> bytes:
        """The signed bytes, of the parity with which they recover to the wallet's key."""
        from eth_account import Account  # noqa: PLC0415
        from eth_account.typed_transactions.typed_transaction import (  # noqa: PLC0415
            TypedTransaction,
        )
        from eth_keys.exceptions import BadSignature  # noqa: PLC0415

        for parity in (0, 1):
            raw = bytes(
                TypedTransaction.from_dict({**fields, "v": parity, "r": r, "s": s}).encode()
            )
            try:
                if Account.recover_transaction(raw) == self.address:
                    return raw
            except BadSignature:
                continue  # there is no such point on the curve
        raise ConfigurationError("KMS answered with a signature that is not of the wallet's key")


def _point(spki: bytes) -> bytes:
    """X and Y of a public key."""
    if not spki.startswith(SPKI_PREFIX) or len(spki) != len(SPKI_PREFIX) + POINT_BYTES:
        raise ConfigurationError("the wallet's KMS key is not of the kind ECC_SECG_P256K1")
    return spki[len(SPKI_PREFIX) :]


def _numbers(der: bytes) -> tuple[int, int]:
    """r and s of a signature. Raises ValueError for whatever is not exactly one."""
    numbers, nothing = _element(der, DER_SEQUENCE)
    r, numbers = _element(numbers, DER_INTEGER)
    s, more = _element(numbers, DER_INTEGER)
    if nothing or more:
        raise ValueError
    return _number(r), _number(s)


def _element(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """What is in the first element, which must have this tag, and what comes after it."""
    if len(der) < 2 or der[0] != tag or der[1] > DER_SHORT_LENGTH_MAX or len(der) < 2 + der[1]:
        raise ValueError
    end = 2 + der[1]
    return der[2:end], der[end:]


def _number(content: bytes) -> int:
    number = int.from_bytes(content, signed=True)
    if not 0 < number < CURVE_ORDER:
        raise ValueError
    return number
