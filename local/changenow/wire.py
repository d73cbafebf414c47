"""What goes over the wire: exact JSON numbers, millisecond times, answers and refusals."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"
HTML_TYPE = "text/html"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A business or authentication refusal with the vendor's error body."""

    def __init__(
        self, status: int, error: str, message: str, payload: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status = status
        self.body: dict[str, Any] = {"error": error, "message": message}
        if payload is not None:
            self.body["payload"] = payload

    def answer(self) -> Answer:
        """The refusal as an HTTP answer."""
        return json_answer(self.body, self.status)


def json_answer(value: Any, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, encode(value).encode())


def text_answer(text: str, status: int) -> Answer:
    """A plain-text answer, as the real service gives for a missing key."""
    return Answer(status, text.encode(), TEXT_TYPE)


def encode(value: Any) -> str:
    """JSON with every Decimal written out exactly: no exponent, no trailing zeros."""
    if isinstance(value, float):
        raise TypeError("a float would not be exact")
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{encode(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(encode(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def plain(value: Decimal) -> str:
    """A Decimal's digits: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def decode(body: bytes) -> dict[str, Any]:
    """A JSON object with exact numbers; raises Refusal 400 for anything else."""
    try:
        value = json.loads(body or b"{}", parse_float=Decimal, parse_int=Decimal)
    except (ValueError, UnicodeDecodeError) as error:
        raise Refusal(400, "not_valid_params", "Body is not valid JSON") from error
    if not isinstance(value, dict):
        raise Refusal(400, "not_valid_params", "Body must be an object")
    return value


def amount(value: Any, name: str) -> Decimal:
    """A positive amount given as text or number; raises Refusal 400 naming the parameter."""
    if value in (None, ""):
        raise Refusal(400, "not_valid_params", f"{name} is required")
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise Refusal(400, "not_valid_params", f"{name} must be a number") from error
    if not number.is_finite() or number <= 0:
        raise Refusal(400, "not_valid_params", f"{name} must be greater than 0")
    return number


def iso(moment: datetime) -> str:
    """A time as the service writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{moment.microsecond // 1000:03d}Z"
    )


def parse_iso(text: str, name: str) -> datetime:
    """A time from a query; raises Refusal 400 naming the parameter."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(400, "not_valid_params", f"{name} is not a date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
