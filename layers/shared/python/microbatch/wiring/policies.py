"""The rules each room works under, from the function's settings."""

from functools import cache
from typing import TYPE_CHECKING

from microbatch.messages import QUEUES
from microbatch.money import Wei
from microbatch.wiring.environment import (
    address,
    allow_list,
    counted_addresses,
    percent,
    whole_number,
)
from microbatch.wiring.parts import dead_letters, queues

if TYPE_CHECKING:
    from microbatch.conversion.checking import Policy as ConversionPolicy
    from microbatch.hostpay.service import Policy as HostpayPolicy
    from microbatch.intake.model import Policy as IntakePolicy
    from microbatch.market.service import Source
    from microbatch.operations.lifetimes import Ages
    from microbatch.operations.reconciler import Policies
    from microbatch.operations.requests import Surroundings
    from microbatch.pace import Pace
    from microbatch.payout.model import Policy as PayoutPolicy
    from microbatch.swap.service import Policy as SwapPolicy


def host_wallets() -> tuple[str, ...]:
    """The wallets that pay; USDT and refunds arrive at the first."""
    return tuple(counted_addresses("HOST_WALLET_ADDRESS"))


@cache
def intake_policy() -> "IntakePolicy":
    """How a payment is taken in."""
    from microbatch.intake.model import Policy  # noqa: PLC0415

    return Policy(
        fee_percent=percent("TP_FLAT_FEE"),
        max_payment_wei=Wei(whole_number("PAYMENT_MAX_WEI")),
        observation_max_age_seconds=whole_number("OBSERVATION_MAX_AGE_SECONDS"),
        max_times_invoice=whole_number("PAYMENT_MAX_TIMES_INVOICE"),
    )


@cache
def conversion_policy() -> "ConversionPolicy":
    """When a batch is opened."""
    from microbatch.conversion.checking import Policy  # noqa: PLC0415

    return Policy(
        max_age_seconds=whole_number("BATCH_MAX_AGE_SECONDS"),
        max_payments=whole_number("BATCH_MAX_PAYMENTS"),
        max_wei=Wei(whole_number("BATCH_MAX_WEI")),
        observation_max_age_seconds=whole_number("OBSERVATION_MAX_AGE_SECONDS"),
        minimum_margin_percent=percent("PROVIDER_MINIMUM_MARGIN_PERCENT"),
        band_percent=percent("SANITY_BAND_PERCENT"),
        wallet=host_wallets()[0],
    )


@cache
def pace() -> "Pace":
    """How often rows that wait are asked about."""
    from microbatch.pace import Pace  # noqa: PLC0415

    return Pace(
        poll_wait_seconds=whole_number("POLL_WAIT_SECONDS"),
        slow_poll_wait_seconds=whole_number("SLOW_POLL_WAIT_SECONDS"),
        slow_poll_after_seconds=whole_number("SLOW_POLL_AFTER_SECONDS"),
        stale_after_seconds=whole_number("STALE_AFTER_SECONDS"),
    )


@cache
def swap_policy() -> "SwapPolicy":
    """How a swap is run."""
    from microbatch.swap.service import Policy  # noqa: PLC0415

    return Policy(
        pace=pace(),
        confirmations=whole_number("CONFIRMATIONS"),
        band_percent=percent("SANITY_BAND_PERCENT"),
        token=address("USDT_ADDRESS"),
        observation_max_age_seconds=whole_number("OBSERVATION_MAX_AGE_SECONDS"),
    )


@cache
def hostpay_policy() -> "HostpayPolicy":
    """How a host payment is run."""
    from microbatch.hostpay.model import HostWallet, Limits  # noqa: PLC0415
    from microbatch.hostpay.service import Policy  # noqa: PLC0415

    return Policy(
        pace=pace(),
        confirmations=whole_number("CONFIRMATIONS"),
        observation_max_age_seconds=whole_number("OBSERVATION_MAX_AGE_SECONDS"),
        limits=Limits(
            chain_id=whole_number("CHAIN_ID"),
            wallets=tuple(
                HostWallet(*each) for each in counted_addresses("HOST_WALLET_ADDRESS").items()
            ),
            token=address("USDT_ADDRESS"),
            allowed_payees=allow_list("PAYEE_ALLOW_LIST"),
            window=whole_number("NONCE_WINDOW"),
            approval_max_age_seconds=whole_number("APPROVAL_MAX_AGE_SECONDS"),
            preflight_max_age_seconds=whole_number("PREFLIGHT_MAX_AGE_SECONDS"),
            transfer_max_wei=Wei(whole_number("TRANSFER_MAX_WEI")),
            transfer_max_token_units=whole_number("TRANSFER_MAX_MICROUSDT"),
            daily_max_wei=Wei(whole_number("DAILY_MAX_WEI")),
            daily_max_token_units=whole_number("DAILY_MAX_MICROUSDT"),
            fee_per_gas_ceiling_wei=Wei(whole_number("MAX_FEE_PER_GAS_CEILING_WEI")),
            gas_cost_max_percent=whole_number("GAS_COST_MAX_PERCENT"),
            bump_after_blocks=whole_number("BUMP_AFTER_BLOCKS"),
            gas_limit_ceiling=whole_number("GAS_LIMIT_CEILING"),
            gas_reserve_wei=Wei(whole_number("GAS_RESERVE_WEI")),
        ),
    )


