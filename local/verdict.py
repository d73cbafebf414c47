"""The books against the chain: every figure is read back from where it really stands."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from local.contracts import deploy as contracts
from local.contracts.rpc import Rpc
from local.customer import Customer
from microbatch.operations.invariants import ALL as INVARIANTS

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@dataclass(frozen=True, slots=True)
class WalletOnChain:
    """What the chain says of the host wallet."""

    nonce: int
    balance_wei: int
    usdt_units: int


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
    """Every credited payment with its amounts, share, batch and transaction."""
    return customer.rows(
        """
        SELECT p.payment_id, p.client_id, p.state, p.received_wei::text AS received_wei,
            p.fee_wei::text AS fee_wei, p.net_wei::text AS net_wei,
            p.share_microusdt::text AS share_microusdt, p.batch_id::text AS batch_id, t.tx_hash
        FROM payments p
        LEFT JOIN swaps s ON s.context = 'batch' AND s.owner_id = p.batch_id::text
        LEFT JOIN transfers t ON t.swap_id = s.swap_id
        ORDER BY p.payment_id
        """
    )


def judge(
    customer: Customer, before: WalletOnChain, expected: dict[str, str], held: list[str]
) -> list[Finding]:
    """Everything that must hold after one batch.

    `expected`: payment id → state it must be in; `held`: the reasons of the held payments.
    """
    return [
        *_payments(customer, expected, held),
        *_money(customer, before),
        *_transaction(customer, before),
        *_nothing_left(customer),
        Finding("invariants that do not hold", "none", _broken(customer) or "none"),
    ]


def as_report(findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings for a file."""
    return [{**asdict(finding), "holds": finding.holds} for finding in findings]


def _payments(customer: Customer, expected: dict[str, str], held: list[str]) -> list[Finding]:
    rows = customer.rows("SELECT payment_id, state FROM payments ORDER BY payment_id")
    found = {row["payment_id"]: row["state"] for row in rows}
    reasons = customer.rows("SELECT reason FROM held_payments ORDER BY reason")
    return [
        Finding("payments and their states", _text(expected), _text(found)),
        Finding(
            "held for a person", ", ".join(sorted(held)), ", ".join(r["reason"] for r in reasons)
        ),
    ]


def _money(customer: Customer, before: WalletOnChain) -> list[Finding]:
    (sums,) = customer.rows(
        "SELECT sum(received_wei) AS received, sum(fee_wei) + sum(net_wei) AS split,"
        " sum(share_microusdt) AS shares, sum(net_wei) FILTER (WHERE batch_id IS NOT NULL)"
        " AS converted FROM payments"
    )
    (logged,) = customer.rows("SELECT sum(amount_units) AS units FROM token_receipts")
    arrived = wallet_on_chain(customer).usdt_units - before.usdt_units
    (batch,) = customer.rows("SELECT sum(claimed_wei) AS claimed FROM batches")
    return [
        Finding("fees and net = received, in wei", _text(sums["received"]), _text(sums["split"])),
        Finding("batch = its payments, in wei", _text(batch["claimed"]), _text(sums["converted"])),
        Finding("USDT logged = USDT in the wallet", _text(arrived), _text(logged["units"])),
        Finding("Σ shares = USDT received on chain", _text(arrived), _text(sums["shares"])),
    ]


def _transaction(customer: Customer, before: WalletOnChain) -> list[Finding]:
    rpc, after = Rpc(customer.endpoints.own_rpc_url), wallet_on_chain(customer)
    transfers = customer.rows(
        "SELECT tx_hash, to_address, amount_units, nonce, state FROM transfers ORDER BY nonce"
    )
    nonces = ", ".join(str(row["nonce"]) for row in transfers)
    findings = [
        Finding("transactions of the wallet on chain", "1", str(after.nonce - before.nonce)),
        Finding("the nonce it has (the wallet's next before)", str(before.nonce), nonces),
    ]
    outflow_wei = 0
    for row in transfers:
        transaction = rpc.call("eth_getTransactionByHash", row["tx_hash"])
        receipt = rpc.receipt(row["tx_hash"])
        assert receipt is not None
        gas_wei = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        outflow_wei += int(transaction["value"], 16) + gas_wei
        findings += [
            Finding("the transaction succeeded", "0x1", receipt["status"]),
            Finding("its receiver", row["to_address"].lower(), transaction["to"].lower()),
            Finding(
                "its value in wei", _text(row["amount_units"]), str(int(transaction["value"], 16))
            ),
            Finding("its transfer", "settled", row["state"]),
        ]
    spent = str(before.balance_wei - after.balance_wei)
    return [*findings, Finding("wallet spent = value + gas, in wei", str(outflow_wei), spent)]


def _nothing_left(customer: Customer) -> list[Finding]:
    (batches,) = customer.rows("SELECT string_agg(state, ', ') AS states FROM batches")
    dead = {queue: customer.depth(queue, dead=True) for queue in customer.endpoints.queues}
    (pending,) = customer.rows(
        "SELECT count(*) AS payments FROM payments WHERE state IN ('pending', 'swapping')"
    )
    return [
        Finding("batches", "distributed", _text(batches["states"])),
        Finding("pending or swapping payments", "0", str(pending["payments"])),
        Finding("dead letters", "none", _text({q: n for q, n in dead.items() if n}) or "none"),
    ]


def _broken(customer: Customer) -> str:
    return ", ".join(name for name, query in INVARIANTS.items() if customer.rows(query))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {state}" for name, state in sorted(value.items()))
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
