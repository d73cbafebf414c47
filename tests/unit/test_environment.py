"""Settings of wallets and payees: read in one spelling, or refused by their name."""

import json

import pytest

from microbatch.errors import ConfigurationError
from microbatch.wiring import environment

NAME = "SOME_SETTING"
ONE, OTHER = "0x" + "aB" * 20, "0x" + "Cd" * 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ONE, {ONE.lower(): 0}),
        (f"{ONE}@17", {ONE.lower(): 17}),
        (f" {ONE}@17   {OTHER} ", {ONE.lower(): 17, OTHER.lower(): 0}),
        (f"{OTHER} {ONE}@0", {OTHER.lower(): 0, ONE.lower(): 0}),
    ],
)
def test_wallets_are_read_with_their_counts_in_the_order_they_are_named(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: dict[str, int]
) -> None:
    monkeypatch.setenv(NAME, text)

    assert list(environment.counted_addresses(NAME).items()) == list(expected.items())


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is missing"),
        ("  ", "is missing"),
        ("0x12", "is not an Ethereum address"),
        (f"{ONE},{OTHER}", "is not an Ethereum address"),
        (f"{ONE}@-1", "has a count that is no whole number"),
        (f"{ONE}@1.0", "has a count that is no whole number"),
        (f"{ONE}@²", "has a count that is no whole number"),
        (f"{ONE}@", "has a count that is no whole number"),
        (f"{ONE} {ONE.upper().replace('X', 'x', 1)}@3", "twice"),
        (f"{ONE}g", "is not an Ethereum address"),
        ("0x" + "zz" * 20, "is not an Ethereum address"),
    ],
)
def test_wallets_that_make_no_sense_are_refused_by_the_settings_name(
    monkeypatch: pytest.MonkeyPatch, text: str, wrong: str
) -> None:
    monkeypatch.setenv(NAME, text)

    with pytest.raises(ConfigurationError, match=f"{NAME}.*{wrong}"):
        environment.counted_addresses(NAME)


def test_an_allow_list_names_its_payees_or_says_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "everybody")
    assert environment.allow_list(NAME) == frozenset()

    monkeypatch.setenv(NAME, f"{ONE}\n{OTHER}")
    assert environment.allow_list(NAME) == {ONE.lower(), OTHER.lower()}

    for text in ("", "nobody", f"everybody {ONE}"):
        monkeypatch.setenv(NAME, text)
        with pytest.raises(ConfigurationError, match=NAME):
            environment.allow_list(NAME)


def test_queues_are_named_once_for_what_their_urls_begin_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = "https://sqs.eu-central-1.amazonaws.com/123456789012/microbatch-prod-"
    monkeypatch.setenv("QUEUE_URLS", json.dumps({base: ["events", "payments"]}))

    assert environment.queue_urls() == {"events": f"{base}events", "payments": f"{base}payments"}
    assert environment.dead_letter_urls()["events"] == f"{base}events-dlq"


@pytest.mark.parametrize("text", ["no JSON", "[]", "7", '{"https://": 7}'])
def test_queues_that_make_no_sense_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("QUEUE_URLS", text)

    with pytest.raises(ConfigurationError, match="QUEUE_URLS is not JSON"):
        environment.queue_urls()
