"""One step of a stage, message in, transition, message out, against one step of DBOS.

Ours goes through the door of `hostpay_approval`: token checked, a transfer approved in one
transaction after all that has to be asked, commit, a signed token out. DBOS makes one UPDATE
durable. Both on the same server.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from bench.door import KEYS, SURROUNDINGS, door, event
from bench.measure import Ratio, in_turns, ratio, seconds_of
from bench.rows import price
from bench.server import Server, connect
from microbatch import messages
from microbatch.messages import QUEUES, StatusCheckResponse

PAYEE = "0x" + "52" * 20
SWAPS = """
INSERT INTO swaps (swap_id, context, owner_id, generation, state, state_since, created_at,
    from_currency, from_network, from_amount_units, value_usd, to_currency, to_network,
    payout_address, refund_address, cn_api_id, payin_address)
SELECT 'S' || lpad(number::text, 15, '0'), 'batch', gen_random_uuid()::text, 1, 'created', now(),
    now(), 'eth', 'eth', 38139653100000000, 90, 'usdt', 'eth', %(wallet)s, %(wallet)s,
    'cn' || number, %(payee)s
FROM generate_series(1, %(count)s) AS number
"""
TRANSFERS = """
INSERT INTO transfers (unique_id, context, kind, swap_id, cn_api_id, wallet, chain_id, currency,
    network, to_address, amount_units, state, state_since, created_at)
SELECT swap_id, 'batch', 'exchange', swap_id, cn_api_id, %(wallet)s, 31337, 'eth', 'eth', %(payee)s,
    from_amount_units, 'requested', now(), now()
FROM swaps
"""
STEPS = """
CREATE TABLE steps (step_id bigint PRIMARY KEY, state text NOT NULL, state_since timestamptz);
INSERT INTO steps SELECT number, 'requested', now() FROM generate_series(1, %(count)s) AS number
"""


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """Against a step of a running workflow, and against a workflow of one step."""
    steps, rounds = (5, 1) if small else (30, 7)
    count = steps * (rounds + 2)
    with server.database() as fields, server.database() as their_fields:
        _fill(fields, their_fields, count)
        with door("hostpay_approval", fields) as approve, _dbos(their_fields) as dbos:
            ours, theirs = itertools.count(1, steps), itertools.count(1, steps)
            taken = in_turns(
                rounds,
                first_too=small,
                ours=lambda: _ours(approve, next(ours), steps),
                step=lambda: dbos("many", next(theirs), steps) / steps,
                workflow=lambda: dbos("one", next(theirs), steps) / steps,
            )
    milliseconds = {name: [round(s * 1000, 2) for s in each] for name, each in taken.items()}
    for name, against in (
        ("step", "a DBOS step within a running workflow"),
        ("workflow", "a DBOS workflow of one step"),
    ):
        yield ratio(
            f"stage_step_vs_dbos_{name}",
            "one stage step: message in, transition, message out",
            against,
            taken["ours"],
            taken[name],
            goal=0.5,
            at_least=False,
            milliseconds=milliseconds,
        )


def _fill(fields: Mapping[str, Any], their_fields: Mapping[str, Any], count: int) -> None:
    price(fields)
    parameters = {
        "count": 2 * count,
        "wallet": SURROUNDINGS["HOST_WALLET_ADDRESS"],
        "payee": PAYEE,
    }
    for where, statements in ((fields, (SWAPS, TRANSFERS)), (their_fields, (STEPS,))):
        with closing(connect(where)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, parameters)
            cursor.execute("VACUUM (ANALYZE)")


def _ours(approve: Any, first: int, steps: int) -> float:
    """Seconds a step, each message delivered alone."""
    key = KEYS[QUEUES["hostpay-status-response"].key]
    delivered = [
        event("hostpay-status-response", [messages.body(_answer(number), key)])
        for number in range(first, first + steps)
    ]

    def run() -> None:
        for each in delivered:
            assert approve(each) == {"batchItemFailures": []}

    return seconds_of(run) / steps


def _answer(number: int) -> StatusCheckResponse:
    return StatusCheckResponse(
        unique_id=f"S{number:015}",
        cn_api_id=f"cn{number}",
        status="waiting",
        from_currency="eth",
        from_network="eth",
        from_amount=0.0381396531,
        payin_address=PAYEE,
        timestamp=int(time.time()),
    )


@contextmanager
def _dbos(fields: Mapping[str, Any]) -> Iterator[Any]:
    """`run(mode, first, count)` → seconds, in a process of its own that is warm."""
    url = "postgresql://{username}:{password}@{host}:{port}/{dbname}".format(**fields)
    with subprocess.Popen(
        [sys.executable, "-m", "bench.dbos_step", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        ready = process.stdout
        while ready.readline().strip() not in ("ready", ""):
            pass

        def run(mode: str, first: int, count: int) -> float:
            print(json.dumps([mode, first, count]), file=process.stdin, flush=True)
            return float(ready.readline())

        yield run
        process.stdin.close()
