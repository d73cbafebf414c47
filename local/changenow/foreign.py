"""The chains that are not there: what the service paid on them, kept in memory."""

import threading
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256, sha512

from local.changenow.currencies import Currency
from local.changenow.encodings import base58

DEPTH = 100  # of every payment: these chains never reorganise


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One transaction on another chain."""

    tx_hash: str
    exchange_id: str
    currency: Currency
    address: str
    extra_id: str | None
    amount: Decimal


class ForeignChains:
    """All of them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._payments: list[Payment] = []

    def pay(
        self,
        *,
        exchange_id: str,
        currency: Currency,
        address: str,
        extra_id: str | None,
        amount: Decimal,
    ) -> str:
        """Pay, at once and for good; returns the transaction's hash."""
        with self._lock:
            payment = Payment(
                tx_hash=_hash(currency.network, f"{exchange_id} {len(self._payments)}"),
                exchange_id=exchange_id,
                currency=currency,
                address=address,
                extra_id=extra_id,
                amount=amount,
            )
            self._payments.append(payment)
            return payment.tx_hash

    def depth(self, tx_hash: str) -> int | None:
        """How deep a payment lies; None for one that was not made."""
        return DEPTH if any(one.tx_hash == tx_hash for one in self.payments()) else None

    def payments(self) -> list[Payment]:
        """Every payment, oldest first."""
        with self._lock:
            return list(self._payments)


def _hash(network: str, seed: str) -> str:
    """A hash as the network's explorers show it."""
    if network == "sol":  # the first signature
        return base58(sha512(seed.encode()).digest())
    digest = sha256(seed.encode()).hexdigest()
    return digest.upper() if network == "xrp" else digest
