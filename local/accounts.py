"""What clients were paid: their books against the chain, the exchange and what was told."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from local import onchain
from local.contracts import deploy as contracts
from local.contracts.rpc import Rpc
from local.customer import Customer
from local.day import PAYOUTS, WALLETS
from local.verdict import Expected, Finding

OF_THE_DAY = """
    SELECT o.client_id, o.context, o.kind, o.state, o.from_currency, o.amount_units, o.to_currency,
        o.to_network, o.to_address, o.delivered, o.delivered_hash, t.tx_hash
    FROM payouts o LEFT JOIN transfers t USING (unique_id) ORDER BY o.created_at
"""
PAID_UNITS = """
    SELECT client_id, coalesce(sum(coalesce(share_microusdt, convertible_wei)), 0)::text AS units
    FROM payments WHERE state = 'paid' GROUP BY client_id
"""
ACCOUNTS = """
    SELECT client_id, received_wei::text AS received, shared_microusdt::text AS shares,
        (fee_wei + refund_loss_wei + pending_wei + waiting_instant_wei + in_batch_wei
            + converted_wei + in_payout_wei + paid_wei + parked_wei)::text AS parts_wei,
        (available_microusdt + in_payout_microusdt + paid_microusdt + parked_microusdt
            + payout_loss_microusdt)::text AS parts_microusdt
    FROM client_accounts
"""
PAID_TOO_MUCH = """
    WITH paid AS (SELECT client_id,
            coalesce(sum(amount_units) FILTER (WHERE from_currency = 'eth'), 0) AS wei,
            coalesce(sum(amount_units) FILTER (WHERE from_currency = 'usdt'), 0) AS units
        FROM payouts WHERE state IN ('claimed', 'paid', 'completed', 'parked') GROUP BY client_id),
    had AS (SELECT client_id, coalesce(sum(share_microusdt), 0) AS units,
            coalesce(sum(net_wei) FILTER (WHERE share_microusdt IS NULL), 0) AS wei
        FROM payments GROUP BY client_id)
    SELECT client_id FROM paid LEFT JOIN had USING (client_id)
    WHERE (paid.wei <= had.wei AND paid.units <= had.units) IS NOT TRUE
"""


def payouts(customer: Customer) -> list[dict[str, Any]]:
    """Every payout with the transaction that paid for it, oldest first."""
    return customer.rows(OF_THE_DAY)


def judge(customer: Customer, expected: Expected) -> list[Finding]:
    """Everything that must hold of clients and their payouts at the end of the day."""
    rows = payouts(customer)
    return [
        Finding(
            "payouts",
            _lines(f"{client} {how} completed" for client, how in PAYOUTS.items()),
            _lines("{client_id} {context} {kind} {state}".format(**row) for row in rows),
        ),
        *_transferred(customer, rows),
        *_held_by_clients(customer),
        _paid_abroad(customer, rows),
        *_accounts(customer, expected),
        _told(rows, expected.told),
    ]


def _transferred(customer: Customer, rows: list[dict[str, Any]]) -> list[Finding]:
    """Of each payout: one transaction of exactly its payments, to the client or its exchange."""
    rpc, ends = Rpc(customer.endpoints.own_rpc_url), customer.endpoints
    units, payins = _units(customer), _payin_addresses(customer)
    findings = []
    for row in rows:
        client, unit = row["client_id"], "wei" if row["from_currency"] == "eth" else "micro-USDT"
        to = (WALLETS if row["kind"] == "direct" else payins).get(client, "nobody")
        found = onchain.moved(rpc, ends.usdt_address, ends.host_wallet, row["tx_hash"])
        what = f"paid on chain for {client}"
        findings.append(Finding(what, f"{units.get(client, 0)} {unit} to {to.lower()}", found))
    return findings


def _held_by_clients(customer: Customer) -> list[Finding]:
    """Clients who were paid on our chain have there, to the unit, what their payments came to."""
    url, units = customer.endpoints.own_rpc_url, _units(customer)
    findings = []
    for client, how in PAYOUTS.items():
        if how == "threshold direct":
            holds = contracts.usdt_balance(url, WALLETS[client])
            what = f"USDT that {client} holds = Σ its paid shares"
        elif how == "instant direct":
            holds = int(Rpc(url).call("eth_getBalance", WALLETS[client], "latest"), 16)
            what = f"wei that {client} holds = Σ its payments, net"
        else:
            continue
        findings.append(Finding(what, units.get(client, "0"), str(holds)))
    return findings


def _paid_abroad(customer: Customer, rows: list[dict[str, Any]]) -> Finding:
    """The exchange's own list of what it paid on other chains, against our books."""
    ours = [
        f"{_amount(row['delivered'])} {row['to_currency']}/{row['to_network']}"
        f" to {WALLETS[row['client_id']]} in {row['delivered_hash']}"
        for row in rows
        if row["kind"] == "exchange"
    ]
    theirs = [
        f"{_amount(one['amount'])} {one['currency']}/{one['network']}"
        f" to {one['address']} in {one['hash']}"
        for one in customer.exchange_says("payouts")
    ]
    return Finding("paid abroad by the exchange, once", _lines(ours), _lines(theirs))


def _accounts(customer: Customer, expected: Expected) -> list[Finding]:
    rows = {row["client_id"]: row for row in customer.rows(ACCOUNTS)}
    received = {client: str(wei) for client, wei in expected.received_wei.items()}
    too_much = ", ".join(row["client_id"] for row in customer.rows(PAID_TOO_MUCH))
    return [
        Finding("received by each client, in wei", _each(received), _column(rows, "received")),
        Finding(
            "their accounts: received = fee + paid + …",
            _column(rows, "received"),
            _column(rows, "parts_wei"),
        ),
        Finding(
            "their shares = available + paid + …",
            _column(rows, "shares"),
            _column(rows, "parts_microusdt"),
        ),
        Finding("clients who were paid more than they had", "none", too_much or "none"),
    ]


def _told(rows: list[dict[str, Any]], told: list[dict[str, Any]]) -> Finding:
    """One event for each payout, with what the books say; the same event may come twice."""
    events = {event["id"]: event["data"] for event in told if event["type"] == "payout.completed"}
    return Finding(
        "payout.completed told, once for each",
        _lines(f"{row['client_id']} {_amount(row['delivered'])}" for row in rows),
        _lines(f"{one['client_id']} {_amount(one['delivered'])}" for one in events.values()),
    )


def _units(customer: Customer) -> dict[str, str]:
    return {row["client_id"]: row["units"] for row in customer.rows(PAID_UNITS)}


def _payin_addresses(customer: Customer) -> dict[str, str]:
    """Where the exchange wants the money of each client, by its own word."""
    clients = {address: client for client, address in WALLETS.items()}
    return {
        clients[one["payoutAddress"]]: one["payinAddress"]
        for one in customer.exchange_says("exchanges")
        if one["status"] == "finished" and one["payoutAddress"] in clients
    }


def _column(rows: dict[str, dict[str, Any]], name: str) -> str:
    return _each({client: row[name] for client, row in rows.items()})


def _each(values: dict[str, str]) -> str:
    return _lines(f"{client} {value}" for client, value in values.items())


def _lines(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts))


def _amount(value: Any) -> str:
    return f"{Decimal(value or 0).normalize():f}"
