"""Every state of every table has a lifetime, or is final: read from the migrated schema itself."""

import re

import pytest

from microbatch.operations.lifetimes import AGES, FINAL, LIFETIMES, Act, lifetime
from microbatch.platform.database import Database

STATE_COLUMNS = {"state", "status", "address_state"}
# The moment at which something is told: until then the row has more to do.
TOLD_COLUMNS = {"announced_state", "announced_at"}
# What is no value of a column, and why it is a state all the same.
IMPLICIT = {"untold", "stale", "waiting", "paused"}


@pytest.fixture(scope="module")
def checked(module_database: Database) -> dict[str, set[str]]:
    """The values that the CHECK of each state column allows, by table."""
    with module_database.transaction() as tx:
        columns = tx.all(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = ANY(%(names)s)"
            " AND table_name IN (SELECT tablename FROM pg_tables WHERE schemaname = 'public')",
            names=list(STATE_COLUMNS),
        )
        found: dict[str, set[str]] = {}
        for row in columns:
            table, column = row["table_name"], row["column_name"]
            checks = tx.all(
                "SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint"
                " WHERE conrelid = %(table)s::regclass AND contype = 'c' AND conname = %(name)s",
                table=table,
                name=f"{table}_{column}_check",
            )
            assert checks, f"{table}.{column} has no CHECK of its own that names its values"
            found[table] = set(re.findall(r"'([a-z_]+)'", checks[0]["definition"]))
    return found


def test_every_state_of_every_table_has_a_lifetime_or_is_final(
    checked: dict[str, set[str]],
) -> None:
    assert {"payments", "batches", "swaps", "transfers", "wallets", "clients"} <= set(checked)
    living: dict[str, set[str]] = {}
    for each in LIFETIMES:
        if each.state not in IMPLICIT:
            living.setdefault(each.entity, set()).add(each.state)
    assert set(living) == set(checked), "a table has states, and nobody says how long they last"
    for table, states in checked.items():
        assert living[table] | FINAL[table] == states, table
        assert not living[table] & FINAL[table], table


def test_what_is_to_be_told_has_a_lifetime_until_it_is(module_database: Database) -> None:
    with module_database.transaction() as tx:
        rows = tx.all(
            "SELECT DISTINCT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = ANY(%(names)s)",
            names=list(TOLD_COLUMNS),
        )
    untold = {each.entity for each in LIFETIMES if each.state == "untold"}
    assert untold == {row["table_name"] for row in rows}


def test_nothing_moves_out_of_a_final_state(module_database: Database) -> None:
    with module_database.transaction() as tx:
        edges = tx.all("SELECT entity, from_state FROM state_edges")
    leaving = {(row["entity"], row["from_state"]) for row in edges}
    ended = {(table, state) for table, states in FINAL.items() for state in states}
    # A reorganisation takes an attempt back, together with its transfer, which has a lifetime.
    assert leaving & ended == {("transfer_attempts", "mined"), ("transfer_attempts", "superseded")}


def test_ages_are_known_and_a_state_has_one_lifetime() -> None:
    for each in LIFETIMES:
        follows = each.act is Act.FOLLOW
        assert (each.age == "") == follows, each
        assert each.age in (*AGES, "")
        assert each.max_age in (*AGES, "")
        assert each.does
        assert each.waits_for
        assert each.unblocked_by
        assert lifetime(each.entity, each.state) is each
    assert len({(each.entity, each.state) for each in LIFETIMES}) == len(LIFETIMES)
    # Below the client's threshold what is converted may wait for ever; nothing else may.
    ageless = [(each.entity, each.state) for each in LIFETIMES if not each.max_age]
    follows = [(each.entity, each.state) for each in LIFETIMES if each.act is Act.FOLLOW]
    assert sorted(ageless) == sorted([*follows, ("payments", "converted")])


def test_a_final_state_has_none() -> None:
    assert lifetime("batches", "distributed") is None
    assert lifetime("transfers", "settled") is None
