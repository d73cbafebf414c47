"""The books against the chain: every figure is read back from where it really stands."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from local import onchain
from local.contracts import deploy as contracts
from local.contracts.rpc import Rpc
from local.customer import Customer
from microbatch.operations.invariants import ALL as INVARIANTS


@dataclass(frozen=True, slots=True)
class WalletOnChain:
    """What the chain says of the host wallet."""

    nonce: int
    balance_wei: int
    usdt_units: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What the day's own script says must come out of it."""

    payments: dict[str, str]  # payment id → state
    held: list[str]  # the reasons of the held payments
    received_wei: dict[str, int]  # by client
    transactions: int  # of the wallet
    told: list[dict[str, Any]]  # every event that somebody outside has heard


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must hold, and what was found."""

    what: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.expected == self.found


def wallet_on_chain(customer: Customer) -> WalletOnChain:
    """The host wallet's nonce and balances now, from our own node."""
    rpc, wallet = Rpc(customer.endpoints.own_rpc_url), customer.endpoints.host_wallet
    return WalletOnChain(
        nonce=int(rpc.call("eth_getTransactionCount", wallet, "latest"), 16),
        balance_wei=int(rpc.call("eth_getBalance", wallet, "latest"), 16),
        usdt_units=contracts.usdt_balance(customer.endpoints.own_rpc_url, wallet),
    )


def table(customer: Customer) -> list[dict[str, Any]]:
    """Every credited payment with its amounts, share, state and the transaction for it."""
    return customer.rows(
        """
        SELECT p.payment_id, p.client_id, p.state, p.received_wei::text AS received_wei,
            p.fee_wei::text AS fee_wei, p.net_wei::text AS net_wei,
            p.share_microusdt::text AS share_microusdt, p.batch_id::text AS batch_id,
            p.payout_id::text AS payout_id, t.tx_hash
        FROM payments p
        LEFT JOIN payouts o ON o.payout_id = p.payout_id AND o.context = 'instant'
        LEFT JOIN swaps s ON s.context = 'batch' AND s.owner_id = p.batch_id::text
        LEFT JOIN transfers t ON t.unique_id = coalesce(s.swap_id, o.unique_id)
        ORDER BY p.payment_id
        """
    )


def judge(customer: Customer, before: WalletOnChain, expected: Expected) -> list[Finding]:
    """Everything that must hold at the end of the day, but for what clients were paid."""
    return [
        *_payments(customer, expected),
        *_money(customer, before),
        *_transactions(customer, before, expected.transactions),
        *_nothing_left(customer),
        Finding("invariants that do not hold", "none", _broken(customer) or "none"),
    ]


