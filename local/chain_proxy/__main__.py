"""Starts the proxy as a process of its own: python -m local.chain_proxy --help."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from local.chain_proxy.faults import parse_fault
from local.chain_proxy.server import ChainProxy


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(
        prog="local.chain_proxy", description="A proxy that injects faults in front of a node"
    )
    parser.add_argument("--port", type=int, required=True, help="0: any free one")
    parser.add_argument("--upstream", required=True, metavar="URL", help="of the node")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="JSON", help="script it; may be repeated"
    )
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; says on standard output where."""
    options = arguments(words)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    proxy = ChainProxy(options.upstream, options.port)
    for text in options.fault:
        proxy.script(parse_fault(json.loads(text)))
    with proxy:
        print(f"listening on {proxy.url}", flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError, TypeError) as error:  # the port is taken, or a fault is none
        sys.exit(f"the proxy cannot work: {error}")
