"""How long a row may stand in a state, and what happens by itself then: one table for all tables.

The reconciler works from it, docs/recovery.md is asserted from it, and a test finds every state of
the schema in it or among the final ones.
"""

from dataclasses import dataclass, fields
from enum import StrEnum


class Act(StrEnum):
    """What happens by itself to a row that has stood still for its age."""

    RESEND = "resend"  # the message that its state calls for, again
    ASK = "ask"  # the outside is asked, again
    OPEN = "open"  # a schedule opens a batch or a payout over it
    SETTLE = "settle"  # what has arrived is handed on, again
    RELEASE = "release"  # given up, as nothing was signed: its payments are what they were before
    JUDGE = "judge"  # credited, or held for another reason
    TELL = "tell"  # the event that tells of it, again
    ALARM = "alarm"  # nothing but that a person is told
    FOLLOW = "follow"  # it moves with another row, whose lifetime counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """The ages in seconds: settings of the same name, and what follows from them."""

    stale_after: int  # seconds without progress: then the reconciler sends the row's message again
    slow_poll_after: int  # an outage of a day: then what is not signed is given up
    batch_max_age: int
    observation_period: int
    observation_max_age: int
    hop_max_age: int  # of what takes seconds or minutes when everybody is well
    exchange_max_age: int  # of an exchange that we have paid
    decision_max_age: int  # of what waits for a person

    @property
    def every_run(self) -> int:
        """It is looked at in every run of its schedule."""
        return 0

    @property
    def batch_overdue(self) -> int:
        """A batch was due, and is not opened."""
        return self.batch_max_age + self.hop_max_age

    @property
    def observation_overdue(self) -> int:
        """Nothing can be decided by such an observation any more."""
        return self.observation_max_age + self.hop_max_age

    @property
    def completion_overdue(self) -> int:
        """A payment was due to be converted: a day for its batch to open, and one to end."""
        return self.batch_max_age + self.slow_poll_after

    def seconds(self, name: str) -> int:
        """An age by its name. Raises KeyError for what is none."""
        if name not in AGES:
            raise KeyError(name)
        return int(getattr(self, name))


