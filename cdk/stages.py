"""The stage table: what CDK deploys, what the README shows and what the tests read back.

A stage is one Lambda function in `functions/<name>/handler.py`. Everything about its network, its
rights and its layers follows from its row here and from the queue table of `microbatch.messages`.
"""

from dataclasses import dataclass

from cdk.vendors import VENDORS, concurrency_for
from microbatch.messages import QUEUES

ZONES = ("edge", "ledger", "vault", "outbound")

# What a zone logs in to the database with, and what only the migrator does.
DATABASE_LOGINS = {"ledger": "DATABASE_LEDGER", "vault": "DATABASE_VAULT"}
DATABASE_OWNER = "DATABASE_OWNER"

LEDGER_TIMEOUT_SECONDS = 30
OUTBOUND_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One function: its zone, its trigger, its limits and whom it may talk to."""

    name: str
    does: str
    zone: str
    queues: tuple[str, ...] = ()  # it is triggered by
    routes: tuple[str, ...] = ()  # of the HTTP API
    schedule: str = ""  # name of the period in cdk.config.Environment
    sends_to: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()  # queues whose depth it may read
    redrives: tuple[str, ...] = ()  # queues whose dead letters it may read and delete
    # Besides the signing keys, which follow from the queues. Where the wallet's key is in KMS, the
    # right to sign with it takes the place of reading HOST_WALLET_PRIVATE_KEY (cdk.stage_role).
    secrets: tuple[str, ...] = ()
    timeout_seconds: int = LEDGER_TIMEOUT_SECONDS
    batch_size: int = 10
    max_concurrency: int = 5
    # Outbound: the most calls to its vendor that a turn makes, and its part of what that one is
    # asked in all. From both follows its concurrency; the calls are counted in a test.
    calls_per_turn: int = 0
    calls_per_second_max: int = 0
    memory_mb: int = 512
    ethereum: bool = False  # needs web3 (layers/ethereum)
    publishes: bool = False  # may put events on the event bus

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The key families it reads or signs with, sorted."""
        return tuple(sorted({QUEUES[queue].key for queue in (*self.queues, *self.sends_to)}))

    @property
    def is_called(self) -> bool:
        """Whether calls come by themselves: on a part of them a new version can be tried."""
        return bool(self.queues or self.routes or self.schedule)

    @property
    def is_quiet(self) -> bool:
        """Whether Lambda keeps its own lines of a call to itself, if the call ended well.

        Where each request from outside is a call they would be more than half of what is written.
        """
        return bool(self.routes)

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """Every secret it may read, signing keys included."""
        return (*self.secrets, *self.signing_keys)

    @property
    def visibility_seconds(self) -> int:
        """Visibility time-out of its queues: six times its own time-out."""
        return 6 * self.timeout_seconds


def _ledger(name: str, does: str, **rest: object) -> Stage:
    login = DATABASE_LOGINS["ledger"]
    return Stage(name=name, does=does, zone="ledger", secrets=(login,), **rest)  # type: ignore[arg-type]


def _outbound(
    name: str,
    does: str,
    *,
    secret: str,
    calls_per_turn: int,
    calls_per_second_max: int,
    **rest: object,
) -> Stage:
    return Stage(
        name=name,
        does=does,
        zone="outbound",
        secrets=(secret,),
        timeout_seconds=OUTBOUND_TIMEOUT_SECONDS,
        batch_size=1,  # the visibility clock of a batch's last record starts with the first
        max_concurrency=concurrency_for(calls_per_second_max, calls_per_turn, VENDORS[secret]),
        calls_per_turn=calls_per_turn,
        calls_per_second_max=calls_per_second_max,
        **rest,  # type: ignore[arg-type]
    )


