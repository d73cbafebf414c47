"""JSON-RPC calls to one node, each made once, and strict reading of what comes back.

Not web3's: its reading of errors takes a rate limit that comes with a `data` member for a
contract's revert, which would be a verdict about the recipient; and by default it sends again.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Said:
    """What the node said to one call of several: a result, or the error that is raised for it."""

    value: Any = None
    error: RetryLater | None = None

    @property
    def result(self) -> Any:
        """The result; its shape is the caller's to check. Raises RetryLater."""
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def is_answer(self) -> bool:
        """Whether the node answered, an error about the question included."""
        error = self.error
        return error is None or (isinstance(error, NodeRefusal) and not error.is_unwell)


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
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError("ETHEREUM_RPC_URL does not begin with http:// or https://")
        self._url = url
        self._heard = heard
        self._session = session or requests.Session()
        self._session.trust_env = False  # no proxy; reading the environment at each call takes ms
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=0))

    def call(self, method: str, *params: object) -> Any:
        """The result of one call; its shape is the caller's to check."""
        (said,) = self._heard_of(
            1, lambda: [_read(method, self._post(method, _call(method, params)))]
        )
        return said.result

    def ask(self, *calls: tuple[Any, ...]) -> list[Said]:
        """What the node says to several calls (method, parameters …), in one request.

        A node may work on them in any order, and at once: none may depend on another. Raises
        RetryLater when the request as a whole was not answered.
        """
        methods = [method for method, *_params in calls]
        batch = [_call(method, params, number) for number, (method, *params) in enumerate(calls)]
        return self._heard_of(len(calls), lambda: _read_all(methods, self._post(methods[0], batch)))

    def _heard_of(self, count: int, ask: Callable[[], list[Said]]) -> list[Said]:
        said: list[Said] = []
        try:
            said = ask()
        finally:
            for each in said or [Said(error=RetryLater("not answered"))] * count:
                self._heard(each.is_answer)
        return said

    def _post(self, method: str, said: object) -> object:
        """The JSON that one request is answered with."""
        # No error is chained: its text holds the URL, and the URL holds the provider's key.
        try:
            response = self._session.request(
                "POST",
                self._url,
                data=json.dumps(said),
                headers={"Content-Type": "application/json"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            # Some providers put a JSON-RPC error about the transaction under HTTP 400.
            if response.status_code in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST):
                return json.loads(response.content)
        except (requests.RequestException, ValueError, RecursionError) as error:
            raise RetryLater(f"Ethereum node {method}: {type(error).__name__}") from None
        failed = f"Ethereum node {method}: HTTP {response.status_code}"
        if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise KeyDenied(f"{failed}: check the key in the secret ETHEREUM_RPC_URL")
        raise RetryLater(failed)


def _call(method: str, params: Sequence[object], number: int = 0) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def _read(method: str, answer: object) -> Said:
    """The result or the error in what one call was answered with."""
    if not isinstance(answer, dict):
        return Said(error=malformed(method))
    if answer.get("error") is not None:
        return Said(error=_refusal(method, answer["error"]))
    if "result" not in answer:
        return Said(error=malformed(method))
    return Said(answer["result"])


def _read_all(methods: Sequence[str], answers: object) -> list[Said]:
    """By their ids; one that is missing or there twice was not answered. Raises RetryLater.

    An error in place of the answers is about the request, and never about what one call asked.
    """
    if not isinstance(answers, list):
        said = _read("batch", answers).error or malformed("batch")
        raise RetryLater(said.reason)
    by_number: dict[object, list[object]] = {}
    for answer in answers:
        number = answer.get("id") if isinstance(answer, dict) else None
        by_number.setdefault(number if type(number) is int else None, []).append(answer)
    found = [by_number.get(number, []) for number in range(len(methods))]
    return [
        _read(method, only[0] if len(only) == 1 else None)
        for method, only in zip(methods, found, strict=True)
    ]


def malformed(method: str) -> RetryLater:
    """The error for an answer that cannot be read."""
    return RetryLater(f"Ethereum node {method}: the answer is malformed")


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
