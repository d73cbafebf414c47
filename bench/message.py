"""Signing and verifying a message, against PyJWT with the same fields."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jwt

from bench.measure import Ratio, in_turns, ratio, seconds_of
from bench.server import Server
from microbatch.messages import QuoteRequested, sign, verify

KEY = b"k" * 64
MESSAGE = QuoteRequested(
    timestamp=1_800_000_000,
    swap_id="AAAABBBBCCCC2222",
    from_currency="eth",
    from_network="eth",
    to_currency="usdt",
    to_network="eth",
    amount="0.0381396531",
    payout_address="0x52908400098527886E0F7030069857D2E4169EE7",
)


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """The row of the table."""
    del server
    times, rounds = (20, 1) if small else (5000, 15)
    fields = dataclasses.asdict(MESSAGE)

    def ours() -> None:
        for _ in range(times):
            verify(QuoteRequested, sign(MESSAGE, KEY), [KEY], 1_800_000_000)

    def theirs() -> None:
        for _ in range(times):
            _jwt(fields)

    taken = in_turns(
        rounds,
        first_too=small,
        ours=lambda: seconds_of(ours) / times,
        pyjwt=lambda: seconds_of(theirs) / times,
    )
    yield ratio(
        "sign_and_verify_vs_pyjwt",
        "sign and verify a message",
        "PyJWT, HS256, the same fields",
        taken["ours"],
        taken["pyjwt"],
        goal=1,
        at_least=False,
        microseconds={name: [round(s * 1e6, 1) for s in each] for name, each in taken.items()},
    )


def _jwt(fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(jwt.encode(fields, KEY, "HS256"), KEY, ["HS256"])
    return found
