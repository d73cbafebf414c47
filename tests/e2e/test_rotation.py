"""Signing keys and database passwords are changed while payments keep coming: nothing is lost.

The step is the documented one, `make rotate`, on the stack's own secrets and functions.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import psycopg2
import pytest

from cdk.config import LOCAL
from cdk.secret_rotation import ROTATABLE, rotate
from cdk.secret_store import SIGNING_KEYS
from cdk.secret_values import Vault
from cdk.stages import DATABASE_LOGINS, STAGES
from local.aws import trail
from local.stack import Stack
from tests.e2e.world import World

SENDERS = 3
TRIES, AGAIN_SECONDS = 120, 0.5
PAYMENT_ETH = "0.0031"
PAYMENTS_BETWEEN = 4  # two changes: messages of before and after are under way
A_DAY_LATER = timedelta(days=1, hours=1)
BEGUN_ANEW = 2  # of those who read a secret, once it was changed
LET_IN_SECONDS = 1.0  # so long nobody can log in: the password is written and not let in
# The emulator ends a function's environments in the middle of their work when it gets others, which
# AWS does not: what they had in hand comes again after this instead of minutes.
HIDDEN_SECONDS = 10
# A webhook has three seconds. Several that begin at once on a busy machine need more, each is ended
# for it, and the next one begins: a stand-still of up to a minute that has nothing to do with keys.
BEGIN_SECONDS = 30
QUIET_SECONDS = 120.0  # on a machine that is busy with other things
# Other tests leave a batch parked; whether one of ours is, its payments say.
UNDER_WAY = "SELECT * FROM batches WHERE state NOT IN ('distributed', 'released', 'parked')"
HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %(user)s"


class Payers:
    """Senders of payments without a pause; one that is not told 200 is sent again, as they do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._enough = Event()
        self.accepted: list[str] = []

    @contextmanager
    def paying(self) -> Iterator[None]:
        with ThreadPoolExecutor(SENDERS) as pool:
            senders = [pool.submit(self._pay) for _ in range(SENDERS)]
            try:
                yield
            finally:
                self._enough.set()
        for sender in senders:
            sender.result()

    def _pay(self) -> None:
        while not self._enough.is_set():
            fields = self._world.notification(PAYMENT_ETH)
            for _ in range(TRIES):
                if self._world.notify(fields)[0] == 200:
                    self.accepted.append(str(fields["payment_id"]))
                    break
                time.sleep(AGAIN_SECONDS)
            else:
                raise AssertionError(f"{fields['payment_id']} was never accepted")


class SlowMigrator:
    """Lambda: the migrator takes its time to let a password in, while nobody has a connection."""

    def __init__(self, world: World, zone: str) -> None:
        self._world, self._user = world, f"microbatch_{zone}"

    def invoke(self, **request: Any) -> dict[str, Any]:
        self._hang_up()
        time.sleep(LET_IN_SECONDS)
        answer: dict[str, Any] = self._world._client("lambda").invoke(**request)
        self._hang_up()  # and everybody comes in again, with the new one
        return answer

    def _hang_up(self) -> None:
        self._world.rows(HANG_UP, user=self._user)


@contextmanager
def _hidden_shortly(world: World) -> Iterator[None]:
    """What a function has in hand when it is ended comes again soon."""
    sqs, urls = world._client("sqs"), world.endpoints.queues.values()
    usual = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        for url in urls
    }
    for url in urls:
        sqs.set_queue_attributes(
            QueueUrl=url, Attributes={"VisibilityTimeout": str(HIDDEN_SECONDS)}
        )
    try:
        yield
    finally:
        for url, answer in usual.items():
            sqs.set_queue_attributes(QueueUrl=url, Attributes=answer["Attributes"])


