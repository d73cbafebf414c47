"""Several Ethereum nodes as one: bytes go to all of them, money is decided where they agree.

With one node there is nothing to compare: a node that lies, or that follows a losing branch, is
believed up to the confirmation depth. docs/architecture.md says what that weakens.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from microbatch.errors import RetryLater
from microbatch.vendors.ethereum.answers import (
    Broadcast,
    Observation,
    Preflight,
    Receipt,
    TransferLogs,
    ValueReceived,
)
from microbatch.vendors.ethereum.broadcast import BroadcastOutcome
from microbatch.vendors.ethereum.node import Node
from microbatch.vendors.ethereum.nonces import Consumer

T = TypeVar("T")
Seen = TypeVar("Seen", Receipt, TransferLogs, ValueReceived)

TAKEN = (BroadcastOutcome.ACCEPTED, BroadcastOutcome.ALREADY_KNOWN)


class Nodes:
    """Answers as one Node does; needs the answers of more than half of its nodes."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes

    def preflight(
        self, *, wallet: str, to_address: str, value_wei: int, data: bytes, token: str = ""
    ) -> Preflight:
        """The most careful reading: least money, most gas, and every nonce that anybody saw."""
        seen = self._majority(
            lambda node: node.preflight(
                wallet=wallet, to_address=to_address, value_wei=value_wei, data=data, token=token
            )
        )
        if len({each.chain_id for each in seen}) > 1:
            raise RetryLater("Ethereum nodes: they are of different chains")
        balances = [each.token_balance_units for each in seen]
        known = [units for units in balances if units is not None]
        problem = next((each.problem for each in seen if each.problem), "")
        return Preflight(
            chain_id=seen[0].chain_id,
            fees=max((each.fees for each in seen), key=lambda fees: fees.base_fee_wei),
            balance_wei=min(each.balance_wei for each in seen),
            token_balance_units=min(known) if known else None,
            latest_nonce=max(each.latest_nonce for each in seen),
            pending_nonce=max(each.pending_nonce for each in seen),
            finalized_nonce=min(each.finalized_nonce for each in seen),
            gas_estimate=0 if problem else max(each.gas_estimate for each in seen),
            problem=problem,
        )

    def broadcast(self, raw: bytes, tx_hash: str) -> Broadcast:
        """Offered to every node; one that takes it is enough."""
        said = self._some(lambda node: node.broadcast(raw, tx_hash))
        taken = [each for each in said if each.outcome in TAKEN]
        return taken[0] if taken else said[0]

    def receipt(self, *, wallet: str, tx_hash: str) -> Receipt:
        """Mined only where the nodes agree on block and outcome; else absent, which says nothing.

        Counts and head are the lowest that any of them reports.
        """
        seen = self._majority(lambda node: node.receipt(wallet=wallet, tx_hash=tx_hash))
        agreed = _agreed(seen)
        return replace(
            agreed,
            latest_nonce=min(each.latest_nonce for each in seen),
            finalized_nonce=min(each.finalized_nonce for each in seen),
            finalized_number=min(each.finalized_number for each in seen),
        )

    def transfer_logs(self, *, tx_hash: str, token: str, to_address: str) -> TransferLogs:
        """The transfers that all nodes show in the same block; else absent."""
        return _agreed(
            self._majority(
                lambda node: node.transfer_logs(tx_hash=tx_hash, token=token, to_address=to_address)
            )
        )

    def value_received(self, *, tx_hash: str, to_address: str) -> ValueReceived:
        """The ETH that all nodes show in the same block; else absent."""
        return _agreed(
            self._majority(lambda node: node.value_received(tx_hash=tx_hash, to_address=to_address))
        )

    def consumer_of(self, *, wallet: str, nonce: int) -> Consumer:
        """The transaction that all nodes name; else nobody can say."""
        seen = self._majority(lambda node: node.consumer_of(wallet=wallet, nonce=nonce))
        return seen[0] if len(set(seen)) == 1 else Consumer()

    def observe(self, *, wallet: str, token: str, price_feed: str, now: datetime) -> Observation:
        """What the first node that answers says."""
        return self._some(
            lambda node: node.observe(wallet=wallet, token=token, price_feed=price_feed, now=now)
        )[0]

    def _some(self, ask: Callable[[Node], T]) -> list[T]:
        """The answers of all nodes that answer. Raises RetryLater when none does."""
        answers, failures = [], []
        for node in self._nodes:
            try:
                answers.append(ask(node))
            except RetryLater as failure:
                failures.append(failure)
        if not answers:
            raise failures[0]
        return answers

    def _majority(self, ask: Callable[[Node], T]) -> list[T]:
        """The answers of more than half of the nodes. Raises RetryLater when fewer answer."""
        answers = self._some(ask)
        if 2 * len(answers) <= len(self._nodes):
            raise RetryLater(
                f"Ethereum nodes: {len(answers)} of {len(self._nodes)} answered, more are needed"
            )
        return answers


def _agreed(seen: Sequence[Seen]) -> Seen:
    """What all of them say, at the lowest head that any reports; absent when they differ."""
    head_number = min(each.head_number for each in seen)
    if all(each.status == "absent" for each in seen) or len({_decisive(e) for e in seen}) == 1:
        return replace(seen[0], head_number=head_number)
    if isinstance(seen[0], Receipt):
        return replace(
            seen[0], status="absent", head_number=head_number, block_hash="", canonical_hash=""
        )
    return replace(seen[0], status="absent", head_number=head_number, block_hash="")


def _decisive(seen: Receipt | TransferLogs | ValueReceived) -> tuple[object, ...]:
    """What nodes must agree on."""
    agreed: tuple[object, ...] = (seen.status, seen.block_number, seen.block_hash)
    if isinstance(seen, Receipt):
        return (*agreed, seen.canonical_hash, seen.gas_used)
    return (*agreed, seen.transfers if isinstance(seen, TransferLogs) else seen.amount_wei)
