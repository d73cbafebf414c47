"""What must be true of one converted batch, read from the chain as well as from the books."""

from local import verdict
from local.contracts.rpc import Rpc
from local.verdict import WalletOnChain
from microbatch.money import split_pro_rata
from tests.e2e.world import World


def assert_converted(
    world: World, before: WalletOnChain, batch_id: str, payment_ids: list[str]
) -> None:
    """These payments, and only these, became exact shares of what one transaction brought."""
    after = verdict.wallet_on_chain(world)
    batch, swap = world.batch(batch_id), world.swap_of(batch_id)
    rows = world.rows("SELECT * FROM payments WHERE batch_id = %(id)s ORDER BY 1", id=batch_id)
    assert [row["payment_id"] for row in rows] == sorted(payment_ids)
    assert {row["state"] for row in rows} == {"converted"}
    assert (batch["state"], swap["state"]) == ("distributed", "finished")

    arrived = after.usdt_units - before.usdt_units
    logged = world.one(
        "SELECT sum(amount_units) AS units FROM token_receipts WHERE swap_id = %(id)s",
        id=swap["swap_id"],
    )
    assert arrived == logged["units"] == batch["received_microusdt"] > 0
    shares = [int(row["share_microusdt"]) for row in rows]
    assert sum(shares) == arrived
    assert shares == split_pro_rata(arrived, [int(row["convertible_wei"]) for row in rows])

    assert_paid_once(world, before, batch_id, sum(int(row["convertible_wei"]) for row in rows))
    assert world.dead_letters() == {}
    assert world.broken_invariants() == []


def assert_paid_once(world: World, before: WalletOnChain, batch_id: str, net_wei: int) -> None:
    """One transaction, on the next nonce, of exactly this to the exchange's own address."""
    after = verdict.wallet_on_chain(world)
    transfer, rpc = world.transfer_of(batch_id), Rpc(world.endpoints.own_rpc_url)
    transaction = rpc.call("eth_getTransactionByHash", transfer["tx_hash"])
    receipt = rpc.receipt(transfer["tx_hash"])
    assert receipt is not None
    assert receipt["status"] == "0x1"
    assert int(transaction["nonce"], 16) == transfer["nonce"] == before.nonce
    assert after.nonce == before.nonce + 1
    assert world.one("SELECT next_nonce FROM wallets")["next_nonce"] == after.nonce
    assert int(transaction["value"], 16) == net_wei == world.batch(batch_id)["claimed_wei"]
    assert transaction["to"].lower() == world.swap_of(batch_id)["payin_address"].lower()
    gas_wei = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert before.balance_wei - after.balance_wei == net_wei + gas_wei
    assert transfer["state"] == "settled"
