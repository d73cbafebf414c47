"""ChangeNow v2: its range, estimates, creating an exchange, asking after one or an address.

Nothing here retries. What may help to repeat is RetryLater; a refusal is ExchangeError. A request
that timed out may have created an exchange nobody knows of: unpaid, it costs nothing and expires.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import requests
from requests.adapters import HTTPAdapter

from microbatch.errors import ConfigurationError, InvalidInput, KeyDenied, RetryLater
from microbatch.vendors.changenow.addresses import AddressVerdict, verdict_in
from microbatch.vendors.changenow.answers import (
    Answer,
    ExchangeError,
    Missing,
    amount_in,
    read_answer,
    text_in,
)
from microbatch.vendors.changenow.creation import EXCHANGE, CreatedExchange, checked
from microbatch.vendors.wire import cut, decimal_text

TIMEOUT_SECONDS = (3.05, 10)  # to connect, to wait for bytes
STATUS_MAX_CHARACTERS = 64

RANGE = "/v2/exchange/range"
MINIMUM = "/v2/exchange/min-amount"
ESTIMATE = "/v2/exchange/estimated-amount"
BY_ID = "/v2/exchange/by-id"
VALIDATE = "/v2/validate/address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What is given and what is wanted, each a ticker on a network, in ChangeNow's words."""

    from_currency: str
    from_network: str
    to_currency: str
    to_network: str

    def query(self) -> dict[str, str]:
        """Both networks always: without them the provider picks a chain by itself."""
        return {
            "fromCurrency": self.from_currency,
            "fromNetwork": self.from_network,
            "toCurrency": self.to_currency,
            "toNetwork": self.to_network,
            "flow": "standard",
        }


@dataclass(frozen=True, slots=True)
class Range:
    """What ChangeNow takes, in decimal text of from_currency; maximum "" when it names none."""

    minimum: str
    maximum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeStatus:
    """How an exchange stands; what the provider leaves open is ""."""

    status: str  # lower case, as it is; "not_found" when ChangeNow knows no such exchange
    from_currency: str = ""
    from_network: str = ""
    payin_address: str = ""
    amount_from: str = ""
    amount_to: str = ""
    payin_hash: str = ""
    payout_hash: str = ""
    refund_hash: str = ""
    refund_amount: str = ""


