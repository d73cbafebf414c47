"""The rules that the services run under in tests."""

from decimal import Decimal
from functools import cached_property

from microbatch.conversion import checking
from microbatch.hostpay import service
from microbatch.hostpay.model import HostWallet, Limits
from microbatch.intake.model import Policy as IntakePolicy
from microbatch.market.service import Source
from microbatch.money import Wei
from microbatch.operations.lifetimes import Ages
from microbatch.pace import Pace
from microbatch.payout.model import Policy as PayoutPolicy
from microbatch.swap import service as swaps

ETH = 10**18
TOKEN = "0x" + "55" * 20
FEED = "0x" + "66" * 20


class Rules:
    """Made when they are first asked for; a test may replace any of them."""

    wallet: str
    token: str
    confirmations: int

    @cached_property
    def pace(self) -> Pace:
        return Pace(
            poll_wait_seconds=60,
            slow_poll_wait_seconds=3600,
            slow_poll_after_seconds=86_400,
            stale_after_seconds=300,
        )

    @cached_property
    def swap_policy(self) -> swaps.Policy:
        return swaps.Policy(
            pace=self.pace,
            confirmations=self.confirmations,
            band_percent=Decimal(25),
            token=self.token,
        )

    @cached_property
    def hostpay_policy(self) -> service.Policy:
        return service.Policy(
            pace=self.pace,
            confirmations=self.confirmations,
            observation_max_age_seconds=1800,
            limits=Limits(
                chain_id=31337,
                wallets=(HostWallet(self.wallet),),
                token=self.token,
                approval_max_age_seconds=600,
                preflight_max_age_seconds=60,
                transfer_max_wei=Wei(50 * ETH),
                transfer_max_token_units=100_000 * 10**6,
                daily_max_wei=Wei(200 * ETH),
                daily_max_token_units=400_000 * 10**6,
                fee_per_gas_ceiling_wei=Wei(300 * 10**9),
                gas_limit_ceiling=200_000,
                gas_cost_max_percent=25,
                bump_after_blocks=3,
                gas_reserve_wei=Wei(ETH // 200),
            ),
        )

    @cached_property
    def conversion_policy(self) -> checking.Policy:
        return checking.Policy(
            max_age_seconds=86_400,
            max_payments=100_000,
            max_wei=Wei(50 * ETH),
            observation_max_age_seconds=1800,
            minimum_margin_percent=Decimal(5),
            band_percent=Decimal(25),
            wallet=self.wallet,
        )

    @cached_property
    def payout_policy(self) -> PayoutPolicy:
        return PayoutPolicy(
            wallet=self.wallet,
            observation_max_age_seconds=1800,
            minimum_margin_percent=Decimal(5),
            gas_cost_max_percent=25,
            transfer_max_token_units=100_000 * 10**6,
            first_payout_max_usd=0,
            retry_seconds=3600,
            stale_after_seconds=300,
        )

    @cached_property
    def ages(self) -> Ages:
        return Ages(
            stale_after=300,
            slow_poll_after=86_400,
            batch_max_age=86_400,
            observation_period=600,
            observation_max_age=1800,
            hop_max_age=3600,
            exchange_max_age=172_800,
            decision_max_age=86_400,
        )

    intake_policy = IntakePolicy(Decimal(3), Wei(10 * ETH), 1800)

    @cached_property
    def source(self) -> Source:
        return Source(600, self.wallet, 31337, self.token, FEED)
