"""AWS requests of a payment, a batch and a payout, counted on the local stack and priced at list.

`.venv/bin/python -m bench.aws_requests` brings a stack up, sends payments, converts them, pays them
out, and reads what the AWS endpoint was asked meanwhile. Writes `bench/results/aws_requests.json`.
"""

import argparse
import json
import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.aws_prices import ACCESS_LOG_BYTES, GIB, LOG_GIB, TRACE, TRACED, Use
from bench.counted_day import RUSHES, Day, Phase, stage
from local.customer import Customer
from local.stack import Stack

RESULT = Path(__file__).parent / "results" / "aws_requests.json"

# What a month of a million payments is made of.
PAYMENTS = 10**6
BATCHES = 2_880  # one every 15 minutes, which is as often as the threshold is checked
PAYOUTS = 20_000  # direct ones, of clients at their thresholds: 50 payments each
POLLS = 20  # a minute apart, until an exchange has finished

OF_A_PAYMENT = {"payment_webhook", "accumulator", "event_publisher"}


def bill(phases: dict[str, Phase]) -> dict[str, Any]:
    """A month of a million payments in USD, by cause and by line; and what stands apart."""
    polls = phases["batch"].use({"swap_monitor"})
    polled = polls.invocations or Decimal(1)
    another = polls.times(2 * (POLLS - polled) / polled)  # the question, and what its answer does
    paid = {rush: phases[f"payment, {rush} at once"].use(OF_A_PAYMENT) for rush in RUSHES}
    rushes = {rush: _sum(used.times(PAYMENTS).usd()) for rush, used in paid.items()}
    parts = {
        "payments": paid[max(RUSHES)].times(PAYMENTS),
        "batches": phases["batch"].use().plus(another).times(BATCHES),
        "payouts": phases["payout"].use().times(PAYOUTS),
    }
    lines = {name: used.usd() for name, used in parts.items()}
    published = {name: line.pop("EventBridge") for name, line in lines.items()}
    return {
        "payments, by how many come at once": rushes,
        "lines": lines,
        "total": sum((sum(line.values(), Decimal(0)) for line in lines.values()), Decimal(0)),
        "apart": {
            "business events on EventBridge": sum(published.values(), Decimal(0)),
            "API access logs": PAYMENTS * ACCESS_LOG_BYTES / GIB * LOG_GIB,
            "traces of one call in twenty": PAYMENTS * TRACED * TRACE,
        },
    }


def _sum(line: dict[str, Decimal]) -> Decimal:
    """Of a bill, without what stands apart."""
    return sum((price for name, price in line.items() if name != "EventBridge"), Decimal(0))


def record(phases: dict[str, Phase], payments: int) -> dict[str, Any]:
    """What is written down: the counts first, then what they come to."""
    counted = {
        name: {
            "units": phase.units,
            "invocations": Counter(stage(each) for each in phase.invocations),
            "requests": {" ".join(key): count for key, count in sorted(phase.requests.items())},
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
            print(f"    {name:<30} {price:8.3f}")
    print(f"  {'in all':<32} {usd['total']:8.2f}")
    for name, price in usd["apart"].items():
        print(f"  apart: {name:<32} {price:8.2f}")


def main() -> None:
    """Count, price, print and write down."""
    parser = argparse.ArgumentParser(prog="python -m bench.aws_requests", description=__doc__)
    parser.add_argument("--payments", type=int, default=600)
    parser.add_argument("--into", type=Path, default=RESULT)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="microbatch-requests-"))
    with Stack(folder) as stack_up:
        phases = Day(folder, Customer(stack_up.endpoints), given.payments).run()
    found = record(phases, given.payments)
    shutil.rmtree(folder)
    show(found)
    given.into.parent.mkdir(parents=True, exist_ok=True)
    given.into.write_text(json.dumps(found, indent=2, default=lambda value: round(float(value), 4)))


if __name__ == "__main__":
    main()
