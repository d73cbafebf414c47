import hashlib
import hmac
import json
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microbatch.errors import ConfigurationError, InvalidInput, InvalidToken
from microbatch.messages import PaymentReceived, sign, verify
from microbatch.vendors import nowpayments

SECRET = "ipn-secret"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

# A real notification, its keys sorted as they arrive; only order_id and the outcome are ours.
BODY = (
    '{"actually_paid":0.00506984,"actually_paid_at_fiat":0,"fee":{"currency":"eth",'
    '"depositFee":0.00005,"serviceFee":0,"withdrawalFee":5e-7},"invoice_id":4803492574,'
    '"order_description":"Café / 1","order_id":"PGP-77|-1003202734748",'
    '"outcome_amount":0.004712345678901234,"outcome_currency":"eth","parent_payment_id":null,'
    '"pay_address":"0x8cA0B1","pay_amount":0.04763643,"pay_currency":"eth",'
    '"payin_extra_id":null,"payment_extra_ids":null,"payment_id":4914760150,'
    '"payment_status":"finished","price_amount":15.0,"price_currency":"usd",'
    '"purchase_id":"5291809662","updated_at":1706105146952}'
).encode()


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def body(**changed: object) -> bytes:
    fields = {**json.loads(BODY), **changed}
    return json.dumps(
        {name: value for name, value in fields.items() if value != "left out"}
    ).encode()


def parse(raw: bytes) -> nowpayments.Notification:
    return nowpayments.parse(raw, NOW)


def test_the_raw_body_is_verified():
    nowpayments.verify(BODY, signature(BODY), [SECRET])
    nowpayments.verify(BODY, f" {signature(BODY).upper()}\n", [SECRET])


def test_a_reordered_and_reformatted_body_is_verified_with_its_numbers_as_written():
    nested_last = BODY.replace(
        b'"updated_at":1706105146952}', b'"a":{"z":1e-6,"b":[{"y":1,"x":2}]}}'
    )
    canonical = nowpayments.sorted_body(nested_last)
    reordered = nested_last.replace(b",", b",\n ").replace(b":", b" : ")

    nowpayments.verify(reordered, signature(canonical), [SECRET])

    assert canonical.startswith(b'{"a":{"b":[{"x":2,"y":1}],"z":1e-6},"actually_paid":')


def test_sorting_a_sorted_body_changes_no_byte():
    assert nowpayments.sorted_body(BODY) == BODY


def test_slashes_and_letters_beyond_ascii_are_written_as_they_are():
    assert nowpayments.sorted_body(b'{"b":"\\u00e9\\/","a":"\\u0001\\n"}') == (
        '{"a":"\\u0001\\n","b":"é/"}'.encode()
    )


@pytest.mark.parametrize(
    "claimed",
    ["", "0" * 128, "zz" * 64, "é" * 128, signature(BODY)[:-1], signature(BODY, "another")],
)
def test_any_other_signature_is_refused(claimed):
    with pytest.raises(InvalidToken, match="x-nowpayments-sig"):
        nowpayments.verify(BODY, claimed, [SECRET])


@pytest.mark.parametrize(
    "raw", [b"", b"not json", b"[" * 100_000, b"\xff\xfe", b'{"a":"\\ud800"}', b'{"a":1,"a":1}']
)
def test_a_body_that_cannot_be_sorted_is_verified_raw_or_refused(raw):
    nowpayments.verify(raw, signature(raw), [SECRET])

    with pytest.raises(InvalidToken):
        nowpayments.verify(raw, signature(BODY), [SECRET])


def test_keys_are_sorted_as_javascript_sorts_them():
    assert nowpayments.sorted_body('{"～":1,"😀":2}'.encode()) == '{"😀":2,"～":1}'.encode()


def test_a_deep_body_is_sorted_as_far_as_any_body_is_read():
    deep = b'{"a":' * 300 + b"1" + b"}" * 300

    assert nowpayments.sorted_body(deep) == deep
    assert nowpayments.sorted_body(b'{"a":' + deep + b"}") is None


def test_a_changed_amount_is_refused():
    with pytest.raises(InvalidToken):
        nowpayments.verify(BODY.replace(b"0.0047", b"9.0047"), signature(BODY), [SECRET])


def test_during_a_rotation_both_secrets_are_accepted():
    for secret in ("new", "old"):
        nowpayments.verify(BODY, signature(BODY, secret), ["new", "old"])


@pytest.mark.parametrize("secrets", [[], [""], ["good", ""]])
def test_an_empty_secret_verifies_nothing(secrets):
    with pytest.raises(ConfigurationError, match="NOWPAYMENTS_IPN_SECRET"):
        nowpayments.verify(BODY, signature(BODY, ""), secrets)


def test_a_notification_becomes_a_payment_with_every_digit():
    payment = PaymentReceived(**asdict(parse(BODY)))

    assert payment == PaymentReceived(
        timestamp=int(NOW.timestamp()),
        source="nowpayments",
        payment_id="4914760150",
        client_id="-1003202734748",
        received_amount="0.004712345678901234",
        received_currency="eth",
        received_network="eth",
        invoice_usd="15.0",
        parent_payment_id="",
        order_id="PGP-77|-1003202734748",
        payment_status="finished",
        paid_at="2024-01-24T14:05:46+00:00",
        problem="",
        body=BODY,
    )


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("5e-7", "0.0000005"),
        ("1.25E+3", "1250"),
        ("0.00005", "0.00005"),
        ('"0.5"', "0.5"),
        ("0", "0"),
        ("-1", "-1"),
        ("null", ""),
        ('""', ""),
    ],
)
def test_amounts_are_plain_decimals(written, plain):
    raw = BODY.replace(b"0.004712345678901234", written.encode())

    notification = parse(raw)

    assert notification.received_amount == plain
    assert notification.problem == ""


