"""One line a step, with its seconds, as soon as it is done."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def step(name: str) -> Iterator[None]:
    """Says how long the block took; steps may run in several threads."""
    began = time.monotonic()
    try:
        yield
    except BaseException:
        _say(name, began, "  did not succeed")
        raise
    _say(name, began, "")


def _say(name: str, began: float, outcome: str) -> None:
    print(f"  {name:<40}{time.monotonic() - began:6.1f} s{outcome}\n", end="", flush=True)
