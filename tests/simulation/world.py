"""Everything that our code meets in one run: time, queues, functions, chain, exchange, people."""

import json
from collections.abc import Callable
from typing import Any

from cdk.stages import CONSUMER
from microbatch.codec import authentic_payload, decode
from microbatch.errors import MicrobatchError, RetryLater
from microbatch.messages import QUEUES, PaymentReceived
from tests.fakes.kms import KEY_ID
from tests.simulation.chain.faults import SEND, NodeFaults
from tests.simulation.chain.ledger import Chain
from tests.simulation.chain.node import Node, Refusal
from tests.simulation.chance import Chance
from tests.simulation.clock import Clock
from tests.simulation.connections import Lines, Pool
from tests.simulation.exchange.api import Answer, Api
from tests.simulation.exchange.faults import ExchangeFaults
from tests.simulation.exchange.office import Office
from tests.simulation.lambdas import MILLISECONDS, Functions
from tests.simulation.outcome import Wrong
from tests.simulation.plan import HOUR, MINUTE, Plan
from tests.simulation.prices import Prices
from tests.simulation.seams import Seams, UnknownEffect
from tests.simulation.secrets_and_events import (
    SIGNING_KEYS,
    EventsClient,
    KmsClient,
    SecretsClient,
    secret_values,
)
from tests.simulation.settings import WALLETS, settings
from tests.simulation.sqs import Sqs, SqsClient

ETH = 10**18
FLOAT_WEI = 3 * ETH  # what a wallet has for gas and for what comes before its payment is mined
FLOAT_UNITS = 300 * 10**6
MAX_RECEIVES = 1000
# What drills compress too: by configuration, not by other code.
COMPRESSED = {
    "SLOW_POLL_AFTER_SECONDS": str(20 * MINUTE),
    "SLOW_POLL_WAIT_SECONDS": str(10 * MINUTE),
    "OBSERVATION_PERIOD_SECONDS": str(15 * MINUTE),
    "OBSERVATION_MAX_AGE_SECONDS": str(45 * MINUTE),
    "ADDRESS_HOLD_SECONDS": str(2 * HOUR),
    "PAYOUT_RETRY_SECONDS": str(30 * MINUTE),
    "BATCH_MAX_AGE_SECONDS": str(12 * HOUR),
}

IN_KMS = {"WALLET_KEY_SOURCE": "kms", "WALLET_KMS_KEY_ID": KEY_ID}