RULES = ("every_run", "batch_overdue", "observation_overdue")
AGES = (*(field.name for field in fields(Ages)), *RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """One state of one table.

    After `age` without progress `act` happens, again and again; at `max_age` in this state the row
    counts as over age, with an alarm, and `last_act` happens. Both are names of `Ages`; a row that
    follows another has none.
    """

    entity: str
    state: str
    age: str
    act: Act
    does: str  # what happens by itself
    waits_for: str  # in a person's words
    unblocked_by: str  # who or what
    max_age: str
    last_act: Act = Act.ALARM


def lifetime(entity: str, state: str) -> Lifetime | None:
    """The lifetime of rows of this table in this state; None when nothing follows any more."""
    return _BY_STATE.get((entity, state))


def _of(
    entity: str, state: str, age: str, act: Act, does: str, waits_for: str, unblocked_by: str,
    max_age: str, last_act: Act = Act.ALARM,
) -> Lifetime:  # fmt: skip
    return Lifetime(
        entity=entity,
        state=state,
        age=age,
        act=act,
        does=does,
        waits_for=waits_for,
        unblocked_by=unblocked_by,
        max_age=max_age,
        last_act=last_act,
    )


def _follows(entity: str, state: str, leader: str, waits_for: str) -> Lifetime:
    return _of(
        entity, state, "", Act.FOLLOW, f"goes on with its {leader}", waits_for, f"its {leader}", ""
    )


def _person(entity: str, state: str, waits_for: str, unblocked_by: str) -> Lifetime:
    does = "nothing but the alarm, and its sum every minute"
    return _of(
        entity, state, "every_run", Act.ALARM, does, waits_for, unblocked_by, "decision_max_age"
    )


def _untold(entity: str) -> Lifetime:
    return _of(
        entity, "untold", "stale_after", Act.TELL, "its event is sent again",
        "the event that tells of it to be queued", "the queue `events`", "hop_max_age",
    )  # fmt: skip


# "untold", "stale", "waiting" and "paused" are no values of a column: see age_store.
LIFETIMES: tuple[Lifetime, ...] = (
    _of(
        "payments", "pending", "batch_max_age", Act.OPEN,
        "the threshold check opens a batch over it: at the threshold, or at this age below it",
        "enough pending payments for one exchange, a fresh price, a rate within the band",
        "`threshold_check`; more payments, or a lower threshold (`threshold set`)", "batch_overdue",
    ),
    _of(
        "payments", "waiting_instant", "every_run", Act.OPEN,
        "`payout_scheduler` pays it out; one that failed waits `PAYOUT_RETRY_SECONDS` before",
        "its client to be payable, and a fresh price",
        "`payout_scheduler`; `clients show` says what stands against the client",
        "decision_max_age",
    ),
    _person("payments", "held", "a decision whether it counts", "a person: `accept`, `reject`"),
    _follows("payments", "swapping", "batch", "its batch to be converted"),
    _of(
        "payments", "converted", "every_run", Act.OPEN,
        "`payout_scheduler` pays it out with the client's others, from the client's threshold on",
        "the client's threshold", "`payout_scheduler`; more payments of the client", "",
    ),
    _follows("payments", "in_payout", "payout", "its payout to arrive"),
    _person("payments", "parked", "a decision: it failed too often", "a person: `retry`"),
    _person(
        "held_payments", "held", "a decision whether it counts", "a person: `accept`, `reject`"
    ),
    _of(
        "held_payments", "paused", "every_run", Act.JUDGE,
        "it is judged again in the order of arrival, once the pause is over",
        "the end of a pause, of ingress or of its client",
        "a person: `resume`, `clients resume`; `accept` for it alone", "hop_max_age",
    ),
    _untold("held_payments"),
    _follows("batches", "claimed", "swap", "its exchange to be created"),
    _follows("batches", "exchange_created", "swap", "its host payment to be ordered"),
    _follows("batches", "pay_ordered", "transfer", "its host payment to be confirmed"),
    _follows("batches", "paid", "swap", "its exchange to pay out, and the USDT to be confirmed"),
    _of(
        "batches", "finished", "stale_after", Act.SETTLE,
        "its result is sent again, to be distributed", "the USDT to be distributed",
        "`swap_executed`", "hop_max_age",
    ),
    _person(
        "batches", "parked", "a decision: what arrived is not what was expected",
        "a person: `retry`, `release`",
    ),
    _untold("batches"),
    _of(
        "swaps", "requested", "stale_after", Act.RESEND,
        "the quote (of a payout), or the exchange, is asked for again", "ChangeNOW's answer",
        "ChangeNOW; an operator's `release`", "slow_poll_after", Act.RELEASE,
    ),
    _of(
        "swaps", "quoted", "stale_after", Act.RESEND, "the exchange is asked for again",
        "ChangeNOW to create its exchange", "ChangeNOW; an operator's `release`",
        "slow_poll_after", Act.RELEASE,
    ),
    _of(
        "swaps", "created", "stale_after", Act.RESEND, "its host payment is ordered again",
        "its host payment", "`hostpay_intake`, then its transfer", "hop_max_age",
    ),
    _of(
        "swaps", "paid", "stale_after", Act.ASK,
        "the exchange is asked again, or the chain for what it named; hourly after a day",
        "the exchange to pay out or pay back, and the chain to show it",
        "ChangeNOW; write to its support with the exchange's id", "exchange_max_age",
    ),
    _person(
        "swaps", "parked", "a decision: what the chain shows is not what was expected",
        "a person: `retry`, `release`",
    ),
    _of(
        "transfers", "requested", "stale_after", Act.ASK, "the exchange's status is asked again",
        "its exchange to wait for our payment", "ChangeNOW; an operator's `release`",
        "slow_poll_after", Act.RELEASE,
    ),
    _of(
        "transfers", "approved", "stale_after", Act.ASK,
        "the node is asked again, then it is signed",
        "money, gas within the limits, a free nonce, an active wallet",
        "`hostpay_signer`; the reason in the log `signing_waits`", "slow_poll_after", Act.RELEASE,
    ),
    _of(
        "transfers", "signed", "stale_after", Act.RESEND, "its bytes are sent again",
        "a node to take its bytes", "the Ethereum node", "hop_max_age",
    ),
    _of(
        "transfers", "broadcast", "stale_after", Act.ASK,
        "its bytes are sent and its receipt is asked for again; bumped when others are mined",
        "a block that takes it", "the chain; `cancel`", "hop_max_age",
    ),
    _of(
        "transfers", "mined", "stale_after", Act.ASK, "its receipt is asked for again",
        "its confirmations", "the chain", "hop_max_age",
    ),
    _of(
        "transfers", "confirmed", "stale_after", Act.RESEND,
        "its swap, or its payout, is told again", "its exchange to deliver",
        "`hostpay_completion`, then its swap", "exchange_max_age",
    ),
    _person(
        "transfers", "parked", "a decision whether it may be paid", "a person: `retry`, `release`"
    ),
    _of(
        "transfer_attempts", "ordered", "stale_after", Act.RESEND,
        "the signer is told of it again", "its signature", "`hostpay_signer`", "hop_max_age",
    ),
    _follows("transfer_attempts", "prepared", "transfer", "a node to take its bytes"),
    _follows("transfer_attempts", "sent", "transfer", "a block that takes it"),
    _of(
        "payouts", "claimed", "stale_after", Act.RESEND,
        "its direct transfer is ordered again; one by exchange goes on with its swap",
        "its transfer, or its exchange", "`hostpay_intake`, then its transfer or swap",
        "hop_max_age",
    ),
    _follows("payouts", "paid", "swap", "its exchange to deliver"),
    _person(
        "payouts", "parked", "a decision: what came back of it is not what was paid",
        "a person: `retry`, `release`",
    ),
    _untold("payouts"),
    _of(
        "clients", "unverified", "stale_after", Act.ASK,
        "the exchange is asked again whether it takes the address",
        "the exchange's verdict on its address", "ChangeNOW; another address (`clients address`)",
        "decision_max_age",
    ),
    _person("clients", "refused", "an address that can be paid", "a person: `clients address`"),
    _of(
        "clients", "waiting", "every_run", Act.OPEN, "`payout_scheduler` looks at it again",
        "what `payout_wait_reason` says", "`payout_scheduler`", "decision_max_age",
    ),
    _untold("address_changes"),
    _person(
        "wallets", "frozen", "every nonce of it to be explained", "a person: `wallets activate`"
    ),
    _of(
        "observations", "stale", "observation_period", Act.ASK, "it is asked for again",
        "ChangeNOW, or the Ethereum node, to answer", "ChangeNOW, or the Ethereum node",
        "observation_overdue",
    ),
)  # fmt: skip

# Nothing follows. A reorganisation alone takes an attempt out of "mined" or "superseded", with the
# transfer that it is of.
FINAL: dict[str, frozenset[str]] = {
    "payments": frozenset({"paid", "written_off"}),
    "held_payments": frozenset({"accepted", "rejected"}),
    "batches": frozenset({"distributed", "released"}),
    "swaps": frozenset({"finished", "failed", "refunded", "expired"}),
    "transfers": frozenset({"settled", "rejected", "failed"}),
    "transfer_attempts": frozenset({"mined", "superseded"}),
    "payouts": frozenset({"completed", "released", "rerouted"}),
    "clients": frozenset({"verified"}),
    "wallets": frozenset({"active"}),
}

_BY_STATE = {(each.entity, each.state): each for each in LIFETIMES}
