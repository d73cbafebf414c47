"""The faults still to come, oldest first. Thread-safe."""

import random
import threading
from typing import Any

from local.chain_proxy.faults import ANY_METHOD, FOR_EVER, KINDS, Fault
from local.chain_proxy.journal import Incoming


class Scripted:
    """One fault in the script, and how far it has come."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.fired = 0
        self.skipped = 0
        self._random = random.Random(fault.seed)

    @property
    def spent(self) -> bool:
        """Whether it has happened as often as it should."""
        return self.fault.times != FOR_EVER and self.fired >= self.fault.times

    def strikes(self) -> bool:
        """Whether a call that it concerns suffers it; counts the call."""
        if self.spent:
            return False
        if self.skipped < self.fault.skip:
            self.skipped += 1
            return False
        if self.fault.probability < 1 and self._random.random() >= self.fault.probability:
            return False
        self.fired += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """Where it stands."""
        fault = self.fault
        left = FOR_EVER if fault.times == FOR_EVER else fault.times - self.fired
        return {
            "number": self.number,
            "kind": fault.kind,
            "method": fault.method or KINDS[fault.kind].method or ANY_METHOD,
            "left": left,
            "skip": fault.skip - self.skipped,
            "fired": self.fired,
        }


class FaultScript:
    """Every fault counts for itself: one that lets a call by leaves it to the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scripted: list[Scripted] = []
        self._added = 0

    def add(self, fault: Fault) -> Scripted:
        """Add one fault to the end."""
        with self._lock:
            self._added += 1
            scripted = Scripted(self._added, fault)
            self._scripted.append(scripted)
            return scripted

    def lift(self, number: int) -> bool:
        """Forget one fault; False when there is none of this number."""
        with self._lock:
            left = [one for one in self._scripted if one.number != number]
            found = len(left) < len(self._scripted)
            self._scripted = left
            return found

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._scripted.clear()

    def pending(self) -> list[dict[str, Any]]:
        """What is still to come."""
        with self._lock:
            return [one.as_json() for one in self._scripted if not one.spent]

    def take(self, incoming: Incoming) -> Scripted | None:
        """The fault this call shall suffer, if any."""
        with self._lock:
            for one in self._scripted:
                if one.fault.concerns(incoming) and one.strikes():
                    return one
            return None

    def give_back(self, scripted: Scripted) -> None:
        """It found nothing to lie about, and did not happen."""
        with self._lock:
            scripted.fired -= 1
