"""How often the outside parties are asked: what each allows, and what follows for concurrency."""

from dataclasses import dataclass
from math import ceil

# A turn of an outbound function beside its calls: receive, sign and send the answer, delete.
TURN_SECONDS_MIN = 0.1
CONCURRENCY_MIN = 2  # AWS refuses less for a queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Whom outbound functions call, one request after the other: how often in all, how quickly.

    `calls_at_once`: so many calls may share one request; whoever sells them counts each.

    `call_seconds_min` is an assumption, as nobody has measured it: past its limit a vendor answers
    429, and the message waits.
    """

    calls_per_second_max: int
    call_seconds_min: float
    calls_at_once: int = 1


# By the secret a vendor is reached with. ChangeNOW allows 30 a second and 1800 a minute: a third is
# left free. Less than two instances of each of the four that ask it cannot be had; eight that did
# nothing but wait for its answers would ask 20 times. A node's plan must allow what is here.
VENDORS = {
    "CHANGENOW_API_KEY": Vendor(calls_per_second_max=20, call_seconds_min=0.4),
    "ETHEREUM_RPC_URL": Vendor(calls_per_second_max=300, call_seconds_min=0.05, calls_at_once=10),
}


def calls_per_second(calls_per_turn: int, vendor: Vendor) -> float:
    """How often one instance of a function asks at most, its turns full and following at once."""
    requests = ceil(calls_per_turn / vendor.calls_at_once)
    return calls_per_turn / (TURN_SECONDS_MIN + requests * vendor.call_seconds_min)


def concurrency_for(calls_per_second_max: int, calls_per_turn: int, vendor: Vendor) -> int:
    """Maximum concurrency that keeps a function within its part of the vendor's budget."""
    affordable = calls_per_second_max / calls_per_second(calls_per_turn, vendor)
    return max(CONCURRENCY_MIN, int(affordable))
