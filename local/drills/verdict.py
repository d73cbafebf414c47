"""Books, chain and exchange against each other, whatever has happened in between."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from local import accounts, onchain
from local.contracts import deploy as contracts
from local.contracts.rpc import Rpc
from local.customer import Customer
from local.drills import books
from local.drills.traffic import Senders
from local.verdict import Finding
from microbatch.operations.invariants import ALL as INVARIANTS

NONE = "none"
SHOWN_MAX = 3


def judge(
    customer: Customer, senders: Senders, told: list[dict[str, Any]] | None, since: Any
) -> list[Finding]:
    """Everything that must hold once all is quiet; `told` is None where events were lost."""
    return [
        *_taken_in(customer, senders),
        Finding("still on its way", NONE, _counted(books.left_to_do(customer))),
        Finding("waits for a person", NONE, _list(books.stopped(customer))),
        *_chain(customer),
        *_exchange(customer),
        *_clients(customer),
        *([] if told is None else _told(customer, told, since)),
        *(Finding(name, "holds", _state_of(customer, query)) for name, query in INVARIANTS.items()),
    ]


def _state_of(customer: Customer, query: str) -> str:
    broken = customer.rows(query)
    return f"broken: {broken[:SHOWN_MAX]}" if broken else "holds"


def _taken_in(customer: Customer, senders: Senders) -> list[Finding]:
    """Every payment that was sent is in the books, once, with its amount."""
    rows = customer.rows(
        "SELECT payment_id, client_id, received_wei FROM payments WHERE payment_id = ANY(%(ids)s)",
        ids=list(senders.credited),
    )
    wei: Counter[str] = Counter()
    for row in rows:
        wei[row["client_id"]] += int(row["received_wei"])
    held = customer.rows(
        "SELECT payment_id FROM held_payments WHERE payment_id = ANY(%(ids)s)",
        ids=list(senders.held),
    )
    return [
        Finding("payments credited", str(len(senders.credited)), str(len(rows))),
        Finding("wei received, by client", _counted(senders.received_wei), _counted(wei)),
        Finding("payments held", str(len(senders.held)), str(len(held))),
    ]


def _chain(customer: Customer) -> list[Finding]:
    """Every transaction of the wallet is in the books, and what it took is what they say."""
    ends = customer.endpoints
    rpc, usdt = Rpc(ends.own_rpc_url), ends.usdt_address
    sent, came_wei = _transactions(rpc, ends.host_wallet)
    attempts = customer.rows(
        "SELECT tx_hash, nonce, unique_id, state FROM transfer_attempts WHERE tx_hash IS NOT NULL"
    )
    mined = {row["tx_hash"]: row["nonce"] for row in attempts if row["state"] == "mined"}
    on_chain = {each["hash"]: int(each["nonce"], 16) for each in sent}
    owners = Counter(row["unique_id"] for row in attempts if row["tx_hash"] in on_chain)
    twice = [unique_id for unique_id, count in owners.items() if count > 1]
    (booked,) = customer.rows(
        "SELECT coalesce(sum(amount_units) FILTER (WHERE token IS NULL), 0)"
        " + coalesce(sum(gas_used * effective_gas_price_wei), 0) AS wei,"
        " coalesce(sum(amount_units) FILTER (WHERE token IS NOT NULL), 0) AS units"
        " FROM transfers WHERE state IN ('mined', 'confirmed', 'settled')"
    )
    (receipts,) = customer.rows(
        "SELECT coalesce(sum(amount_units), 0) AS units FROM token_receipts"
    )
    (given,) = customer.rows("SELECT coalesce(max(next_nonce), 0) AS nonces FROM wallets")
    spent_wei = _balance(rpc, ends.host_wallet, "earliest") + came_wei
    spent_wei -= _balance(rpc, ends.host_wallet, "latest")
    return [
        Finding("nonces given out = mined", str(given["nonces"]), str(len(on_chain))),
        Finding("transactions of the wallet are in the books", "all", _all(on_chain == mined)),
        Finding("transfers that were mined twice", NONE, _list(twice)),
        Finding("wei that left the wallet", f"{booked['wei']:f}", str(spent_wei)),
        Finding(
            "micro-USDT that left the wallet",
            f"{booked['units']:f}",
            str(onchain.paid_out(rpc, usdt, ends.host_wallet)),
        ),
        Finding(
            "micro-USDT that came to the wallet",
            f"{receipts['units']:f}",
            str(onchain.paid_in(rpc, usdt, ends.host_wallet)),
        ),
    ]


def _transactions(rpc: Rpc, wallet: str) -> tuple[list[dict[str, Any]], int]:
    """(all that the wallet has sent, wei that came to it), from every block there is."""
    head, sent, came_wei = int(rpc.call("eth_blockNumber"), 16), [], 0
    for number in range(1, head + 1):
        for each in rpc.call("eth_getBlockByNumber", hex(number), True)["transactions"]:
            if each["from"].lower() == wallet.lower():
                sent.append(each)
            if (each["to"] or "").lower() == wallet.lower():
                came_wei += int(each["value"], 16)
    return sent, came_wei


def _balance(rpc: Rpc, address: str, block: str) -> int:
    return int(rpc.call("eth_getBalance", address, block), 16)


def _exchange(customer: Customer) -> list[Finding]:
    """Each exchange that got money is one we meant to pay, and has paid out once."""
    paid = [one for one in customer.exchange_says("exchanges") if one["payinHash"]]
    theirs = Counter((one["id"], one["payinHash"], one["status"]) for one in paid)
    ours = Counter(
        (row["cn_api_id"], row["tx_hash"], "finished")
        for row in customer.rows(
            "SELECT s.cn_api_id, t.tx_hash FROM swaps s JOIN transfers t USING (swap_id)"
            " WHERE s.state = 'finished'"
        )
    )
    abroad = Counter(
        (one["exchangeId"], _amount(one["amount"]), one["address"])
        for one in customer.exchange_says("payouts")
    )
    delivered = Counter(
        (row["cn_api_id"], _amount(row["delivered"]), row["to_address"])
        for row in customer.rows(
            "SELECT s.cn_api_id, o.delivered, o.to_address FROM payouts o"
            " JOIN swaps s ON s.swap_id = o.unique_id"
            " WHERE o.state = 'completed' AND o.to_network <> 'eth'"
        )
    )
    return [
        Finding("exchanges that were paid = swaps", f"{len(ours)}, the same", _same(ours, theirs)),
        Finding("paid abroad = payouts", f"{len(delivered)}, the same", _same(delivered, abroad)),
    ]


def _clients(customer: Customer) -> list[Finding]:
    """What the chain has at clients' addresses is what they were paid; nobody had too much."""
    url = customer.endpoints.own_rpc_url
    findings = []
    for row in customer.rows(
        "SELECT to_address, to_currency, sum(coalesce(delivered, 0)) AS coins FROM payouts"
        " WHERE state = 'completed' AND to_network = 'eth' GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        address, currency = row["to_address"], row["to_currency"]
        if currency == "eth":
            holds = Decimal(_balance(Rpc(url), address, "latest")).scaleb(-18)
        else:
            holds = Decimal(contracts.usdt_balance(url, address)).scaleb(-6)
        what = f"{currency} at {address[:10]}…"
        findings.append(Finding(what, _amount(row["coins"]), _amount(holds)))
    too_much = [row["client_id"] for row in customer.rows(accounts.PAID_TOO_MUCH)]
    return [*findings, Finding("clients who were paid too much", NONE, _list(too_much))]


def _told(customer: Customer, told: list[dict[str, Any]], since: Any) -> list[Finding]:
    """Each end was told; the same event may come twice."""
    findings = []
    for table, name, key, state in (
        ("batches", "batch.completed", "batch_id", "distributed"),
        ("payouts", "payout.completed", "payout_id", "completed"),
    ):
        rows = customer.rows(
            f"SELECT {key}::text AS id FROM {table}"
            f" WHERE state = '{state}' AND state_since >= %(since)s",
            since=since,
        )
        heard = {one["data"][key] for one in told if one["type"] == name}
        untold = {row["id"] for row in rows} - heard
        findings.append(Finding(f"{name} not told", NONE, _list(untold)))
    return findings


def _same(ours: Counter[Any], theirs: Counter[Any]) -> str:
    differ = list((ours - theirs) + (theirs - ours))
    return f"{len(theirs)}, differ: {differ[:SHOWN_MAX]}" if differ else f"{len(theirs)}, the same"


def _all(holds: bool) -> str:
    return "all" if holds else "not all"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or NONE


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {counts[name]}" for name in sorted(counts)) or NONE


def _amount(value: Any) -> str:
    return f"{Decimal(value or 0).normalize():f}"
