"""Starts the simulator as a process of its own: python -m local.changenow --help."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from local.changenow.api import GATEABLE, Service
from local.changenow.chain import TREASURY_ADDRESS, Chain
from local.changenow.control import Control
from local.changenow.exchanges import FAST, REAL, Timings
from local.changenow.faults import FaultScript
from local.changenow.limits import CALLS_PER_MINUTE, CALLS_PER_SECOND, CallCounts, RateLimit
from local.changenow.office import Office
from local.changenow.pairs import Market
from local.changenow.server import Front, Server
from local.changenow.worker import Worker
from local.contracts.deploy import DEFAULT_ETH_USD, PRICE_FEED_ADDRESS, mint_usdt, usdt_balance
from local.contracts.rpc import Rpc, RpcError

DEFAULT_API_KEY = "local-changenow-key"
DEFAULT_PRIVATE_KEY = "local-changenow-private-key"
TREASURY_USDT_UNITS = 100_000_000 * 10**6
TREASURY_WEI_MIN, TREASURY_WEI = 1_000 * 10**18, 1_000_000 * 10**18
TIMINGS = {"fast": FAST, "real": REAL}


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(prog="local.changenow", description="ChangeNOW v2 simulator")
    parser.add_argument("--port", type=int, required=True, help="0: any free one")
    parser.add_argument("--rpc-url", required=True)
    parser.add_argument("--usdt", required=True, metavar="ADDRESS")
    parser.add_argument("--feed", default=PRICE_FEED_ADDRESS, metavar="ADDRESS")
    parser.add_argument("--price", type=Decimal, help="ETH/USD, instead of the feed's")
    parser.add_argument("--seed", type=int, help="makes ids and deposit addresses repeatable")
    parser.add_argument("--timings", choices=sorted(TIMINGS), default="fast")
    parser.add_argument("--confirmations", type=int, help="of a deposit")
    parser.add_argument("--ttl-seconds", type=float, help="expire without a deposit after this")
    parser.add_argument("--api-key", action="append", metavar="KEY", help="may be repeated")
    parser.add_argument("--private-api-key", default=DEFAULT_PRIVATE_KEY, metavar="KEY")
    parser.add_argument("--gated", action="append", default=[], choices=sorted(GATEABLE))
    parser.add_argument("--calls-per-second", type=int, default=CALLS_PER_SECOND)
    parser.add_argument("--calls-per-minute", type=int, default=CALLS_PER_MINUTE)
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args(words)


def timings(options: argparse.Namespace) -> Timings:
    """The chosen timings with what the command line overrides."""
    chosen = replace(TIMINGS[options.timings], ttl_seconds=options.ttl_seconds)
    if options.confirmations is None:
        return chosen
    return replace(chosen, confirmations=options.confirmations)


def front(options: argparse.Namespace, office: Office) -> Front:
    """The HTTP side, put together."""
    faults, calls = FaultScript(), CallCounts()
    return Front(
        service=Service(office=office, usdt_address=options.usdt),
        control=Control(office, faults, calls),
        faults=faults,
        limit=RateLimit(options.calls_per_second, options.calls_per_minute),
        api_keys=frozenset(options.api_key or [DEFAULT_API_KEY]),
        private_key=options.private_api_key,
        gated=frozenset(options.gated),
        calls=calls,
    )


def main(words: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; says on standard output where."""
    options = arguments(words)
    level = logging.WARNING if options.quiet else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    _fund_treasury(options)
    office = Office(Market(eth_usd=options.price or DEFAULT_ETH_USD), seed=options.seed)
    feed = None if options.price is not None else options.feed
    worker = Worker(office, Chain(options.rpc_url, options.usdt), timings(options), feed)
    worker.round()
    server = Server(options.port, front(options, office))
    serving = threading.Thread(target=server.serve_forever, name="server", daemon=True)
    worker.start()
    serving.start()
    print(f"listening on {server.url}", flush=True)
    ended.wait()
    server.front.closing.set()
    server.shutdown()
    server.server_close()
    worker.stop()
    return 0


def _fund_treasury(options: argparse.Namespace) -> None:
    if usdt_balance(options.rpc_url, TREASURY_ADDRESS, usdt=options.usdt) < TREASURY_USDT_UNITS:
        mint_usdt(options.rpc_url, TREASURY_ADDRESS, TREASURY_USDT_UNITS, usdt=options.usdt)
    rpc = Rpc(options.rpc_url)
    if int(rpc.call("eth_getBalance", TREASURY_ADDRESS, "latest"), 16) < TREASURY_WEI_MIN:
        rpc.call("anvil_setBalance", TREASURY_ADDRESS, hex(TREASURY_WEI))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (RpcError, OSError) as error:  # no node, no contracts, or the port is taken
        sys.exit(f"the ChangeNOW simulator cannot work: {error}")