def as_report(findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings for a file."""
    return [{**asdict(finding), "holds": finding.holds} for finding in findings]


def _payments(customer: Customer, expected: Expected) -> list[Finding]:
    rows = customer.rows("SELECT payment_id, state FROM payments ORDER BY payment_id")
    found = {row["payment_id"]: row["state"] for row in rows}
    reasons = customer.rows("SELECT reason FROM held_payments ORDER BY reason")
    held, found_held = sorted(expected.held), [row["reason"] for row in reasons]
    return [
        Finding("payments and their states", _text(expected.payments), _text(found)),
        Finding("held for a person", ", ".join(held), ", ".join(found_held)),
    ]


def _money(customer: Customer, before: WalletOnChain) -> list[Finding]:
    (sums,) = customer.rows(
        "SELECT sum(received_wei) AS received, sum(fee_wei) + sum(net_wei) AS split,"
        " sum(share_microusdt) AS shares, sum(net_wei) FILTER (WHERE batch_id IS NOT NULL)"
        " AS converted FROM payments"
    )
    (logged,) = customer.rows("SELECT sum(amount_units) AS units FROM token_receipts")
    (batch,) = customer.rows("SELECT sum(claimed_wei) AS claimed FROM batches")
    (paid,) = customer.rows(
        "SELECT coalesce(sum(amount_units), 0) AS units FROM payouts"
        " WHERE from_currency = 'usdt' AND state = 'completed'"
    )
    rpc, usdt = Rpc(customer.endpoints.own_rpc_url), customer.endpoints.usdt_address
    arrived = onchain.paid_in(rpc, usdt, customer.endpoints.host_wallet)
    left = onchain.paid_out(rpc, usdt, customer.endpoints.host_wallet)
    gained = wallet_on_chain(customer).usdt_units - before.usdt_units
    return [
        Finding("fees and net = received, in wei", _text(sums["received"]), _text(sums["split"])),
        Finding("batch = its payments, in wei", _text(batch["claimed"]), _text(sums["converted"])),
        Finding(
            "USDT logged = USDT that reached the wallet", _text(arrived), _text(logged["units"])
        ),
        Finding("Σ shares = USDT received on chain", _text(arrived), _text(sums["shares"])),
        Finding("USDT that left the wallet = Σ payouts", _text(paid["units"]), _text(left)),
        Finding("USDT still in the wallet", _text(arrived - left), _text(gained)),
    ]


def _transactions(customer: Customer, before: WalletOnChain, count: int) -> list[Finding]:
    ends, after = customer.endpoints, wallet_on_chain(customer)
    rpc = Rpc(ends.own_rpc_url)
    transfers = customer.rows(
        "SELECT context, tx_hash, token, to_address, amount_units, nonce, state FROM transfers"
        " ORDER BY nonce"
    )
    nonces = [row["nonce"] for row in transfers]
    states = [row["state"] for row in transfers]
    first = before.nonce
    findings = [
        Finding("transactions of the wallet on chain", str(count), str(after.nonce - first)),
        Finding(
            "their nonces, from the next on", _list(range(first, first + count)), _list(nonces)
        ),
        Finding("their transfers", _list(["settled"] * count), _list(states)),
    ]
    outflow_wei = 0
    for row in transfers:
        outflow_wei += _cost_wei(rpc, row["tx_hash"])
        wanted = f"{row['amount_units']} {'wei' if row['token'] is None else 'micro-USDT'}"
        findings.append(
            Finding(
                f"transaction {row['nonce']}, {row['context']}",
                f"{wanted} to {row['to_address'].lower()}",
                onchain.moved(rpc, ends.usdt_address, ends.host_wallet, row["tx_hash"]),
            )
        )
    spent = str(before.balance_wei - after.balance_wei)
    return [*findings, Finding("wallet spent = Σ values + gas, in wei", str(outflow_wei), spent)]


def _cost_wei(rpc: Rpc, tx_hash: str) -> int:
    """What a transaction took from its sender: its value and its gas."""
    transaction, receipt = rpc.call("eth_getTransactionByHash", tx_hash), rpc.receipt(tx_hash)
    assert receipt is not None
    gas_wei = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    return int(transaction["value"], 16) + gas_wei


def _nothing_left(customer: Customer) -> list[Finding]:
    (batches,) = customer.rows("SELECT string_agg(state, ', ') AS states FROM batches")
    dead = {queue: customer.depth(queue, dead=True) for queue in customer.endpoints.queues}
    (pending,) = customer.rows(
        "SELECT count(*) AS payments FROM payments WHERE state IN ('pending', 'swapping')"
    )
    (payouts,) = customer.rows("SELECT count(*) AS open FROM payouts WHERE state <> 'completed'")
    return [
        Finding("batches", "distributed", _text(batches["states"])),
        Finding("payouts that are not completed", "0", str(payouts["open"])),
        Finding("pending or swapping payments", "0", str(pending["payments"])),
        Finding("dead letters", "none", _text({q: n for q, n in dead.items() if n}) or "none"),
    ]


def _broken(customer: Customer) -> str:
    return ", ".join(name for name, query in INVARIANTS.items() if customer.rows(query))


def _list(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {state}" for name, state in sorted(value.items()))
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
