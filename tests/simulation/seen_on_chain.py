"""The books against the chain, at any instant."""

from collections import Counter
from typing import Any

from tests.simulation.books import Page
from tests.simulation.chain.ledger import Chain
from tests.simulation.chain.transactions import Mined, Transaction
from tests.simulation.outcome import Wrong
from tests.simulation.seen_over_time import Memory, rows_by
from tests.simulation.settings import TOKEN
from tests.simulation.world import World


def look(page: Page, chain: Chain) -> None:
    """Every transaction of ours is in the books and pays what they say; nothing else is believed.

    Raises Wrong.
    """
    attempts = rows_by(page.attempts, "tx_hash")
    transfers = rows_by(page.transfers, "unique_id")
    ours = [
        each.sent for each in (*chain.mined.values(), *chain.pool.values()) if each.sent.is_ours
    ]
    for sent in ours:
        attempt = attempts.get(sent.tx_hash)
        if attempt is None or attempt["raw"] != sent.raw.hex():
            raise Wrong("every_transaction_is_in_the_books", sent.tx_hash)
        if attempt["kind"] == "pay" and not _pays(sent, transfers[attempt["unique_id"]]):
            raise Wrong("a_transaction_pays_what_the_books_say", f"{sent} for {attempt}")
    for transfer in page.transfers:
        _look_at_transfer(transfer, chain)
    _look_at_what_came(page, chain)
    for wallet in page.wallets:
        if chain.count(wallet["address"]) > wallet["next_nonce"]:
            raise Wrong("no_nonce_beyond_the_books", str(wallet))


def _look_at_what_came(page: Page, chain: Chain) -> None:
    for receipt in page.receipts:
        if receipt["tx_hash"] not in chain.mined:
            raise Wrong("what_is_booked_as_received_is_on_the_chain", str(receipt))
    for swap in page.swaps:
        if swap["state"] == "refunded" and swap["refund_hash"] not in chain.mined:
            raise Wrong("what_is_booked_as_refunded_is_on_the_chain", str(swap))


def _pays(sent: Transaction, transfer: dict[str, Any]) -> bool:
    payee, units = transfer["to_address"].lower(), transfer["amount_units"]
    if transfer["currency"] == "eth":
        return (sent.to, sent.value_wei, sent.data) == (payee, units, b"")
    return (sent.to, sent.value_wei, sent.token_transfer) == (TOKEN, 0, (payee, units))


def _look_at_transfer(transfer: dict[str, Any], chain: Chain) -> None:
    state = transfer["state"]
    if state in ("confirmed", "settled"):
        mined = chain.mined.get(transfer["tx_hash"])
        where = (transfer["block_number"], transfer["block_hash"])
        if mined is None or not mined.succeeded or (mined.number, mined.block_hash) != where:
            raise Wrong("confirmed_is_on_the_chain", f"{transfer}, but {mined}")
    if state == "failed":
        mined = chain.mined.get(transfer["tx_hash"])
        cancelled = transfer["reason"] == "cancelled_by_operator"
        if mined is None or mined.succeeded != cancelled:
            raise Wrong("failed_is_on_the_chain", f"{transfer}, but {mined}")
    if state == "rejected" and transfer["nonce"] is not None:
        raise Wrong("rejected_was_never_signed", str(transfer))


def look_for_duplicates(page: Page, memory: Memory, world: World) -> None:
    """No exchange is paid twice, and no payment has been converted or paid out twice.

    Raises Wrong. What an exchange has given back was not spent.
    """
    for exchange in world.office.exchanges.values():
        if len(exchange.deposits) > 1:
            raise Wrong("an_exchange_is_paid_once", f"{exchange.exchange_id}: {exchange.deposits}")
    twice = paid_too_often(page, memory, world)
    if twice:
        said = [f"payment {each} {times + 1} times" for each, times in sorted(twice.items())]
        raise Wrong("a_payment_is_paid_once", ", ".join(said))


def paid_too_often(page: Page, memory: Memory, world: World) -> Counter[str]:
    """Payment → how often more than once money has left for it."""
    spent = _spent_for(page, world)
    found: Counter[str] = Counter()
    for payment_id, owners in memory.owners.items():
        for table in ("batches", "payouts"):
            times = sum(spent[owner] for owner in owners if (table, owner) in spent.tables)
            if times > 1:
                found[payment_id] += times - 1
    return found


class _Spent(Counter[str]):
    """How often money has left for an owner."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: set[tuple[str, str]] = set()


def _spent_for(page: Page, world: World) -> _Spent:
    spent = _Spent()
    attempts = rows_by(page.attempts, "tx_hash")
    swaps = rows_by(page.swaps, "swap_id")
    payouts = rows_by(page.payouts, "unique_id")
    transfers = rows_by(page.transfers, "unique_id")
    for mined in world.chain.mined.values():
        attempt = attempts.get(mined.sent.tx_hash)
        if attempt is None or attempt["kind"] != "pay" or not mined.succeeded:
            continue
        transfer = transfers[attempt["unique_id"]]
        if _came_back(mined, transfer, world):
            continue
        if transfer["context"] == "batch":
            table, owner = "batches", swaps[transfer["swap_id"]]["owner_id"]
        else:
            table, owner = "payouts", payouts[attempt["unique_id"]]["payout_id"]
        spent[owner] += 1
        spent.tables.add((table, owner))
    return spent


def _came_back(mined: Mined, transfer: dict[str, Any], world: World) -> bool:
    exchange = world.office.exchanges.get(transfer["cn_api_id"] or "")
    return exchange is not None and bool(exchange.refund_hash)
