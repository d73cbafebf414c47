"""Those who do things: clients are registered, senders tell of payments, operators act."""

from collections.abc import Callable
from typing import Any

from microbatch.operations.acts import ACTS
from tests.simulation import senders
from tests.simulation.books import Page
from tests.simulation.operators import Operators
from tests.simulation.plan import OPERATORS_ACTS, ActPlan, ClientPlan, PaymentPlan
from tests.simulation.world import World

Invoke = Callable[..., Any]
CANCEL = next(act for act in ("cancel", "transfers cancel") if act in ACTS)
ANSWERS = "hostpay-status-response"
WHO = {"who": "simulated operator", "why": "the plan says so"}


class People:
    """What people do in one run."""

    def __init__(self, world: World, invoke: Invoke, page: Callable[[], Page]) -> None:
        self.world, self._invoke, self._page = world, invoke, page
        self.operators = Operators(self.operate, page, world.sqs.dead)
        self.after: Callable[[float, Callable[[], None]], None] = lambda _seconds, then: then()
        self._stories: dict[str, set[bool]] = {}
        self.accepted: dict[str, PaymentPlan] = {}  # payment id → as it was told first
        self.contradicted: set[str] = set()  # payments of which we have taken two stories
        self.deposited: dict[str, int] = {}  # payment id → wei that came to our wallet for it

    @property
    def accepted_count(self) -> int:
        """Payments that we have answered 200 for."""
        return len(self.accepted)

    def readable(self) -> set[str]:
        """Payments that were told of so that they are stored under their own id."""
        odd = ("unreadable", "amount_unknown")
        return {key for key, payment in self.accepted.items() if payment.oddity not in odd}

    def conflicting(self) -> set[str]:
        """Payments of which we are told two things."""
        return {key for key, payment in self.accepted.items() if payment.oddity == "conflict"}

    # --- clients and payments --------------------------------------------------------------------

    def register_clients(self) -> None:
        """Before anything comes in, and until each is there."""
        self._until_done(
            {"act": "threshold set", "threshold_usd": str(self.world.plan.threshold_usd)}
        )
        for client in self.world.plan.clients:
            self._until_done(_registration(client))

    def _until_done(self, request: dict[str, str]) -> Any:
        for _ in range(50):
            answer = self.operate(request)
            if answer is not None:
                assert answer["ok"], answer
                return answer
        raise AssertionError(f"nobody does {request}")

    def operate(self, request: dict[str, Any]) -> Any:
        """One act through the operations function; None when it has not answered."""
        return self._invoke("operations", {**WHO, **request}, request["act"])

    def notify(self, payment: PaymentPlan, copy: int) -> bool:
        """Tell of a payment; whether we were answered that it is taken."""
        if not copy and payment.oddity in ("", "conflict", "redeposit"):
            self._deposit(payment)
        request = senders.notification(payment, copy, self.world.clock.now)
        answer = self._invoke("payment_webhook", request, payment.oddity)
        if answer is None or answer["statusCode"] >= 500:
            return False
        self.world.tell(
            f"payment {senders.payment_id(payment)} {payment.wei} wei: {answer['body']}"
        )
        if payment.oddity != "unfinished":
            self._take_note(payment, copy)
        return True

    def _take_note(self, payment: PaymentPlan, copy: int) -> None:
        payment_id = senders.payment_id(payment)
        self.accepted.setdefault(payment_id, payment)
        self._stories.setdefault(payment_id, set()).add(bool(copy))
        if payment.oddity == "conflict" and len(self._stories[payment_id]) == 2:
            self.contradicted.add(payment_id)

    def _deposit(self, payment: PaymentPlan) -> None:
        payment_id = senders.payment_id(payment)
        if payment_id not in self.deposited:
            self.deposited[payment_id] = payment.wei
            self.world.chain.outside(self.world.wallets[0], wei=payment.wei)

    # --- operators and the weather ---------------------------------------------------------------

    def act(self, act: ActPlan) -> None:
        """What the plan says."""
        self.world.tell(f"act: {act.what}")
        if act.what in OPERATORS_ACTS:
            getattr(self.operators, act.what)(act.number)
        else:
            getattr(self, f"_{act.what}")(act)

    def make_good(self) -> None:
        """Whatever people have stopped goes on, and no outage begins any more."""
        self.world.sqs.at_next.clear()
        self.world.lines.down = False
        for client in self.world.plan.clients:
            self._until_done({"act": "clients resume", "client_id": client.client_id})
        self.operators.resume_parts(self._until_done)
        self.world.chain.reverting.clear()
        self.world.chain.blacklisted.clear()

    def tend(self) -> None:
        """Nobody leaves a wallet frozen for ever, or anything among the dead letters."""
        self.operators.activate_wallets()
        self.operators.redrive_all()

    def _client_of(self, act: ActPlan) -> ClientPlan:
        clients = self.world.plan.clients
        return clients[act.number % len(clients)]

    def _pause_client(self, act: ActPlan) -> None:
        self.operate({"act": "clients pause", "client_id": self._client_of(act).client_id})

    def _threshold(self, act: ActPlan) -> None:
        self.operate({"act": "threshold set", "threshold_usd": str(5 + 7 * act.number)})

    def _health(self, _act: ActPlan) -> None:
        self._invoke("health", {})

    def _deploy(self, _act: ActPlan) -> None:
        """Every process is gone; the migrator finds that there is nothing to do."""
        self.world.functions.end_all()
        self._invoke("migrator", {})

    def _restart_database(self, _act: ActPlan) -> None:
        self.world.pool.lose_all()

    def _database_outage(self, act: ActPlan) -> None:
        """At once, or when it is worst: while the answer is on its way that a payment waits for."""

        def begin() -> None:
            self.world.pool.lose_all()
            self.world.lines.down = True
            self._later(act, lambda: setattr(self.world.lines, "down", False))

        if act.number % 2:
            begin()
        else:
            self.world.sqs.at_next[ANSWERS] = lambda: self.after(0, begin)

    def _sqs_outage(self, act: ActPlan) -> None:
        self.world.sqs.down = True
        self._later(act, lambda: setattr(self.world.sqs, "down", False))

    def _exchange_outage(self, act: ActPlan) -> None:
        self.world.exchange_faults.down = True
        self._later(act, lambda: setattr(self.world.exchange_faults, "down", False))

    def _nodes_outage(self, act: ActPlan) -> None:
        self.world.node_faults.down = True
        self._later(act, lambda: setattr(self.world.node_faults, "down", False))

    def _later(self, act: ActPlan, then: Callable[[], None]) -> None:
        """It is over after a while."""
        seconds = self.world.chance.source(f"outage {act.number}").choice((120, 900, 3600))
        self.after(seconds, then)

    def _address(self, act: ActPlan) -> None:
        client = self._client_of(act)
        source = self.world.chance.source(f"address {act.number}")
        address = "0x" + source.randbytes(20).hex()
        if client.network == "eth":
            from eth_utils import to_checksum_address  # noqa: PLC0415

            address = str(to_checksum_address(address))
        else:
            address = client.network + address
        request = {"act": "clients address", "client_id": client.client_id}
        self.operate({**request, "wallet_address": address, "payout_extra_id": client.extra_id})

    def _cancel(self, act: ActPlan) -> None:
        """An operator cancels a transfer whose bytes are out."""
        out = [row for row in self._page().transfers if row["state"] in ("signed", "broadcast")]
        if out:
            unique_id = out[act.number % len(out)]["unique_id"]
            self.operate({"act": CANCEL, "unique_id": unique_id})

    def _hint(self, _act: ActPlan) -> None:
        for mined in list(self.world.chain.mined.values())[-2:]:
            if mined.sent.is_ours:
                notice = senders.chain_notice(mined.sent.tx_hash, mined.sent.sender, mined.sent.to)
                self._invoke("chain_webhook", notice)

    def _reorganise(self, act: ActPlan) -> None:
        depth = 1 + act.number % max(1, self.world.plan.confirmations - 1)
        if depth < self.world.plan.confirmations:
            self.world.chain.reorganise(depth, dropped=0.3)

    def _evict(self, _act: ActPlan) -> None:
        for tx_hash in [
            each.sent.tx_hash for each in self.world.chain.pool.values() if each.sent.is_ours
        ]:
            self.world.chain.evict(tx_hash)

    def _spike(self, act: ActPlan) -> None:
        head = self.world.chain.head
        self.world.chain.spikes.append((head, head + 60 + 20 * act.number, 8))

    def _payee_reverts(self, act: ActPlan) -> None:
        self.world.chain.reverting.add(self._client_of(act).address.lower())

    def _blacklist(self, act: ActPlan) -> None:
        self.world.chain.blacklisted.add(self._client_of(act).address.lower())


def _registration(client: ClientPlan) -> dict[str, str]:
    return {
        "act": "clients add",
        "client_id": client.client_id,
        "payout_strategy": client.strategy,
        "payout_threshold_usd": client.threshold_usd,
        "wallet_address": client.address,
        "payout_currency": client.currency,
        "payout_network": client.network,
        "payout_extra_id": client.extra_id,
    }
