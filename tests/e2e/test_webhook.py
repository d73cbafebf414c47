"""Notifications that must not be credited: a row for a person with the right reason, no money."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from local import nowpayments
from local.day import CHANNEL, STRANGER
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy", "at_rest")

ACCEPTED = (200, '{"status": "accepted"}')
Answer = tuple[int, str]
UNPAID = "990816"

# what the sender writes → why it is held
ODD: dict[tuple[str, str], str] = {
    ("outcome_amount", "0"): "implausible_amount",
    ("outcome_amount", "-0.004"): "implausible_amount",
    ("outcome_amount", "1000000000"): "implausible_amount",
    ("outcome_amount", "1e70"): "implausible_amount",
    ("outcome_amount", "1e-19"): "implausible_amount",  # finer than a wei
    ("outcome_amount", "10.000000000000000001"): "implausible_amount",  # a wei past the limit
    ("outcome_amount", "1e999"): "malformed",
    ("outcome_amount", '"much"'): "malformed",
    ("outcome_amount", "null"): "amount_unknown",
    ("price_amount", "1e15"): "implausible_amount",
    ("price_amount", "1.59"): "implausible_amount",  # a fifth of what came, and less
    ("outcome_currency", '"btc"'): "wrong_asset",
    ("outcome_currency", "null"): "wrong_asset",
    ("outcome_currency", '"ethbsc"'): "wrong_asset",
    ("order_id", '"-1003296084379"'): "malformed",
    ("order_id", '"PGP|"'): "malformed",
    ("order_id", "null"): "malformed",
    ("order_id", f'"PGP|{STRANGER}"'): "unknown_client",
    ("order_id", f'"PGP|{CHANNEL}|{CHANNEL}"'): "unknown_client",
    ("order_id", "\"PGP|' OR client_id = '4711\""): "unknown_client",
    ("parent_payment_id", "4914760001"): "redeposit",
}
UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda body: body[: len(body) // 2],
    "without an id": lambda body: body.replace(b'"payment_id":', b'"payment_number":'),
    "with a NUL": lambda body: body.replace(b"finished", b"\\u0000"),
    "in a list": lambda body: b"[" + body + b"]",
    "nested without end": lambda body: b'{"a":' * 2000 + body + b"}" * 2000,
}
CONFLICTS = {
    "outcome_amount": "0.0000009",
    "outcome_currency": '"usdttrc20"',
    "order_id": f'"PGP|{CHANNEL}"',
    "parent_payment_id": "4914760001",
}


@dataclass(frozen=True)
class Sent:
    """Bodies by what is odd about them, each sent twice, and what the sender was told."""

    bodies: dict[Any, bytes]
    answers: dict[Any, list[Answer]]
    books: list[dict[str, str]]  # before and after, held payments left out


def send(world: World, bodies: dict[Any, bytes]) -> Sent:
    world.until_quiet()
    before = books_but_held(world)
    answers = {what: [world.post(body), world.post(body)] for what, body in bodies.items()}
    world.until_quiet()
    return Sent(bodies, answers, [before, books_but_held(world)])


def books_but_held(world: World) -> dict[str, str]:
    return {name: digest for name, digest in world.digests().items() if name != "held_payments"}


def written(fields: dict[str, Any], name: str, value: str) -> bytes:
    """The sender's body with one value as this JSON text, which no number type could carry."""
    body = nowpayments.sorted_body(fields).decode()
    body, count = re.subn(rf'(?<="{name}":)("[^"]*"|[^,}}"]+)', lambda _: value, body)
    assert count == 1
    return body.encode()


def held(world: World, body: bytes) -> dict[str, Any]:
    """The one row that keeps this body as evidence."""
    row = world.one("SELECT * FROM held_payments WHERE notification = %(body)s", body=body)
    assert (row["state"], row["decided_at"]) == ("held", None)
    assert row["detail"]
    return row


@pytest.fixture(scope="module", autouse=True)
def _unpaid(world: World) -> None:
    """A client whose address is none: its payments stay as they are, and move no money."""
    world.operate(
        "clients add",
        client_id=UNPAID,
        wallet_address="bc1q-is-no-address",
        payout_currency="btc",
        payout_network="btc",
        payout_strategy="instant",
    )
    world.invoke("reconciler")
    state = "SELECT address_state FROM clients WHERE client_id = %(id)s"
    world.until(
        "the address is refused",
        lambda: world.one(state, id=UNPAID)["address_state"] == "refused",
    )


