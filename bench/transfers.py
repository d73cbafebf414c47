"""Transfers through the real stages, one wallet on Anvil with automine, against a web3.py loop.

Ours: each is ordered, recorded, looked at (balance, gas, fees), signed, recorded again, broadcast,
its receipt read and its payout completed; every stage is its own function in its own process, as on
AWS, behind its own door. The loop signs, sends and waits for the receipt, and remembers nothing.
"""

import itertools
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from eth_account import Account
from web3 import HTTPProvider, Web3

from bench.door import KEYS, secrets_of
from bench.measure import Ratio, in_turns, ratio, seconds_of
from bench.rows import price, run
from bench.server import Server, connect
from bench.stages import Stages, stages
from local.anvil import CHAIN_ID, Anvil
from microbatch import messages
from microbatch.messages import QUEUES, PaymentReceived

PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
ETH = "0.05"
WEI = 5 * 10**16
CLIENT = "8"
FUNDS_WEI = 10**22
STAGES = (
    "accumulator",
    "hostpay_intake",
    "hostpay_signer",
    "chain_gateway",
    "hostpay_recorder",
    "hostpay_completion",
)
_numbers = itertools.count(4_900_000_000)


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """The row of the table."""
    count, rounds = (2, 1) if small else (32, 7)
    with Anvil(block_time=0) as anvil, server.database() as fields:
        _fill(fields)
        loop = _loop(anvil)
        with _stages(fields, anvil) as started:
            taken = in_turns(
                rounds,
                first_too=small,
                ours=lambda: _through_the_stages(started, fields, count),
                loop=lambda: seconds_of(lambda: loop(count)),
            )
    yield ratio(
        "transfers_vs_web3_loop",
        f"{count} transfers from order to completed payout, each stage in a process of its own",
        "a web3.py loop without any record",
        taken["loop"],
        taken["ours"],
        goal=1,
        at_least=True,
        transfers_per_s={name: [round(count / s, 1) for s in each] for name, each in taken.items()},
    )


def _fill(fields: Mapping[str, Any]) -> None:
    price(fields)
    run(
        fields,
        "INSERT INTO clients (client_id, wallet_address, payout_currency, payout_network,"
        " payout_strategy, payout_threshold_usd, address_state, created_at)"
        " VALUES (%(id)s, %(address)s, 'eth', 'eth', 'instant', 50, 'verified', now())",
        id=CLIENT,
        address=PAYEE,
    )


@contextmanager
def _stages(fields: Mapping[str, Any], anvil: Anvil) -> Iterator[Stages]:
    key = "0x" + secrets.token_hex(32)
    wallet = Account.from_key(key).address
    anvil.rpc("anvil_setBalance", wallet, hex(FUNDS_WEI))
    held = {"ETHEREUM_RPC_URL": anvil.url, "HOST_WALLET_PRIVATE_KEY": key}
    settings = {"HOST_WALLET_ADDRESS": wallet, "CONFIRMATIONS": "1"}
    with stages(STAGES, fields, secrets_of(fields) | held, **settings) as started:
        yield started


def _through_the_stages(started: Stages, fields: Mapping[str, Any], count: int) -> float:
    """Seconds until every payout of so many instant payments is completed."""
    key = KEYS[QUEUES["payments"].key]
    for _ in range(count):
        started.put("payments", messages.body(_payment(next(_numbers)), key))
    started.run("payments")
    seconds = seconds_of(started.run)
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM payouts WHERE state = 'completed'")
        (completed,) = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM payments")
        assert cursor.fetchone() == (completed,), "not every payment is paid out"
    return seconds


def _payment(number: int) -> PaymentReceived:
    return PaymentReceived(
        timestamp=int(time.time()),
        source="nowpayments",
        payment_id=str(number),
        client_id=CLIENT,
        received_amount=ETH,
        received_currency="eth",
        received_network="eth",
        payment_status="finished",
        order_id=f"PGP-1|{CLIENT}",
        paid_at="2026-11-22T12:00:30.000Z",
        body=b"{}",
    )


def _loop(anvil: Anvil) -> Any:
    """`send(count)`: the same transfers from a wallet of its own."""
    web3 = Web3(HTTPProvider(anvil.url))
    account = web3.eth.account.from_key("0x" + secrets.token_hex(32))
    anvil.rpc("anvil_setBalance", account.address, hex(FUNDS_WEI))

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
