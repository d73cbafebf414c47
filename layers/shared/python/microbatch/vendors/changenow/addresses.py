"""Addresses in ChangeNow's words: its verdict on one, and when two are the same."""

from dataclasses import dataclass

from microbatch.errors import RetryLater
from microbatch.vendors.changenow.answers import Answer, text_in

CASELESS_NETWORKS = frozenset({"eth"})


@dataclass(frozen=True, slots=True)
class AddressVerdict:
    """Whether an address can be paid to; `message` says why not, in the provider's words."""

    valid: bool
    message: str


def verdict_in(answer: Answer, path: str) -> AddressVerdict:
    """The verdict in a good answer; a wrong address is one too. Raises RetryLater."""
    result = answer.get("result")
    if not isinstance(result, bool):
        raise RetryLater(f"ChangeNow {path}: result is neither true nor false")
    return AddressVerdict(result, text_in(answer, "message", path))


def same_address(one: str, other: str, network: str) -> bool:
    """Whether two texts are one address; upper case means nothing on some networks."""
    if network in CASELESS_NETWORKS:
        return one.lower() == other.lower()
    return one == other
