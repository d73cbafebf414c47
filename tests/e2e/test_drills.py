"""The drills, on one stack where a day lasts seconds: what they find is read from where it stands.

What a drill prints is not believed: books, chain and exchange are compared here once more, and
that its fault was one.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.contracts.rpc import Rpc
from local.drills.faults import DRILLS
from local.drills.rehearsal import SPREAD, Result, rehearse
from local.drills.site import Site
from local.stack import Options, Stack
from microbatch.operations.invariants import ALL as INVARIANTS

DAY_SECONDS = 12
LIMIT_SECONDS = 120.0
OF_A_DAY = ("changenow-outage", "rpc-outage")
# What in each drill shows that something was taken away, and at least how often.
FELT = {
    "changenow-outage": ("calls that failed", 20),
    "rpc-outage": ("calls that failed", 50),
    "sqs-outage": ("calls that failed", 20),
    "postgres-restart": ("transactions broken off", 1),
    "lost-messages": ("messages lost", 20),
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


def _assert_it_was_one(drilled: Result) -> None:
    """It hit everything in the middle, and was felt; a day of it passes a message's deadline."""
    assert {each.split()[0] for each in drilled.caught} >= SPREAD
    what, least = FELT[drilled.name]
    assert drilled.facts[what] >= least
    if drilled.name in OF_A_DAY:
        assert drilled.fault_seconds > DAY_SECONDS
        assert sum(drilled.dead.values()) > 0
        assert {reason.partition(":")[0] for _, reason in drilled.dead} == {"RetryLater"}


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


def _assert_the_chain_agrees(site: Site) -> None:
    """As many transactions as nonces were given out, none of them twice for one transfer."""
    rpc, wallet = Rpc(site.endpoints.own_rpc_url), site.endpoints.host_wallet
    mined = int(rpc.call("eth_getTransactionCount", wallet, "latest"), 16)
    transfers = site.rows("SELECT tx_hash, nonce FROM transfers WHERE state = 'settled'")
    assert sorted(row["nonce"] for row in transfers) == list(range(mined))
    for row in transfers:
        found = rpc.call("eth_getTransactionByHash", row["tx_hash"])
        assert (found["from"].lower(), int(found["nonce"], 16)) == (wallet.lower(), row["nonce"])
