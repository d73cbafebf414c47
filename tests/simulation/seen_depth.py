"""What is believed of the chain lies as deep as it has to, when it is first believed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation.books import Page
from tests.simulation.chain.ledger import Chain
from tests.simulation.outcome import Wrong


@dataclass
class Depths:
    """What was believed before: a block does not become shallower."""

    confirmations: int
    believed: set[tuple[str, ...]] = field(default_factory=set)

    def look(self, page: Page, chain: Chain) -> None:
        """One more page. Raises Wrong."""
        now = set(_believed(page))
        for each in sorted(now - self.believed):
            mined = chain.mined.get(each[-1])
            depth = 0 if mined is None else chain.head - mined.number + 1
            if depth < self.confirmations:
                said = f"{each} at a depth of {depth}, not {self.confirmations}"
                raise Wrong("nothing_is_believed_too_early", said)
            if each[0] == "failed" and mined is not None and mined.number > chain.finalized:
                said = f"{each} in block {mined.number}, final is {chain.finalized}"
                raise Wrong("money_goes_back_only_when_it_is_final", said)
        self.believed = now


def _believed(page: Page) -> Iterator[tuple[str, ...]]:
    """What the books say has happened for good, the transaction last."""
    for row in page.receipts:
        yield "received", str(row["log_index"]), row["tx_hash"]
    for row in page.swaps:
        if row["state"] == "refunded" and row["refund_hash"]:
            yield "refunded", row["swap_id"], row["refund_hash"]
    for row in page.transfers:
        if row["state"] in ("confirmed", "settled", "failed") and row["tx_hash"]:
            ended = "failed" if row["state"] == "failed" else "confirmed"
            yield ended, row["unique_id"], row["tx_hash"]
