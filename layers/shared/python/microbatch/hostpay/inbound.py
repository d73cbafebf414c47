"""From Alchemy's notification to `chain-requests`: a hint that a receipt is there, no more.

What it says is not believed. The hash makes the node be asked once, and only the node's answer
counts; without it the same question is asked by the next poll.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from microbatch.errors import InvalidInput, InvalidToken
from microbatch.messages import Outgoing, TransactionSighted
from microbatch.platform.observability import count, logger
from microbatch.vendors import alchemy
from microbatch.webhook import Answer, Receiver, refused

IGNORED = {"status": "ignored"}


def receive_activity(
    raw_body: bytes,
    headers: Mapping[str, str],
    secret: str,
    now: datetime,
    wallets: Sequence[str],
) -> Answer:
    """Take one notification; an authentic one is always answered 200.

    Another answer would only have it sent again, and the webhook paused in the end.
    Raises ConfigurationError when the secret is malformed.
    """
    keys = alchemy.keys_in(secret)
    try:
        alchemy.verify(raw_body, headers.get("x-alchemy-signature", ""), keys)
    except InvalidToken as error:
        return refused(alchemy.SOURCE, error)
    try:
        notice = alchemy.parse(raw_body)
    except InvalidInput as error:
        count("webhook_malformed")
        logger.error("webhook_malformed", source=alchemy.SOURCE, reason=str(error))
        return Answer(200, IGNORED)
    if notice.trouble:
        count("chain_webhook_trouble")
        logger.error("chain_webhook_trouble", reason=notice.trouble)
    sighted = [
        _sighted(tx_hash, wallet, now) for wallet in wallets for tx_hash in notice.hashes_of(wallet)
    ]
    return Answer(200, {"status": "accepted"} if sighted else IGNORED, sighted)


ROUTES: dict[str, tuple[str, Receiver]] = {  # route: (secret, receiver)
    "POST /webhooks/alchemy": (alchemy.SECRET, receive_activity),
}


def _sighted(tx_hash: str, wallet: str, now: datetime) -> Outgoing:
    message = TransactionSighted(timestamp=int(now.timestamp()), wallet=wallet, tx_hash=tx_hash)
    return Outgoing("chain-requests", message)
