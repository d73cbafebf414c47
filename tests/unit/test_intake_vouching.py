"""What a pause holds, and what a person who accepts a held payment vouches for."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from microbatch.intake.model import (
    HELD_EDGES,
    ORDER,
    Client,
    Credit,
    Hold,
    HoldReason,
    judge,
    vouched_by_accepting,
)
from tests.unit.test_intake_model import CLIENT, NOTICE, PAUSED, POLICY


def test_a_pause_holds_only_what_nothing_else_does() -> None:
    assert judge(NOTICE, CLIENT, None, POLICY, ingress_paused=True) == Hold(
        HoldReason.INGRESS_PAUSED, "ingress is paused"
    )
    redeposit = replace(NOTICE, parent_payment_id="4938475682")
    for client in (CLIENT, PAUSED):
        found = judge(redeposit, client, None, POLICY, ingress_paused=True)
        assert isinstance(found, Hold)
        assert found.reason is HoldReason.REDEPOSIT


def accepted(reason: HoldReason, client: Client | None = CLIENT, **changed: Any) -> Credit | Hold:
    """What becomes of a payment held for this once a person accepts it."""
    return judge(
        replace(NOTICE, **changed),
        client,
        Decimal(2000),
        POLICY,
        ingress_paused=True,
        vouched=vouched_by_accepting(reason),
    )


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        (HoldReason.CLIENT_PAUSED, {}),
        (HoldReason.INGRESS_PAUSED, {}),
        (HoldReason.CONFLICT, {}),
        (HoldReason.REDEPOSIT, {"parent_payment_id": "1"}),
        (HoldReason.IMPLAUSIBLE_AMOUNT, {"received_amount": "11", "invoice_usd": ""}),
        (HoldReason.IMPLAUSIBLE_AMOUNT, {"received_amount": "1"}),
        (HoldReason.IMPLAUSIBLE_AMOUNT, {"invoice_usd": "thirty"}),
        (HoldReason.IMPLAUSIBLE_AMOUNT, {"received_amount": "11", "parent_payment_id": "1"}),
        (HoldReason.AMOUNT_UNKNOWN, {"parent_payment_id": "1"}),  # it was vouched for before
    ],
)
def test_what_a_person_vouches_for_is_credited(reason: HoldReason, changed: dict[str, str]) -> None:
    assert isinstance(accepted(reason, PAUSED, **changed), Credit)


@pytest.mark.parametrize(
    ("reason", "client", "changed", "found"),
    [
        # nobody has seen these yet
        (HoldReason.UNKNOWN_CLIENT, CLIENT, {"parent_payment_id": "1"}, HoldReason.REDEPOSIT),
        (HoldReason.REDEPOSIT, CLIENT, {"received_amount": "1"}, HoldReason.IMPLAUSIBLE_AMOUNT),
        (HoldReason.CONFLICT, CLIENT, {"parent_payment_id": "1"}, HoldReason.REDEPOSIT),
        # nobody can vouch for these
        (HoldReason.UNKNOWN_CLIENT, None, {}, HoldReason.UNKNOWN_CLIENT),
        (HoldReason.MALFORMED, CLIENT, {"problem": "no JSON"}, HoldReason.MALFORMED),
        (HoldReason.REDEPOSIT, CLIENT, {"received_currency": "usdt"}, HoldReason.WRONG_ASSET),
        (HoldReason.WRONG_ASSET, CLIENT, {"received_currency": "usdt"}, HoldReason.WRONG_ASSET),
        (HoldReason.AMOUNT_UNKNOWN, CLIENT, {"received_amount": ""}, HoldReason.AMOUNT_UNKNOWN),
        (
            HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "0"},
            HoldReason.IMPLAUSIBLE_AMOUNT,
        ),
        (
            HoldReason.IMPLAUSIBLE_AMOUNT, CLIENT, {"received_amount": "1000000001"},
            HoldReason.IMPLAUSIBLE_AMOUNT,
        ),
    ],
)  # fmt: skip
def test_a_person_vouches_only_for_what_it_was_held_for(
    reason: HoldReason, client: Client | None, changed: dict[str, str], found: HoldReason
) -> None:
    verdict = accepted(reason, client, **changed)
    assert isinstance(verdict, Hold)
    assert verdict.reason is found


def test_every_reason_has_its_place() -> None:
    assert sorted(ORDER) == sorted(HoldReason)


def test_nobody_can_vouch_for_more_eth_than_there_is() -> None:
    most = accepted(HoldReason.IMPLAUSIBLE_AMOUNT, received_amount="1000000000")
    more = accepted(HoldReason.IMPLAUSIBLE_AMOUNT, received_amount="1000000000.000000000000000001")

    assert isinstance(most, Credit)
    assert more == Hold(HoldReason.IMPLAUSIBLE_AMOUNT, "received_amount is more than there is")


def test_what_is_held_is_decided_about_once() -> None:
    assert dict(HELD_EDGES) == {
        "held": {"accepted", "rejected"},
        "accepted": set(),
        "rejected": set(),
    }


@pytest.mark.parametrize("invoice_usd", ["thirty", "NaN", "Infinity", "-1", "1e12"])
def test_an_invoice_that_says_nothing_is_none_once_a_person_vouches(invoice_usd: str) -> None:
    credit = accepted(HoldReason.IMPLAUSIBLE_AMOUNT, invoice_usd=invoice_usd)

    assert isinstance(credit, Credit)
    assert credit.invoice_usd is None
