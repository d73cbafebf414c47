"""Changing what nobody outside knows: a key with its predecessor, a login by the migrator."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from cdk.config import LOCAL
from cdk.secret_rotation import ROTATABLE, rotate
from cdk.secret_values import UnusableError, Vault
from cdk.stages import DATABASE_LOGINS
from microbatch.messages import ExchangeStatusRequested
from microbatch.platform.database import Database
from microbatch.platform.migration import admit
from tests.fakes.logins import login, logins
from tests.integration.doors import KEYS, Doors, sample, signed


class Deployed(Vault):
    """The secrets of the doors, which have no prefix there."""

    def __init__(self, doors: Doors) -> None:
        super().__init__(doors._vault, LOCAL)
        self._prefix = ""


class Functions:
    """Lambda, as far as the migrator is invoked."""

    def __init__(self, doors: Doors, error: bool = False) -> None:
        self._doors, self._error = doors, error

    def invoke(self, **request: Any) -> dict[str, Any]:
        assert request["FunctionName"] == "microbatch-local-migrator:live"
        if self._error:
            return {"FunctionError": "Unhandled"}
        return {"Payload": self._doors.invoke("migrator", json.loads(request["Payload"]))}


@pytest.fixture
def logins_as_before(database: Database, database_fields: dict[str, Any]) -> Iterator[None]:
    """Roles are the server's: the next test finds them as they were."""
    yield
    admit(database, logins(database_fields).values())


def now() -> datetime:
    return datetime.now(UTC)


def test_a_signing_key_is_changed_and_its_predecessor_still_read(doors: Doors) -> None:
    queue = "swap-monitor"
    family = "SWAP_SIGNING_KEY"
    before = signed(queue, sample(ExchangeStatusRequested))

    rotate(family, LOCAL, Deployed(doors), Functions(doors), now())

    new = Deployed(doors).read(family)
    assert len(new) == 64
    assert new != KEYS[family]
    after = signed(queue, sample(ExchangeStatusRequested), new)
    assert doors.deliver(queue, before, after) == 0


def test_a_key_is_not_changed_again_while_messages_of_the_one_before_may_be_on_their_way(
    doors: Doors,
) -> None:
    vault, functions = Deployed(doors), Functions(doors)
    rotate("SWAP_SIGNING_KEY", LOCAL, vault, functions, now())

    with pytest.raises(UnusableError, match="may be on their way until"):
        rotate("SWAP_SIGNING_KEY", LOCAL, vault, functions, now() + timedelta(hours=23))
    rotate("SWAP_SIGNING_KEY", LOCAL, vault, functions, now() + timedelta(hours=25))


@pytest.mark.usefixtures("logins_as_before")
@pytest.mark.parametrize(("zone", "name"), sorted(DATABASE_LOGINS.items()))
def test_a_login_is_changed_and_let_in(
    doors: Doors, database_fields: dict[str, Any], zone: str, name: str
) -> None:
    old = login(database_fields, zone)

    rotate(name, LOCAL, Deployed(doors), Functions(doors), now())

    new = json.loads(Deployed(doors).read(name))
    assert new == old | {"password": new["password"]}
    assert new["password"] != old["password"]
    psycopg2.connect(user=new.pop("username"), **new).close()
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        psycopg2.connect(user=old.pop("username"), **old)
    assert doors.invoke("health", {"routeKey": "GET /health"})["statusCode"] == 200


def test_a_password_that_was_not_let_in_is_said(doors: Doors) -> None:
    with pytest.raises(UnusableError, match="has not let it in"):
        rotate("DATABASE_LEDGER", LOCAL, Deployed(doors), Functions(doors, error=True), now())


@pytest.mark.parametrize("name", ["CHANGENOW_API_KEY", "HOST_WALLET_PRIVATE_KEY", "DATABASE_OWNER"])
def test_what_others_know_is_not_changed_by_us(doors: Doors, name: str) -> None:
    before = Deployed(doors).read(name)

    with pytest.raises(UnusableError, match=f"{name} is not one of"):
        rotate(name, LOCAL, Deployed(doors), Functions(doors), now())
    assert Deployed(doors).read(name) == before
    assert name not in ROTATABLE
