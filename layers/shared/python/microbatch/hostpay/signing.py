"""Bind a transfer to one nonce and commit its bytes before any of them leaves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from microbatch.errors import ConfigurationError
from microbatch.hostpay import attempt_store, store, wallet_store
from microbatch.hostpay.clearance import WINDOW_FULL, adoption_refusal, clearance
from microbatch.hostpay.due import broadcast, looks_again, messages_due
from microbatch.hostpay.fees import fees_for
from microbatch.hostpay.model import (
    Limits,
    Ruling,
    Transfer,
    Verdict,
    call_of,
    readiness,
)
from microbatch.hostpay.moves import freeze, locked, move, park
from microbatch.hostpay.service import Policy
from microbatch.market import service as market
from microbatch.messages import Outgoing, PaymentExecutionRequest
from microbatch.pauses import service as pauses
from microbatch.payout import service as payouts
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger


class SignedTransaction(Protocol):
    """Signed bytes and their hash."""

    @property
    def raw(self) -> bytes:
        """The bytes a node takes."""
        ...

    @property
    def tx_hash(self) -> str:
        """keccak256 of the bytes, 0x and 64 lower-case hex digits."""
        ...


class Signer(Protocol):
    """Whoever holds the wallet's key, as a secret or inside KMS (vendors.ethereum)."""

    @property
    def address(self) -> str:
        """The key's checksummed address."""
        ...

    def accepts(self, to_address: str) -> bool:
        """Whether an address may be paid: its checksum, if it has one, is right."""
        ...

    def sign(
        self,
        *,
        chain_id: int,
        nonce: int,
        to_address: str,
        value_wei: int,
        data: bytes,
        gas_limit: int,
        max_fee_per_gas_wei: int,
        max_priority_fee_per_gas_wei: int,
    ) -> SignedTransaction:
        """Sign one EIP-1559 transaction. The same fields need not give the same bytes: what is
        sent is what was committed.
        """
        ...


Signers = Mapping[str, Signer]  # by the lower-case address of the wallet


def sign(
    message: PaymentExecutionRequest,
    tx: Transaction,
    now: datetime,
    policy: Policy,
    signers: Signers,
) -> list[Outgoing]:
    """Sign an approved transfer from its row, once. The message is only a hint which.

    A transfer that is signed already has its committed bytes sent again; every other state signs
    nothing. What is out may be bumped and cancelled during a pause: no more money moves by that,
    and what lies unmined can be mined at any time.
    """
    transfer = locked(tx, message.unique_id)
    if transfer.state in ("signed", "broadcast") and attempt_store.ordered(tx, transfer.unique_id):
        return _sign_ordered(tx, transfer, now, policy, signers)
    if transfer.state == "signed":
        return messages_due(tx, transfer, now) if transfer.asked_at is None else []
    if transfer.state != "approved":
        return []
    objection = payouts.objection(tx, transfer.unique_id, now)
    if objection is not None:
        return _give_up(tx, transfer, objection, now)
    paused = pauses.signing_waits(tx, transfer.context)
    if paused is not None:  # looked at ever more rarely, until whoever resumes has it looked at
        store.note_wait(tx, transfer.unique_id, paused, now)
        store.win_ask(tx, transfer.unique_id, now, now)
        logger.info("signing_paused", unique_id=transfer.unique_id, reason=paused)
        return []
    ruling = readiness(transfer, policy.limits, now)
    if ruling.verdict is not Verdict.SIGN:
        return _follow(tx, transfer, ruling, now, policy)
    signer = _signer_of(transfer, signers)
    if not signer.accepts(transfer.to_address):
        return _follow(tx, transfer, Ruling(Verdict.PARK, "payin_checksum_wrong"), now, policy)
    return _under_lock(tx, transfer, now, policy, signer)


def _signer_of(transfer: Transfer, signers: Signers) -> Signer:
    signer = signers.get(transfer.wallet)
    if signer is None:
        held = ", ".join(each.address for each in signers.values())
        raise ConfigurationError(
            f"there is no key for {transfer.wallet} of HOST_WALLET_ADDRESS, only for {held}:"
            " nothing is signed"
        )
    return signer


def _under_lock(
    tx: Transaction, transfer: Transfer, now: datetime, policy: Policy, signer: Signer
) -> list[Outgoing]:
    """The wallet's lock is held from here to the commit: nonces have no gaps."""
    wallet = wallet_store.lock_wallet(tx, transfer.wallet, transfer.chain_id)
    if wallet is None:
        refusal = adoption_refusal(transfer, policy.limits)
        if refusal:
            return _follow(tx, transfer, Ruling(Verdict.WAIT, refusal), now, policy)
        _adopt(tx, transfer, now)
        wallet = wallet_store.lock_wallet(tx, transfer.wallet, transfer.chain_id)
        assert wallet is not None
    state = wallet_store.wallet_state(tx, transfer, wallet, now)
    eth_usd = market.fresh_price(tx, now, policy.observation_max_age_seconds)
    ruling = clearance(transfer, state, policy.limits, eth_usd)
    if ruling.verdict is not Verdict.SIGN:
        return _follow(tx, transfer, ruling, now, policy)
    return [_bind_and_sign(tx, transfer, now, policy.limits, signer)]


