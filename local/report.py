"""What a day came to, as tables on the screen and as a file."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from local import accounts, verdict
from local.customer import Customer
from microbatch.money import ETH_DECIMALS, USDT_DECIMALS, text_from_units

FILE = "report.json"
FOUND_CHARACTERS_MAX = 80
ADDRESS_CHARACTERS_MAX = 18
DECIMALS = {"eth": ETH_DECIMALS, "usdt": USDT_DECIMALS}


def report(
    customer: Customer,
    findings: list[verdict.Finding],
    deliveries: list[dict[str, Any]],
    folder: Path,
    seconds: float,
) -> bool:
    """Print the tables and the verdict, write the file; whether everything adds up."""
    payments, payouts = verdict.table(customer), accounts.payouts(customer)
    headline("Payments")
    _print_payments(payments)
    headline("Payouts")
    _print_payouts(payouts)
    headline("Verdict, from the database, the chain and the exchange")
    for finding in findings:
        mark = "ok " if finding.holds else "NOT"
        found = finding.found if finding.holds else f"{finding.found}, expected {finding.expected}"
        print(f"  {mark} {finding.what}: {_cut(found, FOUND_CHARACTERS_MAX)}")
    adds_up = all(finding.holds for finding in findings)
    contents = {
        "adds_up": adds_up,
        "seconds": round(seconds, 1),
        "findings": verdict.as_report(findings),
        "payments": payments,
        "payouts": payouts,
        "notifications": deliveries,
        "endpoints": {"host_wallet": customer.endpoints.host_wallet},
    }
    (folder / FILE).write_text(json.dumps(contents, indent=2, default=str) + "\n")
    outcome = "everything adds up" if adds_up else "IT DOES NOT ADD UP"
    print(f"\n  {outcome}; {folder.name}/{FILE}")
    return adds_up


def headline(text: str) -> None:
    """The title of what follows."""
    print(f"\n{text}", flush=True)


def _print_payments(payments: list[dict[str, Any]]) -> None:
    print(
        f"  {'payment':<11}{'received ETH':>13}{'fee ETH':>15}{'net ETH':>15}{'share USDT':>12}"
        "  state      transaction"
    )
    for row in payments:
        eth = [
            text_from_units(int(row[name]), ETH_DECIMALS)
            for name in ("received_wei", "fee_wei", "net_wei")
        ]
        share = row["share_microusdt"]
        usdt = text_from_units(int(share), USDT_DECIMALS) if share else "–"
        print(
            f"  {row['payment_id']:<11}{eth[0]:>13}{eth[1]:>15}{eth[2]:>15}{usdt:>12}"
            f"  {row['state']:<9}  {_hash(row)}"
        )


def _print_payouts(payouts: list[dict[str, Any]]) -> None:
    print(f"  {'client':<8}{'how':<20}{'we paid':<20}{'arrived':<20}{'at':<21}transaction")
    for row in payouts:
        units = int(row["amount_units"])
        paid = f"{text_from_units(units, DECIMALS[row['from_currency']])} {row['from_currency']}"
        arrived = f"{Decimal(row['delivered'] or 0).normalize():f} {row['to_currency']}"
        how = f"{row['context']}, {row['kind']}"
        at = _cut(row["to_address"], ADDRESS_CHARACTERS_MAX)
        print(f"  {row['client_id']:<8}{how:<20}{paid:<20}{arrived:<20}{at:<21}{_hash(row)}")


def _hash(row: dict[str, Any]) -> str:
    return (row["tx_hash"] or "–")[:18]


def _cut(text: str, characters_max: int) -> str:
    return text if len(text) < characters_max else text[: characters_max - 3] + "…"
