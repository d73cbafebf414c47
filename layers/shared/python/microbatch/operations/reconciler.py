"""Send, for every row that has stood still for too long, the message its state calls for."""

from dataclasses import dataclass
from datetime import datetime

from microbatch.conversion import service as conversion
from microbatch.hostpay import service as hostpay
from microbatch.intake import service as intake
from microbatch.intake.model import Policy as IntakePolicy
from microbatch.market import service as market
from microbatch.messages import Outgoing
from microbatch.payout import service as payouts
from microbatch.payout.model import Policy as PayoutPolicy
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger
from microbatch.swap import service as swaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The rules of every room that has rows to look after."""

    swap: swaps.Policy
    hostpay: hostpay.Policy
    source: market.Source
    intake: IntakePolicy
    payout: PayoutPolicy


def reconcile(tx: Transaction, now: datetime, policies: Policies) -> list[Outgoing]:
    """Messages of rows that stand still, and questions for observations that are due.

    Every row's message comes from the same function the handlers use, through the same guard: a
    lost message is made good, a slow one is not doubled.
    """
    rows = [
        *swaps.due(tx, now, policies.swap),
        *hostpay.due(tx, now, policies.hostpay),
        *conversion.due(tx, now, policies.swap),
        *payouts.due(tx, now, policies.swap.pace),
        *intake.due(tx, now, policies.swap.pace, policies.intake, policies.payout),
    ]
    if rows:
        count("resent", len(rows))
        logger.warning("rows_stood_still", messages=len(rows))
    return [*rows, *market.due(tx, now, policies.source)]