class World:
    """One run's world."""

    def __init__(
        self,
        plan: Plan,
        chance: Chance,
        pool: Pool,
        crash_at: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self.plan, self.chance, self.clock, self.pool = plan, chance, Clock(), pool
        self.history: list[str] = []
        self.wallets = WALLETS[: plan.wallets]
        self.seams = Seams(chance, plan.crash_rate, set(crash_at), tell=self.tell)
        self.prices = Prices(chance, self.clock)
        self.chain = Chain(
            chance,
            self.clock,
            self.wallets,
            plan.finality_blocks,
            plan.base_fee_gwei,
            plan.severity,
            tell=self.tell,
        )
        self.office = Office(
            chance,
            self.clock,
            self.chain,
            self.prices,
            plan.severity,
            plan.confirmations + 1,
            tell=self.tell,
        )
        self.office.refused_addresses = {each.address for each in plan.clients if each.refused}
        self.api = Api(self.office, self.clock)
        self.exchange_faults = ExchangeFaults(chance, plan.severity)
        self.nodes = {
            f"https://node-{number}.simulated": Node(self.chain, self.prices.feed)
            for number in range(1, plan.nodes + 1)
        }
        self.node_faults = NodeFaults(chance, self.clock, plan.severity, self.nodes)
        self.before_bytes_leave: Callable[[bytes], None] = lambda _raw: None
        self.before_signature: Callable[[dict[str, Any]], None] = lambda _fields: None
        self.lines = Lines(self.seams, chance, self.clock, plan.severity)
        pool.lines = self.lines
        self._make_aws(pool)
        for wallet in self.wallets:
            self.chain.endow(wallet, FLOAT_WEI, FLOAT_UNITS if wallet == self.wallets[0] else 0)

    def _make_aws(self, pool: Pool) -> None:
        severity = self.plan.severity
        self.sqs = Sqs(self.chance, self.clock, severity, tell=self.tell, subject_of=subject_of)
        for queue in QUEUES:
            self.sqs.add(queue, CONSUMER[queue].visibility_seconds, MAX_RECEIVES)
        values = secret_values(pool.fields, list(self.nodes), len(self.wallets))
        self.bus = EventsClient(self.seams, self.chance, severity)
        self._clients = {
            "sqs": SqsClient(self.sqs, self.seams),
            "secretsmanager": SecretsClient(values, self.seams, self.chance, severity),
            "events": self.bus,
            "kms": KmsClient(self.seams, self.chance, severity),
        }
        made = settings(
            wallets=self.wallets,
            confirmations=self.plan.confirmations,
            more=COMPRESSED | (IN_KMS if self.plan.kms else {}),
        )
        self.functions = Functions(made)
        self.functions.milliseconds_left = self._milliseconds_left

    # --- what the seams call ---------------------------------------------------------------------

    def aws_client(self, service: str) -> Any:
        """In the place of boto3.client."""
        if service not in self._clients:
            raise UnknownEffect(f"boto3.client({service!r}) passes no seam")
        return self._clients[service]

    def call_node(self, url: str, body: bytes | str) -> Answer:
        """One request of one JSON-RPC call or several, with whatever goes wrong with it."""
        node, faults = self.nodes[url], self.node_faults
        said = json.loads(body)
        calls = said if isinstance(said, list) else [said]
        instead = faults.before(url)
        if instead is not None:
            return Answer(instead, b"")

        def ask() -> list[Any]:
            self.chain.advance()
            return [self._said_by(url, node, each) for each in calls]

        answers = self.seams.effect("node", ask)
        answers = faults.after(url, [each["method"] for each in calls], answers)
        self.chance.trace.note(f"node {calls} {answers}")
        return Answer(200, json.dumps(answers if calls is said else answers[0]).encode())

    def _said_by(self, url: str, node: Node, call: dict[str, Any]) -> dict[str, Any]:
        """What a node says to one call."""
        method, params = call["method"], call["params"]
        if method == SEND:
            self.before_bytes_leave(bytes.fromhex(params[0][2:]))
        answer = {"jsonrpc": "2.0", "id": call["id"]}
        try:
            return answer | {"result": self.node_faults.answer(url, node, method, params)}
        except Refusal as refusal:
            return answer | {"error": {"code": refusal.code, "message": refusal.message}}

    def call_http(self, method: str, url: str, **options: Any) -> Answer:
        """One HTTP call to the exchange, with whatever goes wrong with it."""
        path = url.rpartition("simulated")[2]
        instead = self.exchange_faults.before(method, path)
        if instead is not None:
            return instead

        def ask() -> Answer:
            self.chain.advance()
            return self.api.call(method, url, options.get("params"), options.get("data"))

        answer = self.seams.effect("exchange", ask)
        answer = self.exchange_faults.after(method, path, answer)
        self.chance.trace.note(f"exchange {method} {path} {options} {answer}")
        return answer

    def sign(self, really: Callable[[], Any], fields: dict[str, Any]) -> Any:
        """One signature with a wallet's key."""
        self.before_signature(fields)
        if self.chance.strikes("signer_fails", "sign", 0.01 * self.plan.severity):
            raise RetryLater("the signer does not answer")
        return self.seams.effect("sign", really)

    def failed(self, error: BaseException) -> None:
        """A handler has failed: on purpose, or it is a bug of ours."""
        self.tell(f"failed: {type(error).__name__}: {error}")
        if not isinstance(error, MicrobatchError):
            raise Wrong("no_bugs", f"{type(error).__name__}: {error}") from error

    def _milliseconds_left(self) -> int:
        """Of an invocation; at times suddenly none, and it is cut short."""
        late = self.chance.strikes("time_runs_out", "invocation", 0.02 * self.plan.severity)
        return 0 if late else MILLISECONDS

    def tell(self, text: str) -> None:
        """One line of the history."""
        line = f"{self.clock.now:%d %H:%M:%S.%f}"[:-3] + f"  {text}"
        self.history.append(line)
        self.chance.trace.note(line)


def subject_of(body: str) -> str:
    """Whose payment a message of the ingress queue is."""
    token = json.loads(body)["token"]
    payload = authentic_payload(token, [SIGNING_KEYS[QUEUES["payments"].key].encode()])
    return decode(PaymentReceived, payload).payment_id
