"""When a client is paid, how much at once, and what is too small: every boundary on both sides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from microbatch.market.model import Pair
from microbatch.payout.model import (
    EDGES,
    MAX_ATTEMPTS,
    NOT_ITS_FAULT,
    Client,
    Payout,
    Policy,
    Seen,
    amount_refusal,
    cap_units,
    goes_to_accumulation,
    unique_id_of,
    unknowns,
    worth_usd,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GWEI = 10**9
ETH = 10**18
USDT = 10**6
CLIENT = Client(
    client_id="7",
    wallet_address="0x52908400098527886E0F7030069857D2E4169EE7",
    payout_currency="usdt",
    payout_network="eth",
    payout_extra_id="",
    payout_threshold_usd=Decimal(50),
    address_state="verified",
    address_matures_at=None,
    paused_at=None,
    payout_not_before=None,
    payout_wait_reason=None,
)
POLICY = Policy(
    wallet="0x" + "2c" * 20,
    observation_max_age_seconds=1800,
    minimum_margin_percent=Decimal(5),
    gas_cost_max_percent=25,
    transfer_max_token_units=1000 * USDT,
    first_payout_max_usd=0,
    retry_seconds=3600,
    stale_after_seconds=300,
)
SEEN = Seen(
    eth_usd=Decimal(2000),
    base_fee_wei=Decimal(10 * GWEI),
    priority_fee_wei=Decimal(2 * GWEI),
    has_range=True,
    minimum=Decimal(10),
    maximum=None,
)
GAS_USD = {"eth": Decimal("0.924"), "usdt": Decimal("3.08")}  # 22 gwei a gas


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"address_matures_at": NOW}, None),
        ({"address_matures_at": NOW + timedelta(microseconds=1)}, "address_changed_lately"),
        ({"address_state": "unverified"}, "address_unverified"),
        ({"address_state": "refused"}, "address_refused"),
        ({"paused_at": NOW, "address_state": "refused"}, "client_paused"),
    ],
)
def test_a_client_that_must_wait_says_for_what(changed: dict[str, Any], reason: str | None) -> None:
    assert replace(CLIENT, **changed).standstill(NOW) == reason


@pytest.mark.parametrize(
    ("wants", "context", "kind"),
    [
        ("usdt/eth", "threshold", "direct"),
        ("usdt/trx", "threshold", "exchange"),
        ("eth/eth", "threshold", "exchange"),
        ("eth/eth", "instant", "direct"),
        ("eth/arbitrum", "instant", "exchange"),
        ("usdt/eth", "instant", "exchange"),
    ],
)
def test_what_we_have_where_it_is_wanted_needs_no_exchange(
    wants: str, context: str, kind: str
) -> None:
    currency, network = wants.split("/")
    client = replace(CLIENT, payout_currency=currency, payout_network=network)

    assert client.kind(context) == kind
    given = "eth" if context == "instant" else "usdt"
    assert client.pair(context) == Pair(given, "eth", currency, network)


def test_gas_is_what_our_transfer_offers_for_it() -> None:
    assert {currency: SEEN.gas_usd(currency) for currency in GAS_USD} == GAS_USD
    for name in ("eth_usd", "base_fee_wei", "priority_fee_wei"):
        assert replace(SEEN, **{name: None}).gas_usd("eth") is None


@pytest.mark.parametrize(
    ("context", "kind", "units", "refusal"),
    [
        ("threshold", "direct", 12_320_000, None),  # four times its gas
        ("threshold", "direct", 12_319_999, "gas_too_dear"),
        ("threshold", "exchange", 12_320_000, None),
        ("instant", "direct", 1_848 * ETH // 10**6, None),
        ("instant", "direct", 1_847 * ETH // 10**6, "gas_too_dear"),
    ],
)
def test_an_amount_that_its_gas_would_eat_is_not_paid(
    context: str, kind: str, units: int, refusal: str | None
) -> None:
    value = worth_usd(context, units, SEEN.eth_usd)
    found = amount_refusal(context, kind, units, value, SEEN, POLICY)

    assert (found or "").partition(":")[0] == (refusal or "")


@pytest.mark.parametrize(
    ("units", "refusal"), [(10_500_000, None), (10_499_999, "below_minimum: 10 usdt")]
)
def test_an_amount_must_pass_the_providers_minimum_by_the_margin(
    units: int, refusal: str | None
) -> None:
    cheap = replace(SEEN, base_fee_wei=Decimal(0), priority_fee_wei=Decimal(1))
    value = worth_usd("threshold", units, None)

    assert amount_refusal("threshold", "exchange", units, value, cheap, POLICY) == refusal
    assert amount_refusal("threshold", "direct", units, value, cheap, POLICY) is None
    unknown = replace(cheap, minimum=None)
    assert amount_refusal("threshold", "exchange", units, value, unknown, POLICY) is None


@pytest.mark.parametrize("value", [None, Decimal(1)])
@pytest.mark.parametrize("seen", [SEEN, replace(SEEN, eth_usd=None)])
def test_gas_is_not_too_dear_where_its_price_or_the_value_is_not_known(
    value: Decimal | None, seen: Seen
) -> None:
    refusal = amount_refusal("instant", "direct", ETH, value, seen, POLICY)

    known = value is not None and seen.eth_usd is not None
    assert refusal == ("gas_too_dear: 0.92 USD for 1.00 USD" if known else None)


def test_nothing_is_paid_on_what_is_not_known() -> None:
    assert unknowns("exchange", SEEN) is None
    assert unknowns("exchange", replace(SEEN, has_range=False)) == "minimum_not_known_yet"
    assert unknowns("direct", replace(SEEN, has_range=False)) is None
    assert unknowns("direct", replace(SEEN, base_fee_wei=None)) == "no_fresh_observation"


@pytest.mark.parametrize(
    ("paid_before", "first_usd", "maximum", "expected"),
    [
        (True, 0, None, 1000 * USDT),
        (False, 0, None, 1000 * USDT),
        (False, 80, None, 80 * USDT),
        (True, 80, None, 1000 * USDT),
        (False, 2000, None, 1000 * USDT),
        (True, 0, Decimal("12.3456789"), 12_345_678),
        (False, 5, Decimal(12), 5 * USDT),
    ],
)
def test_a_payout_is_capped_by_what_is_least(
    paid_before: bool, first_usd: int, maximum: Decimal | None, expected: int
) -> None:
    policy = replace(POLICY, first_payout_max_usd=first_usd)

    assert cap_units(paid_before, replace(SEEN, maximum=maximum), policy) == expected


def test_a_usdt_is_a_dollar_and_eth_has_its_price() -> None:
    assert worth_usd("threshold", 12_345_678, None) == Decimal("12.345678")
    assert worth_usd("instant", ETH // 2, Decimal(2000)) == 1000
    assert worth_usd("instant", 1, Decimal(2000)) == 0, "rounded down to a millionth"
    assert worth_usd("instant", ETH // 2, None) is None


@pytest.mark.parametrize(
    ("reason", "small"),
    [
        ("below_minimum: 0.03 eth", True),
        ("deposit_too_small: Out of min amount", True),
        ("rejected: minimum_raised_to_0.03", True),
        ("quote_out_of_band: 1 for 2 usdt", True),
        ("gas_too_dear: 1 USD for 2 USD", True),
        ("pair_is_inactive: ", True),
        ("exchange_does_not_answer", True),
        ("rejected: exchange_expired", False),
        ("failed: mined_and_reverted", False),
        ("address_refused: below_minimum", False),
    ],
)
def test_too_small_alone_is_told_from_every_other_end(reason: str, small: bool) -> None:
    assert goes_to_accumulation(reason) is small


@pytest.mark.parametrize(
    ("reason", "tried_again"),
    [
        ("rejected: exchange_expired", True),
        ("rejected: client_paused", True),
        ("rejected: address_refused", True),
        ("rejected: address_changed_lately", True),
        ("rejected: waited_too_long", True),
        ("released_by_operator", True),
        ("rejected: exchange_failed", False),
        ("failed: mined_and_reverted", False),
        ("refunded", False),
    ],
)
def test_an_end_that_is_ours_or_nobodys_does_not_count_as_a_try(
    reason: str, tried_again: bool
) -> None:
    assert reason.startswith(NOT_ITS_FAULT) is tried_again


PAYOUT = Payout(
    **{
        **dict.fromkeys(Payout.__slots__),
        "context": "threshold",
        "amount_units": 18_500_000,
        "from_currency": "usdt",
        "to_address": CLIENT.wallet_address,
        "retry_seconds": 3600,
    }
)


def test_a_payout_is_of_ethereum_and_goes_to_the_client() -> None:
    instant = replace(PAYOUT, from_currency="eth", amount_units=ETH // 20)

    assert (PAYOUT.amount, instant.amount) == (Decimal("18.5"), Decimal("0.05"))
    assert (PAYOUT.from_amount_units, PAYOUT.from_network) == (18_500_000, "eth")
    assert PAYOUT.payin_address == CLIENT.wallet_address


def test_a_payout_that_was_not_made_is_tried_again_after_its_pause() -> None:
    assert PAYOUT.retry_at(NOW) == NOW + timedelta(hours=1)
    assert MAX_ATTEMPTS == 5, "then a person looks"


def test_a_row_has_whole_numbers() -> None:
    row = {name: getattr(PAYOUT, name) for name in Payout.__slots__}
    read = Payout.from_row({**row, "amount_units": Decimal(7)})

    assert read == replace(PAYOUT, amount_units=7)
    assert type(read.amount_units) is int


def test_an_identity_is_the_same_for_ever() -> None:
    # written down: another identity for the same payout would be another payment
    assert unique_id_of("instant", "6f1c") == "N7ZX5BMZ6YKGEVPB"


def test_every_payout_has_an_identity_of_its_own() -> None:
    ids = {unique_id_of(*each) for each in product(("instant", "threshold"), ("a", "b"))}

    assert len(ids) == 4
    assert all(len(each) == 16 for each in ids)
    assert unique_id_of("instant", "a") == unique_id_of("instant", "a")


def test_what_is_over_stays_over() -> None:
    over = {"completed", "released", "rerouted"}

    assert {state for state, ahead in EDGES.items() if not ahead} == over
    assert "rerouted" not in EDGES["paid"], "what is paid in cannot be accumulated"