@cache
def payout_policy() -> "PayoutPolicy":
    """How clients are paid."""
    from microbatch.payout.model import Policy  # noqa: PLC0415

    return Policy(
        wallet=host_wallets()[0],
        observation_max_age_seconds=whole_number("OBSERVATION_MAX_AGE_SECONDS"),
        minimum_margin_percent=percent("PROVIDER_MINIMUM_MARGIN_PERCENT"),
        gas_cost_max_percent=whole_number("GAS_COST_MAX_PERCENT"),
        transfer_max_token_units=whole_number("TRANSFER_MAX_MICROUSDT"),
        first_payout_max_usd=whole_number("FIRST_PAYOUT_MAX_USD"),
        retry_seconds=whole_number("PAYOUT_RETRY_SECONDS"),
        stale_after_seconds=whole_number("STALE_AFTER_SECONDS"),
    )


@cache
def observation_source() -> "Source":
    """Whom observations are about."""
    from microbatch.market.service import Source  # noqa: PLC0415

    wallet, *others = host_wallets()
    return Source(
        period_seconds=whole_number("OBSERVATION_PERIOD_SECONDS"),
        wallet=wallet,
        other_wallets=tuple(others),
        chain_id=whole_number("CHAIN_ID"),
        token=address("USDT_ADDRESS"),
        price_feed=address("ETH_USD_FEED_ADDRESS"),
    )


@cache
def reconciler_policies() -> "Policies":
    """The rules of every room that the reconciler looks after."""
    from microbatch.operations.reconciler import Policies  # noqa: PLC0415

    return Policies(
        swap=swap_policy(),
        hostpay=hostpay_policy(),
        source=observation_source(),
        intake=intake_policy(),
        payout=payout_policy(),
        ages=ages(),
    )


@cache
def ages() -> "Ages":
    """How long rows may stand in a state."""
    from microbatch.operations.lifetimes import Ages  # noqa: PLC0415

    return Ages(
        stale_after=whole_number("STALE_AFTER_SECONDS"),
        slow_poll_after=whole_number("SLOW_POLL_AFTER_SECONDS"),
        batch_max_age=whole_number("BATCH_MAX_AGE_SECONDS"),
        observation_period=whole_number("OBSERVATION_PERIOD_SECONDS"),
        observation_max_age=whole_number("OBSERVATION_MAX_AGE_SECONDS"),
        hop_max_age=whole_number("HOP_MAX_AGE_SECONDS"),
        exchange_max_age=whole_number("EXCHANGE_MAX_AGE_SECONDS"),
        decision_max_age=whole_number("DECISION_MAX_AGE_SECONDS"),
    )


@cache
def operator_surroundings() -> "Surroundings":
    """What an operator's acts need besides the database."""
    from microbatch.operations.requests import Surroundings  # noqa: PLC0415
    from microbatch.vendors.ethereum.signing import is_checksummed  # noqa: PLC0415

    ours = {*host_wallets(), address("USDT_ADDRESS")}
    return Surroundings(
        is_checksummed=is_checksummed,
        never_paid=frozenset(ours),
        fee_per_gas_ceiling_wei=whole_number("MAX_FEE_PER_GAS_CEILING_WEI"),
        address_hold_seconds=whole_number("ADDRESS_HOLD_SECONDS"),
        depths=depths,
        policies=reconciler_policies(),
        schedule_seconds={
            "threshold_check": 60 * whole_number("THRESHOLD_CHECK_MINUTES"),
            "payout_scheduler": 60 * whole_number("PAYOUT_SCHEDULER_MINUTES"),
            "reconciler": 60 * whole_number("RECONCILER_MINUTES"),
        },
    )


def depths() -> dict[str, dict[str, int]]:
    """How many messages are in each queue and dead-letter queue."""
    found = {}
    for name in QUEUES:
        found[name] = {
            **queues().depth(name),
            "dead": dead_letters().depth(name)["visible"],
        }
    return found
