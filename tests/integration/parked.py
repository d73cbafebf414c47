"""How a transfer, a swap or a payment comes to be parked for each reason, and what mends it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from microbatch.hostpay.model import HostWallet
from microbatch.messages import BatchOrder
from microbatch.vendors.ethereum.key_signer import KeySigner
from tests.fakes.pipeline import ETH, KEY, Pipeline
from tests.integration.paying import pay_in

FIRST = f"{1:014x}"
REFUND = "0x" + "cd" * 32
PAYOUT = "0x" + "ef" * 32
OTHER = "0x" + "12" * 20
NET_WEI = 48_500_000_000_000_000  # of 0.05 ETH
NET_USDT = "96.03"  # what the exchange pays for it


def nothing(_pipeline: Pipeline) -> None:
    """Nothing has to be mended."""


@dataclass(frozen=True)
class Case:
    """A reason: what brings it about before a batch is opened, and what mends it afterwards."""

    spoil: Callable[[Pipeline], None]
    mend: Callable[[Pipeline], None] | None = nothing  # None: no retry helps
    seen_amount: str | None = None  # what a person has to have seen on the chain
    wants: str = ""  # "usdt/eth": it is the payout that is parked


def run(pipeline: Pipeline, hours: float = 1) -> None:
    """The reconciler every five minutes, messages in between."""
    end = pipeline.now + timedelta(hours=hours)
    while pipeline.now < end:
        pipeline.now += timedelta(minutes=5)
        pipeline.chain.mine()
        pipeline.reconcile()
        for _ in range(len(pipeline.queue) + 6):
            if pipeline.queue:
                pipeline.step(pipeline.queue.pop(0))


def batch(pipeline: Pipeline) -> None:
    """A payment is converted, as far as it comes."""
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    run(pipeline, 1)


# --- what spoils, and what mends ------------------------------------------------------------------


def forging(**changed: Any) -> Callable[[Pipeline], None]:
    """The order to pay says something else than the books."""

    def spoil(pipeline: Pipeline) -> None:
        known = pipeline.deliver

        def deliver(queue: str, message: Any) -> Any:
            if isinstance(message, BatchOrder):
                pipeline.deliver = known  # type: ignore[method-assign]
                message = replace(message, **changed)
            return known(queue, message)

        pipeline.deliver = deliver  # type: ignore[method-assign]

    return spoil


def saying(**status: str) -> Callable[[Pipeline], None]:
    """The exchange says this, before it is paid."""
    return lambda pipeline: pipeline.exchange.forced.update({FIRST: status})


def after_pay_in(**status: str) -> Callable[[Pipeline], None]:
    """The exchange says this, once it is paid."""

    def spoil(pipeline: Pipeline) -> None:
        pipeline.exchange.only_after_deposit = True
        pipeline.exchange.forced[FIRST] = status

    return spoil


def truthful(pipeline: Pipeline) -> None:
    """The exchange is what it should be again."""
    pipeline.exchange.forced.clear()
    pipeline.exchange.amount_to = None


def limiting(**limits: Any) -> Callable[[Pipeline], None]:
    """The rules forbid it."""

    def spoil(pipeline: Pipeline) -> None:
        policy = pipeline.hostpay_policy
        pipeline.hostpay_policy = replace(policy, limits=replace(policy.limits, **limits))

    return spoil


def configured(pipeline: Pipeline) -> None:
    """The rules are what they were."""
    del pipeline.hostpay_policy


def moving_out(pipeline: Pipeline) -> None:
    """Another wallet pays from now on, and this transfer was reserved a moment ago."""
    known = pipeline.deliver

    def deliver(queue: str, message: Any) -> Any:
        answered = known(queue, message)
        if isinstance(message, BatchOrder):
            pipeline.deliver = known  # type: ignore[method-assign]
            limiting(wallets=(HostWallet(OTHER),))(pipeline)
        return answered

    pipeline.deliver = deliver  # type: ignore[method-assign]


class Pedantic(KeySigner):
    """Takes no address for a good one."""

    def accepts(self, to_address: str) -> bool:
        return False


def refunding(wei: int, named: str = "", to: str = "") -> Callable[[Pipeline], None]:
    def spoil(pipeline: Pipeline) -> None:
        after_pay_in(status="refunded", refund_hash=REFUND, refund_amount=named)(pipeline)
        pipeline.chain.refund(REFUND, to or pipeline.wallet, wei)

    return spoil


def paying_out(*units: int, named: str = "") -> Callable[[Pipeline], None]:
    def spoil(pipeline: Pipeline) -> None:
        after_pay_in(status="finished", payout_hash=PAYOUT, amount_to=named)(pipeline)
        pipeline.chain.pay_token(PAYOUT, OTHER, *units)

    return spoil


def _next(pipeline: Pipeline) -> str:
    """The exchange that is created next."""
    return f"{len(pipeline.exchange.exchanges) + 1:014x}"


def used_before(pipeline: Pipeline) -> None:
    """The exchange names a transaction that another swap of ours was paid by."""
    pipeline.payment("7", "0.02")
    pipeline.run()
    pipeline.check()
    run(pipeline, 1)
    (row,) = pipeline.rows("SELECT tx_hash FROM token_receipts")
    told = {"status": "finished", "payout_hash": row["tx_hash"], "amount_to": "38.412"}
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[_next(pipeline)] = told


def shared_before(pipeline: Pipeline) -> None:
    used_before(pipeline)
    (told,) = pipeline.exchange.forced.values()
    told["amount_to"] = ""


def refund_used(pipeline: Pipeline) -> None:
    """It names a refund that another swap was given."""
    refunding(19_400_000_000_000_000, "0.0194")(pipeline)
    pipeline.payment("7", "0.02")
    pipeline.run()
    pipeline.check()
    run(pipeline, 1)
    with pipeline.database.transaction() as tx:  # what came back waits for another day
        tx.execute("UPDATE payments SET state = 'parked', park_reason = 'x'")
    pipeline.exchange.forced[_next(pipeline)] = pipeline.exchange.forced.pop(FIRST)


def consumed(pipeline: Pipeline) -> None:
    """Somebody else uses the nonce that our bytes are on."""
    known = pipeline.chain.broadcast

    def broadcast(raw: bytes, tx_hash: str) -> Any:
        pipeline.chain.broadcast = known  # type: ignore[method-assign]
        answer = known(raw, tx_hash)
        pipeline.chain.spend(pipeline.wallet)
        return answer

    pipeline.chain.broadcast = broadcast  # type: ignore[method-assign]


def with_key(signer: KeySigner) -> Callable[[Pipeline], None]:
    return lambda pipeline: setattr(pipeline, "signer", signer)


CLIENT_OF_TOKENS = "0x" + "99" * 20

TRANSFERS: dict[str, Case] = {
    "currency_differs": Case(forging(from_currency="btc")),
    "amount_differs": Case(forging(from_amount=0.1)),
    "payin_address_differs": Case(forging(payin_address=OTHER)),
    "payin_address_changed": Case(saying(payin_address=OTHER), truthful),
    "payin_checksum_wrong": Case(with_key(Pedantic(KEY)), with_key(KeySigner(KEY))),
    "exchange_paid_by_somebody_else": Case(saying(status="finished"), None),
    "wallet_is_not_the_configured_one": Case(moving_out, configured),
    "payee_is_not_on_the_allow_list": Case(limiting(allowed_payees=frozenset({OTHER})), configured),
    "above_transfer_limit": Case(limiting(transfer_max_wei=1), configured),
    "gas_limit_above_ceiling": Case(limiting(gas_limit_ceiling=1), configured),
    "receiver_reverts": Case(
        lambda pipeline: pipeline.chain.reverting.add(f"0x{1 + 0xA0000000:040x}"),
        lambda pipeline: pipeline.chain.reverting.clear(),
    ),
    "payee_blacklisted": Case(
        lambda pipeline: pipeline.chain.blacklisted.add(CLIENT_OF_TOKENS),
        lambda pipeline: pipeline.chain.blacklisted.clear(),
        wants="usdt/eth",
    ),
    "token_refuses": Case(
        lambda pipeline: pipeline.chain.reverting.add(pipeline.token),
        lambda pipeline: pipeline.chain.reverting.clear(),
        wants="usdt/eth",
    ),
    "nonce_consumed_by_another_transaction": Case(consumed, None),
}

SWAPS: dict[str, Case] = {
    "arrived_differs_from_provider": Case(paying_out(50_000_000, named=NET_USDT), seen_amount="50"),
    "arrived_differs_from_quote": Case(paying_out(50_000_000), seen_amount="50"),
    "payout_shared_with_another_swap": Case(shared_before, truthful),
    "receipt_used_before": Case(used_before, truthful),
    "refund_is_not_what_was_paid": Case(refunding(ETH, to=OTHER), truthful),
    "refund_used_before": Case(refund_used, truthful),
    "refund_differs_from_provider": Case(
        refunding(NET_WEI - 1000, named="0.02"), seen_amount="0.048499999999999"
    ),
    "refund_loss_too_large": Case(refunding(NET_WEI // 4), seen_amount="0.012125"),
}
