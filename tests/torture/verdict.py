"""What stands in the books against what stands on the chain: duplicates, losses, gaps.

It reads the tables and the real node only; nothing of the code that is judged takes part.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from microbatch.operations.invariants import broken_invariants
from tests.hostile.world import DONE, World

UNSIGNED = ("requested", "approved")


@dataclass(frozen=True, kw_only=True)
class Excuses:
    """Ends other than "paid" that what was done to a run explains."""

    cancelled: set[str] = field(default_factory=set)  # transfers
    contracts: set[str] = field(default_factory=set)  # payees
    misled: set[str] = field(default_factory=set)  # payees about whose gas the node lied
    expired: set[str] = field(default_factory=set)  # exchanges
    stolen: dict[str, int] = field(default_factory=dict)  # hash → nonce
    frozen: bool = False

    def explain(self, transfer: dict[str, Any]) -> bool:
        """Whether a transfer may have ended unpaid as it has."""
        payee, reason = transfer["to_address"].lower(), transfer["reason"]
        match transfer["state"]:
            case "rejected":
                return reason == "exchange_expired" and transfer["cn_api_id"] in self.expired
            case "failed":
                cancelled = reason == "cancelled_by_operator"
                return (
                    transfer["unique_id"] in self.cancelled
                    if cancelled
                    else reason == "mined_and_reverted" and payee in self.contracts
                )
            case "parked" if reason in ("receiver_reverts", "gas_limit_above_ceiling"):
                return payee in self.contracts | self.misled
            case "parked":
                of_thief = transfer["nonce"] in self.stolen.values()
                return of_thief and reason == "nonce_consumed_by_another_transaction"
            case "requested" | "approved":
                return self.frozen
        return False


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
    verdict = Verdict(
        losses=[f"invariant broken: {name}" for name in broken_invariants(world.database)]
    )
    for transfer in world.transfers():
        found, amount = world.received(transfer["to_address"]), int(transfer["amount_units"])
        if found > amount:
            verdict.duplicates.append(f"{_named(transfer)} was paid {found} wei of {amount}")
        elif transfer["state"] in DONE and found < amount:
            verdict.losses.append(f"{_named(transfer)} is booked as paid, there are {found} wei")
        elif transfer["nonce"] is None and found:
            verdict.losses.append(f"{_named(transfer)} has no nonce and {found} wei")
        verdict.payments_made += transfer["state"] in DONE and found == amount
    verdict.losses += _bytes_without_books(world)
    return verdict


def judge(world: World, excuses: Excuses, *, first_block: int, payments: int) -> Verdict:
    """All of it, when nothing is on its way any more."""
    verdict = look_in_passing(world)
    for transfer in world.transfers():
        if transfer["state"] in DONE:
            continue
        found = world.received(transfer["to_address"])
        if found:
            verdict.losses.append(f"{_named(transfer)} is not booked as paid, and has {found} wei")
        elif not excuses.explain(transfer):
            verdict.losses.append(f"{_named(transfer)} ended unpaid: {transfer['reason']}")
    on_chain = list(_transactions(world, first_block))
    verdict.duplicates += _paid_by_two(world, on_chain)
    verdict.losses += _money_not_in_books(world, on_chain, excuses)
    verdict.losses += [f"dead letter: {each[0].queue}: {each[1].reason}" for each in world.dead]
    verdict.losses += _payments_unaccounted(world, payments, excuses)
    verdict.gaps += _gaps(world, on_chain, excuses)
    return verdict


def _named(transfer: dict[str, Any]) -> str:
    return f"transfer {transfer['nonce']} to {transfer['to_address'][:10]} ({transfer['state']})"


def _bytes_without_books(world: World) -> list[str]:
    """Bytes that left and are not in the books."""
    ours = {row["tx_hash"] for row in world.attempts()}
    proxies = getattr(world, "proxies", [world.proxy])
    sent = {each.tx_hash for proxy in proxies for each in proxy.transactions(world.wallet)}
    return [f"{tx_hash} left and is not in the books" for tx_hash in sorted(sent - ours)]


def _transactions(world: World, first_block: int) -> Iterator[dict[str, Any]]:
    """Every transaction of our wallet on the chain, block by block."""
    head = int(world.anvil.rpc("eth_blockNumber"), 16)
    for number in range(first_block, head + 1):
        block = world.anvil.rpc("eth_getBlockByNumber", hex(number), True)
        yield from (each for each in block["transactions"] if each["from"].lower() == world.wallet)


def _paid_by_two(world: World, on_chain: list[dict[str, Any]]) -> list[str]:
    """Transfers for which two of our transactions were mined."""
    owner = {row["tx_hash"]: row["unique_id"] for row in world.attempts()}
    mined = Counter(owner[each["hash"]] for each in on_chain if each["hash"] in owner)
    return [f"transfer {name} was mined {n} times" for name, n in mined.items() if n > 1]


def _money_not_in_books(
    world: World, on_chain: list[dict[str, Any]], excuses: Excuses
) -> list[str]:
    """Transactions of our wallet that the books do not call mined."""
    mined = {row["tx_hash"] for row in world.attempts() if row["state"] == "mined"}
    unknown = [each for each in on_chain if each["hash"] not in mined | set(excuses.stolen)]
    said = [f"{each['hash']} is on the chain, not mined in the books" for each in unknown]
    gone = mined - {each["hash"] for each in on_chain}
    return said + [f"{tx_hash} is mined in the books, not on the chain" for tx_hash in sorted(gone)]


def _payments_unaccounted(world: World, payments: int, excuses: Excuses) -> list[str]:
    """Clients' payments that are lost, or wait for nothing."""
    rows = world.rows(
        "SELECT p.payment_id, p.state, t.state AS transfer FROM payments p"
        " LEFT JOIN swaps s ON s.owner_id = p.batch_id::text"
        " LEFT JOIN transfers t ON t.swap_id = s.swap_id"
    )
    said = [f"{payments - len(rows)} payments were never booked"] if len(rows) != payments else []
    for row in rows:
        bound = row["state"] == "swapping" and row["transfer"] in (*DONE, "parked")
        waits = excuses.frozen and row["state"] in ("pending", "swapping")
        if not bound and not waits and row["state"] != "parked":
            said.append(f"payment {row['payment_id']} is {row['state']}, {row['transfer']}")
    return said


def _gaps(world: World, on_chain: list[dict[str, Any]], excuses: Excuses) -> list[str]:
    """Nonces given out that are missing in the books, or on the chain."""
    said = []
    booked = {row["nonce"] for row in world.rows("SELECT nonce FROM transfer_nonces")}
    mined = {int(each["nonce"], 16) for each in on_chain}
    for wallet in world.rows("SELECT first_nonce, next_nonce FROM wallets"):
        given = set(range(wallet["first_nonce"], wallet["next_nonce"]))
        said += [f"nonce {nonce} is not in the books" for nonce in sorted(given - booked)]
        said += [f"nonce {nonce} is not on the chain" for nonce in sorted(given - mined)]
        stolen = set(excuses.stolen.values())
        beyond = mined - given - stolen
        said += [f"nonce {nonce} was never given out" for nonce in sorted(beyond)]
    return said
