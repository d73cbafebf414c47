"""What stands in the books against what stands on the chain: duplicates, losses, gaps.

It reads the tables and the real node only; of the code that is judged nothing takes part but the
queries of the invariants.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from microbatch.operations.invariants import broken_invariants
from tests.hostile.world import DONE, World
from tests.torture.excuses import Excuses

Rows = list[dict[str, Any]]


@dataclass(kw_only=True)
class Verdict:
    """A sentence for everything that is wrong."""

    payments_made: int = 0
    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    @property
    def faultless(self) -> bool:
        """Whether nothing is wrong."""
        return not self.complaints

    @property
    def complaints(self) -> list[str]:
        """All that is wrong."""
        return [*self.duplicates, *self.losses, *self.gaps]


def look_in_passing(world: World) -> Verdict:
    """What must hold at any instant, whatever is on its way."""
    broken = broken_invariants(world.database)
    verdict = Verdict(losses=[f"invariant broken: {name}" for name in broken])
    for transfer in world.transfers():
        found, amount = world.paid_to(transfer), int(transfer["amount_units"])
        if found > amount:
            verdict.duplicates.append(f"{_named(transfer)} was paid {found} of {amount}")
        elif transfer["state"] in DONE and found < amount:
            verdict.losses.append(f"{_named(transfer)} is booked as paid, its payee has {found}")
        elif transfer["nonce"] is None and found:
            verdict.losses.append(f"{_named(transfer)} has no nonce, its payee has {found}")
        verdict.payments_made += transfer["state"] in DONE and found == amount
    verdict.losses += _bytes_without_books(world)
    verdict.losses += [f"dead letter of {each.queue}: {error.reason}" for each, error in world.dead]
    return verdict


def judge(world: World, excuses: Excuses, *, first_block: int, payments: int) -> Verdict:
    """All of it, when nothing is on its way any more."""
    verdict = look_in_passing(world)
    unpaid = [row for row in world.transfers() if row["state"] not in DONE]
    for transfer in unpaid:
        if found := world.paid_to(transfer):
            verdict.losses.append(f"{_named(transfer)} is not booked as paid, it has {found}")
        elif not excuses.explain(transfer):
            verdict.losses.append(f"{_named(transfer)} ended unpaid: {transfer['reason']}")
    on_chain = _transactions(world, first_block)
    verdict.duplicates += _paid_by_two(world, on_chain)
    verdict.losses += _money_not_in_books(world, on_chain, excuses)
    verdict.losses += _payments_unaccounted(world, payments, excuses)
    verdict.losses += _usdt_unaccounted(world, excuses)
    for wallet in world.rows("SELECT address, first_nonce, next_nonce FROM wallets"):
        verdict.gaps += _gaps(world, wallet, on_chain, excuses)
    return verdict


def _named(transfer: dict[str, Any]) -> str:
    return f"transfer {transfer['nonce']} to {transfer['to_address'][:10]} ({transfer['state']})"


def _bytes_without_books(world: World) -> list[str]:
    """Bytes that left and are not in the books."""
    ours = {row["tx_hash"] for row in world.attempts()}
    proxies = getattr(world, "proxies", [world.proxy])
    sent = [each.tx_hash for one in proxies for each in one.transactions()]
    return [f"{tx_hash} left and is not in the books" for tx_hash in sorted(set(sent) - ours)]


def _transactions(world: World, first_block: int) -> Rows:
    """Every transaction of our wallets on the chain, block by block."""
    head, found = int(world.anvil.rpc("eth_blockNumber"), 16), []
    for number in range(first_block, head + 1):
        block = world.anvil.rpc("eth_getBlockByNumber", hex(number), True)
        found += [each for each in block["transactions"] if each["from"].lower() in world.signers]
    return found


def _paid_by_two(world: World, on_chain: Rows) -> list[str]:
    """Transfers for which two of our transactions were mined."""
    owner = {row["tx_hash"]: row["unique_id"] for row in world.attempts()}
    mined = Counter(owner[each["hash"]] for each in on_chain if each["hash"] in owner)
    return [
        f"transfer {name} was mined {times} times" for name, times in mined.items() if times > 1
    ]


def _money_not_in_books(world: World, on_chain: Rows, excuses: Excuses) -> list[str]:
    """Transactions of our wallets that the books do not call mined, or that they only call so."""
    booked = {row["tx_hash"] for row in world.attempts() if row["state"] == "mined"}
    mined = {each["hash"] for each in on_chain}
    return [
        *(f"{name} is on the chain only" for name in sorted(mined - booked - set(excuses.stolen))),
        *(f"{name} is mined in the books only" for name in sorted(booked - mined)),
    ]


def _payments_unaccounted(world: World, payments: int, excuses: Excuses) -> list[str]:
    """Clients' payments that are lost, or wait for nothing."""
    rows = world.rows(
        "SELECT p.payment_id, p.state AS payment, t.* FROM payments p"
        " LEFT JOIN swaps s ON s.owner_id = p.batch_id::text"
        " LEFT JOIN transfers t ON t.swap_id = s.swap_id WHERE p.share_microusdt IS NULL"
    )
    said = [f"{payments - len(rows)} payments were never booked"] if len(rows) != payments else []
    for row in rows:
        bound = row["payment"] == "swapping" and row["state"] in (*DONE, "parked")
        waits = row["payment"] == "swapping" and row["state"] and excuses.explain(row)
        if not (bound or waits or row["payment"] == "parked"):
            said.append(f"payment {row['payment_id']} is {row['payment']}, {row['state']}")
    return said


def _usdt_unaccounted(world: World, excuses: Excuses) -> list[str]:
    """Converted payments that are neither paid out nor on their way nor given back for a reason."""
    rows = world.rows(
        "SELECT p.payment_id, p.state AS payment, t.* FROM payments p"
        " LEFT JOIN payouts o ON o.payout_id = p.payout_id"
        "  OR (p.payout_id IS NULL AND o.client_id = p.client_id AND o.state = 'released')"
        " LEFT JOIN transfers t ON t.unique_id = o.unique_id WHERE p.share_microusdt IS NOT NULL"
    )
    ends = {"paid": ("settled",), "in_payout": (*DONE, "parked"), "converted": ()}
    return [
        f"payment {row['payment_id']} is {row['payment']}, {row['state']}"
        for row in rows
        if row["state"] is None
        or not (row["state"] in ends.get(row["payment"], ()) or excuses.explain(row))
    ]


def _gaps(world: World, wallet: dict[str, Any], on_chain: Rows, excuses: Excuses) -> list[str]:
    """Nonces given out that are missing in the books, or on the chain."""
    address = wallet["address"]
    booked = world.rows("SELECT nonce FROM transfer_nonces WHERE wallet = %(at)s", at=address)
    mined = {int(each["nonce"], 16) for each in on_chain if each["from"].lower() == address}
    given = set(range(wallet["first_nonce"], wallet["next_nonce"]))
    stolen = set(excuses.stolen.values()) if address == world.wallet else set()
    wrong = {
        "is not in the books": given - {row["nonce"] for row in booked},
        "is not on the chain": given - mined,
        "was never given out": mined - given - stolen,
    }
    return [
        f"nonce {nonce} of {address[:10]} {what}"
        for what, nonces in wrong.items()
        for nonce in sorted(nonces)
    ]
