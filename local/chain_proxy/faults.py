"""What can be scripted to go wrong: the kinds, and one fault with all that it may say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from local.chain_proxy.errors import ERRORS, RpcError
from local.chain_proxy.journal import Incoming
from local.chain_proxy.transactions import SEND_RAW

FOR_EVER = -1
ANY_METHOD = "*"
RECEIPT = "eth_getTransactionReceipt"
COUNT = "eth_getTransactionCount"
CONTENTS = ("json", "text", "html")
SHOWN = ("first", "last")


@dataclass(frozen=True, slots=True)
class Kind:
    """How a fault behaves unless it says otherwise."""

    forwards: int  # how often the node gets the call
    method: str = ANY_METHOD  # the one it is made for; "": must be said
    needs_truth: bool = False  # bends what the node says, so the node must be asked
    tag: str | None = None


KINDS: dict[str, Kind] = {
    "error": Kind(0, SEND_RAW),  # `error`: a name of errors.py, or {code, message, data?}
    "result": Kind(0, ""),  # the given `result`
    "false_success": Kind(0, SEND_RAW),  # the right hash, and the bytes are gone
    "drop": Kind(0),  # the connection is closed without an answer
    "drop_answer": Kind(1),  # the node has the call, the client never hears
    "delay": Kind(1),  # `wait_seconds` before the node gets it, `hold_seconds` after
    "status": Kind(0),  # `status`, `content` or `body`, `retry_after`, `headers`
    "garbage": Kind(1),  # 200 and no JSON; `body`
    "truncated": Kind(1),  # half of the announced bytes, then the connection is closed
    "empty": Kind(1),  # 200 without a body
    "wrong_id": Kind(1, needs_truth=True),  # the answer to another call
    "duplicate": Kind(2, SEND_RAW),  # the node gets it twice; `shown` is answered
    "null": Kind(1, RECEIPT),
    "other_block": Kind(1, RECEIPT, needs_truth=True),  # a receipt with another block hash
    "wrong_hash": Kind(1, SEND_RAW),  # `value`, or a hash of nothing
    "wrong_chain_id": Kind(1, "eth_chainId"),  # `value`
    "wrong_balance": Kind(1, "eth_getBalance"),  # `value` in wei
    "lower_count": Kind(1, COUNT, needs_truth=True),  # by `n`
    "higher_count": Kind(1, COUNT, needs_truth=True),  # by `n`
    "stale_head": Kind(1, needs_truth=True),  # the node as of `n` blocks ago, or at `block`
    "stale_tag": Kind(1, needs_truth=True, tag="finalized"),  # `n` back, or at `block`
    "unsupported_tag": Kind(0, tag="finalized"),  # `error`
}
DEFAULT_ERROR = {"error": "internal_error", "unsupported_tag": "finalized_not_found"}
DEFAULT_STATUS = {"status": 503}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. Raises ValueError when it makes no sense."""

    kind: str
    method: str = ""
    times: int = 1  # FOR_EVER: until it is lifted
    skip: int = 0  # matching calls that are let by first
    probability: float = 1.0
    seed: int = 0
    # Which calls; in a raw transaction the sender, receiver and hash count too.
    address: str | None = None
    tx_hash: str | None = None
    nonce: int | None = None  # of a raw transaction
    tag: str | None = None  # a block tag among the parameters
    when: Callable[[Incoming], bool] | None = None  # in-process only
    # How.
    forwards: int | None = None
    wait_seconds: float = 0.0
    hold_seconds: float = 0.0
    error: str | Mapping[str, Any] | None = None
    result: Any = None
    n: int = 1
    block: int | None = None
    value: Any = None
    shown: str = "last"
    status: int | None = None
    content: str = "json"
    body: Any = None  # an object is sent as JSON, a text as `content` says
    retry_after: str | int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check, once, what the server would stumble over later."""
        kind = KINDS.get(self.kind)
        _must(kind is not None, f"kind must be one of {', '.join(KINDS)}")
        assert kind is not None
        _must(bool(self.method or kind.method), f"{self.kind} needs a method")
        _must(self.times > 0 or self.times == FOR_EVER, "times must be positive, or -1 for ever")
        _must(self.skip >= 0 and self.n >= 0, "skip and n must not be negative")
        _must(0 < self.probability <= 1, "probability must be above 0 and at most 1")
        _must(self.wait_seconds >= 0 and self.hold_seconds >= 0, "seconds must not be negative")
        _must(self.content in CONTENTS, f"content must be one of {', '.join(CONTENTS)}")
        _must(self.shown in SHOWN, f"shown must be one of {', '.join(SHOWN)}")
        least = 1 if kind.needs_truth else 0
        _must(self.times_forwarded >= least, f"{self.kind} must forward at least {least} times")
        if isinstance(self.error, str):
            _must(self.error in ERRORS, f"error must be one of {', '.join(ERRORS)}")
        elif self.error is not None:
            _must({"code", "message"} <= set(self.error), "error needs a code and a message")

    @property
    def times_forwarded(self) -> int:
        """How often the node gets the call."""
        return KINDS[self.kind].forwards if self.forwards is None else self.forwards

    @property
    def http_status(self) -> int:
        """The status of what it answers."""
        return DEFAULT_STATUS.get(self.kind, 200) if self.status is None else self.status

    @property
    def rpc_error(self) -> dict[str, object]:
        """The object under `error`."""
        if isinstance(self.error, Mapping):
            return dict(self.error)
        name = self.error or DEFAULT_ERROR.get(self.kind, "internal_error")
        named: RpcError = ERRORS[name]
        return named.as_json()

    @property
    def only_tag(self) -> str | None:
        """The block tag a call must have."""
        return self.tag or KINDS[self.kind].tag

    def concerns(self, incoming: Incoming) -> bool:
        """Whether it is about this call."""
        method = self.method or KINDS[self.kind].method
        sent = incoming.transaction
        return (
            method in (ANY_METHOD, incoming.method)
            and (self.address is None or incoming.mentions(self.address))
            and (self.tx_hash is None or incoming.mentions(self.tx_hash))
            and (self.nonce is None or (sent is not None and sent.nonce == self.nonce))
            and (self.only_tag is None or self.only_tag in incoming.tags)
            and (self.when is None or self.when(incoming))
        )


def parse_fault(said: Mapping[str, Any]) -> Fault:
    """A fault from its JSON. Raises ValueError or TypeError naming what is wrong."""
    unknown = set(said) - {one.name for one in fields(Fault)} | {"when"} & set(said)
    _must(not unknown, f"unknown: {', '.join(sorted(unknown))}")
    return Fault(**said)


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
