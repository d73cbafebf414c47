"""AWS requests of a payment, a batch and a payout, counted on the local stack and priced at list.

Brings a stack up, sends payments, converts them, pays them out, and reads what the AWS endpoint was
asked meanwhile. Writes `bench/results/aws_requests.json`.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.aws_prices import ACCESS_LOG_BYTES, GIB, LOG_GIB, TRACE, TRACED, Use
from bench.counted_day import RUSHES, Day, Phase, stage
from bench.measure import RESULTS, Ratio, ratio
from bench.server import Server
from cdk.stages import STAGES
from local.customer import Customer
from local.stack import Stack

RESULT = RESULTS / "aws_requests.json"
SENT = 600  # payments that are counted, at each of the rushes
HOPS_USD, GOAL_USD = 16.38, 1.95  # seven functions and six queues for each payment, at list

# What a month of a million payments is made of.
PAYMENTS = 10**6
BATCHES = 2_880  # one every 15 minutes, which is as often as the threshold is checked
PAYOUTS = 20_000  # direct ones, of clients at their thresholds: 50 payments each
POLLS = 20  # a minute apart, until an exchange has finished

TELLS = {"event_publisher"}  # of what it tells others, nobody here needs anything
WORKS = {stage.name for stage in STAGES} - TELLS


def bill(phases: dict[str, Phase]) -> dict[str, Any]:
    """A month of a million payments in USD, by cause and by line; and what stands apart."""
    paid = {rush: phases[f"payment, {rush} at once"] for rush in RUSHES}
    most = paid[max(RUSHES)]
    polls = phases["batch"].use({"swap_monitor"})
    polled = polls.invocations or Decimal(1)
    another = polls.times(2 * (POLLS - polled) / polled)  # the question, and what its answer does

    def month(stages: set[str]) -> dict[str, Use]:
        return {
            "payments": most.use(stages).times(PAYMENTS),
            "batches": phases["batch"].use(stages).times(BATCHES),
            "payouts": phases["payout"].use(stages).times(PAYOUTS),
        }

    parts = month(WORKS)
    parts["batches"] = parts["batches"].plus(another.times(BATCHES))
    return {
        "payments, by how many come at once": {
            rush: phase.use(WORKS).times(PAYMENTS).total_usd for rush, phase in paid.items()
        },
        "lines": {name: used.usd() for name, used in parts.items()},
        "total": sum((used.total_usd for used in parts.values()), Decimal(0)),
        "apart": {
            "business events": sum((used.total_usd for used in month(TELLS).values()), Decimal(0)),
            "API access logs": PAYMENTS * ACCESS_LOG_BYTES / GIB * LOG_GIB,
            "traces of one call in twenty": PAYMENTS * TRACED * TRACE,
        },
    }


def record(phases: dict[str, Phase], payments: int) -> dict[str, Any]:
    """What is written down: the counts first, then what they come to."""
    counted = {
        name: {
            "units": phase.units,
            "invocations": Counter(stage(each) for each in phase.invocations),
            "requests": {
                " ".join(filter(None, key)): count for key, count in sorted(phase.requests.items())
            },
            "records": dict(_records(phase)),
            "log_bytes": {name: size for name, size in phase.log_bytes.items() if size},
            "cpu_milliseconds": phase.cpu_milliseconds(),
            "per_unit": {field: float(getattr(phase.use(), field)) for field in Use.__slots__},
        }
        for name, phase in phases.items()
    }
    assumed = {"payments": PAYMENTS, "batches": BATCHES, "payouts": PAYOUTS, "polls": POLLS}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "payments": payments,
        "counted": counted,
        "month": assumed,
        "usd": bill(phases),
    }


def _records(phase: Phase) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in phase.invocations:
        found[stage(each)] += each.records
    return found


def show(found: dict[str, Any]) -> None:
    """The bill, for people."""
    usd = found["usd"]
    print(f"{found['month']['payments']:,} payments in a month, USD at list in us-east-1")
    for rush, price in usd["payments, by how many come at once"].items():
        print(f"  payments, {rush:>3} at once              {price:8.2f}")
    for cause, line in usd["lines"].items():
        print(f"  {cause:<32} {sum(line.values()):8.2f}")
        for name, price in line.items():
            if price:
                print(f"    {name:<30} {price:8.3f}")
    print(f"  {'in all':<32} {usd['total']:8.2f}")
    for name, price in usd["apart"].items():
        print(f"  apart: {name:<32} {price:8.2f}")


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """The row of the table: both are prices, so no time of this machine decides."""
    del server
    found = counted(20 if small else SENT)
    if not small:
        RESULT.write_text(json.dumps(found, indent=2, default=_rounded), encoding="utf-8")
        show(found)
    usd = float(found["usd"]["payments, by how many come at once"][max(RUSHES)])
    yield ratio(
        "aws_usd_vs_hops_one_to_one",
        f"AWS's price of a million payments, {max(RUSHES)} at once: {usd:.2f} USD",
        f"the original's hops carried over one to one: {HOPS_USD} USD",
        [usd],
        [HOPS_USD],
        goal=GOAL_USD / HOPS_USD,
        at_least=False,
        usd=usd,
    )


def counted(payments: int) -> dict[str, Any]:
    """What a day of so many payments, on a stack of its own, has used and comes to."""
    folder = Path(tempfile.mkdtemp(prefix="microbatch-requests-"))
    try:
        with Stack(folder) as stack_up:
            phases = Day(folder, Customer(stack_up.endpoints), payments).run()
    finally:
        shutil.rmtree(folder)
    return record(phases, payments)


def _rounded(value: object) -> float:
    assert isinstance(value, Decimal)
    return round(float(value), 4)
