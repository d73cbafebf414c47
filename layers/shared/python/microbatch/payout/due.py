"""The message that a payout, or a client's address, calls for: one function for all who send it."""

from datetime import datetime
from typing import Any

from microbatch.codec import as_double
from microbatch.messages import AddressCheckRequested, HostPayOrder, Outgoing
from microbatch.payout.model import Payout


def order(payout: Payout, now: datetime) -> Outgoing:
    """The order to pay a client directly."""
    message = HostPayOrder(
        payout.unique_id,
        "",
        payout.from_currency,
        payout.from_network,
        as_double(payout.amount),
        payout.to_address,
        int(now.timestamp()),
    )
    return Outgoing("hostpay-trigger", message)


def ask_about(client: dict[str, Any], now: datetime) -> Outgoing:
    """The question whether a client's address is one."""
    request = AddressCheckRequested(
        timestamp=int(now.timestamp()),
        client_id=client["client_id"],
        network=client["payout_network"],
        address=client["wallet_address"],
    )
    return Outgoing("swap-quote", request)