def _adopt(tx: Transaction, transfer: Transfer, now: datetime) -> None:
    first_nonce = transfer.preflight_finalized_nonce
    assert first_nonce is not None
    wallet_store.adopt_wallet(tx, transfer.wallet, transfer.chain_id, first_nonce, now)
    logger.info("wallet_adopted", wallet=transfer.wallet, first_nonce=first_nonce)


def _bind_and_sign(
    tx: Transaction, transfer: Transfer, now: datetime, limits: Limits, signer: Signer
) -> Outgoing:
    fees, call = fees_for(transfer), call_of(transfer)
    nonce = wallet_store.take_nonce(tx, transfer)
    signed = signer.sign(
        chain_id=limits.chain_id,
        nonce=nonce,
        to_address=call.to_address,
        value_wei=call.value_wei,
        data=call.data,
        gas_limit=fees.gas_limit,
        max_fee_per_gas_wei=fees.max_fee_per_gas_wei,
        max_priority_fee_per_gas_wei=fees.max_priority_fee_per_gas_wei,
    )
    attempt_store.insert_attempt(
        tx,
        transfer,
        nonce=nonce,
        call=call,
        fees=fees,
        raw_transaction=signed.raw,
        tx_hash=signed.tx_hash,
        now=now,
    )
    store.set_nonce(tx, transfer.unique_id, nonce, now)
    logger.info("transfer_signed", unique_id=transfer.unique_id, nonce=nonce)
    return Outgoing("chain-requests", broadcast(transfer, signed.raw, signed.tx_hash, now))


def _sign_ordered(
    tx: Transaction, transfer: Transfer, now: datetime, policy: Policy, signers: Signers
) -> list[Outgoing]:
    """Sign a bump that the recorder has ordered: the same nonce, payee and amount, other fees."""
    ordered = attempt_store.ordered(tx, transfer.unique_id)
    wallet = wallet_store.lock_wallet(tx, transfer.wallet, transfer.chain_id)
    if ordered is None or wallet is None or wallet["status"] != "active":
        return []
    signer = signers.get(transfer.wallet)
    if signer is None or transfer.chain_id != policy.limits.chain_id:
        # Another wallet's bytes on this nonce number would be a second payment.
        logger.error("ordered_for_another_wallet", unique_id=transfer.unique_id)
        return []
    signed = signer.sign(
        chain_id=policy.limits.chain_id,
        nonce=ordered.nonce,
        to_address=ordered.to_address,
        value_wei=ordered.value_wei,
        data=ordered.data,
        gas_limit=ordered.fees.gas_limit,
        max_fee_per_gas_wei=ordered.fees.max_fee_per_gas_wei,
        max_priority_fee_per_gas_wei=ordered.fees.max_priority_fee_per_gas_wei,
    )
    attempt_store.fill_attempt(
        tx, ordered.attempt_id, raw_transaction=signed.raw, tx_hash=signed.tx_hash, now=now
    )
    logger.info("bump_signed", unique_id=transfer.unique_id, nonce=ordered.nonce)
    return [Outgoing("chain-requests", broadcast(transfer, signed.raw, signed.tx_hash, now))]


def _follow(
    tx: Transaction, transfer: Transfer, ruling: Ruling, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Do what a ruling other than "sign" asks for; nothing is signed."""
    if ruling.verdict is Verdict.ASK_EXCHANGE:
        return messages_due(tx, move(tx, transfer, "requested", now), now)
    if ruling.verdict is Verdict.LOOK:
        first_look = transfer.preflight_at is None  # else hops are slow: do not hammer the node
        return looks_again(tx, transfer, now, policy.pace, at_once=first_look)
    if ruling.verdict is Verdict.PARK:
        return park(tx, transfer, ruling.reason, now)
    if ruling.verdict is Verdict.FREEZE:
        freeze(tx, transfer, ruling.reason, now)
    if ruling.reason != WINDOW_FULL:  # that one ends by itself, with the next block
        count("signing_waits")
    store.note_wait(tx, transfer.unique_id, ruling.reason, now)
    logger.warning("signing_waits", unique_id=transfer.unique_id, reason=ruling.reason)
    return looks_again(tx, transfer, now, policy.pace, at_once=False)


def _give_up(tx: Transaction, transfer: Transfer, reason: str, now: datetime) -> list[Outgoing]:
    """Nothing was signed, so nothing is owed to this order: its owner hears of it and goes on.

    A swap notices by its exchange's end, a direct payout by the reconciler: whoever holds the key
    may not write to them.
    """
    move(tx, transfer, "rejected", now, reason)
    logger.warning("transfer_given_up", unique_id=transfer.unique_id, reason=reason)
    return []
