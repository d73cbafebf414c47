"""A swap's identity, which exchange it accepts, and how its amounts are read."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from microbatch.market.model import ETH_TO_USDT, Pair
from microbatch.money import Usd
from microbatch.swap.model import (
    ONGOING,
    Swap,
    Terms,
    accepts,
    disagrees,
    quote_refusal,
    swap_id_of,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WALLET = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
PAYIN = "0x52908400098527886E0F7030069857D2E4169EE7"
BAND = Decimal(25)
SWAP = Swap(
    **{
        **dict.fromkeys(Swap.__slots__),
        "swap_id": "H4G9ORQ1DLTHAQ04",
        "context": "batch",
        "owner_id": "6f1c",
        "generation": 1,
        "state": "requested",
        "state_since": NOW,
        "from_currency": "eth",
        "from_network": "eth",
        "from_amount_units": 50_000_000_000_000_000,
        "value_usd": Decimal(100),
        "to_currency": "usdt",
        "to_network": "eth",
        "payout_address": WALLET,
        "refund_address": WALLET,
    }
)


@dataclass(frozen=True)
class Offer:
    """What the provider made, as ExchangeCreated tells it."""

    payin_address: str = PAYIN
    payin_extra_id: str = ""
    payout_address: str = WALLET
    from_currency: str = "eth"
    from_network: str = "eth"
    to_currency: str = "usdt"
    to_network: str = "eth"
    from_amount: str = "0.05"
    to_amount: str = "99"


OFFERS: list[tuple[str | None, dict[str, str]]] = [
    (None, {}),
    (None, {"from_amount": "0.0500"}),
    (None, {"payout_address": WALLET.lower()}),
    (None, {"payin_address": PAYIN.lower()}),
    (None, {"to_amount": "75"}),
    (None, {"to_amount": "125"}),
    ("quote_out_of_band", {"to_amount": "74.999999"}),
    ("quote_out_of_band", {"to_amount": "125.000001"}),
    ("quote_out_of_band", {"to_amount": "0"}),
    ("quote_missing", {"to_amount": ""}),
    ("from_amount_differs", {"from_amount": "0.050000000000000001"}),
    ("from_amount_differs", {"from_amount": "0.5"}),
    ("payout_address_differs", {"payout_address": PAYIN}),
    ("payout_address_differs", {"payout_address": ""}),
    ("exchange_of_another_pair", {"from_currency": "btc"}),
    ("exchange_of_another_pair", {"from_network": "bsc"}),
    ("exchange_of_another_pair", {"to_currency": "usdc"}),
    ("exchange_of_another_pair", {"to_network": "trx"}),
    ("payin_needs_extra_id", {"payin_extra_id": "12345"}),
    ("payin_address_malformed", {"payin_address": ""}),
    ("payin_address_malformed", {"payin_address": PAYIN + "0"}),
    ("payin_address_malformed", {"payin_address": PAYIN + "\n"}),
    ("payin_address_malformed", {"payin_address": "0x" + "g" * 40}),
]


@pytest.mark.parametrize(("refusal", "changed"), OFFERS)
def test_only_the_exchange_that_was_asked_for_is_accepted(
    refusal: str | None, changed: dict[str, str]
) -> None:
    assert accepts(SWAP, Offer(**changed), BAND) == refusal


PAYOUT = replace(
    SWAP,
    context="instant",
    quoted_to_amount=Decimal("0.6"),
    value_usd=Decimal(100),
    to_currency="xmr",
    to_network="xmr",
    payout_address="4x",
)
TO_XMR = {"to_currency": "xmr", "to_network": "xmr", "payout_address": "4X"}


@pytest.mark.parametrize(
    ("refusal", "swap", "to_amount"),
    [
        (None, PAYOUT, "0.45"),
        (None, PAYOUT, "0.75"),
        ("quote_out_of_band", PAYOUT, "0.449999"),
        ("quote_out_of_band", PAYOUT, "0.750001"),
        ("quote_missing", replace(PAYOUT, quoted_to_amount=None), "0.6"),
    ],
)
def test_what_a_client_is_offered_is_compared_with_what_was_quoted(
    refusal: str | None, swap: Swap, to_amount: str
) -> None:
    assert accepts(swap, Offer(**TO_XMR, to_amount=to_amount), BAND) == refusal


@pytest.mark.parametrize(
    ("currency", "quoted", "to_amount", "refusal"),
    [
        ("usdt", None, "75", None),  # a dollar is a dollar, without any quote
        ("usdt", None, "74.9", "quote_out_of_band"),
        ("usdc", None, "125", None),
        ("usdc", None, "125.1", "quote_out_of_band"),
        ("usdt", Decimal(80), "60", None),  # the quote is nearer to what it will bring
        ("usdt", Decimal(80), "101", "quote_out_of_band"),
    ],
)
def test_dollars_are_worth_their_value_where_nothing_was_quoted(
    currency: str, quoted: Decimal | None, to_amount: str, refusal: str | None
) -> None:
    swap = replace(PAYOUT, to_currency=currency, quoted_to_amount=quoted)
    offer = Offer(to_currency=currency, to_network="xmr", payout_address="4x", to_amount=to_amount)

    assert accepts(swap, offer, BAND) == refusal


@dataclass(frozen=True)
class Quote:
    """What the provider would give, as QuoteObserved tells it."""

    amount: str = "0.05"
    minimum: str = "0.01"
    maximum: str = ""
    estimated_amount: str = "0.6"


TO_USDT = {"to_currency": "usdt", "to_network": "trx"}
TO_ETH = {"to_currency": "eth", "to_network": "eth"}
QUOTES: list[tuple[str | None, dict[str, str], dict[str, str]]] = [
    (None, {}, {}),
    (None, {}, {"amount": "0.0500"}),
    ("quote_for_another_amount", {}, {"amount": "0.050000000000000001"}),
    (None, {}, {"minimum": "0.05"}),
    ("below_minimum: 0.050000000000000001 eth", {}, {"minimum": "0.050000000000000001"}),
    (None, {}, {"maximum": "0.05"}),
    ("above_maximum: 0.049999999999999999 eth", {}, {"maximum": "0.049999999999999999"}),
    (None, {}, {"estimated_amount": "1000"}),  # nobody here knows what an XMR is worth
    (None, TO_USDT, {"estimated_amount": "75"}),
    (None, TO_USDT, {"estimated_amount": "125"}),
    ("quote_out_of_band: 74.99 for 100 usdt", TO_USDT, {"estimated_amount": "74.99"}),
    ("quote_out_of_band: 125.01 for 100 usdt", TO_USDT, {"estimated_amount": "125.01"}),
    (None, TO_USDT, {"estimated_amount": ""}),
    (None, TO_ETH, {"estimated_amount": "0.0375"}),
    ("quote_out_of_band: 0.0374 for 0.05 eth", TO_ETH, {"estimated_amount": "0.0374"}),
    ("quote_out_of_band: 0.0626 for 0.05 eth", TO_ETH, {"estimated_amount": "0.0626"}),
    (None, {**TO_ETH, "to_network": "arbitrum"}, {"estimated_amount": "9"}),
]


@pytest.mark.parametrize(("refusal", "wants", "quote"), QUOTES)
def test_a_payout_is_exchanged_on_a_quote_that_can_be(
    refusal: str | None, wants: dict[str, str], quote: dict[str, str]
) -> None:
    swap = replace(PAYOUT, **wants)

    assert quote_refusal(swap, Quote(**quote), Decimal(2000), BAND) == refusal


def test_without_a_price_eth_is_worth_what_it_is_said_to_be() -> None:
    swap = replace(PAYOUT, **TO_ETH)

    assert quote_refusal(swap, Quote(estimated_amount="9"), None, BAND) is None
    assert quote_refusal(swap, Quote(estimated_amount="9"), Decimal(2000), BAND) is not None


def test_what_an_exchange_may_say_while_it_is_under_way() -> None:
    # every other word, but for its ends, rings: nobody here knows what it means for the money
    assert set(ONGOING) == {"new", "waiting", "confirming", "exchanging", "sending"}


@pytest.mark.parametrize(
    ("context", "pays_a_client"), [("batch", False), ("instant", True), ("threshold", True)]
)
def test_all_but_a_batch_pays_a_client(context: str, pays_a_client: bool) -> None:
    swap = replace(PAYOUT, context=context)

    assert swap.is_payout is pays_a_client
    assert swap.pair == Pair("eth", "eth", "xmr", "xmr")
    assert replace(swap, from_network="bsc", to_network="x").pair == Pair("eth", "bsc", "xmr", "x")


def test_an_identity_is_sixteen_characters_that_a_token_can_carry() -> None:
    # written down: another identity for the same work would be another payment
    assert swap_id_of("batch", "6f1c", 1) == "WEHJKXLQNQ5OF76P"
    for number in range(500):
        assert re.fullmatch(r"[A-Z0-9]{16}", swap_id_of("batch", str(number), 1))


def test_an_identity_differs_with_every_part() -> None:
    parts = list(product(("batch", "threshold", "instant"), map(str, range(200)), (1, 2, 11)))

    assert len({swap_id_of(*each) for each in parts}) == len(parts)
    assert swap_id_of("batch", "1", 11) != swap_id_of("batch", "11", 1)


def test_the_same_terms_have_the_same_identity() -> None:
    terms: dict[str, Any] = {
        "context": "batch",
        "owner_id": "6f1c",
        "pair": ETH_TO_USDT,
        "value_usd": Usd(Decimal(100)),
        "payout_address": WALLET,
        "refund_address": WALLET,
    }
    one = Terms(generation=1, from_amount_units=1, **terms)

    assert one.swap_id == "WEHJKXLQNQ5OF76P"
    assert one.payout_extra_id == "", "no memo unless there is one"
    assert one.swap_id == Terms(generation=1, from_amount_units=2, **terms).swap_id
    assert one.swap_id != Terms(generation=2, from_amount_units=1, **terms).swap_id


@pytest.mark.parametrize(
    ("units", "coins", "text"),
    [
        (50_000_000_000_000_000, Decimal("0.05"), "0.05"),
        (1, Decimal("1e-18"), "0.000000000000000001"),
        (10**18, Decimal(1), "1"),
        (
            123_456_789_012_345_678_901_234_567_890,
            Decimal("123456789012.345678901234567890"),
            "123456789012.34567890123456789",
        ),
    ],
)
def test_what_is_given_is_written_exactly(units: int, coins: Decimal, text: str) -> None:
    swap = replace(SWAP, from_amount_units=units)

    assert swap.from_amount == coins
    assert swap.from_amount_text == text


def test_what_arrived_is_nothing_before_it_arrives() -> None:
    assert SWAP.received == 0
    assert replace(SWAP, received_units=18_373_221).received == Decimal("18.373221")


def test_a_row_has_whole_numbers() -> None:
    row = {name: getattr(SWAP, name) for name in Swap.__slots__}
    read = Swap.from_row({**row, "from_amount_units": Decimal(7), "received_units": None})
    after = Swap.from_row({**row, "from_amount_units": Decimal(7), "received_units": Decimal(8)})

    assert read == replace(SWAP, from_amount_units=7)
    assert after == replace(SWAP, from_amount_units=7, received_units=8)
    assert {type(each) for each in (read.from_amount_units, after.received_units)} == {int}


@pytest.mark.parametrize(
    ("units", "provider", "differs"),
    [(99_000_000, "100", False), (98_999_999, "100", True), (101_000_000, "100", False),
     (101_000_001, "100", True), (1, "0", True)],
)  # fmt: skip
def test_what_arrived_may_differ_from_the_providers_word_by_one_percent(
    units: int, provider: str, differs: bool
) -> None:
    assert disagrees(units, 6, Decimal(provider)) is differs


def test_how_far_they_may_differ_can_be_said() -> None:
    assert not disagrees(75_000_000, 6, Decimal(100), Decimal(25))
    assert disagrees(74_999_999, 6, Decimal(100), Decimal(25))
