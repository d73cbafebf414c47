"""Moves exchanges along: looks at the chain and the clock, and carries out the next acts."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from requests import RequestException

from local.changenow import exchanges, pairs
from local.changenow.chain import Chain
from local.changenow.currencies import ETHEREUM
from local.changenow.exchanges import Act, Exchange, Timings, View
from local.changenow.office import Office
from local.contracts.rpc import RpcError

PERIOD_SECONDS = 0.1
SETTLED_DEPTH = 12  # a payout this deep is not looked at again

log = logging.getLogger("changenow")

STEPS: dict[Act, Callable[[Exchange, datetime], Exchange]] = {
    Act.EXPIRE: lambda exchange, now: exchanges.move(exchange, "expired", now),
    Act.FAIL: exchanges.failed,
    Act.HOLD: exchanges.held,
    Act.RELEASE: exchanges.released,
    Act.EXCHANGE: exchanges.exchanging,
    Act.FINISH: exchanges.finished,
    Act.CLOSE_REFUND: exchanges.refunded,
}


class Worker:
    """One thread; the only one that talks to the chain."""

    def __init__(self, office: Office, chain: Chain, timings: Timings, feed: str | None) -> None:
        self._office = office
        self._chain = chain
        self._timings = timings
        self._feed = feed
        self._settled: set[str] = set()
        self._head_hash = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present round."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_SECONDS):
            try:
                self.round()
            except (RpcError, RequestException) as error:
                log.warning("the node is unwell: %s", error)

    def round(self) -> None:
        """One look at everything: new deposits, the price, one act for each exchange."""
        for deposit in self._chain.new_deposits(self._office.addresses()):
            credited = self._office.credit(deposit)
            if credited is not None:
                log.info("%s got %s %s", credited.id, deposit.amount, deposit.currency.ticker)
        if self._feed is not None and not self._office.scripted_price:
            self._office.change_market(eth_usd=self._chain.feed_price(self._feed))
        new_head = self._chain.head_hash != self._head_hash
        self._head_hash = self._chain.head_hash
        for exchange in self._office.all():
            if self._concerns(exchange, new_head=new_head):
                self._attend(exchange)

    def _concerns(self, exchange: Exchange, *, new_head: bool) -> bool:
        if exchange.id in self._settled or exchange.status in ("expired", "refunded"):
            return False
        return new_head or exchange.status != "finished"

    def _attend(self, exchange: Exchange) -> None:
        try:
            self._act(exchange)
        except RpcError as error:  # a refused payout must not hold up the others
            log.warning("%s: %s", exchange.id, error)
            return
        now_is = self._office.get(exchange.id)
        if now_is is not None and now_is.status != exchange.status:
            log.info("%s %s → %s", exchange.id, exchange.status, now_is.status)

    def _act(self, exchange: Exchange) -> None:
        view = self._view(exchange)
        act = exchanges.plan(exchange, view, self._timings)
        if act is Act.FORGET_DEPOSIT:
            self._office.forget_deposit(exchange.id)
        elif act is Act.TRADE:
            self._trade(exchange)
        elif act is Act.PAY_OUT:
            self._pay_out(exchange)
        elif act is Act.REFUND:
            self._refund(exchange)
        elif act in STEPS:
            self._office.change(exchange.id, lambda one: STEPS[act](one, view.now))
        elif exchange.status == "finished" and (view.payout_depth or 0) >= SETTLED_DEPTH:
            self._settled.add(exchange.id)

    def _view(self, exchange: Exchange) -> View:
        def depth(tx_hash: str | None, *, needed: bool) -> int | None:
            return self._chain.depth(tx_hash) if needed and tx_hash is not None else None

        paying = exchange.status in ("sending", "finished")
        payout_depth = (
            depth(exchange.payout_hash, needed=paying)
            if exchange.target.network == ETHEREUM
            else self._office.foreign.depth(exchange.payout_hash or "")
        )
        return View(
            now=self._office.clock(),
            minimum=pairs.minimum(exchange.source, exchange.target, self._office.market)
            if pairs.tradable(exchange.source, exchange.target)
            else Decimal(0),
            deposit_depth=depth(exchange.payin_hash, needed=exchange.status == "confirming"),
            payout_depth=payout_depth,
            refund_depth=depth(exchange.refund_tx, needed=True),
        )

    def _trade(self, exchange: Exchange) -> None:
        assert exchange.amount_from is not None
        quote = pairs.quote(
            exchange.source, exchange.target, exchange.amount_from, self._office.market
        )
        now = self._office.clock()
        self._office.change(
            exchange.id,
            lambda one: (
                exchanges.move(one, "sending", now, amount_to=quote.to_amount)
                if quote.to_amount > 0
                else exchanges.failed(one, now)
            ),
        )

    def _pay_out(self, exchange: Exchange) -> None:
        assert exchange.amount_to is not None
        if exchange.target.network == ETHEREUM:
            tx_hash = self._chain.pay(exchange.target, exchange.payout_address, exchange.amount_to)
        else:
            tx_hash = self._office.foreign.pay(
                exchange_id=exchange.id,
                currency=exchange.target,
                address=exchange.payout_address,
                extra_id=exchange.payout_extra_id,
                amount=exchange.amount_to,
            )
        log.info("%s pays out %s in %s", exchange.id, exchange.amount_to, tx_hash)
        now = self._office.clock()
        self._office.change(
            exchange.id, lambda one: replace(one, payout_hash=tx_hash, updated_at=now)
        )

    def _refund(self, exchange: Exchange) -> None:
        address = exchange.refund_to or exchange.refund_address
        assert exchange.amount_from is not None
        amount = pairs.refund_amount(exchange.source, exchange.amount_from, self._office.market)
        if address is None or amount == 0:  # support would have to decide
            if exchange.status != "failed":
                now = self._office.clock()
                self._office.change(exchange.id, lambda one: exchanges.failed(one, now))
            return
        tx_hash = self._chain.pay(exchange.source, address, amount)
        log.info("%s gives %s back in %s", exchange.id, amount, tx_hash)
        self._office.change(
            exchange.id, lambda one: replace(one, refund_tx=tx_hash, refund_amount=amount)
        )