class ChangeNow:
    """The client. Every method raises RetryLater when ChangeNow is unwell or not understood.

    `heard` is told of every call whether an answer came that could be read, a refusal included.
    Raises ConfigurationError when the key cannot be one.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        session: requests.Session | None = None,
        heard: Callable[[bool], object] = bool,
    ) -> None:
        if not api_key or not (api_key.isascii() and api_key.isprintable()):
            raise ConfigurationError("CHANGENOW_API_KEY is not one line of ASCII text")
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._heard = heard
        self._session = session or requests.Session()
        # A repeated POST would be a second exchange: no adapter repeats anything.
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=0))

    def range(self, pair: Pair) -> Range:
        """The least and the most it takes; raises ExchangeError.

        A key without access to the range gets the minimum alone.
        """
        try:
            answer = self._call("GET", RANGE, query=pair.query())
        except KeyDenied:
            return Range(self._minimum(pair), "")
        return Range(
            amount_in(answer, "minAmount", RANGE, needed=True),
            amount_in(answer, "maxAmount", RANGE),
        )

    def estimate(self, pair: Pair, amount: str) -> str:
        """What `amount` would bring, in decimal text; "" when the provider names nothing."""
        query = pair.query() | {"type": "direct", "fromAmount": _sendable(amount)}
        try:
            return amount_in(self._call("GET", ESTIMATE, query=query), "toAmount", ESTIMATE)
        except (KeyDenied, ExchangeError):
            return ""

    def create(
        self,
        pair: Pair,
        *,
        amount: str,
        payout_address: str,
        refund_address: str,
        payout_extra_id: str = "",
    ) -> CreatedExchange:
        """Creates one exchange. Raises ExchangeError.

        Its code is "malformed_answer" when the answer is not what was asked for.
        """
        asked = pair.query() | {
            "type": "direct",
            "fromAmount": _sendable(amount),
            "address": payout_address,
            "refundAddress": refund_address,
        }
        if payout_extra_id:
            asked["extraId"] = payout_extra_id
        try:
            answer = self._call("POST", EXCHANGE, body=asked)
        except ExchangeError as error:
            raise self._explained(error, pair, amount) from error
        return checked(answer, asked)

    def status(self, exchange_id: str) -> ExchangeStatus:
        """How the exchange stands now. Raises ExchangeError."""
        try:
            answer = self._call("GET", BY_ID, query={"id": exchange_id})
        except Missing:
            return ExchangeStatus(status="not_found")
        except ExchangeError as error:
            if error.code == "not_found" or "not found" in error.detail.lower():
                return ExchangeStatus(status="not_found")
            raise
        status = _status(answer)
        if not status or text_in(answer, "id", BY_ID) != exchange_id:
            raise RetryLater(f"ChangeNow {BY_ID}: the answer has no status, or another id")
        return ExchangeStatus(
            status=status,
            from_currency=text_in(answer, "fromCurrency", BY_ID).lower(),
            from_network=text_in(answer, "fromNetwork", BY_ID).lower(),
            payin_address=text_in(answer, "payinAddress", BY_ID),
            amount_from=amount_in(answer, "amountFrom", BY_ID),
            amount_to=amount_in(answer, "amountTo", BY_ID),
            payin_hash=text_in(answer, "payinHash", BY_ID),
            payout_hash=text_in(answer, "payoutHash", BY_ID),
            refund_hash=text_in(answer, "refundHash", BY_ID),
            refund_amount=amount_in(answer, "refundAmount", BY_ID),
        )

    def validate_address(self, network: str, address: str) -> AddressVerdict:
        """Whether money can be paid to an address; raises ExchangeError for an unknown network."""
        query = {"currency": network, "address": address}  # `currency` is the network here
        return verdict_in(self._call("GET", VALIDATE, query=query), VALIDATE)

    def _minimum(self, pair: Pair) -> str:
        answer = self._call("GET", MINIMUM, query=pair.query())
        return amount_in(answer, "minAmount", MINIMUM, needed=True)

    def _explained(self, error: ExchangeError, pair: Pair, amount: str) -> ExchangeError:
        """A pair is sometimes called inactive when the amount is merely below the minimum."""
        if error.code != "pair_is_inactive":
            return error
        try:
            minimum = self._minimum(pair)
        except (ExchangeError, KeyDenied):
            return error
        if Decimal(amount) >= Decimal(minimum):
            return error
        return ExchangeError("deposit_too_small", error.detail, minimum=minimum)

    def _call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> Answer:
        answered = True
        try:
            return self._asked(method, path, query, body)
        except RetryLater:
            answered = False
            raise
        finally:
            self._heard(answered)

    def _asked(
        self,
        method: Literal["GET", "POST"],
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, str] | None,
    ) -> Answer:
        call = f"ChangeNow {method} {path}"
        headers = {"x-changenow-api-key": self._api_key, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = self._session.request(
                method,
                self._base_url + path,
                params=query,
                data=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,  # a redirect would carry the key elsewhere
            )
        except requests.RequestException as error:
            # its text can hold a header's value, and a chained error ends in the log
            raise RetryLater(f"{call}: {type(error).__name__}") from None
        return read_answer(call, response.status_code, response.content)


def _status(answer: Answer) -> str:
    """Any word at all, known or not; "" when it is none."""
    value = answer.get("status")
    return cut(value.strip().lower()[:STATUS_MAX_CHARACTERS]) if isinstance(value, str) else ""


def _sendable(amount: str) -> str:
    try:
        return decimal_text(amount)
    except ValueError as error:
        raise InvalidInput(f"amount {amount!r} is {error}") from error
