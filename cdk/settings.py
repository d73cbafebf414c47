"""What the functions are told by environment variables, with the values of production.

Apart from config.py, which starts the CDK when it is imported: the simulator wants these alone.
"""

from dataclasses import dataclass
from decimal import Decimal

from cdk.compressed_time import DAY_SECONDS

WEI_PER_GWEI = 10**9
WEI_PER_ETH = 10**18
# Where the host wallet's key is: the text of a secret, or a key that never leaves KMS.
WALLET_KEY_SOURCES = ("secret", "kms")
# Both lists are variables of the functions, which have 4 KB for all of them: tested with so many.
WALLETS_MAX = 5
ALLOWED_PAYEES_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The functions' settings: each field is the environment variable of its name in capitals."""

    chain_id: int
    # One or more, by white space. USDT and refunds arrive at the first, and tokens are paid from
    # it. One that has sent anything before it is ours is named with its count: 0x…@17.
    host_wallet_address: str = ""
    usdt_address: str = ""
    eth_usd_feed_address: str = ""
    changenow_url: str = ""
    tp_flat_fee: Decimal = Decimal(3)  # percent
    wallet_key_source: str = "secret"  # one of WALLET_KEY_SOURCES
    database_sslmode: str = "verify-full"  # or disable, where Postgres has no TLS

    retry_wait_seconds: int = 60
    retry_deadline_seconds: int = DAY_SECONDS
    renew_at_receives: int = 900
    poll_wait_seconds: int = 60
    slow_poll_wait_seconds: int = 3600
    slow_poll_after_seconds: int = DAY_SECONDS
    stale_after_seconds: int = 300
    # Past these a row counts as over age, with an alarm (microbatch.operations.lifetimes).
    hop_max_age_seconds: int = 3600  # of what takes minutes when everybody is well
    exchange_max_age_seconds: int = 2 * DAY_SECONDS  # held for verification up to that is normal
    decision_max_age_seconds: int = DAY_SECONDS  # of what waits for a person

    confirmations: int = 12
    approval_max_age_seconds: int = 600
    preflight_max_age_seconds: int = 60
    observation_period_seconds: int = 600
    observation_max_age_seconds: int = 1800

    # Periods of the schedules.
    threshold_check_minutes: int = 15
    payout_scheduler_minutes: int = 5
    reconciler_minutes: int = 1

    batch_max_age_seconds: int = DAY_SECONDS
    batch_max_payments: int = 100_000
    batch_max_wei: int = 50 * WEI_PER_ETH
    payment_max_wei: int = 10 * WEI_PER_ETH
    payment_max_times_invoice: int = 5
    sanity_band_percent: int = 25
    provider_minimum_margin_percent: int = 5

    address_hold_seconds: int = DAY_SECONDS  # nothing is paid to a client so long after a change
    payout_retry_seconds: int = 3600
    first_payout_max_usd: int = 0  # to an address that was never paid; 0: as any other

    transfer_max_wei: int = 50 * WEI_PER_ETH
    transfer_max_microusdt: int = 100_000 * 10**6
    payee_allow_list: str = "everybody"  # or addresses by white space: nobody else is paid
    daily_max_wei: int = 200 * WEI_PER_ETH  # of each wallet, like the next
    daily_max_microusdt: int = 400_000 * 10**6
    nonce_window: int = 16  # nonces in flight per wallet
    max_fee_per_gas_ceiling_wei: int = 300 * WEI_PER_GWEI
    gas_cost_max_percent: int = 25  # of what is paid
    gas_limit_ceiling: int = 200_000
    bump_after_blocks: int = 3
    gas_reserve_wei: int = 5 * WEI_PER_ETH // 1000

    def __post_init__(self) -> None:
        if self.wallet_key_source not in WALLET_KEY_SOURCES:
            choices = ", ".join(WALLET_KEY_SOURCES)
            raise ValueError(f"wallet_key_source={self.wallet_key_source}: choose one of {choices}")
        _at_most(WALLETS_MAX, "host_wallet_address", self.host_wallet_address)
        _at_most(ALLOWED_PAYEES_MAX, "payee_allow_list", self.payee_allow_list)


def _at_most(most: int, name: str, addresses: str) -> None:
    count = len(addresses.split())
    if count > most:
        raise ValueError(f"{name} names {count} addresses: more than {most} do not fit")
