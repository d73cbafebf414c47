"""Every invariant over a million payments: how the time grows, and what of each table is read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any

from bench import millions
from bench.measure import Ratio, in_turns, ratio, seconds_of
from bench.server import Server, connect, owner
from microbatch.operations.invariants import ALL
from microbatch.platform.database import Database

BATCHES = 10
Fields = Mapping[str, Any]


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """Two rows: the growth, and the scans."""
    few, many, rounds = (200, 2000, 1) if small else (millions.MILLION // 10, millions.MILLION, 3)
    with ExitStack() as stack:
        databases = {}
        for name, count in (("few", few), ("many", many)):
            fields = stack.enter_context(_converted(server, count))
            databases[name] = stack.enter_context(owner(fields))
        taken = in_turns(
            rounds,
            first_too=small,
            few=lambda: _all(databases["few"]) / few,
            many=lambda: _all(databases["many"]) / many,
        )
        read = scans(fields)
    yield ratio(
        "invariants_are_linear",
        f"all {len(ALL)} invariants over {many:,} payments, time a payment",
        f"over {few:,}",
        taken["many"],
        taken["few"],
        goal=1.5,
        at_least=False,
        microseconds_per_payment={n: [round(s * 1e6, 2) for s in e] for n, e in taken.items()},
    )
    most = max(read.values())
    yield ratio(
        "scans_per_invariant_and_table",
        "times that an invariant reads a table as a whole, the most of all",
        "once",
        [float(most)],
        [1.0],
        goal=1,
        at_least=False,
        scans={f"{name}: {table}": times for (name, table), times in read.items()},
    )


def _converted(server: Server, count: int) -> millions.Filled:
    def fill(fields: Fields) -> None:
        each = count // BATCHES
        for number in range(BATCHES - 1):
            name, first = f"{millions.CONVERTED[:-2]}{number:02}", 10**12 + number * 10**9
            millions.payments(fields, each, "converted", first=first, batch=name, share=1)
            millions.batch(fields, name, "distributed", each)
        millions.payments(fields, each, "pending", first=1)

    return millions.filled(server, count, "payments, most of them converted", fill)


def _all(database: Database) -> float:
    """Seconds of every query, each read to its end."""

    def run() -> None:
        with database.transaction() as tx:
            for query in ALL.values():
                tx.execute(f"SELECT count(*) FROM ({query}) AS broken")

    return seconds_of(run)


def scans(fields: Fields) -> dict[tuple[str, str], int]:
    """(invariant, table) → how often the table is read as a whole, by the plan as it ran."""
    found: Counter[tuple[str, str]] = Counter()
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        for name, query in ALL.items():
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
            (answer,) = cursor.fetchone()
            for table, times in _whole(answer[0]["Plan"]):
                found[name, table] += times
    return dict(found)


def _whole(plan: dict[str, Any], processes: int = 1) -> Iterator[tuple[str, int]]:
    """(table, how often) of every sequential or full index scan below a node of a plan.

    Processes that share one scan are counted as a loop each by Postgres; together they read once.
    """
    kind = plan["Node Type"]
    bounded = "Index Cond" in plan or "Recheck Cond" in plan
    if plan.get("Relation Name") and kind.endswith("Scan") and not bounded:
        shared_by = processes if plan.get("Parallel Aware") else 1
        yield plan["Relation Name"], -(-int(plan["Actual Loops"]) // shared_by)
    processes = plan.get("Workers Launched", processes - 1) + 1
    for below in plan.get("Plans", []):
        yield from _whole(below, processes)
