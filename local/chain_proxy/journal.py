"""Every call and every raw transaction that came by, for assertions. Thread-safe."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from local.chain_proxy.transactions import SEND_RAW, RawTransaction, decode

TAGS = frozenset({"latest", "pending", "safe", "finalized", "earliest"})


@dataclass(frozen=True)
class Incoming:
    """One JSON-RPC call as the client sent it."""

    said: Mapping[str, Any]
    raw: bytes

    @property
    def method(self) -> str:
        """Its method; "" when it has none."""
        return str(self.said.get("method", ""))

    @property
    def params(self) -> Any:
        """Its parameters; an empty list when it has none."""
        return self.said.get("params", [])

    @property
    def id(self) -> Any:
        """What the answer must repeat."""
        return self.said.get("id")

    @cached_property
    def transaction(self) -> RawTransaction | None:
        """The transaction that it sends."""
        return decode(self.params) if self.method == SEND_RAW else None

    @cached_property
    def tags(self) -> frozenset[str]:
        """The block tags among its parameters."""
        return TAGS & set(_texts(self.params))

    def mentions(self, hex_text: str) -> bool:
        """Whether an address or hash is in the parameters, in call data, or signed or is sent."""
        wanted = hex_text.lower().removeprefix("0x")
        sent = self.transaction
        signed = [sent.sender, sent.tx_hash] if sent is not None else []
        return any(wanted in text.lower() for text in [*_texts(self.params), *signed])


@dataclass(slots=True, kw_only=True)
class Call:
    """One call and what became of it; filled in as it goes on."""

    number: int
    at: datetime
    method: str
    params: Any
    tx_hash: str = ""  # of a raw transaction
    forwarded: int = 0  # how often it was offered to the node
    fault: str = ""  # the kind that it suffered
    fault_number: int = 0
    truth: Any = None  # what the node said last
    answer: Any = None  # what the client got: an object, or a text that is no JSON
    status: int = 0  # HTTP; 0: no answer, or none yet
    done: bool = False

    @property
    def result(self) -> Any:
        """The result in the answer, if there is one."""
        return self.answer.get("result") if isinstance(self.answer, dict) else None

    @property
    def error(self) -> Any:
        """The error in the answer, if there is one."""
        return self.answer.get("error") if isinstance(self.answer, dict) else None

    def as_json(self) -> dict[str, Any]:
        """All fields."""
        return {**asdict(self), "at": self.at.isoformat()}


class Journal:
    """Kept until it is cleared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._numbered = 0
        self._transactions: dict[str, RawTransaction] = {}

    def begin(self, incoming: Incoming) -> Call:
        """Note a call that has come in."""
        sent = incoming.transaction
        with self._lock:
            self._numbered += 1
            call = Call(
                number=self._numbered,
                at=datetime.now(UTC),
                method=incoming.method,
                params=incoming.params,
                tx_hash=sent.tx_hash if sent is not None else "",
            )
            self._calls.append(call)
            if sent is not None:
                self._transactions.setdefault(sent.tx_hash, sent.copy()).offered += 1
            return call

    def suffers(self, call: Call, fault: str, number: int) -> None:
        """Note the fault; "" when it turned out to be none."""
        with self._lock:
            call.fault, call.fault_number = fault, number

    def forwards(self, call: Call) -> None:
        """Note, before it happens, that the node gets it: nobody may think it did not."""
        with self._lock:
            call.forwarded += 1
            if call.tx_hash in self._transactions:
                self._transactions[call.tx_hash].forwarded += 1

    def hears(self, call: Call, truth: bytes) -> None:
        """Note what the node said."""
        with self._lock:
            call.truth = readable(truth)

    def end(self, call: Call, status: int, answer: bytes) -> None:
        """Note what the client gets."""
        with self._lock:
            call.status, call.answer, call.done = status, readable(answer), True

    def calls(self, method: str = "") -> list[Call]:
        """All calls, or those of one method, oldest first."""
        with self._lock:
            return [replace(one) for one in self._calls if method in ("", one.method)]

    def transactions(self, sender: str = "") -> list[RawTransaction]:
        """All raw transactions, or those of one sender, in the order they were first seen."""
        with self._lock:
            return [
                one.copy()
                for one in self._transactions.values()
                if sender.lower() in ("", one.sender.lower())
            ]

    def clear(self) -> None:
        """Forget the calls; numbers go on, and the transactions stay known."""
        with self._lock:
            self._calls.clear()


def readable(body: bytes) -> Any:
    """JSON as objects, other text as it is, nothing as None."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, Sequence):
        for one in value:
            yield from _texts(one)
