"""Alchemy's notifications: the signature over the raw body, and the hashes that are ours."""

from typing import Any

import pytest

from microbatch.errors import ConfigurationError, InvalidInput, InvalidToken
from microbatch.hostpay.inbound import receive_activity
from microbatch.messages import Outgoing, TransactionSighted
from microbatch.vendors import alchemy
from microbatch.webhook import Answer
from tests.fakes import alchemy as fake
from tests.fakes.times import NOON

WALLET = "0x503828976D22510aad0201AC7Ec88293211d23Da"
PAYEE = "0xbe3f4b43db5eb49d1f48f53443b9abce45da3b79"
STRANGER = "0x71660c4005ba85c37ccec55d0c4493e66fe775d3"
ONE, TWO, THREE = ("0x" + digits * 32 for digits in ("1a", "2b", "3c"))

OTHER_KEY = "whsec_andAnotherOneOfTheKeys"

# HMAC-SHA256 of the body under the key as it is, made with openssl dgst -sha256 -hmac.
VECTOR_KEY = "whsec_oneKeyForTheVector"
VECTOR_BODY = b'{"webhookId":"wh_1"}'
VECTOR_SIGNATURE = "6a5ec4da637be7223ed9c1f8561b0b57c3ba4363e84cc1e61030fa010020f5f0"


def hashes(body: bytes, wallet: str = WALLET) -> list[str]:
    return alchemy.parse(body).hashes_of(wallet)


def received(body: bytes, key: str = fake.KEY, **changed: str) -> Answer:
    headers = fake.headers(body, key) | changed
    return receive_activity(body, headers, f"{fake.KEY} {OTHER_KEY}", NOON, [WALLET])


# --- signature -----------------------------------------------------------------------------------


def test_the_signature_is_plain_hmac_under_the_key_as_it_is() -> None:
    alchemy.verify(VECTOR_BODY, VECTOR_SIGNATURE, [VECTOR_KEY])
    alchemy.verify(VECTOR_BODY, f" {VECTOR_SIGNATURE.upper()} ", ["x" * 20, VECTOR_KEY])


@pytest.mark.parametrize("body", [VECTOR_BODY + b" ", VECTOR_BODY.replace(b":", b": "), b""])
def test_the_same_json_in_other_bytes_is_not_what_was_signed(body: bytes) -> None:
    with pytest.raises(InvalidToken, match="does not match"):
        alchemy.verify(body, VECTOR_SIGNATURE, [VECTOR_KEY])


@pytest.mark.parametrize(
    "signature", ["", "hello", "é" * 64, "sha256=" + VECTOR_SIGNATURE, VECTOR_SIGNATURE[:-1]]
)
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(InvalidToken, match="hex digits"):
        alchemy.verify(VECTOR_BODY, signature, [VECTOR_KEY])


def test_keys_are_separated_by_white_space_and_none_may_be_short() -> None:
    assert alchemy.keys_in(f" {fake.KEY}\n{OTHER_KEY} ") == [fake.KEY, OTHER_KEY]
    for secret in ("", " \n", "whsec_", f"{fake.KEY} short"):
        with pytest.raises(ConfigurationError, match="ALCHEMY_SIGNING_KEY") as raised:
            alchemy.keys_in(secret)
        assert "short" not in str(raised.value)


# --- what it says --------------------------------------------------------------------------------


def test_every_transaction_of_our_wallet_is_named_once_in_order() -> None:
    body = fake.notification(
        fake.token(TWO, WALLET, PAYEE),
        fake.external(ONE, STRANGER, WALLET),
        fake.token(TWO, PAYEE, WALLET),
        fake.token(THREE, STRANGER, PAYEE),
    )

    assert hashes(body) == [TWO, ONE]
    assert hashes(body, WALLET.lower()) == [TWO, ONE]
    assert hashes(body, "0x" + "00" * 20) == []


def test_an_item_says_no_more_than_it_must() -> None:
    least = {"hash": "0x" + ONE[2:].upper(), "fromAddress": "0x" + WALLET[2:].upper()}

    assert hashes(fake.notification(least)) == [ONE]


def test_fields_nobody_knows_are_passed_over() -> None:
    item = fake.external(ONE, WALLET, PAYEE) | {"source": {"new": [1.5e300]}}
    del item["value"]

    assert hashes(fake.notification(item, version=2, extra={"deep": [{}]})) == [ONE]


