"""The simulator's HTTP side without a socket, for the tests of its parts."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from local.changenow.__main__ import arguments, front
from local.changenow.exchanges import Exchange
from local.changenow.office import Office
from local.changenow.pairs import Market
from local.changenow.server import Front
from local.changenow.wire import Answer, encode
from local.contracts.deploy import USDT_ADDRESS

KEY = "a-key"
PRIVATE = "a-private-key"
WALLET = "0x52908400098527886E0F7030069857D2E4169EE7"
START = datetime(2026, 11, 1, 12, 0, 0, 27_000, tzinfo=UTC)
MARKET = Market(eth_usd=Decimal(2000))
ORDER = {
    "fromCurrency": "eth",
    "toCurrency": "usdt",
    "fromNetwork": "eth",
    "toNetwork": "eth",
    "fromAmount": "0.01",
    "address": WALLET,
    "refundAddress": WALLET,
    "flow": "standard",
    "type": "direct",
}
PAIR = "fromCurrency=eth&fromNetwork=eth&toCurrency=usdt&toNetwork=eth&flow=standard"


def a_front(*flags: str, office: Office | None = None) -> Front:
    words = ["--port", "0", "--rpc-url", "http://127.0.0.1:1", "--usdt", USDT_ADDRESS]
    words += ["--api-key", KEY, "--api-key", "another", "--private-api-key", PRIVATE, *flags]
    return front(arguments(words), office or Office(MARKET, seed=7, clock=lambda: START))


def ask(
    service: Front, method: str, target: str, body: Any = None, key: str | None = KEY
) -> tuple[int, Any]:
    sent = b"" if body is None else encode(body).encode()
    answer = service.answer(method, target, key, sent)
    return answer.status, read(answer)


def read(answer: Answer) -> Any:
    if not answer.content_type.startswith("application/json"):
        return answer.body.decode()
    return json.loads(answer.body, parse_float=Decimal, parse_int=Decimal)


def an_exchange(**changes: Any) -> Exchange:
    service = a_front()
    ask(service, "POST", "/v2/exchange", ORDER)
    return replace(service.service.office.all()[0], **changes)
