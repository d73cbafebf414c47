"""Reading a transaction's receipt, strictly: what cannot be read is RetryLater, never a guess."""

from dataclasses import dataclass
from typing import Any

from microbatch.vendors.ethereum.rpc import malformed, number, octets, quantity, words
from microbatch.vendors.wire import ETHEREUM_ADDRESS

GET_RECEIPT = "eth_getTransactionReceipt"
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
TRANSFER_TOPICS = 3  # the event, from, to
ADDRESS_DIGITS = 40
TOPIC_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTransfer:
    """One Transfer event of the token to us."""

    log_index: int
    sender: str
    amount_units: int


def receipt_quantity(found: dict[str, Any], name: str) -> int:
    """A sum of the receipt's. Raises RetryLater."""
    return quantity(GET_RECEIPT, found.get(name))


def receipt_number(found: dict[str, Any], name: str) -> int:
    """A count of the receipt's: a block's number, or gas. Raises RetryLater."""
    return number(GET_RECEIPT, found.get(name))


def receipt_status(found: dict[str, Any]) -> str:
    """ "success" or "reverted". Raises RetryLater."""
    status = receipt_quantity(found, "status")
    if status not in (0, 1):
        raise malformed(GET_RECEIPT)
    return "success" if status else "reverted"


def receipt_sender(found: dict[str, Any]) -> str:
    """Who sent the transaction, in lower case; "" when the node does not say."""
    sender = str(found.get("from"))
    return sender.lower() if ETHEREUM_ADDRESS.fullmatch(sender) else ""


def transfers_in(found: dict[str, Any], token: str, to_address: str) -> tuple[TokenTransfer, ...]:
    """The transfers of the token to an address, both in lower case. Raises RetryLater.

    A transfer of nothing is left out: with USDT anybody can make one in anybody's name.
    """
    wanted = "0x" + to_address.removeprefix("0x").rjust(TOPIC_DIGITS, "0")
    try:
        candidates = [log for log in found["logs"] if _is_transfer(log, token, wanted)]
        transfers = [_transfer(log) for log in candidates]
    except (LookupError, TypeError, AttributeError):
        raise malformed(GET_RECEIPT) from None
    return tuple(transfer for transfer in transfers if transfer.amount_units)


def _is_transfer(log: dict[str, Any], token: str, wanted: str) -> bool:
    topics = [topic.lower() for topic in log["topics"]]
    return (
        log["address"].lower() == token
        and len(topics) == TRANSFER_TOPICS
        and topics[0] == TRANSFER_TOPIC
        and topics[2] == wanted
        and not log.get("removed")
    )


def _transfer(log: dict[str, Any]) -> TokenTransfer:
    return TokenTransfer(
        log_index=quantity(GET_RECEIPT, log["logIndex"]),
        sender="0x" + log["topics"][1].lower()[-ADDRESS_DIGITS:],
        amount_units=words(octets(GET_RECEIPT, log["data"]))[0],
    )
