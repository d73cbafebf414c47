"""`make demo`: the main job, live, on real parts, and a verdict from the database and the chain."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local import accounts, verdict
from local.customer import Customer
from local.day import CLIENTS, CONVERSIONS, PAYOUTS, Delivery, afternoon, morning
from local.progress import step
from local.report import FILE as REPORT
from local.report import headline, report
from local.stack import FAILURES, FOLDER, Stack
from microbatch.money import ETH_DECIMALS, text_from_units

ARRIVAL_SECONDS = 60.0
CONVERSION_SECONDS = 120.0
POLL_SECONDS = 0.25
OBSERVATIONS_MIN = 9
LISTENER = "somebody-else"
GIVEN_UP = {"released", "rerouted", "parked"}


class DemoError(Exception):
    """The demo did not get to its end; says where."""


class Demo:
    """One run on one stack; `run` tells the story and returns the findings."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.deliveries: list[dict[str, Any]] = []
        self.expected = verdict.Expected({}, [], {}, CONVERSIONS + len(PAYOUTS), [])
        self.before = verdict.wallet_on_chain(customer)
        customer.listen(LISTENER)

    def run(self) -> list[verdict.Finding]:
        """The whole day."""
        headline("Clients")
        self.register()
        headline("Morning: notifications over HTTP")
        self.deliver(morning())
        headline("Threshold check")
        self.check_below()
        headline("Afternoon: more payments")
        self.deliver(afternoon())
        headline("Threshold check")
        self.check_and_convert()
        headline("Payouts: at once this morning, and for whom the threshold is reached")
        self.pay_out()
        return [
            *verdict.judge(self.customer, self.before, self.expected),
            *accounts.judge(self.customer, self.expected),
        ]

    def register(self) -> None:
        """Clients, the first observations of price and range, and whether an address is one."""
        for client in CLIENTS:
            self.customer.operate("clients add", **client)
            wants = f"{client['payout_currency']} on {client['payout_network']}"
            threshold = f"from {client['payout_threshold_usd']} USD on"
            when = "at once" if client["payout_strategy"] == "instant" else threshold
            print(f"  {client['client_id']:<16} wants {wants:<12} {when}")
        self.customer.invoke("reconciler")
        with step("price, gas, the exchange's range; addresses"):
            self._wait("observations", ARRIVAL_SECONDS, self._all_known)

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

    def pay_out(self) -> None:
        """Whoever has reached its threshold is paid; then everybody has been who should be."""
        ready = self.customer.invoke("payout_scheduler")
        print(
            f"  {ready['clients']} at its threshold, {ready['payments']} waiting to be paid at once"
        )
        seen: list[str] = []

        def completed() -> bool:
            rows = self.customer.rows(
                "SELECT o.client_id, o.kind, o.state, t.state AS transfer FROM payouts o"
                " LEFT JOIN transfers t USING (unique_id) ORDER BY o.created_at"
            )
            for row in rows:
                line = (
                    f"  {row['client_id']:<6} {row['kind']:<9} payout {row['state']:<10}"
                    f" transfer {row['transfer'] or '–'}"
                )
                if line not in seen:
                    seen.append(line)
                    print(line, flush=True)
            if any(row["state"] in GIVEN_UP for row in rows):
                raise DemoError(f"somebody was not paid: {rows}")
            return [row["state"] for row in rows] == ["completed"] * len(PAYOUTS)

        self._wait("everybody to be paid", CONVERSION_SECONDS, completed)
        self._wait("the events of it", ARRIVAL_SECONDS, self._all_told)

    def _all_known(self) -> bool:
        (found,) = self.customer.rows(
            "SELECT (SELECT count(DISTINCT name) FROM observations) AS observed,"
            " (SELECT count(*) FROM clients WHERE address_state <> 'verified') AS unverified"
        )
        return (found["observed"] >= OBSERVATIONS_MIN, found["unverified"]) == (True, 0)

    def _all_told(self) -> bool:
        self.expected.told.extend(self.customer.heard(LISTENER))
        completed = {one["id"] for one in self.expected.told if one["type"] == "payout.completed"}
        return len(completed) >= len(PAYOUTS)

    def _note(self, delivery: Delivery) -> None:
        if delivery.outcome.startswith("held: "):
            self.expected.held.append(delivery.outcome.removeprefix("held: "))
        elif delivery.is_credited:
            self.expected.payments[delivery.payment_id] = delivery.outcome
            received_wei = self.expected.received_wei
            before_wei = received_wei.get(delivery.client_id, 0)
            received_wei[delivery.client_id] = before_wei + delivery.received_wei

    def _all_stored(self) -> bool:
        (count,) = self.customer.rows(
            "SELECT (SELECT count(*) FROM payments) AS credited,"
            " (SELECT count(*) FROM held_payments) AS held"
        )
        expected = len(self.expected.payments), len(self.expected.held)
        return (count["credited"], count["held"]) == expected and self.customer.depth(
            "payments"
        ) == 0

    def _wait(self, what: str, seconds: float, arrived: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not arrived():
            if time.monotonic() > deadline:
                raise DemoError(f"waited {seconds:.0f} s for {what}; see .local/logs")
            time.sleep(POLL_SECONDS)


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
            seconds = time.monotonic() - began
            adds_up = report(demo.customer, findings, demo.deliveries, folder, seconds)
        print(f"  {time.monotonic() - began:.0f} s in all; everything that was started is gone")
    except (DemoError, RuntimeError, *FAILURES) as failure:
        sys.exit(f"\nthe demo failed: {failure}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; nothing is left running")
    sys.exit(0 if adds_up else 1)


if __name__ == "__main__":
    main()
