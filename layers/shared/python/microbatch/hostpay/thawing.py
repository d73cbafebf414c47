"""A person lets a frozen wallet sign again: only when the chain has what our books have."""

from datetime import datetime, timedelta

from microbatch.errors import InvalidInput
from microbatch.hostpay import store, wallet_store
from microbatch.messages import Outgoing, PreflightRequested
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger

LOOK_MAX_AGE = timedelta(minutes=5)
FROZEN = "wallet_frozen"


def activate(
    tx: Transaction, address: str, chain_id: int, now: datetime
) -> tuple[dict[str, object], dict[str, object], list[Outgoing]]:
    """(before, after, a question to the node when nobody has looked lately) of a wallet.

    Frozen to active only when the chain has finalized exactly the nonces that we gave out, and
    knows of no other. Raises InvalidInput naming the counts, having changed nothing.
    """
    before = wallet_store.look_at_wallet(tx, address, chain_id)
    if before is None:
        raise InvalidInput(f"wallet {address} is not in our books for chain {chain_id}")
    if before["status"] == "active":
        return _shown(before), _shown(before), []
    looked_at = before["looked_at"]
    if looked_at is None or now - looked_at > LOOK_MAX_AGE:
        return _shown(before), _shown(before), [_look(address, now)]
    seen = [before[name] for name in ("finalized_nonce", "latest_nonce", "pending_nonce")]
    if seen != [before["next_nonce"]] * 3:
        raise InvalidInput(
            f"wallet {address} stays frozen: the chain counts {seen[0]} finalized, {seen[1]} mined"
            f" and {seen[2]} pending transactions of it, our books {before['next_nonce']}"
        )
    wallet_store.activate_wallet(tx, address, chain_id)
    store.wake(tx, FROZEN)
    logger.warning("wallet_activated", wallet=address, next_nonce=before["next_nonce"])
    after = wallet_store.look_at_wallet(tx, address, chain_id)
    assert after is not None
    return _shown(before), _shown(after), []


def _look(address: str, now: datetime) -> Outgoing:
    """What would a transfer of nothing to ourselves find: the wallet's counts are what matters."""
    request = PreflightRequested(
        timestamp=int(now.timestamp()),
        unique_id="",
        wallet=address,
        to_address=address,
        value_wei="0",
        data=b"",
    )
    return Outgoing("chain-requests", request)


def _shown(wallet: dict[str, object]) -> dict[str, object]:
    looked_at = wallet["looked_at"]
    at = looked_at.isoformat() if isinstance(looked_at, datetime) else None
    return {**wallet, "looked_at": at}
