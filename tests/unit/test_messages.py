"""The seven ported layouts byte for byte, and what a token refuses."""

import base64
import dataclasses
import json
from datetime import UTC, datetime

import pytest

from microbatch import codec, messages
from microbatch.errors import ExpiredToken, InvalidToken

TPS = b"tps-hostpay-golden-key-0123456789abcdef0123456789abcdef0123456789"
INTERNAL = b"hostpay-internal-golden-key-0123456789abcdef0123456789abcdef01234"
SUCCESS = b"success-url-golden-key-0123456789abcdef0123456789abcdef0123456789"
OTHER = b"another-key-0123456789abcdef0123456789abcdef0123456789abcdef0123"

AT = 1761926400
ID, CN = "H4G9ORQ1DLTHAQ04", "ccb079fe70f827"
PAYIN = "0x52908400098527886E0F7030069857D2E4169EE7"
HASH = "0x" + "ab" * 32
BATCH = "f577abaa-1c0e-4c1e-9d6c-0a8a5b8f6f01"
AMOUNT = 0.001269067

ORDER = (ID, CN, "eth", "eth", AMOUNT, PAYIN, AT)
GOLDEN = [
    (
        messages.HostPayOrder(*ORDER),
        TPS,
        (
            "SDRHOU9SUTFETFRIQVEwNA5jY2IwNzlmZTcwZjgyNwNldGgDZXRoP1TK2lC7UMYqMHg1MjkwODQwMDA5ODUyNzg4"
            "NkUwRjcwMzAwNjk4NTdEMkU0MTY5RUU3aQTdAAv87h_A9OIEKgchE2gFxcA"
        ),
    ),
    (
        messages.StatusCheckRequest(*ORDER),
        INTERNAL,
        (
            "SDRHOU9SUTFETFRIQVEwNA5jY2IwNzlmZTcwZjgyNwNldGgDZXRoP1TK2lC7UMYqMHg1MjkwODQwMDA5ODUyNzg4"
            "NkUwRjcwMzAwNjk4NTdEMkU0MTY5RUU3aQTdANrCezup7t8YBP-CPo4zvCY"
        ),
    ),
    (
        messages.StatusCheckResponse(ID, CN, "waiting", "eth", "eth", AMOUNT, PAYIN, AT),
        INTERNAL,
        (
            "SDRHOU9SUTFETFRIQVEwNA5jY2IwNzlmZTcwZjgyNwd3YWl0aW5nA2V0aANldGg_VMraULtQxioweDUyOTA4NDAw"
            "MDk4NTI3ODg2RTBGNzAzMDA2OTg1N0QyRTQxNjlFRTdpBN0AlQ2ILRt1HL5ozhigoambrw"
        ),
    ),
    (
        messages.PaymentExecutionRequest(*ORDER),
        INTERNAL,
        (
            "SDRHOU9SUTFETFRIQVEwNA5jY2IwNzlmZTcwZjgyNwNldGgDZXRoP1TK2lC7UMYqMHg1MjkwODQwMDA5ODUyNzg4"
            "NkUwRjcwMzAwNjk4NTdEMkU0MTY5RUU3aQTdANrCezup7t8YBP-CPo4zvCY"
        ),
    ),
    (
        messages.PaymentExecutionResponse(ID, CN, HASH, "success", 21000.0, 19000001, AT),
        INTERNAL,
        (
            "SDRHOU9SUTFETFRIQVEwNA5jY2IwNzlmZTcwZjgyN0IweGFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFi"
            "YWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWIHc3VjY2Vzc0DUggAAAAAAAAAAAAEh6sFpBN0AEX3mwbwq"
            "glGbsmaDLLBQtA"
        ),
    ),
    (
        messages.BatchOrder(
            context="batch",
            batch_conversion_id=BATCH,
            cn_api_id=CN,
            from_currency="eth",
            from_network="eth",
            from_amount=AMOUNT,
            payin_address=PAYIN,
            timestamp=AT,
        ),
        SUCCESS,
        (
            "BWJhdGNoJGY1NzdhYmFhLTFjMGUtNGMxZS05ZDZjLTBhOGE1YjhmNmYwMQ5jY2IwNzlmZTcwZjgyNwNldGgDZXRo"
            "P1TK2lC7UMYqMHg1MjkwODQwMDA5ODUyNzg4NkUwRjcwMzAwNjk4NTdEMkU0MTY5RUU3AAAAAGkE3QCmj2O7fMiB"
            "xi0SXPUkW3DI"
        ),
    ),
    (
        messages.BatchResult(BATCH, CN, HASH, 48.5, AT),
        SUCCESS,
        (
            "JGY1NzdhYmFhLTFjMGUtNGMxZS05ZDZjLTBhOGE1YjhmNmYwMQ5jY2IwNzlmZTcwZjgyN0IweGFiYWJhYmFiYWJh"
            "YmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJASEAAAAAAAAAAAAB"
            "pBN0AfSq1eWw6Fq_cw8PNK3zxrg"
        ),
    ),
]
NAMES = [type(message).__name__ for message, _, _ in GOLDEN]
RESULT, RESULT_TOKEN = GOLDEN[6][0], GOLDEN[6][2]


