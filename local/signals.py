"""Signals that ask a command to end: they unwind it like an exception, so that it can tidy up."""

import signal
import threading
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BY_DEFAULT_WITHOUT_UNWINDING = (signal.SIGTERM, signal.SIGHUP)


def unwind_on_signals() -> None:
    """From now on SIGTERM and SIGHUP raise SystemExit, as SIGINT raises KeyboardInterrupt."""
    if threading.current_thread() is threading.main_thread():
        for number in _BY_DEFAULT_WITHOUT_UNWINDING:
            signal.signal(number, _exit)


def ignore_signals() -> None:
    """From now on nothing interrupts us: we are ending already."""
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)


def restore_signals() -> None:
    """Signals act as in any Python program again."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in _BY_DEFAULT_WITHOUT_UNWINDING:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
