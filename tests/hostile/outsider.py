"""Somebody else who has our key, and looks on the chain that prove what he did."""

from tests.hostile.world import World

GWEI = 10**9


def spend(world: World, nonce: int, *, to: str = "0x" + "13" * 20, value_wei: int = 1) -> str:
    """A transaction of the wallet that no service of ours has made, straight to the node.

    It pays twice what ours do for their gas, so it takes their place.
    """
    attempts = world.attempts()
    tip_wei = max((int(row["max_priority_fee_per_gas_wei"]) for row in attempts), default=GWEI)
    cap_wei = max((int(row["max_fee_per_gas_wei"]) for row in attempts), default=GWEI)
    signed = world.signer.sign(
        chain_id=31337,
        nonce=nonce,
        to_address=to,
        value_wei=value_wei,
        data=b"",
        gas_limit=21_000,
        max_fee_per_gas_wei=2 * (cap_wei + GWEI),
        max_priority_fee_per_gas_wei=2 * tip_wei,
    )
    world.anvil.rpc("eth_sendRawTransaction", "0x" + signed.raw.hex())
    return signed.tx_hash


def wallet_of(world: World) -> tuple[str, str]:
    """Status and reason of the wallet in the books."""
    (row,) = world.rows("SELECT status, coalesce(reason, '') AS reason FROM wallets")
    return row["status"], row["reason"]


def assert_frozen_and_parked(world: World, unique_id: str, foreign_hash: str) -> None:
    """Both verdicts, with the transaction they rest on."""
    status, reason = wallet_of(world)
    assert status == "frozen"
    assert foreign_hash in reason
    (row,) = [each for each in world.transfers() if each["unique_id"] == unique_id]
    assert (row["state"], row["reason"]) == ("parked", "nonce_consumed_by_another_transaction")
