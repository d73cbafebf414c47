"""The drills, on one stack where a day lasts seconds: what they find is read from where it stands.

What a drill prints is not believed: books, chain and exchange are compared here once more, and
that its fault was one.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from local.contracts.rpc import Rpc
from local.drills import verdict
from local.drills.faults import DRILLS
from local.drills.rehearsal import SPREAD, Result, rehearse
from local.drills.site import Site
from local.drills.traffic import Senders
from local.stack import Options, Stack
from microbatch.operations.invariants import ALL as INVARIANTS

DAY_SECONDS = 10
LIMIT_SECONDS = 120.0
OF_A_DAY = ("changenow-outage", "rpc-outage", "redrive")
# What in each drill shows that something was taken away, and at least how often.
FELT = {
    "changenow-outage": ("calls that failed", 20),
    "rpc-outage": ("calls that failed", 50),
    "sqs-outage": ("calls that failed", 20),
    "postgres-restart": ("transactions broken off", 1),
    "lost-messages": ("messages lost", 5),  # half a day is 5 s here
    "redrive": ("payments among the dead", 1),
}


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """One stack for all of them: each begins on the books that the one before has left."""
    folder = Path(tempfile.mkdtemp(prefix="microbatch-drills-"))
    with Stack(folder, Options(day_seconds=DAY_SECONDS)) as stack:
        yield Site(stack.endpoints, folder)
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest.fixture(scope="module", params=DRILLS)
def drilled(site: Site, request: pytest.FixtureRequest) -> Result:
    return rehearse(request.param, site, LIMIT_SECONDS)


def test_everything_recovers_from_it(site: Site, drilled: Result) -> None:
    assert drilled.recovery_seconds is not None
    assert [each for each in drilled.findings if not each.holds] == []
    _assert_it_was_one(drilled)
    _assert_the_books_hold(site, drilled)
    _assert_the_chain_agrees(site)
    _assert_nothing_is_dead(site, drilled)


def test_what_is_wrong_is_found(site: Site) -> None:
    """Else it would prove nothing that nothing is."""
    senders, told = Senders(site), [{"type": "payout.completed", "data": {"payout_id": "none"}}]
    (began,) = site.rows("SELECT min(created_at) AS at FROM batches")

    def wrong() -> set[str]:
        found = verdict.judge(site, senders, told, began["at"])
        return {each.what for each in found if not each.holds}

    assert wrong() == {"batch.completed not told", "payout.completed not told"}
    senders.credited["17"] = senders.received_wei["7001"] = 1
    assert wrong() >= {"payments credited", "wei received, by client"}
    with _tampered(site, "UPDATE token_receipts SET amount_units = amount_units + 1"):
        assert wrong() >= {
            "micro-USDT that came to the wallet",
            "arrived_is_what_the_chain_logged",
        }
    with _tampered(site, "UPDATE transfers SET amount_units = amount_units + 1"):
        assert wrong() >= {"wei that left the wallet", "micro-USDT that left the wallet"}
    with _tampered(site, "UPDATE payouts SET delivered = delivered + 1"):
        assert wrong() >= {"paid abroad = payouts"}
    with _tampered(site, "UPDATE transfer_attempts SET nonce = nonce + 1"):
        assert wrong() >= {"transactions of the wallet are in the books"}


@contextmanager
def _tampered(site: Site, statement: str) -> Iterator[None]:
    """The books as nobody of ours can make them; afterwards as they were."""
    connection = psycopg2.connect(site.endpoints.database_url)
    back = re.sub(r"\+ 1$", "- 1", statement)
    try:
        for each in (statement, back):
            with connection, connection.cursor() as cursor:
                cursor.execute("SET LOCAL session_replication_role = 'replica'")
                cursor.execute(each)
            if each is statement:
                yield
    finally:
        connection.close()


def _assert_it_was_one(drilled: Result) -> None:
    """It hit everything in the middle, and was felt; a day of it passes a message's deadline."""
    assert {each.split()[0] for each in drilled.caught} >= SPREAD
    what, least = FELT[drilled.name]
    assert drilled.facts[what] >= least
    if drilled.name in OF_A_DAY:
        assert drilled.fault_seconds > DAY_SECONDS
        assert sum(drilled.dead.values()) > 0
        reasons = {reason.partition(":")[0] for _, reason in drilled.dead}
        assert reasons - {"InvalidToken"} == {"RetryLater"}  # the former: one drill puts one there


def _assert_the_books_hold(site: Site, drilled: Result) -> None:
    assert {name for name, query in INVARIANTS.items() if site.rows(query)} == set()
    (left,) = site.rows(
        "SELECT (SELECT count(*) FROM payments WHERE state NOT IN ('paid', 'converted', 'pending'))"
        " + (SELECT count(*) FROM batches WHERE state NOT IN ('distributed', 'released'))"
        " + (SELECT count(*) FROM payouts WHERE state NOT IN ('completed', 'released', 'rerouted'))"
        " + (SELECT count(*) FROM transfers WHERE state NOT IN ('settled', 'rejected'))"
        " + (SELECT count(*) FROM wallets WHERE status <> 'active') AS rows"
    )
    assert left["rows"] == 0
    (paid,) = site.rows("SELECT count(*) AS payments FROM payments WHERE state = 'paid'")
    assert paid["payments"] >= drilled.payments / 2  # most clients have no threshold to wait for


def _assert_nothing_is_dead(site: Site, drilled: Result) -> None:
    """Dead letters are sent for as their rows stand, and thrown away; the payments are moved."""
    assert {
        queue: site.depth(queue, dead=True) for queue in site.endpoints.queues
    } == dict.fromkeys(site.endpoints.queues, 0)
    assert sum(drilled.redriven.values()) == sum(drilled.dead.values())
    of_payments = sum(count for (queue, _), count in drilled.dead.items() if queue == "payments")
    assert drilled.redriven["moved"] == of_payments
    (acts,) = site.rows("SELECT count(*) AS open FROM operator_acts WHERE after IS NULL")
    assert acts["open"] == 0


def _assert_the_chain_agrees(site: Site) -> None:
    """As many transactions as nonces were given out, none of them twice for one transfer."""
    rpc, wallet = Rpc(site.endpoints.own_rpc_url), site.endpoints.host_wallet
    mined = int(rpc.call("eth_getTransactionCount", wallet, "latest"), 16)
    transfers = site.rows("SELECT tx_hash, nonce FROM transfers WHERE state = 'settled'")
    assert sorted(row["nonce"] for row in transfers) == list(range(mined))
    for row in transfers:
        found = rpc.call("eth_getTransactionByHash", row["tx_hash"])
        assert (found["from"].lower(), int(found["nonce"], 16)) == (wallet.lower(), row["nonce"])
