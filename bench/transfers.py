"""Transfers through the real stages, one wallet on Anvil with automine, against a web3.py loop.

Ours: each is ordered, recorded, looked at (balance, gas, fees), signed, recorded again, broadcast,
its receipt read and its payout completed, every stage a transaction of its own; one process does
what on AWS several functions do side by side. The loop signs, sends and waits for the receipt, and
remembers nothing.
"""

import secrets
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

from web3 import HTTPProvider, Web3

from bench.measure import Ratio, in_turns, ratio, seconds_of
from bench.server import Server
from local.anvil import CHAIN_ID, Anvil
from local.chain_proxy import ChainProxy
from microbatch.platform.database import Database
from tests.hostile.world import World

PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
ETH = "0.05"
WEI = 5 * 10**16
CLIENT = "8"
LOOKS_MAX = 100


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """The row of the table."""
    count, rounds = (2, 1) if small else (32, 5)
    anvil = Anvil(block_time=0).start()
    try:
        with server.database() as fields, closing(Database(lambda _fresh: fields)) as database:
            world = _world(database, anvil)
            loop = _loop(anvil)
            taken = in_turns(
                rounds,
                first_too=small,
                ours=lambda: _through_the_stages(world, count),
                loop=lambda: seconds_of(lambda: loop(count)),
            )
    finally:
        anvil.stop()
    yield ratio(
        "transfers_vs_web3_loop",
        f"{count} transfers from order to completed payout, one process for all stages",
        "a web3.py loop without any record",
        taken["loop"],
        taken["ours"],
        goal=1,
        at_least=True,
        transfers_per_s={name: [round(count / s, 1) for s in each] for name, each in taken.items()},
    )


def _world(database: Database, anvil: Anvil) -> World:
    proxy = cast(ChainProxy, SimpleNamespace(url=anvil.url))  # nothing lies in between
    world = World(database, anvil, proxy)
    world.confirmations = 1
    world.fund(10_000)
    world.client(CLIENT, strategy="instant", wants="eth/eth", address=PAYEE)
    return world


def _through_the_stages(world: World, count: int) -> float:
    """Seconds until every payout of so many instant payments is completed."""
    world.look()
    for _ in range(count):
        world.payment(CLIENT, ETH)
    world.deliver_now("payments")
    return seconds_of(lambda: _pay(world))


def _pay(world: World) -> None:
    world.settle()
    for _ in range(LOOKS_MAX):
        (open_ones,) = world.rows("SELECT count(*) AS open FROM payouts WHERE state = 'claimed'")
        if not open_ones["open"]:
            return
        world.live(1, seconds=5)
    raise AssertionError(f"not all is paid: {world.transfers()[-1]}")


def _loop(anvil: Anvil) -> Any:
    """`send(count)`: the same transfers from a wallet of its own."""
    web3 = Web3(HTTPProvider(anvil.url))
    account = web3.eth.account.from_key("0x" + secrets.token_hex(32))
    anvil.rpc("anvil_setBalance", account.address, hex(10**22))

    def send(count: int) -> None:
        for _ in range(count):
            fees = web3.eth.fee_history(1, "latest", [50])
            tip = web3.eth.max_priority_fee
            transaction = {
                "chainId": CHAIN_ID,
                "nonce": web3.eth.get_transaction_count(account.address),
                "to": PAYEE,
                "value": WEI,
                "gas": 21_000,
                "maxPriorityFeePerGas": tip,
                "maxFeePerGas": 2 * fees["baseFeePerGas"][-1] + tip,
            }
            signed = account.sign_transaction(transaction)
            sent = web3.eth.send_raw_transaction(signed.raw_transaction)
            assert web3.eth.wait_for_transaction_receipt(sent)["status"] == 1

    return send
