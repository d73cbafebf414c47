"""One page of pictures: is money moving, and if not, where does it stand and who is to blame.

Its rows follow the money. Every picture reads what `cdk.measured` knows, so a test can say that
each of them is written by somebody.
"""

from collections.abc import Sequence
from functools import partial

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.config import Environment
from cdk.measured import Measured, availability, calculated, completion, failed_percent
from cdk.stages import BY_NAME, STAGES
from microbatch.messages import QUEUES

WIDTH = 24  # of a row, in CloudWatch's units
HEIGHT = 6
HOUR = Duration.hours(1)
QUARTER = Duration.minutes(15)

Row = list[cloudwatch.IWidget]


class Dashboard(Construct):
    """`microbatch-<environment>`, for the eye; what must wake somebody is an alarm."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        alarms: Sequence[cloudwatch.IAlarm],
        api_id: str,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        self._measured = Measured(environment)
        self._api_id = api_id
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=environment.prefix.removesuffix("-"),
            default_interval=Duration.days(1),
            widgets=[
                _title("Is money moving?", "In, converted, paid out; and what stands still."),
                self._moving(),
                self._standing(),
                self._parked(),
                _title("Who is to blame?", "The exchange, the node, the database, or we."),
                self._parties(),
                self._ourselves(),
                self._answers(),
                _title("Where does it wait?", "Queues, dead letters, functions and schedules."),
                self._queues(),
                self._stages(),
                [
                    cloudwatch.AlarmStatusWidget(
                        title="Alarms", alarms=list(alarms), width=WIDTH, height=2 * HEIGHT
                    )
                ],
            ],
        )

    def _moving(self) -> Row:
        ours = self._measured.ours
        return [
            _picture(
                "Coming in: payments",
                ours("payments_credited"),
                ours("webhook_unauthorized"),
                ours("webhook_malformed"),
                ours("webhook_ignored_with_money"),
            ),
            _picture(
                "Converting: USD",
                ours("pending_usd", "Maximum"),
                ours("threshold_usd", "Maximum"),
                ours("converting_usd", "Maximum"),
            ),
            _picture(
                "Arrived: USDT distributed, by the hour",
                self._by_the_hour("distributed_usdt"),
                right=[
                    self._by_the_hour(f"batches_{end}")
                    for end in ("distributed", "released", "parked")
                ],
            ),
            _picture(
                "Paid out: payouts",
                *(ours(f"payouts_{name}") for name in ("opened", "completed", "failed")),
                ours("payouts_rerouted"),
                right=[ours("paying_usd", "Maximum")],
            ),
        ]

    def _standing(self) -> Row:
        ours = self._measured.ours
        return [
            _picture(
                "Stuck: parked USD",
                ours("parked_usd", "Maximum"),
                right=[ours("parked_rows", "Maximum")],
            ),
            _picture(
                "Over age: rows, and by state",
                ours("rows_over_age", "Maximum"),
                self._by("state", "rows_over_age"),
            ),
            _picture(
                "Waiting: seconds",
                ours("pending_oldest_seconds", "Maximum"),
                ours("parked_oldest_seconds", "Maximum"),
                right=[completion(self._measured), ours("payments_late", "Maximum")],
            ),
            _picture(
                "Wallet",
                *(ours(f"wallet_{what}", "Minimum") for what in ("eth", "spare_eth")),
                right=[ours("wallet_usdt", "Minimum"), ours("gas_runway_transfers", "Minimum")],
            ),
        ]

    def _parked(self) -> Row:
        """What is parked, by reason: each unit has a picture of its own."""
        units = {
            "USD": "parked_usd",
            "ETH": "parked_eth",
            "USDT": "parked_usdt",
            "rows": "parked_rows",
            "seconds since the oldest": "parked_oldest_seconds",
        }
        return [
            _picture(f"Parked by reason: {unit}", self._by("reason", name), of=3)
            for unit, name in units.items()
        ]

    def _parties(self) -> Row:
        ours, measured = self._measured.ours, self._measured
        database = [
            _picture(
                "Database: latency, s",
                *(measured.database(name) for name in ("ReadLatency", "WriteLatency")),
                right=[measured.database(name) for name in ("CPUUtilization",)],
            )
        ]
        return [
            _picture(
                "Answers, percent",
                *(availability(measured, party, QUARTER) for party in ("exchange", "node")),
            ),
            _picture(
                "ChangeNOW",
                ours("exchange_calls"),
                ours("exchange_failures"),
                ours("exchange_in_trouble", "Maximum"),
                ours("exchange_pays_again"),
                ours("exchange_deposit_differs"),
                ours("address_not_judged"),
            ),
            _picture(
                "Ethereum",
                ours("node_calls"),
                ours("node_failures"),
                ours("balances_read"),
                *(ours(name) for name in ("pool_full", "fee_ceiling_reached", "signing_waits")),
                ours("chain_webhook_trouble"),
                ours("foreign_transaction"),
            ),
            *(database if self._environment.has_vpc else []),
        ]

    def _ourselves(self) -> Row:
        ours = self._measured.ours
        return [
            _picture(
                "Messages",
                *(ours(name) for name in ("processed", "not_yet", "retried")),
                *(ours(name) for name in ("dead_lettered", "renewed", "resent")),
                right=[failed_percent(self._measured)],
            ),
            _picture(
                "Tries of what fails",
                ours("failed_tries", "Average"),
                ours("failed_tries", "Maximum"),
                right=[ours("message_age_seconds", "Maximum")],
            ),
            _picture(
                "Given up, and errors of ours",
                *(ours(f"{name}_parked") for name in ("batch", "payout", "transfer", "payments")),
                ours("wallet_frozen"),
                ours("reconciler_item_failed"),
                ours("schedule_item_failed"),
                ours("dead_letters_discarded"),
            ),
            _picture(
                "Schedules that run",
                *(
                    self._measured.function(stage.name, "Invocations")
                    for stage in STAGES
                    if stage.schedule
                ),
            ),
        ]

    def _answers(self) -> Row:
        """What the internet asks of us: a wrong signature is a 4xx, what we could not do a 5xx."""
        api = partial(self._measured.api, self._api_id)
        return [
            _picture("API: requests", api("Count"), of=3),
            _picture("API: refused (4xx), and errors of ours (5xx)", api("4xx"), api("5xx"), of=3),
            _picture("API: slowest answer, ms", api("Latency", "Maximum"), of=3),
        ]

    def _queues(self) -> Row:
        queue = self._measured.queue
        pictures = {
            "Queues: messages that wait": ("", "ApproximateNumberOfMessagesVisible"),
            "Queues: age of the oldest, s": ("", "ApproximateAgeOfOldestMessage"),
            "Dead letters": ("-dlq", "ApproximateNumberOfMessagesVisible"),
        }
        return [
            _picture(title, *(queue(f"{name}{suffix}", metric) for name in QUEUES), of=3)
            for title, (suffix, metric) in pictures.items()
        ]

    def _stages(self) -> Row:
        ours = self._measured.ours
        reading = [name for name, stage in BY_NAME.items() if stage.queues]
        in_stages = {
            "processed": "Sum",
            "retried": "Sum",
            "not_yet": "Sum",
            "dead_lettered": "Sum",
            "renewed": "Sum",
            "message_age_seconds": "Maximum",
        }
        return [
            *(
                _picture(f"By stage: {name}", *(ours(name, how, stage=each) for each in reading))
                for name, how in in_stages.items()
            ),
            _picture(
                "Functions: errors",
                *(self._measured.function(stage.name, "Errors") for stage in STAGES),
            ),
            _picture(
                "Functions: slowest call, ms",
                *(self._measured.function(stage.name, "Duration", "Maximum") for stage in STAGES),
            ),
        ]

    def _by_the_hour(self, total: str) -> cloudwatch.MathExpression:
        """How much a number that only grows has grown."""
        return calculated(
            f"DIFF({total})", total, HOUR, **{total: self._measured.ours(total, "Maximum", HOUR)}
        )

    def _by(self, what: str, name: str) -> cloudwatch.MathExpression:
        """One metric by a reason or a state, which nobody can know beforehand."""
        terms = (
            f"{{Microbatch,entity,environment,{what}}}"
            f' environment="{self._environment.name}" MetricName="{name}"'
        )
        return cloudwatch.MathExpression(
            expression=f"SEARCH('{terms}', 'Maximum', 300)",
            using_metrics={},
            label=f"${{PROP('Dim.entity')}} ${{PROP('Dim.{what}')}}",
        )


def _title(heading: str, says: str) -> Row:
    return [cloudwatch.TextWidget(markdown=f"## {heading}\n{says}", width=WIDTH, height=2)]


def _picture(
    title: str, *left: cloudwatch.IMetric, right: Sequence[cloudwatch.IMetric] = (), of: int = 4
) -> cloudwatch.GraphWidget:
    """One of so many beside each other."""
    return cloudwatch.GraphWidget(
        title=title, left=list(left), right=list(right), width=WIDTH // of, height=HEIGHT
    )
