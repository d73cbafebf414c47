"""JSON-RPC calls to one node, each made once, and strict reading of what comes back.

Of web3 this uses the transport alone. web3's own reading of errors takes a rate limit that comes
with a `data` member for a contract's revert, which would be a verdict about the recipient.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from microbatch.errors import ConfigurationError, KeyDenied, RetryLater
from microbatch.vendors.wire import cut

TIMEOUT_SECONDS = 5
WORD_BYTES = 32
NUMBER_MAX = 2**63 - 1  # Postgres' bigint
UNWELL_CODES = frozenset({429, -32002, -32005, -32603})  # over a limit, timed out, internal
REVERTED_CODES = frozenset({3, -32015})
REVERTED_WORDS = (
    "revert",
    "gas required exceeds",
    "out of gas",
    "invalid opcode",
    "invalid jump",
    "evm error",
)
QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
HASH = re.compile(r"0x[0-9a-f]{64}")


class NodeRefusal(RetryLater):
    """The node answered with an error; whoever cannot make sense of it tries again later."""

    def __init__(self, method: str, message: str, code: int) -> None:
        super().__init__(f"Ethereum node {method}: {cut(message)} ({code})")
        self.message = message
        self.code = code

    @property
    def reverted(self) -> bool:
        """Whether it was the contract that refused, not the node."""
        text = self.message.lower()
        return self.code in REVERTED_CODES or any(word in text for word in REVERTED_WORDS)

    @property
    def is_unwell(self) -> bool:
        """Whether the node speaks of itself, and not of what it was asked."""
        return self.code in UNWELL_CODES and not self.reverted


class Rpc:
    """The calls. Every one raises RetryLater; NodeRefusal when the node answered with an error.

    `heard` is told of each whether the node answered, an error about the question included.
    """

    def __init__(
        self,
        url: str,
        session: requests.Session | None = None,
        heard: Callable[[bool], object] = bool,
    ) -> None:
        from web3 import HTTPProvider  # noqa: PLC0415 - heavy, and only some functions have it

        if not url.startswith(("http://", "https://")):
            raise ConfigurationError("ETHEREUM_RPC_URL does not begin with http:// or https://")
        self._heard = heard
        session = session or requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=0))
        self._provider = HTTPProvider(
            url,
            request_kwargs={"timeout": TIMEOUT_SECONDS, "allow_redirects": False},
            session=session,
            exception_retry_configuration=None,  # by default it would send a transaction 5 times
        )

    def call(self, method: str, *params: object) -> Any:
        """The result of one call; its shape is the caller's to check."""
        answered = True
        try:
            return self._asked(method, *params)
        except RetryLater as error:
            answered = isinstance(error, NodeRefusal) and not error.is_unwell
            raise
        finally:
            self._heard(answered)

    def _asked(self, method: str, *params: object) -> Any:
        from web3.types import RPCEndpoint  # noqa: PLC0415 - see above

        # No error is chained: its text holds the URL, and the URL holds the provider's key.
        try:
            answer: Any = self._provider.make_request(RPCEndpoint(method), list(params))
        except requests.HTTPError as error:
            answer = _error_body(method, error.response)
        except (requests.RequestException, ValueError, TypeError) as error:
            raise RetryLater(f"Ethereum node {method}: {type(error).__name__}") from None
        if not isinstance(answer, dict):
            raise malformed(method)
        if answer.get("error") is not None:
            raise _refusal(method, answer["error"])
        if "result" not in answer:
            raise malformed(method)
        return answer["result"]


def malformed(method: str) -> RetryLater:
    """The error for an answer that cannot be read."""
    return RetryLater(f"Ethereum node {method}: the answer is malformed")


def _error_body(method: str, response: requests.Response) -> object:
    """Some providers put a JSON-RPC error about the transaction under HTTP 400."""
    if response.status_code == HTTPStatus.BAD_REQUEST:
        try:
            return response.json()
        except ValueError:
            pass
    said = f"Ethereum node {method}: HTTP {response.status_code}"
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise KeyDenied(f"{said}: check the key in the secret ETHEREUM_RPC_URL") from None
    raise RetryLater(said) from None


def _refusal(method: str, error: object) -> RetryLater:
    if not isinstance(error, Mapping):
        return malformed(method)
    message, code = error.get("message"), error.get("code")
    return NodeRefusal(
        method,
        message if isinstance(message, str) else "",
        code if isinstance(code, int) else 0,
    )


def quantity(method: str, value: object) -> int:
    """The unsigned integer in a hex quantity. Raises RetryLater."""
    if isinstance(value, str) and QUANTITY.fullmatch(value):
        return int(value, 16)
    raise malformed(method)


def number(method: str, value: object) -> int:
    """A count of transactions, blocks or gas, or an id: none is too large for a row of ours.

    Raises RetryLater.
    """
    found = quantity(method, value)
    if found > NUMBER_MAX:
        raise malformed(method)
    return found


def octets(method: str, value: object) -> bytes:
    """The bytes in hex data. Raises RetryLater."""
    try:
        if isinstance(value, str) and value.startswith("0x"):
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise malformed(method)


def block_hash(method: str, value: object) -> str:
    """A hash in lower case. Raises RetryLater."""
    if isinstance(value, str) and HASH.fullmatch(value.lower()):
        return value.lower()
    raise malformed(method)


def words(data: bytes) -> list[int]:
    """The unsigned 256-bit words of a call's result; a cut last one is left out."""
    ends = range(WORD_BYTES, len(data) + 1, WORD_BYTES)
    return [int.from_bytes(data[end - WORD_BYTES : end]) for end in ends]
