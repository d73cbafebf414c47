"""The committed contract artifacts and the notification sender."""

import hashlib
import hmac
import json
from decimal import Decimal
from pathlib import Path

import pytest

from local import nowpayments
from local.contracts import deploy

SOURCES = Path(deploy.__file__).parent
# A real notification of 2024: keys sorted, numbers as JavaScript writes them.
RECORDED_KEYS = [
    "actually_paid",
    "actually_paid_at_fiat",
    "fee",
    "invoice_id",
    "order_description",
    "order_id",
    "outcome_amount",
    "outcome_currency",
    "parent_payment_id",
    "pay_address",
    "pay_amount",
    "pay_currency",
    "payin_extra_id",
    "payment_extra_ids",
    "payment_id",
    "payment_status",
    "price_amount",
    "price_currency",
    "purchase_id",
    "updated_at",
]


@pytest.mark.parametrize("name", ["usdt", "price_feed"])
def test_an_artifact_was_compiled_from_the_committed_source(name: str) -> None:
    built = deploy.artifact(name)
    source = (SOURCES / built["source"]).read_bytes()

    assert built["source_sha256"] == hashlib.sha256(source).hexdigest()
    assert built["compiler"].startswith("solc 0.8.37")


@pytest.mark.parametrize("name", ["transfer", "transferFrom", "approve"])
def test_usdt_returns_nothing(name: str) -> None:
    functions = {entry.get("name"): entry for entry in deploy.artifact("usdt")["abi"]}

    assert functions[name]["outputs"] == []


@pytest.mark.parametrize(
    ("signature", "values", "selector"),
    [
        ("transfer(address,uint256)", (deploy.DEPLOYER_ADDRESS, 1), "0xa9059cbb"),
        ("balanceOf(address)", (deploy.DEPLOYER_ADDRESS,), "0x70a08231"),
        ("latestRoundData()", (), "0xfeaf968c"),
    ],
)
def test_selectors_are_the_known_ones(
    signature: str, values: tuple[object, ...], selector: str
) -> None:
    assert deploy.call_data(signature, *values)[:10] == selector


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.00005", "0.00005"),
        ("5e-7", "5e-7"),
        ("1.5e-7", "1.5e-7"),
        ("0.000001", "0.000001"),
        ("15.0", "15"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("-0.25", "-0.25"),
        ("0.00506984", "0.00506984"),
        ("0", "0"),
    ],
)
def test_numbers_are_written_as_javascript_does(number: str, text: str) -> None:
    assert nowpayments.js_number(Decimal(number)) == text


def test_a_number_no_double_carries_is_refused() -> None:
    with pytest.raises(ValueError, match="more digits"):
        nowpayments.js_number(Decimal("0.0123456789012345678"))


def test_a_notification_has_the_documented_fields_in_order() -> None:
    fields = nowpayments.notification(4914760150, -1003268562225, Decimal("0.00005"), Decimal("20"))
    body = nowpayments.sorted_body(fields)

    assert list(json.loads(body)) == RECORDED_KEYS
    assert b'"order_id":"PGP|-1003268562225","outcome_amount":0.00005' in body
    assert b'"fee":{"currency":"eth","depositFee":0,"serviceFee":0,"withdrawalFee":0}' in body
    assert b" " not in body


def test_the_signature_is_over_the_sorted_body_only() -> None:
    fields = nowpayments.notification(1, 2, Decimal("0.01"), Decimal("20"), order_id="é|2")
    ordered, unordered = nowpayments.sorted_body(fields), nowpayments.unsorted_body(fields)
    signature = nowpayments.sign(ordered, "secret")

    assert signature == hmac.new(b"secret", ordered, "sha512").hexdigest()
    assert json.loads(ordered) == json.loads(unordered)
    assert ordered != unordered
    assert nowpayments.forged(signature) != signature
    assert "é".encode() in ordered
