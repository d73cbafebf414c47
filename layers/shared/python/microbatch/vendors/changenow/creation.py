"""A created exchange, checked against what was asked: money will follow this answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from microbatch.errors import RetryLater
from microbatch.vendors.changenow.addresses import same_address
from microbatch.vendors.changenow.answers import Answer, ExchangeError, amount_in, text_in
from microbatch.vendors.wire import ETHEREUM_ADDRESS

EXCHANGE = "/v2/exchange"
FROM_AMOUNT_TOLERANCE = Decimal("0.001")  # the provider's echo is a rounded double


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedExchange:
    """An exchange as created, its answer checked against what was asked."""

    exchange_id: str
    payin_address: str
    to_amount: str  # the provider's expectation; "" when it names none


def checked(answer: Answer, asked: Mapping[str, str]) -> CreatedExchange:
    """The created exchange, if it is the one asked for; else ExchangeError malformed_answer."""
    try:
        exchange_id = text_in(answer, "id", EXCHANGE)
        payin_address = text_in(answer, "payinAddress", EXCHANGE)
        to_amount = amount_in(answer, "toAmount", EXCHANGE)
        wrong = _differences(answer, asked)
    except RetryLater as error:
        raise ExchangeError("malformed_answer", str(error)) from error
    if not exchange_id:
        wrong.append("id is empty")
    if not payin_address:
        wrong.append("payinAddress is empty")
    if asked["fromNetwork"] == "eth" and not ETHEREUM_ADDRESS.fullmatch(payin_address):
        wrong.append("payinAddress is not an Ethereum address")
    if wrong:
        raise ExchangeError("malformed_answer", "; ".join(wrong))
    return CreatedExchange(
        exchange_id=exchange_id, payin_address=payin_address, to_amount=to_amount
    )


def _differences(answer: Answer, asked: Mapping[str, str]) -> list[str]:
    wrong = [
        f"{name} is {text_in(answer, name, EXCHANGE)!r}, not {asked[name]!r}"
        for name in ("fromCurrency", "fromNetwork", "toCurrency", "toNetwork")
        if text_in(answer, name, EXCHANGE).lower() != asked[name].lower()
    ]
    payout_address = text_in(answer, "payoutAddress", EXCHANGE)
    if not same_address(payout_address, asked["address"], asked["toNetwork"]):
        wrong.append(f"payoutAddress is {payout_address!r}, not {asked['address']!r}")
    # Left out when there is none; without the one asked for, the payout goes to somebody else.
    payout_extra_id = text_in(answer, "payoutExtraId", EXCHANGE)
    wanted = asked.get("extraId", "").strip()
    if payout_extra_id != wanted:
        wrong.append(f"payoutExtraId is {payout_extra_id!r}, not {wanted!r}")
    refund_address = text_in(answer, "refundAddress", EXCHANGE) or asked["refundAddress"]
    if not same_address(refund_address, asked["refundAddress"], asked["fromNetwork"]):
        wrong.append(f"refundAddress is {refund_address!r}, not {asked['refundAddress']!r}")
    if text_in(answer, "payinExtraId", EXCHANGE):
        wrong.append("payinExtraId is set: a payment that needs a memo cannot be made")
    echo = Decimal(amount_in(answer, "fromAmount", EXCHANGE) or asked["fromAmount"])
    amount = Decimal(asked["fromAmount"])
    if abs(echo - amount) > amount * FROM_AMOUNT_TOLERANCE:
        wrong.append(f"fromAmount is {echo}, not {amount}")
    return wrong
