"""How many calls a turn of each outbound stage makes, counted where they arrive, at their most."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from cdk.stages import BY_NAME, STAGES, Stage
from cdk.vendors import VENDORS
from microbatch.hostpay.outbound import answer, ask_status
from microbatch.messages import (
    QUEUES,
    BroadcastRequested,
    ExchangeRequested,
    Message,
    NonceSearchRequested,
    PreflightRequested,
    QuoteRequested,
    RangeRequested,
    ReceiptRequested,
)
from microbatch.swap.outbound import ask_exchange, ask_quoter, create_exchange
from microbatch.vendors.changenow import ChangeNow
from microbatch.vendors.ethereum import Node
from tests.integration.doors import sample
from tests.unit.stub_node import (
    FEED,
    NOW,
    PAYEE,
    TOKEN,
    TX_HASH,
    WALLET,
    StubNode,
    receipt,
    sign,
    word,
)
from tests.unit.stub_server import Answer, Request, StubServer, told

BUMPED = [f"0x{number:064x}" for number in range(12)]  # of one nonce: fees four times as high
MINED = {TX_HASH, BUMPED[-1]}
BLOCKS = 2**25  # in the chain: Ethereum has as many in 2027
CONSUMED_IN = BLOCKS // 4  # the nonce that is looked for: as far as it takes most steps to
PAIR = {"fromCurrency": "eth", "fromNetwork": "eth", "toCurrency": "usdt", "toNetwork": "eth"}
ASKS: dict[str, Callable[..., Any]] = {
    "swap_quoter": ask_quoter,
    "swap_creator": create_exchange,
    "swap_monitor": ask_exchange,
    "hostpay_status": ask_status,
    "chain_gateway": answer,
}
OUTBOUND = [stage for stage in STAGES if stage.calls_per_turn]
KINDS = [
    (stage, kind) for stage in OUTBOUND for queue in stage.queues for kind in QUEUES[queue].carries
]
# What the most calls need of a message; for the others any one will do.
FIELDS: dict[type[Message], dict[str, Any]] = {
    RangeRequested: {"amount": "1"},
    QuoteRequested: {"amount": "1", "payout_address": PAYEE},
    ExchangeRequested: {"from_amount": "0.1", "payout_address": PAYEE, "refund_address": PAYEE},
    PreflightRequested: {
        "value_wei": "0", "token": TOKEN,
        "data": bytes.fromhex("a9059cbb" + word(int(PAYEE, 16), 7)[2:]),
    },
    BroadcastRequested: {"raw_transaction": sign().raw, "tx_hash": sign().tx_hash},
    ReceiptRequested: {"tx_hash": "0x" + "cd" * 32, "other_hashes": " ".join(BUMPED).encode()},
    NonceSearchRequested: {"nonce": 0},
}  # fmt: skip
USUAL = {
    "tx_hash": TX_HASH,
    "wallet": WALLET,
    "to_address": PAYEE,
    "token": TOKEN,
    "price_feed": FEED,
}


def asked(kind: type[Message]) -> Message:
    """A message of the kind that makes the most calls."""
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    usual = {name: text for name, text in USUAL.items() if name in known}
    return replace(sample(kind), **(usual | FIELDS.get(kind, {})))  # type: ignore[type-var]


def exchange(request: Request) -> Answer:
    """A ChangeNOW that shows no range to this key, and calls a pair inactive for its amount."""
    if request.path.endswith("/range"):
        return told({"error": "unauthorized"}, 401)
    if request.path.endswith("/min-amount"):
        return told({**PAIR, "minAmount": 1})
    if request.method == "POST":
        return told({"error": "pair_is_inactive", "message": "inactive"}, 400)
    if request.path.endswith("/by-id"):
        return told({**PAIR, "id": request.query["id"], "status": "waiting"})
    return told({**PAIR, "toAmount": 1980, "result": True, "message": None})


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer(exchange) as stub:
        yield stub


class LongChain(StubNode):
    """A node that finds one receipt, of a nonce's last bytes, and a nonce far back."""

    def _one(self, call: dict[str, Any]) -> Answer:
        method, params = call["method"], call["params"]
        result: object = None
        if method == "eth_getTransactionCount" and params[1].startswith("0x"):
            result = hex(int(params[1], 16) >= CONSUMED_IN)
        elif method == "eth_getBlockByNumber" and params[0] == "finalized":
            result = {"number": hex(BLOCKS)}
        elif method == "eth_getBlockByNumber" and params[1]:
            result = {"transactions": []}
        elif method == "eth_sendRawTransaction":
            result = sign().tx_hash
        elif method == "eth_getTransactionByHash":
            result = {"to": PAYEE, "value": "0x1"}
        elif method == "eth_getTransactionReceipt":
            result = receipt(transactionHash=params[0]) if params[0] in MINED else None
        else:
            return super()._one(call)
        return told({"jsonrpc": "2.0", "id": call["id"], "result": result})


def calls_of(stage: Stage, kind: type[Message], server: StubServer) -> int:
    """How many calls its turn makes, each of those that share a request."""
    on_chain = stage.name == "chain_gateway"
    if on_chain:
        LongChain(server)
    vendor = Node(server.url) if on_chain else ChangeNow(server.url, "key")
    server.requests.clear()
    ASKS[stage.name](asked(kind), vendor, NOW)
    said = [request.json() if request.body else {} for request in server.requests]
    at_once = [len(each) if on_chain and isinstance(each, list) else 1 for each in said]
    (secret,) = {*stage.secrets} & {*VENDORS}
    assert max(at_once) <= VENDORS[secret].calls_at_once
    return sum(at_once)


@pytest.mark.parametrize(("stage", "kind"), KINDS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_turn_makes_no_more_calls_than_the_stage_table_says(
    server: StubServer, stage: Stage, kind: type[Message]
) -> None:
    assert 1 <= calls_of(stage, kind, server) <= stage.calls_per_turn


@pytest.mark.parametrize("stage", OUTBOUND, ids=lambda stage: stage.name)
def test_the_stage_table_says_the_most_that_a_turn_makes(server: StubServer, stage: Stage) -> None:
    counted = {kind.__name__: calls_of(stage, kind, server) for other, kind in KINDS
               if other is stage}  # fmt: skip

    if stage is BY_NAME["chain_gateway"]:  # whose chain grows, and whose bumps nobody counts
        assert counted["PreflightRequested"] == 10
        assert 40 < counted["NonceSearchRequested"] <= stage.calls_per_turn
    else:
        assert max(counted.values()) == stage.calls_per_turn
