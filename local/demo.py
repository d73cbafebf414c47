"""`make demo`: the main job, live, on real parts, and a verdict from the database and the chain."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local import verdict
from local.customer import Customer
from local.day import CLIENTS, WALLETS, Delivery, afternoon, morning
from local.progress import step
from local.stack import FAILURES, FOLDER, Stack
from microbatch.money import ETH_DECIMALS, USDT_DECIMALS, text_from_units

ARRIVAL_SECONDS = 60.0
CONVERSION_SECONDS = 120.0
POLL_SECONDS = 0.25
REPORT = "report.json"


class DemoError(Exception):
    """The demo did not get to its end; says where."""


class Demo:
    """One run on one stack; `run` tells the story and returns the findings."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.deliveries: list[dict[str, Any]] = []
        self.expected: dict[str, str] = {}
        self.held: list[str] = []
        self.before = verdict.wallet_on_chain(customer)

    def run(self) -> list[verdict.Finding]:
        """The whole day."""
        _headline("Clients")
        self.register()
        _headline("Morning: notifications over HTTP")
        self.deliver(morning())
        _headline("Threshold check")
        self.check_below()
        _headline("Afternoon: more payments")
        self.deliver(afternoon())
        _headline("Threshold check")
        self.check_and_convert()
        for payment_id, state in self.expected.items():
            self.expected[payment_id] = "converted" if state == "pending" else state
        return verdict.judge(self.customer, self.before, self.expected, self.held)

    def register(self) -> None:
        """Clients, and the first observations of price and range."""
        for client in CLIENTS:
            self.customer.operate(
                "clients add",
                wallet_address=WALLETS[client["client_id"]],
                payout_currency="usdt",
                payout_network="eth",
                **client,
            )
            print(f"  {client['client_id']:<16} {client['payout_strategy']}")
        self.customer.invoke("reconciler")
        with step("price, gas and the exchange's range seen"):
            self._wait(
                "observations",
                ARRIVAL_SECONDS,
                lambda: len(self.customer.rows("SELECT DISTINCT name FROM observations")) >= 9,
            )

    def deliver(self, deliveries: list[Delivery]) -> None:
        """Send notifications and see what came of each."""
        for delivery in deliveries:
            if delivery.body is not None:
                status, answer = self.customer.post(delivery.body)
            else:
                status, answer = self.customer.notify(delivery.fields, forged=delivery.forged)
            self._note(delivery)
            mark = "" if status == delivery.expected_status else "  << not what was expected"
            print(f"  {delivery.what:<30} {delivery.payment_id:<11} {status} {answer}{mark}")
            self.deliveries.append(
                {
                    "what": delivery.what,
                    "payment_id": delivery.payment_id,
                    "status": status,
                    "expected_status": delivery.expected_status,
                    "answer": answer,
                }
            )
            if status != delivery.expected_status:
                raise DemoError(
                    f"{delivery.what}: HTTP {status} instead of {delivery.expected_status}"
                )
        with step("stored"):
            self._wait("payments", ARRIVAL_SECONDS, self._all_stored)

    def check_below(self) -> None:
        """Nothing may happen below the threshold."""
        check = self.customer.invoke("threshold_check")
        print(
            f"  {check['decision']}: {check['reason']}: {check['payments_count']} payments,"
            f" {check['claimed_usd']} of {check['threshold_usd']} USD pending; nothing happens"
        )
        batches = self.customer.rows("SELECT batch_id FROM batches")
        if (check["decision"], batches) != ("wait", []):
            raise DemoError(f"below the threshold something happened: {check}, {batches}")

    def check_and_convert(self) -> None:
        """One batch, from the claim to the distribution."""
        check = self.customer.invoke("threshold_check")
        if check["decision"] != "open":
            raise DemoError(f"no batch was opened: {check}")
        print(
            f"  open: {check['payments_count']} payments, {check['claimed_usd']} USD,"
            f" {text_from_units(int(check['claimed_wei']), ETH_DECIMALS)} ETH"
        )
        seen: list[str] = []

        def distributed() -> bool:
            (row,) = self.customer.rows(
                "SELECT b.state AS batch, s.cn_api_id, t.state AS transfer FROM batches b"
                " LEFT JOIN swaps s ON s.owner_id = b.batch_id::text"
                " LEFT JOIN transfers t ON t.swap_id = s.swap_id"
            )
            line = (
                f"  batch {row['batch']:<17} exchange {row['cn_api_id'] or '–':<15}"
                f" transfer {row['transfer'] or '–'}"
            )
            if line not in seen:
                seen.append(line)
                print(line, flush=True)
            return bool(row["batch"] == "distributed")

        self._wait("the batch to be distributed", CONVERSION_SECONDS, distributed)

    def _note(self, delivery: Delivery) -> None:
        if delivery.outcome.startswith("held: "):
            self.held.append(delivery.outcome.removeprefix("held: "))
        elif delivery.outcome in ("pending", "waiting_instant"):
            self.expected[delivery.payment_id] = delivery.outcome

    def _all_stored(self) -> bool:
        (count,) = self.customer.rows(
            "SELECT (SELECT count(*) FROM payments) AS credited,"
            " (SELECT count(*) FROM held_payments) AS held"
        )
        stored = (count["credited"], count["held"]) == (len(self.expected), len(self.held))
        return stored and self.customer.depth("payments") == 0

    def _wait(self, what: str, seconds: float, arrived: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not arrived():
            if time.monotonic() > deadline:
                raise DemoError(f"waited {seconds:.0f} s for {what}; see .local/logs")
            time.sleep(POLL_SECONDS)


def report(demo: Demo, findings: list[verdict.Finding], folder: Path, seconds: float) -> bool:
    """Print the table and the verdict, write report.json; whether everything adds up."""
    payments = verdict.table(demo.customer)
    _headline("Payments")
    _print_table(payments)
    _headline("Verdict, from the database and the chain")
    for finding in findings:
        mark = "ok " if finding.holds else "NOT"
        found = finding.found if finding.holds else f"{finding.found}, expected {finding.expected}"
        print(f"  {mark} {finding.what}: {found if len(found) < 80 else found[:77] + '…'}")
    adds_up = all(finding.holds for finding in findings)
    (folder / REPORT).write_text(
        json.dumps(
            {
                "adds_up": adds_up,
                "seconds": round(seconds, 1),
                "findings": verdict.as_report(findings),
                "payments": payments,
                "notifications": demo.deliveries,
                "endpoints": {"host_wallet": demo.customer.endpoints.host_wallet},
            },
            indent=2,
        )
        + "\n"
    )
    outcome = "everything adds up" if adds_up else "IT DOES NOT ADD UP"
    print(f"\n  {outcome}; {folder.name}/report.json")
    return adds_up


def _print_table(payments: list[dict[str, Any]]) -> None:
    print(
        f"  {'payment':<11}{'received ETH':>14}{'fee ETH':>16}{'net ETH':>16}{'share USDT':>17}"
        "  batch     transaction"
    )
    for row in payments:
        eth = [
            text_from_units(int(row[name]), ETH_DECIMALS)
            for name in ("received_wei", "fee_wei", "net_wei")
        ]
        share = row["share_microusdt"]
        usdt = text_from_units(int(share), USDT_DECIMALS) if share else row["state"]
        print(
            f"  {row['payment_id']:<11}{eth[0]:>14}{eth[1]:>16}{eth[2]:>16}{usdt:>17}"
            f"  {(row['batch_id'] or '–')[:8]:<8}  {(row['tx_hash'] or '–')[:18]}"
        )


def _headline(text: str) -> None:
    print(f"\n{text}", flush=True)


def main() -> None:
    """Run the demo; exits non-zero with what did not add up."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="what the stack lives in")
    folder: Path = parser.parse_args().folder
    began = time.monotonic()
    try:
        print("Bringing everything up", flush=True)
        (folder / REPORT).unlink(missing_ok=True)  # an older run's says nothing about this one
        with Stack(folder) as stack:
            demo = Demo(Customer(stack.endpoints))
            findings = demo.run()
            adds_up = report(demo, findings, folder, time.monotonic() - began)
        print(f"  {time.monotonic() - began:.0f} s in all; everything that was started is gone")
    except (DemoError, RuntimeError, *FAILURES) as failure:
        sys.exit(f"\nthe demo failed: {failure}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; nothing is left running")
    sys.exit(0 if adds_up else 1)


if __name__ == "__main__":
    main()
