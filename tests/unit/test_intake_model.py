"""What becomes of a payment notification: a credit, or a row for a person."""

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from microbatch.intake.model import (
    Client,
    Credit,
    Hold,
    HoldReason,
    Notice,
    Policy,
    judge,
)
from microbatch.money import Wei

ETH = 10**18
POLICY = Policy(Decimal(3), Wei(10 * ETH), 1800)
CLIENT = Client("-1003296084379", "threshold", False)
NOTICE = Notice(
    payment_id="4938475683",
    source="nowpayments",
    client_id="-1003296084379",
    received_amount="0.01",
    received_currency="eth",
    received_network="eth",
    invoice_usd="30",
    parent_payment_id="",
    order_id="PGP-1|-1003296084379",
    payment_status="finished",
    paid_at="2026-11-22T12:00:00+00:00",
    problem="",
    body=b"{}",
)


def judged(
    client: Client | None = CLIENT,
    eth_usd: Decimal | None = Decimal(2000),
    last_eth_usd: Decimal | None = None,
    **changed: Any,
) -> Credit | Hold:
    return judge(replace(NOTICE, **changed), client, eth_usd, POLICY, last_eth_usd)


def test_a_payment_is_credited_net_of_its_fee() -> None:
    assert judged() == Credit(
        state="pending",
        received_wei=Wei(ETH // 100),
        fee_percent=Decimal(3),
        fee_wei=Wei(3 * ETH // 10_000),
        net_wei=Wei(97 * ETH // 10_000),
        invoice_usd=Decimal("30.000000"),
        net_usd=Decimal("19.400000"),
        net_usd_from="observation",
    )


def test_an_instant_clients_payment_waits_in_a_state_of_its_own() -> None:
    credit = judged(Client("7", "instant", False))

    assert isinstance(credit, Credit)
    assert credit.state == "waiting_instant"


PAUSED = replace(CLIENT, paused=True)
HELD: list[tuple[HoldReason, Client | None, dict[str, str]]] = [
    (HoldReason.MALFORMED, CLIENT, {"problem": "body is not JSON"}),
    (HoldReason.UNKNOWN_CLIENT, None, {}),
    (HoldReason.CLIENT_PAUSED, PAUSED, {}),
    (HoldReason.REDEPOSIT, CLIENT, {"parent_payment_id": "4938475682"}),
    (HoldReason.WRONG_ASSET, CLIENT, {"received_currency": "usdt"}),
    (HoldReason.WRONG_ASSET, CLIENT, {"received_currency": "ETH"}),
    (HoldReason.WRONG_ASSET, CLIENT, {"received_network": "bsc"}),
    (HoldReason.WRONG_ASSET, CLIENT, {"received_network": ""}),
    (HoldReason.WRONG_ASSET, CLIENT, {"received_currency": ""}),
    (HoldReason.AMOUNT_UNKNOWN, CLIENT, {"received_amount": ""}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "0"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "-0.01"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "NaN"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "Infinity"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "a lot"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "1e61"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "0.0000000000000000001"}),
    (
        HoldReason.IMPLAUSIBLE_AMOUNT,
        CLIENT,
        {"received_amount": "10.000000000000000001", "invoice_usd": ""},
    ),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "0.0750000005"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"invoice_usd": "-1"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"invoice_usd": "-0.5"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"invoice_usd": "NaN"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"invoice_usd": "1e12"}),
    (HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"invoice_usd": "thirty"}),
]


@pytest.mark.parametrize(("reason", "client", "changed"), HELD)
def test_what_is_odd_is_held_and_says_why(
    reason: HoldReason, client: Client | None, changed: dict[str, str]
) -> None:
    hold = judged(client, **changed)

    assert isinstance(hold, Hold)
    assert hold.reason is reason
    assert hold.detail


def test_the_reasons_are_those_that_the_schema_knows() -> None:
    assert set(HoldReason) == {
        "unknown_client",
        "client_paused",
        "wrong_asset",
        "redeposit",
        "conflict",
        "implausible_amount",
        "amount_unknown",
        "malformed",
        "ingress_paused",
    }


def test_what_is_odd_says_what_was_seen() -> None:
    said = {
        "received_amount is not a decimal number": judged(received_amount="a lot"),
        "received ? on bsc": judged(received_currency="", received_network="bsc"),
        "received doge on ?": judged(received_currency="doge", received_network=""),
        "invoice_usd is not a decimal number": judged(invoice_usd="thirty"),
        "invoice_usd is not a plausible amount": judged(invoice_usd="-0.5"),
    }

    for words, hold in said.items():
        assert isinstance(hold, Hold)
        assert hold.detail.startswith(words)


def test_every_reason_that_one_notification_shows_has_been_seen() -> None:
    # a conflict is between two of them, and a pause is not in any: the service sees those
    others = {HoldReason.CONFLICT, HoldReason.INGRESS_PAUSED}
    assert {reason for reason, _, _ in HELD} == set(HoldReason) - others


