"""AWS's KMS as boto3 shows it, with one key in it that really signs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eth_keys import keys

KEY_ID = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
# AlgorithmIdentifier {ecPublicKey, secp256k1}, then the bit string with an uncompressed point
SPKI = bytes.fromhex("3056 3010 06072a8648ce3d0201 06052b8104000a 0342 00 04")


def der(*numbers: int) -> bytes:
    """A sequence of integers."""
    content = b"".join(_integer(number) for number in numbers)
    return bytes([0x30, len(content)]) + content


def _integer(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1, signed=True)
    return bytes([0x02, len(content)]) + content


@dataclass
class FakeKms:
    """Gives the high one of the two equal signatures when told to, or `answers` in its place."""

    private_key: str
    high_s: bool = False
    answers: Callable[[bytes], bytes] | None = None  # digest → DER
    fails_with: Exception | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def public_point(self) -> bytes:
        return keys.PrivateKey(bytes.fromhex(self.private_key[2:])).public_key.to_bytes()

    def get_public_key(self, **request: Any) -> dict[str, Any]:
        self.asked.append("get_public_key")
        self._fail()
        assert request == {"KeyId": KEY_ID}
        return {"KeyId": KEY_ID, "PublicKey": SPKI + self.public_point}

    def sign(self, **request: Any) -> dict[str, Any]:
        self.asked.append("sign")
        self._fail()
        digest: bytes = request.pop("Message")
        assert len(digest) == 32
        assert request == {
            "KeyId": KEY_ID,
            "MessageType": "DIGEST",
            "SigningAlgorithm": "ECDSA_SHA_256",
        }
        signature = self.answers(digest) if self.answers else self._sign(digest)
        return {"KeyId": KEY_ID, "Signature": signature, "SigningAlgorithm": "ECDSA_SHA_256"}

    def _fail(self) -> None:
        if self.fails_with:
            raise self.fails_with

    def _sign(self, digest: bytes) -> bytes:
        key = keys.PrivateKey(bytes.fromhex(self.private_key[2:]))
        _, r, low = key.sign_msg_hash(digest).vrs
        return der(r, CURVE_ORDER - low if self.high_s else low)