@pytest.mark.parametrize(("message", "key", "token"), GOLDEN, ids=NAMES)
def test_a_ported_message_has_the_bytes_of_the_original(
    message: messages.Message, key: bytes, token: str
) -> None:
    assert messages.sign(message, key) == token
    assert messages.verify(type(message), token, [key], now=AT) == message


def test_every_ported_layout_has_a_vector() -> None:
    ported = {
        kind.__name__
        for carrier in messages.QUEUES.values()
        for kind in carrier.carries
        if not issubclass(kind, messages.OwnMessage)
    }
    assert ported == set(NAMES)


@pytest.mark.parametrize("position", [0, 10, 60, -3])
def test_a_changed_character_is_refused(position: int) -> None:
    changed = "B" if RESULT_TOKEN[position] == "A" else "A"
    forged = RESULT_TOKEN[:position] + changed + RESULT_TOKEN[position:][1:]
    with pytest.raises(InvalidToken):
        messages.verify(messages.BatchResult, forged, [SUCCESS], now=AT)


@pytest.mark.parametrize(
    "token", ["", "A", "not base64!", RESULT_TOKEN[:-6], RESULT_TOKEN + "AAAA"]
)
def test_a_cut_or_lengthened_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        messages.verify(messages.BatchResult, token, [SUCCESS], now=AT)


def test_a_token_of_another_type_or_key_is_refused() -> None:
    with pytest.raises(InvalidToken):
        messages.verify(messages.BatchOrder, RESULT_TOKEN, [SUCCESS], now=AT)
    with pytest.raises(InvalidToken):
        messages.verify(messages.BatchResult, RESULT_TOKEN, [OTHER], now=AT)


def test_a_longer_payload_under_a_good_signature_is_refused() -> None:
    payload = codec.encode(RESULT) + b"\0"
    token = base64.urlsafe_b64encode(payload + codec._mac(payload, SUCCESS)).decode().rstrip("=")
    with pytest.raises(InvalidToken, match="longer"):
        messages.verify(messages.BatchResult, token, [SUCCESS], now=AT)


@pytest.mark.parametrize("age_seconds", [26 * 3600, 0, -300])
def test_a_token_is_valid_26_hours_back_and_5_minutes_ahead(age_seconds: int) -> None:
    messages.verify(messages.BatchResult, RESULT_TOKEN, [SUCCESS], now=AT + age_seconds)


@pytest.mark.parametrize("age_seconds", [26 * 3600 + 1, -301])
def test_a_token_outside_its_time_is_expired(age_seconds: int) -> None:
    now = datetime.fromtimestamp(AT + age_seconds, UTC)
    with pytest.raises(ExpiredToken):
        messages.verify(messages.BatchResult, RESULT_TOKEN, [SUCCESS], now=now)


def test_both_current_and_previous_key_are_accepted() -> None:
    assert messages.verify(messages.BatchResult, RESULT_TOKEN, [OTHER, SUCCESS], now=AT) == RESULT


def test_a_payment_never_expires() -> None:
    payment = _payment()
    token = messages.sign(payment, OTHER)
    later = AT + 400 * 86_400
    assert messages.verify(messages.PaymentReceived, token, [OTHER], now=later) == payment


def test_a_value_that_does_not_fit_is_an_error_and_never_cut() -> None:
    for wrong in (
        dataclasses.replace(GOLDEN[0][0], unique_id="H4G9ORQ1DLTHAQ04X"),
        dataclasses.replace(GOLDEN[0][0], cn_api_id="x" * 256),
        dataclasses.replace(GOLDEN[0][0], timestamp=1 << 32),
    ):
        with pytest.raises(ValueError, match=r"fix16|str field|does not fit"):
            messages.sign(wrong, TPS)


def test_a_queue_refuses_what_it_does_not_carry() -> None:
    refund = messages.body(_payment(), OTHER)
    with pytest.raises(InvalidToken, match="does not carry"):
        messages.read("swap-results", refund, [OTHER], datetime.fromtimestamp(AT, UTC))
    with pytest.raises(ValueError, match="does not carry"):
        messages.Outgoing("swap-create", RESULT)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"token": 1}', "nonsense"])
def test_a_body_that_is_no_token_is_refused(body: str) -> None:
    with pytest.raises(InvalidToken):
        messages.read("swap-results", body, [OTHER], datetime.fromtimestamp(AT, UTC))


def test_types_of_own_messages_are_distinct() -> None:
    kinds = [
        kind
        for carrier in messages.QUEUES.values()
        for kind in carrier.carries
        if issubclass(kind, messages.OwnMessage)
    ]
    assert len({kind.TYPE for kind in kinds}) == len(kinds)


def test_an_older_payload_gets_defaults_and_a_newer_one_is_read_as_far_as_we_know() -> None:
    whole = codec.encode(_payment())
    newer = bytes([2]) + whole[1:] + b"\x03new"
    assert codec.decode(messages.PaymentReceived, newer) == _payment()
    without_body = whole[: -4 - len(_payment().body)]
    assert codec.decode(messages.PaymentReceived, without_body) == dataclasses.replace(
        _payment(), body=b""
    )


def _payment() -> messages.PaymentReceived:
    return messages.PaymentReceived(
        timestamp=AT,
        source="nowpayments",
        payment_id="4914760150",
        client_id="-1003296084379",
        received_amount="0.00149302",
        received_currency="eth",
        received_network="eth",
        body=json.dumps({"payment_id": 4914760150}).encode(),
    )