def test_a_removed_log_names_its_transaction_like_any_other() -> None:
    assert hashes(fake.notification(fake.token(ONE, WALLET, PAYEE, removed=True))) == [ONE]


def spoiled(**changed: object) -> dict[str, Any]:
    return fake.external(ONE, WALLET, PAYEE) | changed


@pytest.mark.parametrize(
    "item",
    [
        None,
        7,
        [],
        {},
        spoiled(hash=None),
        spoiled(hash=7),
        spoiled(hash="0x12"),
        spoiled(hash=ONE + "00"),
        spoiled(fromAddress=None),
        spoiled(fromAddress=["x"]),
        spoiled(fromAddress=WALLET + "00"),
    ],
)
def test_an_item_that_cannot_be_used_is_left_out_and_the_others_count(item: object) -> None:
    assert hashes(fake.notification(item, fake.external(TWO, PAYEE, WALLET), item)) == [TWO]


@pytest.mark.parametrize("activity", [None, {}, "x", 7])
def test_no_list_of_activity_is_no_activity(activity: object) -> None:
    assert hashes(fake.notification(event={"network": fake.NETWORK, "activity": activity})) == []


@pytest.mark.parametrize("kind", ["MINED_TRANSACTION", "DROPPED_TRANSACTION", "GRAPHQL"])
def test_other_kinds_name_nothing(kind: str) -> None:
    body = fake.notification(fake.external(ONE, WALLET, PAYEE), type=kind)

    assert (alchemy.parse(body).kind, hashes(body)) == (kind, [])


def test_a_complaint_in_place_of_activity_is_kept_in_words() -> None:
    notice = alchemy.parse(fake.OVER_CAPACITY)

    assert notice.trouble.startswith("Monthly capacity limit exceeded")
    assert notice.movements == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"{}",
        b"\xff",
        b"[" * 1000,
        b'{"type": "ADDRESS_ACTIVITY"}',
        fake.notification(event=[]),
        fake.notification(type=None),
        fake.notification(*[fake.external(ONE, WALLET, PAYEE)] * 400),
    ],
)
def test_what_is_no_notification_is_said_so(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="body"):
        alchemy.parse(body)


# --- what is told and queued ---------------------------------------------------------------------


@pytest.mark.parametrize("key", [fake.KEY, OTHER_KEY])
def test_a_transaction_is_passed_on_as_a_hint(key: str) -> None:
    answer = received(fake.notification(fake.external(ONE, WALLET, PAYEE)), key)

    sighted = TransactionSighted(timestamp=int(NOON.timestamp()), wallet=WALLET, tx_hash=ONE)
    assert (answer.status_code, answer.fields) == (200, {"status": "accepted"})
    assert answer.outgoing == [Outgoing("chain-requests", sighted)]


def test_what_is_forged_is_refused_and_nothing_is_queued() -> None:
    body = fake.notification(fake.external(ONE, WALLET, PAYEE))

    for answer in (
        received(body, "whsec_ofSomebodyElse"),
        received(body, **{"x-alchemy-signature": fake.signature(body + b"\n")}),
        received(body, **{"x-alchemy-signature": ""}),
    ):
        assert (answer.status_code, answer.outgoing) == (401, [])


@pytest.mark.parametrize(
    ("body", "logged"),
    [
        (fake.OVER_CAPACITY, "chain_webhook_trouble"),
        (b"hello", "webhook_malformed"),
        (fake.notification(fake.external(ONE, STRANGER, PAYEE)), ""),
        (fake.notification(), ""),
    ],
)
def test_an_authentic_one_without_a_use_is_told_so_and_does_not_come_again(
    body: bytes, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = received(body)

    assert (answer.status_code, answer.fields) == (200, {"status": "ignored"})
    assert answer.outgoing == []
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ([logged] if logged else [])


def test_of_several_wallets_each_hears_of_its_own_transactions() -> None:
    body = fake.notification(fake.external(ONE, STRANGER, WALLET), fake.token(TWO, PAYEE, STRANGER))
    answer = receive_activity(body, fake.headers(body, fake.KEY), fake.KEY, NOON, [WALLET, PAYEE])

    hints = [each.message for each in answer.outgoing]
    assert [(hint.wallet, hint.tx_hash) for hint in hints] == [  # type: ignore[attr-defined]
        (WALLET, ONE),
        (PAYEE, TWO),
    ]