@pytest.fixture(scope="module")
def odd(world: World) -> Sent:
    return send(world, {case: written(world.notification("0.004", CHANNEL), *case) for case in ODD})


@pytest.fixture(scope="module")
def unreadable(world: World) -> Sent:
    good = nowpayments.sorted_body(world.notification("0.004", CHANNEL))
    return send(world, {what: broken(good) for what, broken in UNREADABLE.items()})


@pytest.fixture(scope="module")
def conflicts(world: World) -> Sent:
    """Each after its first sending, which was credited."""
    first = {name: world.notification("0.0004", UNPAID) for name in CONFLICTS}
    for fields in first.values():
        assert world.notify(fields) == ACCEPTED
    return send(world, {name: written(first[name], name, CONFLICTS[name]) for name in first})


@pytest.mark.parametrize("case", ODD, ids="=".join)
def test_an_odd_payment_is_held_once_with_the_right_reason(
    world: World, odd: Sent, case: tuple[str, str]
) -> None:
    assert odd.answers[case] == [ACCEPTED, ACCEPTED]
    assert held(world, odd.bodies[case])["reason"] == ODD[case]


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_refused_clearly_and_kept(
    world: World, unreadable: Sent, what: str
) -> None:
    for status, answer in unreadable.answers[what]:
        assert status == 400
        assert "error" in answer
    row = held(world, unreadable.bodies[what])
    assert row["reason"] == "malformed"
    assert row["payment_id"].startswith("unreadable-")


@pytest.mark.parametrize("name", CONFLICTS)
def test_the_same_id_with_other_particulars_is_held_beside_the_first(
    world: World, conflicts: Sent, name: str
) -> None:
    assert conflicts.answers[name] == [ACCEPTED, ACCEPTED]
    row = held(world, conflicts.bodies[name])
    assert row["reason"] == "conflict"
    (first,) = world.payments([row["payment_id"]])
    assert (first["state"], first["received_wei"]) == ("waiting_instant", 4 * 10**14)
    assert bytes(first["notification"]) != conflicts.bodies[name]


def test_none_of_them_moves_any_money(odd: Sent, unreadable: Sent, conflicts: Sent) -> None:
    for sent in (odd, unreadable, conflicts):
        before, after = sent.books
        assert after == before


def test_a_paused_clients_payment_is_held_until_it_goes_on(world: World) -> None:
    fields, later = (world.notification("0.0004", UNPAID) for _ in range(2))
    assert world.operate("clients pause", client_id=UNPAID)["changed"] is True
    try:
        sent = send(world, {"while paused": nowpayments.sorted_body(fields)})
    finally:
        world.operate("clients resume", client_id=UNPAID)
    assert world.notify(later) == ACCEPTED
    world.until_quiet()

    assert sent.answers["while paused"] == [ACCEPTED, ACCEPTED]
    assert held(world, sent.bodies["while paused"])["reason"] == "client_paused"
    assert sent.books[0] == sent.books[1]
    (row,) = world.payments([str(later["payment_id"])])
    assert row["state"] == "waiting_instant"


def test_a_re_send_that_differs_only_in_its_time_is_no_conflict(world: World) -> None:
    fields = world.notification("0.0004", UNPAID)
    assert world.notify(fields) == ACCEPTED
    world.until_quiet()
    books = world.digests()

    assert world.notify({**fields, "updated_at": fields["updated_at"] + 60_000}) == ACCEPTED
    world.until_quiet()

    assert world.digests() == books


def test_only_finished_counts(world: World) -> None:
    books = world.digests()
    others = [status for status in nowpayments.STATUSES if status != "finished"]

    answers = [
        world.notify(world.notification("0.004", CHANNEL, status=status)) for status in others
    ]
    world.until_quiet()

    assert {status for status, _ in answers} == {200}
    assert all("ignored" in text for _, text in answers)
    assert world.digests() == books


def test_a_bad_signature_leaves_nothing_behind(world: World) -> None:
    books, fields = world.digests(), world.notification("0.004", CHANNEL)
    url = f"{world.endpoints.webhook_url}/webhooks/nowpayments"
    body, secret = nowpayments.sorted_body(fields), world.secret("NOWPAYMENTS_IPN_SECRET")

    answers = [
        world.notify(fields, forged=True),
        nowpayments.send(url, body, None),
        nowpayments.send(url, body, nowpayments.sign(body, "another secret")),
        nowpayments.send(url, body + b" ", nowpayments.sign(body, secret + " ")),
    ]
    world.until_quiet()

    assert [status for status, _ in answers] == [401] * len(answers)
    assert world.digests() == books
