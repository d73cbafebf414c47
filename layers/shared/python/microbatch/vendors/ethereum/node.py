"""One Ethereum node: what it says now, in as few calls as each question needs.

What the node does not know stays unknown: only a null receipt is "absent", and even that proves
nothing about the transaction.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import requests

from microbatch.errors import InvalidInput
from microbatch.vendors.ethereum.answers import (
    Broadcast,
    Observation,
    Preflight,
    Receipt,
    TransferLogs,
    ValueReceived,
)
from microbatch.vendors.ethereum.broadcast import BroadcastOutcome, classify_broadcast_error
from microbatch.vendors.ethereum.feed import usable_price
from microbatch.vendors.ethereum.fees import FEES, fees_in
from microbatch.vendors.ethereum.finality import (
    GET_COUNT,
    finalized_count,
    hash_and_finalized,
    hash_at,
)
from microbatch.vendors.ethereum.nonces import Consumer, consumer_of
from microbatch.vendors.ethereum.receipts import (
    GET_RECEIPT,
    receipt_number,
    receipt_quantity,
    receipt_sender,
    receipt_status,
    transfers_in,
)
from microbatch.vendors.ethereum.rpc import (
    HASH,
    NodeRefusal,
    Rpc,
    Said,
    block_hash,
    malformed,
    number,
    octets,
    quantity,
)
from microbatch.vendors.ethereum.tokens import (
    PAYEE_BLACKLISTED,
    balance_call,
    balance_in,
    blacklist_call,
    blacklists,
    payee_of,
)
from microbatch.vendors.wire import ETHEREUM_ADDRESS, cut

PROBLEM_MAX_BYTES = 200
ESTIMATE = "eth_estimateGas"
INSUFFICIENT_FUNDS = "insufficient_funds"
GAS_MIN = 21_000  # no transaction costs less


class Node:
    """The node behind one URL. Every method raises RetryLater when it is unwell.

    `heard` is told of every call whether it was answered. Raises ConfigurationError when the URL
    cannot be one.
    """

    def __init__(
        self,
        rpc_url: str,
        session: requests.Session | None = None,
        heard: Callable[[bool], object] = bool,
    ) -> None:
        self._rpc = Rpc(rpc_url, session, heard)

    def preflight(
        self, *, wallet: str, to_address: str, value_wei: int, data: bytes, token: str = ""
    ) -> Preflight:
        """What the node says before a transaction is signed. Raises RetryLater, InvalidInput.

        A node that has no finalized block yet is not fit to sign against: RetryLater.
        """
        wallet, to_address = _address("wallet", wallet), _address("to_address", to_address)
        token = _address("token", token) if token else ""
        of_token: tuple[tuple[Any, ...], ...] = ()
        if token:
            of_token = (blacklist_call(token, payee_of(data)), balance_call(token, wallet))
        balance, code, gas, chain_id, fees, latest, pending, finalized, *said = self._rpc.ask(
            ("eth_getBalance", wallet, "latest"),
            ("eth_getCode", wallet, "latest"),
            _estimate(wallet, to_address, value_wei, data),
            ("eth_chainId",),
            FEES,
            (GET_COUNT, wallet, "latest"),
            (GET_COUNT, wallet, "pending"),
            (GET_COUNT, wallet, "finalized"),
            *of_token,
        )
        balance_wei = quantity("eth_getBalance", balance.result)
        if octets("eth_getCode", code.result):
            gas_estimate, problem = 0, "wallet_has_code"
        elif balance_wei < value_wei:
            gas_estimate, problem = 0, INSUFFICIENT_FUNDS
        else:
            gas_estimate, problem = _gas(gas)
        if token and blacklists(said[0]):
            gas_estimate, problem = 0, PAYEE_BLACKLISTED
        return Preflight(
            chain_id=number("eth_chainId", chain_id.result),
            fees=fees_in(fees.result),
            balance_wei=balance_wei,
            token_balance_units=balance_in(said[1].result, token) if token else None,
            latest_nonce=number(GET_COUNT, latest.result),
            pending_nonce=number(GET_COUNT, pending.result),
            finalized_nonce=number(GET_COUNT, finalized.result),
            gas_estimate=gas_estimate,
            problem=problem,
        )

    def broadcast(self, raw: bytes, tx_hash: str) -> Broadcast:
        """Offers the bytes to the node. Raises RetryLater: sending the same bytes again is safe.

        Raises InvalidInput when the bytes do not have this hash.
        """
        from eth_utils.crypto import keccak  # noqa: PLC0415 - not every function has it

        if "0x" + keccak(raw).hex() != tx_hash.lower():
            raise InvalidInput(f"raw_transaction does not have the hash {tx_hash}")
        try:
            answer = self._rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        except NodeRefusal as refusal:
            outcome = classify_broadcast_error(refusal.message, refusal.code)
            if outcome is BroadcastOutcome.BUSY:
                raise
            return Broadcast(outcome, cut(f"{refusal.code}: {refusal.message}"))
        if not isinstance(answer, str) or answer.lower() != tx_hash.lower():
            return Broadcast(BroadcastOutcome.WRONG_HASH, cut(f"the node answered {answer!r}"))
        return Broadcast(BroadcastOutcome.ACCEPTED)

    def receipt(self, *, wallet: str, tx_hash: str) -> Receipt:
        """What the node knows of the transaction now. Raises RetryLater, InvalidInput.

        Both of the finalized block are 0 where the node has none: no evidence, not an error.
        """
        wallet = _address("wallet", wallet)
        # The counts come first, in a request of their own: a nonce that was consumed before the
        # receipt was looked for must have left one, if the transaction that consumed it was this.
        finalized, latest = self._rpc.ask(
            (GET_COUNT, wallet, "finalized"), (GET_COUNT, wallet, "latest")
        )
        finalized_nonce = finalized_count(finalized)
        latest_nonce = number(GET_COUNT, latest.result)
        found, head_number = self._receipt_and_head(tx_hash)
        if found is None:
            return Receipt(
                status="absent",
                head_number=head_number,
                latest_nonce=latest_nonce,
                finalized_nonce=finalized_nonce,
            )
        block_number = receipt_number(found, "blockNumber")
        canonical_hash, finalized_number = hash_and_finalized(self._rpc, block_number)
        return Receipt(
            status=receipt_status(found),
            head_number=max(head_number, block_number),  # nodes behind one URL differ by a block
            latest_nonce=latest_nonce,
            finalized_nonce=finalized_nonce,
            block_number=block_number,
            block_hash=block_hash(GET_RECEIPT, found.get("blockHash")),
            canonical_hash=canonical_hash,
            finalized_number=finalized_number,
            gas_used=receipt_number(found, "gasUsed"),
            effective_gas_price_wei=receipt_quantity(found, "effectiveGasPrice"),
            sender=receipt_sender(found),
        )

    def transfer_logs(self, *, tx_hash: str, token: str, to_address: str) -> TransferLogs:
        """The transfers of the token to an address in one transaction that stands in the chain.

        Raises RetryLater, InvalidInput.
        """
        token, to_address = _address("token", token), _address("to_address", to_address)
        found, head_number = self._receipt_and_head(tx_hash)
        if found is None or not self._stands(found):
            return TransferLogs(status="absent", head_number=head_number)
        block_number = receipt_number(found, "blockNumber")
        return TransferLogs(
            status=receipt_status(found),
            head_number=max(head_number, block_number),
            block_number=block_number,
            block_hash=block_hash(GET_RECEIPT, found.get("blockHash")),
            transfers=transfers_in(found, token, to_address),
        )

    def value_received(self, *, tx_hash: str, to_address: str) -> ValueReceived:
        """The ETH that one transaction in the chain carried to an address. Raises RetryLater.

        What a contract passed on inside the transaction is not seen: amount_wei is then 0.
        """
        to_address = _address("to_address", to_address)
        found, head_number = self._receipt_and_head(tx_hash)
        if found is None or not self._stands(found):
            return ValueReceived(status="absent", head_number=head_number)
        block_number = receipt_number(found, "blockNumber")
        method = "eth_getTransactionByHash"
        sent = self._rpc.call(method, tx_hash.lower())
        if not isinstance(sent, dict):
            raise malformed(method)
        to_us = str(sent.get("to") or "").lower() == to_address
        return ValueReceived(
            status=receipt_status(found),
            head_number=max(head_number, block_number),
            block_number=block_number,
            block_hash=block_hash(GET_RECEIPT, found.get("blockHash")),
            amount_wei=quantity(method, sent.get("value")) if to_us else 0,
        )

    def consumer_of(self, *, wallet: str, nonce: int) -> Consumer:
        """The transaction that consumed the wallet's nonce, by finalized evidence."""
        return consumer_of(self._rpc, _address("wallet", wallet), nonce)

    def observe(self, *, wallet: str, token: str, price_feed: str, now: datetime) -> Observation:
        """Head, fees, balances and ETH/USD now. Raises RetryLater, InvalidInput."""
        wallet, token = _address("wallet", wallet), _address("token", token)
        return Observation(
            chain_id=number("eth_chainId", self._rpc.call("eth_chainId")),
            fees=fees_in(self._rpc.call(*FEES)),
            balance_wei=quantity(
                "eth_getBalance", self._rpc.call("eth_getBalance", wallet, "latest")
            ),
            token_balance_units=balance_in(self._rpc.call(*balance_call(token, wallet)), token),
            price=usable_price(self._rpc, _address("price_feed", price_feed), now),
        )

    def _receipt_and_head(self, tx_hash: str) -> tuple[dict[str, Any] | None, int]:
        """The receipt of what is in a block, and the head; a head from before it is only lower."""
        wanted = tx_hash.lower()
        if not HASH.fullmatch(wanted):
            raise InvalidInput(f"tx_hash {cut(tx_hash, 80)!r} is not 0x and 64 hex digits")
        receipt, head = self._rpc.ask((GET_RECEIPT, wanted), ("eth_blockNumber",))
        found, head_number = receipt.result, number("eth_blockNumber", head.result)
        if found is None:
            return None, head_number
        if not isinstance(found, dict) or str(found.get("transactionHash")).lower() != wanted:
            raise malformed(GET_RECEIPT)
        return (found if found.get("blockNumber") is not None else None), head_number

    def _stands(self, receipt: dict[str, Any]) -> bool:
        """Whether its block is the one at its height now: else its depth says nothing."""
        mined_in = block_hash(GET_RECEIPT, receipt.get("blockHash"))
        return hash_at(self._rpc, receipt_number(receipt, "blockNumber")) == mined_in


def _address(name: str, value: str) -> str:
    if not ETHEREUM_ADDRESS.fullmatch(value):
        raise InvalidInput(f"{name} {cut(value, 80)!r} is not an Ethereum address")
    return value.lower()


def _estimate(wallet: str, to_address: str, value_wei: int, data: bytes) -> tuple[Any, ...]:
    call = {"from": wallet, "to": to_address, "value": hex(value_wei)}
    if data:
        call["data"] = "0x" + data.hex()
    # At the latest block: what is on its way already is counted by the signer.
    return ESTIMATE, call, "latest"


def _gas(said: Said) -> tuple[int, str]:
    """(gas, "") or (0, the problem). Raises RetryLater."""
    try:
        gas = number(ESTIMATE, said.result)
    except NodeRefusal as refusal:
        if "insufficient funds" in refusal.message.lower():
            return 0, INSUFFICIENT_FUNDS
        if refusal.reverted:
            return 0, cut(f"reverted: {refusal.message}", PROBLEM_MAX_BYTES)
        raise
    if gas < GAS_MIN:
        raise malformed(ESTIMATE)
    return gas, ""
