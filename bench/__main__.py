"""Every benchmark, or those that are named: `python -m bench [NAME …] [--small]`."""

import argparse
import importlib
import json
import os
import signal
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import measure, millions, picture
from bench.measure import RESULTS, Ratio
from bench.server import Server, server
from microbatch.platform.observability import logger

# In the order of the table; each has `rows(server, small=…)`.
NAMES = (
    "accumulate",
    "claim",
    "distribute",
    "threshold_check",
    "linear",
    "memory",
    "transfers",
    "stage_step",
    "message",
    "imports",
    "invariants",
    "aws_requests",
)


def main() -> int:
    """Runs, prints a line for each ratio, and keeps them."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--small", action="store_true", help="tiny sizes: that it runs at all")
    parser.add_argument("--million", type=int, metavar="ROWS", help="take so many rows for 10⁶")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(NAMES)}")
    if chosen.million:
        millions.MILLION = chosen.million
    warnings.simplefilter("ignore")  # a library's, at its import
    found = []
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, server() as started:
        logger.registered_handler.setStream(nowhere)  # type: ignore[attr-defined]
        version = started.version()
        for name in chosen.names or NAMES:
            new = run(started, name, small=chosen.small)
            for each in new:
                print(each.line, flush=True)
            found += new
            if not chosen.small:
                keep(new, version)
    print(f"{sum(each.met for each in found)} of {len(found)} goals are met")
    return 0


def run(started: Server, name: str, *, small: bool) -> list[Ratio]:
    """The ratios of one benchmark."""
    found: list[Ratio] = list(importlib.import_module(f"bench.{name}").rows(started, small=small))
    return found


def keep(found: list[Ratio], postgres: str) -> None:
    """Write the JSON and the picture; what was not run this time stays as it was measured last."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "latest.json"
    before: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    ratios = {each["name"]: each for each in before.get("ratios", [])}
    stamp = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": measure.machine() | {"postgres": postgres},
    }
    ratios |= {each.name: each.fields | stamp for each in found}
    kept: dict[str, Any] = {"ratios": list(ratios.values())}
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    picture.draw(kept["ratios"], RESULTS / "latest.svg")


if __name__ == "__main__":
    # a terminated run ends like an interrupted one: with its clean-up
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    sys.exit(main())