STAGES: tuple[Stage, ...] = (
    Stage(
        name="payment_webhook",
        does="verifies a payment notification over its raw body and queues it",
        zone="edge",
        routes=("POST /webhooks/nowpayments", "POST /webhooks/payments"),
        sends_to=("payments",),
        secrets=("NOWPAYMENTS_IPN_SECRET", "PAYMENTS_WEBHOOK_SECRET"),
        timeout_seconds=10,  # a cold start takes a second or two: whoever is cut off sends again
        memory_mb=384,  # mostly it waits for SQS; less would make a cold start too slow for senders
    ),
    _ledger(
        "accumulator",
        "stores one row per payment: fee taken, value noted; an instant one gets its payout",
        queues=("payments",),
        sends_to=("swap-quote", "hostpay-trigger", "events"),
        batch_size=250,  # stored in one transaction; each alone would still be done in time
    ),
    _ledger(
        "threshold_check",
        "claims pending payments and opens a batch when they are worth one exchange",
        schedule="threshold_check",
        sends_to=("swap-create", "events"),
    ),
    _outbound(
        "swap_quoter",
        "asks the exchange for its range and an estimate, and whether an address is valid",
        queues=("swap-quote",),
        sends_to=("swap-results",),
        secret="CHANGENOW_API_KEY",
        calls_per_turn=4,  # a key without ranges asks for the minimum as well
        calls_per_second_max=5,
    ),
    _outbound(
        "swap_creator",
        "creates one exchange, with our wallet as refund address",
        queues=("swap-create",),
        sends_to=("swap-results",),
        secret="CHANGENOW_API_KEY",
        calls_per_turn=2,  # the minimum too, where a pair is called inactive
        calls_per_second_max=5,
    ),
    _outbound(
        "swap_monitor",
        "asks an exchange once how it stands and passes on whatever it says",
        queues=("swap-monitor",),
        sends_to=("swap-results",),
        secret="CHANGENOW_API_KEY",
        calls_per_turn=1,
        calls_per_second_max=5,
    ),
    _ledger(
        "swap_orchestrator",
        "moves a swap along what the exchange and the chain say; orders its host payment",
        queues=("swap-results",),
        sends_to=(
            "swap-create",
            "swap-monitor",
            "hostpay-trigger",
            "hostpay-batch",
            "chain-requests",
            "microbatch-response",
            "events",
        ),
    ),
    _ledger(
        "hostpay_intake",
        "checks a payment order against the database and reserves its transfer, once",
        queues=("hostpay-trigger", "hostpay-batch"),
        sends_to=("hostpay-status-check", "hostpay-payment-execute", "swap-results"),
    ),
    _outbound(
        "hostpay_status",
        "asks the exchange's status once before anything is paid",
        queues=("hostpay-status-check",),
        sends_to=("hostpay-status-response",),
        secret="CHANGENOW_API_KEY",
        calls_per_turn=1,
        calls_per_second_max=5,
    ),
    _ledger(
        "hostpay_approval",
        "approves a transfer whose exchange is waiting; asks again, or rejects",
        queues=("hostpay-status-response",),
        sends_to=("hostpay-payment-execute", "hostpay-status-check", "swap-results"),
    ),
    Stage(
        name="hostpay_signer",
        does="takes the nonce, signs from the row and commits the bytes before they leave",
        zone="vault",
        queues=("hostpay-payment-execute",),
        sends_to=("chain-requests", "hostpay-status-check"),
        secrets=(DATABASE_LOGINS["vault"], "HOST_WALLET_PRIVATE_KEY"),
        batch_size=1,
        max_concurrency=2,
        memory_mb=1024,
        ethereum=True,
    ),
    _outbound(
        "chain_gateway",
        "asks the Ethereum node what one request is about, and passes on what it says",
        queues=("chain-requests",),
        sends_to=("chain-results", "swap-results"),
        secret="ETHEREUM_RPC_URL",
        # Ten before signing, in one request; four or five for each of the bytes whose receipt may
        # be there; and whoever looks for a nonce halves the chain, one call after the other.
        calls_per_turn=64,
        calls_per_second_max=300,
        memory_mb=1024,
        ethereum=True,
    ),
    _ledger(
        "hostpay_recorder",
        "turns what the chain says into attempt and transfer states, and into observations",
        queues=("chain-results",),
        sends_to=(
            "chain-requests",
            "hostpay-payment-execute",
            "hostpay-payment-response",
            "swap-results",
        ),
    ),
    _ledger(
        "hostpay_completion",
        "a transfer is confirmed: has its exchange watched, or completes its direct payout",
        queues=("hostpay-payment-response",),
        sends_to=("swap-monitor", "events"),
    ),
    _ledger(
        "swap_executed",
        "distributes the USDT that arrived over the batch's payments, exactly",
        queues=("microbatch-response",),
        sends_to=("events",),
        timeout_seconds=120,
        batch_size=1,
        max_concurrency=2,
    ),
    _ledger(
        "payout_scheduler",
        "claims what a client at its threshold has converted, and opens one payout over it",
        schedule="payout_scheduler",
        sends_to=("swap-quote", "hostpay-trigger", "events"),
    ),
    Stage(
        name="chain_webhook",
        does="verifies an Alchemy notification and passes its transactions on as hints",
        zone="edge",
        routes=("POST /webhooks/alchemy",),
        sends_to=("chain-requests",),
        secrets=("ALCHEMY_SIGNING_KEY",),
        timeout_seconds=3,  # Alchemy waits for 5
    ),
    Stage(
        name="event_publisher",
        does="puts business events on the event bus",
        zone="outbound",
        queues=("events",),
        publishes=True,
        timeout_seconds=OUTBOUND_TIMEOUT_SECONDS,
    ),
    _ledger(
        "reconciler",
        "does for every row that stands still what its lifetime says; measures what waits",
        schedule="reconciler",
        timeout_seconds=60,  # each chore has its share of it
        sends_to=tuple(queue for queue in QUEUES if queue != "payments"),
    ),
    _ledger(
        "operations",
        "an operator's acts: pause, accept, retry, release, redrive, … (invoked with IAM)",
        sends_to=tuple(QUEUES),
        watches=tuple(QUEUES),
        redrives=tuple(QUEUES),
        ethereum=True,
    ),
    _ledger(
        "health",
        "says whether database, queues and secrets are well",
        routes=("GET /health",),
        watches=tuple(QUEUES),
        timeout_seconds=10,
    ),
    Stage(
        name="migrator",
        does="brings the database's schema and logins up to date during a deployment",
        zone="ledger",
        secrets=(DATABASE_OWNER, *DATABASE_LOGINS.values()),
        timeout_seconds=300,
    ),
)

BY_NAME = {stage.name: stage for stage in STAGES}
CONSUMER = {queue: stage for stage in STAGES for queue in stage.queues}
