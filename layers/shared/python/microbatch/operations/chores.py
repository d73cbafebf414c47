"""What the reconciler does for the states of lifetimes: whose rows, and what for each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from microbatch.conversion import service as conversion
from microbatch.hostpay import service as hostpay
from microbatch.intake import service as intake
from microbatch.intake.model import Policy as IntakePolicy
from microbatch.market import service as market
from microbatch.messages import Outgoing
from microbatch.operations.lifetimes import Ages
from microbatch.pace import Pace
from microbatch.payout import service as payouts
from microbatch.payout.model import Policy as PayoutPolicy
from microbatch.platform.database import Transaction
from microbatch.swap import service as swaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The rules of every room that has rows to look after."""

    swap: swaps.Policy
    hostpay: hostpay.Policy
    source: market.Source
    ages: Ages
    intake: IntakePolicy
    payout: PayoutPolicy

    @property
    def pace(self) -> Pace:
        """How often a row that waits is asked about."""
        return self.swap.pace


Find = Callable[[Transaction, datetime, Policies], list[str]]
Do = Callable[[Transaction, datetime, str, Policies], list[Outgoing]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """One kind of standstill: `find` says which rows, `do` does for one what its lifetime says.

    A row that can not be helped is noted in `table` as looked at, so that the others come first.
    """

    name: str
    serves: tuple[tuple[str, str], ...]  # (entity, state) of lifetimes
    table: str
    find: Find
    do: Do


CHORES: tuple[Chore, ...] = (
    Chore(
        name="swaps",
        serves=tuple(("swaps", state) for state in ("requested", "quoted", "created", "paid")),
        table="swaps",
        find=lambda tx, now, rules: swaps.standing_still(tx, now, rules.swap),
        do=lambda tx, now, key, rules: swaps.go_on(tx, now, key, rules.swap),
    ),
    Chore(
        name="transfers",
        serves=tuple(("transfers", state) for state in hostpay.standstill.WAITING),
        table="transfers",
        find=lambda tx, now, rules: hostpay.standstill.standing_still(tx, now, rules.pace),
        do=lambda tx, now, key, rules: hostpay.standstill.go_on(tx, now, key, rules.pace),
    ),
    Chore(
        name="orders to sign",
        serves=(("transfer_attempts", "ordered"),),
        table="transfer_attempts",
        find=lambda tx, now, rules: hostpay.standstill.orders_standing_still(tx, now, rules.pace),
        do=lambda tx, now, key, _: hostpay.standstill.sign_again(tx, now, key),
    ),
    Chore(
        name="orders to pay",
        serves=(("payouts", "claimed"),),
        table="payouts",
        find=lambda tx, now, rules: payouts.orders_standing_still(tx, now, rules.pace),
        do=lambda tx, now, key, _: payouts.order_again(tx, now, key),
    ),
    Chore(
        name="results to distribute",
        serves=(("batches", "finished"),),
        table="batches",
        find=lambda tx, now, rules: conversion.undistributed(tx, now, rules.pace),
        do=lambda tx, now, key, rules: conversion.hand_on(tx, now, key, rules.swap),
    ),
    Chore(
        name="addresses",
        serves=(("clients", "unverified"),),
        table="clients",
        find=lambda tx, now, rules: payouts.unverified(tx, now, rules.pace),
        do=lambda tx, now, key, rules: payouts.ask_again(tx, now, key, rules.pace),
    ),
    Chore(
        name="batches to tell of",
        serves=(("batches", "untold"),),
        table="batches",
        find=lambda tx, now, rules: conversion.untold(tx, now, rules.pace),
        do=lambda tx, now, key, _: conversion.tell(tx, now, key),
    ),
    Chore(
        name="payouts to tell of",
        serves=(("payouts", "untold"),),
        table="payouts",
        find=lambda tx, now, rules: payouts.untold(tx, now, rules.pace),
        do=lambda tx, now, key, _: payouts.tell(tx, now, key),
    ),
    Chore(
        name="changes to tell of",
        serves=(("address_changes", "untold"),),
        table="address_changes",
        find=lambda tx, now, rules: payouts.untold_changes(tx, now, rules.pace),
        do=lambda tx, now, key, _: payouts.tell_change(tx, now, key),
    ),
    Chore(
        name="payments held by a pause",
        serves=(("held_payments", "paused"),),
        table="held_payments",
        find=lambda tx, now, _: intake.no_longer_paused(tx, now),
        do=lambda tx, now, key, rules: intake.judge_again(tx, now, key, rules.intake, rules.payout),
    ),
    Chore(
        name="held payments to tell of",
        serves=(("held_payments", "untold"),),
        table="held_payments",
        find=lambda tx, now, rules: intake.untold(tx, now, rules.pace),
        do=lambda tx, now, key, _: intake.tell(tx, now, key),
    ),
    Chore(
        name="observations",
        serves=(("observations", "stale"),),
        table="observation_requests",
        find=lambda tx, now, rules: market.overdue(tx, now, rules.source),
        do=lambda tx, now, key, rules: market.ask(tx, now, key, rules.source),
    ),
)
