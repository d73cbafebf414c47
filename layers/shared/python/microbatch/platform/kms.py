"""An asymmetric key that never leaves KMS: its public half, and signatures over digests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.queues import error_code

# what waiting does not mend: somebody has to grant, enable or name the right key
_MISCONFIGURED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "DisabledException",
        "InvalidArnException",
        "InvalidKeyUsageException",
        "KMSInvalidStateException",  # disabled, or waiting for its deletion
        "NotFoundException",
        "UnrecognizedClientException",
        "UnsupportedOperationException",
        "ValidationException",
    }
)


class KmsKey:
    """One signing key, by its ARN. Each method makes one call, and the client limits its time.

    Raises ConfigurationError when the key is denied, disabled or of another kind, else RetryLater.
    """

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def public_key(self) -> bytes:
        """The public key as DER (SubjectPublicKeyInfo)."""
        with _mapped("its public key"):
            answer = self._client.get_public_key(KeyId=self._key_id)
        return bytes(answer.get("PublicKey", b""))

    def sign(self, digest: bytes) -> bytes:
        """An ECDSA signature over 32 bytes as they are, in DER; another one each time."""
        with _mapped("a signature"):
            answer = self._client.sign(
                KeyId=self._key_id,
                Message=digest,
                MessageType="DIGEST",  # else KMS would hash the hash
                SigningAlgorithm="ECDSA_SHA_256",
            )
        return bytes(answer.get("Signature", b""))


@contextmanager
def _mapped(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        code = error_code(error)
        if code in _MISCONFIGURED:
            raise ConfigurationError(f"the wallet's KMS key refuses {what}: {code}") from error
        raise RetryLater(f"the wallet's KMS key does not give {what} now: {code}") from error
