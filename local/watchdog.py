"""Ends a local stack when the command that runs it is gone, however it went.

It reads its standard input, a pipe from that command. The word `leave` means that the stack shall
stay up; the pipe's end without it, that nobody is there any more to end the stack.
"""

import signal
import subprocess
import sys
from pathlib import Path

from local import leftovers, toolchain

LEAVE = b"leave"


class Watchdog:
    """The process that outlives us just long enough to tidy up."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.watchdog", str(folder.resolve()), owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=toolchain.ROOT,
            start_new_session=True,  # a Ctrl-C in our terminal is not for it
        )

    def dismiss(self) -> None:
        """It ends, and leaves the stack alone."""
        self._process.communicate(LEAVE)


def main() -> None:
    """Waits for the word or for the end of the pipe."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    folder, owner = Path(sys.argv[1]), sys.argv[2]
    if sys.stdin.buffer.read() != LEAVE and leftovers.owner(folder) == owner:
        leftovers.stop(folder)


if __name__ == "__main__":
    main()