def _begin_anew(world: World, stage: str) -> None:
    """A function gets new environments, which have read no secret yet."""
    client, name = world._client("lambda"), f"{LOCAL.prefix}{stage.replace('_', '-')}"
    now = client.get_function_configuration(FunctionName=name)
    more = {"Variables": {**now["Environment"]["Variables"], "BEGUN": str(time.time_ns())}}
    client.update_function_configuration(
        FunctionName=name, Environment=more, Timeout=max(now["Timeout"], BEGIN_SECONDS)
    )
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


def _rotate_everything(world: World, payers: Payers) -> dict[str, float]:
    """When each secret was changed."""
    vault = Vault(world._client("secretsmanager"), LOCAL)
    zones = {name: zone for zone, name in DATABASE_LOGINS.items()}
    changed = {}
    for name in ROTATABLE:
        migrator = SlowMigrator(world, zones.get(name, ""))
        changed[name] = time.time()
        # Tests before may have changed it, too; of what they signed nothing is on its way.
        rotate(name, LOCAL, vault, migrator, datetime.now(UTC) + A_DAY_LATER)
        # Some functions know the new key from now on, the others the old one only: a message is
        # signed with either, and meets either.
        who_reads_it = [stage for stage in STAGES if name in stage.all_secrets]
        for stage in who_reads_it[::2][:BEGUN_ANEW]:
            _begin_anew(world, stage.name)
        enough = len(payers.accepted) + PAYMENTS_BETWEEN
        world.until("payments go on", lambda enough=enough: len(payers.accepted) >= enough)
        world.invoke("threshold_check")
    return changed


@pytest.mark.usefixtures("tidy")
def test_every_key_and_password_is_changed_under_load_and_nothing_is_lost(
    world: World, stack: Stack
) -> None:
    payers = Payers(world)
    old = {name: world.secret(name) for name in ROTATABLE}

    with _hidden_shortly(world):
        with payers.paying():
            changed = _rotate_everything(world, payers)
        ids = payers.accepted
        world.until("every payment is stored", lambda: len(world.payments(ids)) == len(ids))
        ids += world.pay("0.02")  # more than the threshold: nothing stays pending
        world.open_batch()
        world.until_none("every batch is distributed", UNDER_WAY, QUIET_SECONDS)
        world.until_quiet(QUIET_SECONDS)

    assert len(ids) == len(set(ids)) > PAYMENTS_BETWEEN * len(ROTATABLE)
    stored = Counter(row["payment_id"] for row in world.payments(ids))
    assert stored == dict.fromkeys(ids, 1)
    assert world.one("SELECT count(*) AS held FROM held_payments WHERE payment_id = ANY(%(ids)s)",
                     ids=ids) == {"held": 0}  # fmt: skip
    assert {row["state"] for row in world.payments(ids)} <= {"converted", "in_payout", "paid"}
    assert world.dead_letters() == {}
    assert world.broken_invariants() == []
    _assert_they_were_changed(world, stack, old, changed)


def _assert_they_were_changed(
    world: World, stack: Stack, old: dict[str, str], changed: dict[str, float]
) -> None:
    """Everywhere: secrets are other ones, and who uses them has read them since."""
    assert set(changed) == {*SIGNING_KEYS, *DATABASE_LOGINS.values()}
    read_again = {
        entry.resource.rpartition("/")[2]
        for entry in trail.read(stack.folder)
        if isinstance(entry, trail.Request) and entry.action == "secretsmanager:GetSecretValue"
        and entry.caller != "account"
        and any(name in entry.resource and entry.at > at for name, at in changed.items())
    }  # fmt: skip
    for name, value in old.items():
        assert world.secret(name) != value
        assert any(name in secret for secret in read_again), name
    for zone in DATABASE_LOGINS:
        with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
            _log_in(old[DATABASE_LOGINS[zone]])
        _log_in(world.secret(DATABASE_LOGINS[zone])).close()


def _log_in(login: str) -> Any:
    fields = json.loads(login)
    return psycopg2.connect(user=fields.pop("username"), **fields)
