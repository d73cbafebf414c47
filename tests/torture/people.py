"""What operators, payees, the exchange's customers, thieves and many signers at once do."""

import copy
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from random import Random
from threading import Barrier
from typing import Any

from local.anvil import AnvilError
from microbatch.errors import InvalidInput, PermanentFailure, RetryLater
from microbatch.hostpay.cancelling import cancel
from microbatch.messages import Outgoing
from microbatch.platform.database import Database
from tests.hostile.outsider import spend
from tests.hostile.world import World
from tests.torture.world import EXECUTE, Tormented

CEILING_WEI = 300 * 10**9
PATIENCE_SECONDS = 60
BEFORE_SIGNING = ("requested", "approved")
OUT = ("signed", "broadcast")
# Byte code of receivers, as in tests/hostile/test_receivers.py.
STORES = "0x345f5500"
REVERTS = "0x5f5ffd"
BURNS = "0x5b5f56"
STORES_TEN_WORDS = "0x" + "".join(f"3460{slot:02x}55" for slot in range(10)) + "00"
BEFORE = {"stores": STORES, "reverts": REVERTS, "stores ten words": STORES_TEN_WORDS}
AFTER = {"stores": STORES, "reverts": REVERTS, "burns": BURNS}


class People:
    """Their acts; and what those acts are an excuse for."""

    def __init__(self, world: World, fields: dict[str, Any]) -> None:
        assert isinstance(world, Tormented)
        self._world, self._fields = world, fields
        self.cancelled: set[str] = set()  # transfers
        self.contracts: set[str] = set()  # payees
        self.expired: set[str] = set()  # exchanges
        self.stolen: dict[str, int] = {}  # hash → nonce, of the first wallet

    def _any_transfer(self, states: tuple[str, ...]) -> dict[str, Any] | None:
        found = [row for row in self._world.transfers() if row["state"] in states]
        return self._world.chance.choice(found) if found else None

    def cancel(self) -> None:
        """An operator cancels a transfer whose bytes are out."""
        transfer = self._any_transfer(OUT)
        if transfer is None:
            return
        try:
            with self._world.database.transaction() as tx:
                _, sent = cancel(tx, transfer["unique_id"], self._world.now, CEILING_WEI)
        except InvalidInput:
            return
        self.cancelled.add(transfer["unique_id"])
        self._world.trace.note("people.cancelled", f"nonce {transfer['nonce']}")
        self._world.send(sent)

    def expire(self) -> None:
        """An exchange ends before we have paid for it."""
        transfer = self._any_transfer(BEFORE_SIGNING)
        name = transfer and transfer["cn_api_id"]
        if name:
            known = self._world.exchange.exchanges[name]
            self._world.exchange.exchanges[name] = replace(known, status="expired")
            self.expired.add(name)
            self._world.trace.note("exchange.expired")

    def deploy(self) -> None:
        """A payee gets code: before its transfer is signed, or when it is too late."""
        transfer = self._any_transfer(BEFORE_SIGNING + OUT)
        if transfer is not None:
            codes = BEFORE if transfer["state"] in BEFORE_SIGNING else AFTER
            name = self._world.chance.choice(list(codes))
            self._world.anvil.rpc("anvil_setCode", transfer["to_address"], codes[name])
            self.contracts.add(transfer["to_address"].lower())
            self._world.trace.note("people.payee_has_code", name)

    def steal(self) -> None:
        """Somebody who has our key sends a transaction on one of our nonces, or on the next."""
        ours = self._world.wallet
        rows = self._world.rows("SELECT next_nonce FROM wallets WHERE address = %(at)s", at=ours)
        if self.stolen or not rows:
            return
        nonce = self._world.chance.randint(self._world.count(), int(rows[0]["next_nonce"]))
        try:
            tx_hash = spend(self._world, nonce)
        except (AnvilError, RetryLater):
            return  # it would not be mined; or the key is unwell
        self.stolen[tx_hash] = nonce
        self._world.trace.note("people.stole", f"nonce {nonce}")

    # --- many signers at once -----------------------------------------------------------------

    def crowd(self, orders: int) -> None:
        """Several transfers are wanted at once, and several signers get all orders to sign."""
        world, chance = self._world, self._world.chance
        world.held = []
        for _ in range(orders):
            world.pay_in(f"0.0{chance.randint(2, 9)}")
            world.deliver_now("payments")
            world.open_batch()
        world.settle()
        messages, world.held = world.held, None
        if messages:
            threads = chance.randint(2, 4)
            world.trace.note("people.crowd", f"{threads} signers of {len(messages)} orders")
            world.send(self._sign(messages, [chance.randrange(2**32) for _ in range(threads)]))

    def _sign(self, messages: list[Any], seeds: list[int]) -> list[Outgoing]:
        """Every message to every signer, each in an order of its own."""
        together = Barrier(len(seeds))

        def works(seed: int) -> tuple[list[Outgoing], Any]:
            mine = Random(seed).sample(messages, len(messages))
            with closing(Database(lambda _fresh: self._fields)) as database:
                alone = self._alone(database)
                alone.rows("SELECT 1")
                together.wait(PATIENCE_SECONDS)
                return [each for one in mine for each in _signed(alone, one)], alone

        with ThreadPoolExecutor(len(seeds)) as threads:
            done = list(threads.map(works, seeds, timeout=PATIENCE_SECONDS))
        for _, alone in done:
            self._world.dead += alone.dead
        return [each for sent, alone in done for each in sent + alone.queue]

    def _alone(self, database: Database) -> Tormented:
        """The world as another process sees it: the same clock and rules, nothing else in common.

        Its key is well: what is drawn may not depend on which thread comes first.
        """
        alone = copy.copy(self._world)
        alone.database, alone.queue, alone.dead, alone.retried = database, [], [], []
        alone.signer, *alone.other_signers = (each.sound for each in self._world.signers.values())
        return alone


def _signed(alone: Tormented, message: Any) -> list[Outgoing]:
    try:
        return World.deliver(alone, EXECUTE, message)
    except PermanentFailure as error:
        alone.dead.append((Outgoing(EXECUTE, message), error))
        return []
