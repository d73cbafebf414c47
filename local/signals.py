"""Signals that ask a command to end: they unwind it like an exception, so that it can tidy up."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], object] | signal.Handlers

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def unwind_on_signals() -> None:
    """From now on each of them raises: SIGINT KeyboardInterrupt, the others SystemExit."""
    # SIGINT too: a shell starts its background commands with SIGINT ignored
    _handle(signal.default_int_handler, _exit)


def ignore_signals() -> None:
    """From now on nothing interrupts us: we are ending already."""
    _handle(signal.SIG_IGN, signal.SIG_IGN)


def restore_signals() -> None:
    """Signals act as in any Python program again."""
    _handle(signal.default_int_handler, signal.SIG_DFL)


def _handle(interrupt: Handler, others: Handler) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may, and it has its own way of ending then
    for number in _ENDING:
        signal.signal(number, interrupt if number == signal.SIGINT else others)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