@pytest.mark.parametrize("amount", ["0.000000000000000001", "10"])
def test_the_least_and_the_most_are_credited(amount: str) -> None:
    credit = judged(received_amount=amount, invoice_usd="")

    assert isinstance(credit, Credit)
    assert credit.fee_wei + credit.net_wei == credit.received_wei > 0


@pytest.mark.parametrize(
    ("amount", "eth_usd", "invoice_usd"),
    [
        ("0.075", Decimal(2000), "30"),  # five times its invoice, and no more
        ("0.0001", Decimal(2000), "30"),  # less than invoiced is normal
        ("9", None, "30"),  # without a price nobody can say
        ("9", Decimal(2000), "0"),
        ("9", Decimal(2000), ""),
    ],
)
def test_more_than_was_invoiced_is_credited_up_to_five_times(
    amount: str, eth_usd: Decimal | None, invoice_usd: str
) -> None:
    assert isinstance(
        judged(received_amount=amount, eth_usd=eth_usd, invoice_usd=invoice_usd), Credit
    )


@pytest.mark.parametrize(
    ("eth_usd", "last_eth_usd", "held"),
    [
        (None, Decimal(2000), True),  # an old price is good enough to see a wrong unit by
        (None, Decimal(1), False),
        (Decimal(1), Decimal(2000), True),
        (Decimal(2000), Decimal(1), False),
        (Decimal(2000), None, True),
    ],
)
def test_far_more_than_was_invoiced_is_seen_by_the_last_price_however_old(
    eth_usd: Decimal | None, last_eth_usd: Decimal | None, held: bool
) -> None:
    verdict = judged(eth_usd=eth_usd, last_eth_usd=last_eth_usd, received_amount="1")

    assert isinstance(verdict, Hold) is held


@pytest.mark.parametrize(
    ("eth_usd", "invoice_usd", "net_usd", "net_usd_from"),
    [
        (Decimal("2000"), "30", Decimal("19.4"), "observation"),
        (Decimal("2000"), "", Decimal("19.4"), "observation"),
        (None, "30", Decimal("29.1"), "invoice"),
        (None, "0.00001", Decimal("0.00001"), "invoice"),  # to a millionth: 0.0000097
        (None, "999999999999.99", Decimal("969999999999.9903"), "invoice"),
        (None, "", None, "nothing"),
    ],
)
def test_a_payment_is_valued_by_observation_else_by_invoice_less_the_fee(
    eth_usd: Decimal | None, invoice_usd: str, net_usd: Decimal | None, net_usd_from: str
) -> None:
    credit = judged(eth_usd=eth_usd, invoice_usd=invoice_usd)

    assert isinstance(credit, Credit)
    assert (credit.net_usd, credit.net_usd_from) == (net_usd, net_usd_from)
    assert credit.net_wei == 97 * ETH // 10_000  # whatever it is said to be worth


# an observation that differs is still the same payment
ONLY_TOLD = {"paid_at", "invoice_usd", "problem", "body"}


@pytest.mark.parametrize("name", [field.name for field in fields(Notice)])
def test_two_notifications_are_one_payment_unless_their_particulars_differ(name: str) -> None:
    value: Any = b"[]" if name == "body" else "another"

    same = replace(NOTICE, **{name: value}).fingerprint == NOTICE.fingerprint

    assert same == (name in ONLY_TOLD)


def test_fields_that_run_together_are_another_payment() -> None:
    one = replace(NOTICE, payment_id="12", client_id="3")
    other = replace(NOTICE, payment_id="1", client_id="23")

    assert one.fingerprint != other.fingerprint


def test_a_fingerprint_never_changes() -> None:
    # written down: another one for the same particulars would make a conflict of every re-send
    assert NOTICE.fingerprint.hex() == (
        "f093ce7fdd5ccb4d6683971d7a308b0b411763a8c0641c1d52901340ac4ca634"
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.01", "0.0100", True),
        ("0.01", "1e-2", True),
        ("10", "1E+1", True),
        ("0.01", "0.010000000000000001", False),
        ("a lot", "a lot", True),
        ("a lot", "much", False),
        ("", "0", False),
    ],
)
def test_an_amount_is_the_same_however_it_is_written(one: str, other: str, same: bool) -> None:
    first = replace(NOTICE, received_amount=one).fingerprint
    second = replace(NOTICE, received_amount=other).fingerprint

    assert (first == second) is same


@pytest.mark.parametrize(
    ("invoice_usd", "noted"),
    [("", None), ("0", "0"), ("30", "30.000000"), ("0.0000005", "0.000000"),
     ("0.0000015", "0.000002"), ("999999999999.99", "999999999999.990000")],
)  # fmt: skip
def test_an_invoice_is_noted_to_a_millionth_of_a_dollar(
    invoice_usd: str, noted: str | None
) -> None:
    credit = judged(received_amount="0.0000000001", invoice_usd=invoice_usd)

    assert isinstance(credit, Credit)
    assert credit.invoice_usd == (None if noted is None else Decimal(noted))
