"""Claim and distribution at ten thousand, a hundred thousand and a million rows: time per row."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from bench import claim, distribute, millions
from bench.measure import Ratio, in_turns, ratio
from bench.server import Server

Fields = Mapping[str, Any]


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """A row for each; of the sizes, the slowest a row against the fastest."""
    largest = millions.MILLION
    sizes, rounds = ((500, 1000), 1) if small else ((largest // 100, largest // 10, largest), 3)
    yield _of(server, "claim", sizes, rounds, claim.pending, claim.claim)
    yield _of(server, "distribute", sizes, rounds, distribute.swapping, distribute.share_out)


def _of(
    server: Server,
    name: str,
    sizes: tuple[int, ...],
    rounds: int,
    prepare: Callable[[Server, int], millions.Filled],
    act: millions.Act,
) -> Ratio:
    with ExitStack() as stack:
        ready = {size: stack.enter_context(prepare(server, size)) for size in sizes}
        runs = {str(size): partial(server.on_a_copy, ready[size], act, size) for size in sizes}
        seconds = in_turns(rounds, first_too=True, **runs)
    taken = {size: [each / int(size) for each in seconds[size]] for size in seconds}
    largest, others = taken[str(sizes[-1])], [taken[str(size)] for size in sizes[:-1]]
    fastest = [min(each) for each in zip(*others, largest, strict=True)]
    slowest = [max(each) for each in zip(*others, largest, strict=True)]
    return ratio(
        f"{name}_is_linear",
        f"{name}: time a row, of {', '.join(f'{size:,}' for size in sizes)} rows the slowest",
        "the fastest of them",
        slowest,
        fastest,
        goal=1.5,
        at_least=False,
        microseconds_per_row={
            size: [round(s * 1e6, 2) for s in each] for size, each in taken.items()
        },
    )