@pytest.mark.parametrize("written", ["1e400", "1e9999", '"0,5"', '"much"', '"0x1f"', "9" * 120])
def test_an_implausible_amount_is_kept_as_a_problem(written):
    notification = parse(BODY.replace(b"0.004712345678901234", written.encode()))

    assert notification.received_amount == ""
    assert "outcome_amount" in notification.problem


@pytest.mark.parametrize(
    ("order_id", "client_id"),
    [
        ("PGP-1|42", "42"),
        ("|42", "42"),
        ("a|b|c", "b|c"),
        ("PGP-1| -100 ", "-100"),
    ],
)
def test_the_client_follows_the_first_bar(order_id, client_id):
    notification = parse(body(order_id=order_id))

    assert (notification.client_id, notification.problem) == (client_id, "")


@pytest.mark.parametrize("order_id", ["", "PGP-1", "PGP-1|", "PGP-1| ", None, 17, "left out"])
def test_an_order_without_a_client_is_a_problem_that_names_it(order_id):
    notification = parse(body(order_id=order_id))

    assert notification.client_id == ""
    assert "order_id" in notification.problem


@pytest.mark.parametrize(
    ("currency", "received"),
    [
        ("eth", ("eth", "eth")),
        ("ETH", ("eth", "eth")),
        ("usdttrc20", ("usdttrc20", "")),
        (None, ("", "")),
        ("left out", ("", "")),
    ],
)
def test_only_eth_names_its_network(currency, received):
    notification = parse(body(outcome_currency=currency))

    assert (notification.received_currency, notification.received_network) == received


@pytest.mark.parametrize(("currency", "invoice"), [("usd", "20"), ("USD", "20"), ("eur", "")])
def test_only_a_price_in_usd_is_an_invoice_in_usd(currency, invoice):
    assert parse(body(price_currency=currency, price_amount=20)).invoice_usd == invoice


def test_a_redeposit_names_its_parent():
    assert parse(body(parent_payment_id=4914760149)).parent_payment_id == "4914760149"


@pytest.mark.parametrize(
    ("updated_at", "paid_at"),
    [
        (1706105146952, "2024-01-24T14:05:46+00:00"),
        ("2024-01-24T14:05:46.952Z", "2024-01-24T14:05:46.952Z"),
        (10**40, str(10**40)),
        ("left out", ""),
    ],
)
def test_the_time_is_passed_on_when_there_is_one(updated_at, paid_at):
    assert parse(body(updated_at=updated_at)).paid_at == paid_at


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"", "JSON"),
        (b"not json", "JSON"),
        (b"\xff", "JSON"),
        (b"[]", "object"),
        (b"7", "object"),
        (b"[" * 60_000, "JSON"),
        (b'{"payment_id":1,"payment_id":2,"payment_status":"finished"}', "twice"),
        (BODY.replace(b"0.004712345678901234", b"NaN"), "NaN"),
        (BODY.replace(b"0.004712345678901234", b"Infinity"), "Infinity"),
        (BODY[:-20], "JSON"),
        (body(payment_id="left out"), "payment_id"),
        (body(payment_id=None), "payment_id"),
        (body(payment_id=""), "payment_id"),
        (body(payment_id=-4.5), "payment_id"),
        (body(payment_id=True), "payment_id"),
        (body(payment_id="7" * 256), "payment_id has 256 bytes"),
        (body(payment_status="left out"), "payment_status"),
        (body(payment_status=None), "payment_status"),
        (body(payment_status={}), "payment_status"),
        (body(order_id="ж" * 128), "order_id has 256 bytes"),
        (body(order_id="a|\0"), "order_id"),
        (body(order_id="a|\ud800"), "order_id"),
        (body(outcome_currency="x" * 256), "outcome_currency"),
        (body(outcome_amount=[1]), "outcome_amount"),
        (body(parent_payment_id="9" * 300), "parent_payment_id"),
        (body(order_description="x" * 65_536), "body has"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(raw, named):
    with pytest.raises(InvalidInput, match=named):
        parse(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=20), json_values, max_size=6))
def test_however_a_body_is_ordered_it_sorts_to_the_same_bytes(fields: dict):
    shuffled = dict(reversed(fields.items()))

    first = nowpayments.sorted_body(json.dumps(fields, indent=1).encode())
    second = nowpayments.sorted_body(json.dumps(shuffled, ensure_ascii=False).encode())

    assert first == second
    assert json.loads(first) == fields


@given(
    st.dictionaries(
        st.sampled_from([*json.loads(BODY), "unknown"]), json_values | st.text(max_size=300)
    )
)
def test_whatever_the_fields_it_is_kept_or_refused_by_name(changed: dict):
    try:
        notification = parse(body(**changed))
    except InvalidInput:
        return

    key = b"k" * 64
    message = PaymentReceived(**asdict(notification))
    assert verify(PaymentReceived, sign(message, key), [key], now=NOW) == message
