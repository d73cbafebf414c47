"""Reading ChangeNow's answers: what is a good one, what a refusal, what says nothing."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

from microbatch.codec import STR_MAX_BYTES
from microbatch.errors import KeyDenied, PermanentFailure, RetryLater
from microbatch.vendors.wire import cut, decimal_text, read_json

DENIALS = frozenset({"unauthorized", "forbidden", "invalid_api_key"})
UNWELL = frozenset({"too_many_requests", "internal_error", "internal_server_error", "timeout"})
TRANSIENT_STATUSES = frozenset({408, 425, 429})
SUCCESS, REFUSAL = 2, 4  # the first digit of an HTTP status

Answer = Mapping[str, object]


class ExchangeError(PermanentFailure):
    """ChangeNow refuses: its error code and, for a wrong amount, its limits in decimal text."""

    def __init__(self, code: str, detail: str, *, minimum: str = "", maximum: str = "") -> None:
        super().__init__(f"ChangeNow refuses: {code}: {detail}")
        self.code = cut(code)
        self.detail = cut(detail)
        self.minimum = minimum
        self.maximum = maximum


class Missing(RetryLater):
    """404: an answer when asked for an exchange, a wrong address anywhere else."""


def read_answer(call: str, http_status: int, content: bytes) -> Answer:
    """The object in a good answer. Raises RetryLater (KeyDenied, Missing) or ExchangeError."""
    if http_status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise KeyDenied(_denial(call, http_status))
    if http_status // 100 not in (SUCCESS, REFUSAL) or http_status in TRANSIENT_STATUSES:
        raise RetryLater(f"{call}: HTTP {http_status}")
    if http_status == HTTPStatus.NOT_FOUND and b"<html" not in content[:1024].lower():
        raise Missing(f"{call}: HTTP 404")
    try:
        answer = read_json(content)
    except ValueError:
        raise RetryLater(f"{call}: HTTP {http_status}, but not JSON") from None
    if not isinstance(answer, dict):
        raise RetryLater(f"{call}: HTTP {http_status}, but not a JSON object")
    error = answer.get("error")
    if not error and http_status // 100 == SUCCESS:
        return answer
    code = error if isinstance(error, str) else ""
    if code in DENIALS:
        raise KeyDenied(_denial(call, http_status))
    if code in UNWELL:
        raise RetryLater(f"{call}: {code}")
    raise _refusal(code or f"http_{http_status}", answer)


def _denial(call: str, http_status: int) -> str:
    return (
        f"{call}: HTTP {http_status}: the key in header x-changenow-api-key is missing, wrong, "
        "not enabled for this call or not the one that made the exchange; "
        "check the secret CHANGENOW_API_KEY"
    )


def _refusal(code: str, answer: Answer) -> ExchangeError:
    payload = answer.get("payload")
    limits = payload.get("range") if isinstance(payload, dict) else None
    if not isinstance(limits, dict):
        limits = {}
    message = answer.get("message")
    detail = message if isinstance(message, str) else ""
    return ExchangeError(code, detail, minimum=_limit(limits, "min"), maximum=_limit(limits, "max"))


def _limit(limits: Answer, end: Literal["min", "max"]) -> str:
    try:
        return amount_in(limits, f"{end}Amount", "payload.range")
    except RetryLater:
        return ""  # the refusal stands, whatever its figures look like


def amount_in(answer: Answer, name: str, path: str, *, needed: bool = False) -> str:
    """A number, or text of one, in decimal; "" when absent, null or empty. Raises RetryLater."""
    value = answer.get(name)
    if value is None or value == "":
        if needed:
            raise RetryLater(f"ChangeNow {path}: the answer has no {name}")
        return ""
    try:
        if isinstance(value, str):
            return decimal_text(value)
    except ValueError:
        pass
    raise RetryLater(f"ChangeNow {path}: {name} is not a number")


def text_in(answer: Answer, name: str, path: str) -> str:
    """A text; "" when absent or null. Raises RetryLater."""
    value = answer.get(name)
    if value is None:
        return ""
    try:
        if isinstance(value, str) and len(value.encode()) <= STR_MAX_BYTES and "\0" not in value:
            return value.strip()
    except UnicodeEncodeError:
        pass
    raise RetryLater(f"ChangeNow {path}: {name} is not text of at most {STR_MAX_BYTES} bytes")
