"""USDT: it returns nothing, takes gas besides its amount, and has an owner who can refuse.

The contract on the chain has the quirks of the real one (local/contracts/usdt.sol).
"""

from typing import Any

import pytest

from local.contracts import deploy
from tests.hostile.signers import sign_at_once
from tests.hostile.world import World

USDT = 10**6
PAID_UNITS = 50 * USDT
BALANCE_WEI = 100 * 10**18


class Owner:
    """Whoever owns the token's contract."""

    def __init__(self, world: World, usdt: str) -> None:
        self._world, self._usdt = world, usdt

    def act(self, signature: str, *values: Any) -> None:
        """Call a function of the contract, and see it mined."""
        data = deploy.call_data(signature, *values)
        call = {"from": deploy.DEPLOYER_ADDRESS, "to": self._usdt, "data": data, "gas": "0x30d40"}
        tx_hash = self._world.anvil.rpc("eth_sendTransaction", call)
        self._world.anvil.rpc("anvil_mine", "0x1")
        assert self._world.anvil.rpc("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"

    def mint(self, usdt: int) -> None:
        """Give the wallet tokens."""
        self.act("mint(address,uint256)", self._world.wallet, usdt * USDT)


@pytest.fixture
def owner(world: World, usdt: str) -> Owner:
    """The wallet has 1000 USDT."""
    owner = Owner(world, usdt)
    owner.mint(1000)
    return owner


def assert_nothing_was_signed(world: World) -> None:
    assert (world.attempts(), world.count()) == ([], 0)
    assert world.rows("SELECT * FROM transfer_nonces") == []
    assert world.tokens(world.wallet) == 1000 * USDT
    world.assert_books_agree()


def test_usdt_is_paid_to_the_unit_though_its_contract_returns_nothing(
    world: World, owner: Owner
) -> None:
    world.copies = 2
    for _ in range(3):
        world.order_token()
    world.order()
    world.live(30)
    world.assert_all_paid_once()
    tokens = [row for row in world.transfers() if row["token"]]
    assert [world.tokens(row["to_address"]) for row in tokens] == [PAID_UNITS] * 3
    assert world.tokens(world.wallet) == 1000 * USDT - 3 * PAID_UNITS
    of_tokens = [row for row in world.attempts() if row["to_address"].lower() == world.token]
    assert [int(row["value_wei"]) for row in of_tokens] == [0, 0, 0]
    assert all(row["gas_limit"] > 21_000 for row in of_tokens)


def test_what_is_on_its_way_is_counted_before_more_tokens_are_signed_away(
    world: World, owner: Owner, database_fields: dict[str, Any]
) -> None:
    """Of 1000 USDT, three of 400 at once: the third waits for more."""
    world.chain.mining = False  # type: ignore[attr-defined]
    sent = sign_at_once(world, database_fields, [lambda: world.order_token(400)] * 3)
    assert [row["nonce"] for row in world.attempts()] == [0, 1]
    world.queue += sent
    world.live(10)
    assert len(world.attempts()) == 2
    world.chain.mining = True  # type: ignore[attr-defined]
    world.live(20)
    assert len(world.attempts()) == 2
    assert world.tokens(world.wallet) == 200 * USDT
    owner.mint(200)
    world.live(30)
    world.assert_all_paid_once()
    assert world.tokens(world.wallet) == 0


def test_with_tokens_and_no_gas_nothing_is_signed_until_there_is_eth(
    world: World, owner: Owner
) -> None:
    world.anvil.rpc("anvil_setBalance", world.wallet, hex(10**15))
    world.order_token()
    world.live(12)
    (transfer,) = world.transfers()
    assert transfer["state"] in ("requested", "approved")
    assert_nothing_was_signed(world)
    world.fund(1)
    world.live(30)
    world.assert_all_paid_once()


def test_gas_that_is_dear_for_what_is_paid_waits(world: World, owner: Owner) -> None:
    """The ceiling on gas relative to the value, in dollars for a token: a quarter of 50 USDT."""
    tip_wei = 100 * 10**9  # of some 40,000 gas, 4 USD … the cap asks for a fifth more gas
    dear = {
        "oldestBlock": "0x1",
        "baseFeePerGas": [hex(tip_wei)] * 2,
        "gasUsedRatio": [0.5],
        "reward": [[hex(10**9)]],
    }
    spike = world.proxy.fault("result", "eth_feeHistory", times=-1, result=dear)
    world.order_token()
    world.live(12)
    assert_nothing_was_signed(world)
    world.order_token(500)
    world.live(12)
    assert [int(row["amount_units"]) for row in world.transfers() if row["nonce"] == 0] == [
        500 * USDT
    ]
    world.proxy.lift(spike)
    world.live(30)
    world.assert_all_paid_once()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("addBlackList(address)", "payee_blacklisted"),
        ("pause()", "token_refuses"),
    ],
)
def test_what_the_token_would_refuse_is_parked_before_a_nonce_exists(
    world: World, owner: Owner, act: str, reason: str
) -> None:
    world.order_token()
    payee = world.until("approved")["to_address"]
    owner.act(act, *([payee] if "address" in act else []))
    try:
        world.live(20)
        (transfer,) = world.transfers()
        assert (transfer["state"], transfer["reason"]) == ("parked", reason)
        assert_nothing_was_signed(world)
    finally:
        if act == "pause()":
            owner.act("unpause()")


def test_a_wallet_that_the_token_has_blacklisted_pays_no_tokens_and_goes_on_with_eth(
    world: World, owner: Owner
) -> None:
    owner.act("addBlackList(address)", world.wallet)
    world.order_token()
    world.live(20)
    (transfer,) = world.transfers()
    assert (transfer["state"], transfer["reason"]) == ("parked", "token_refuses")
    assert_nothing_was_signed(world)
    world.order()
    world.live(30)
    assert sorted(row["state"] for row in world.transfers()) == ["confirmed", "parked"]
    world.assert_books_agree()


def test_a_token_that_refuses_after_signing_costs_the_fee_and_no_tokens(
    world: World, owner: Owner
) -> None:
    """Mined and reverted is final when its block is: then its payments are free again, once."""
    world.order_token()
    transfer = world.until("signed")
    owner.act("pause()")
    try:
        world.live(30)
    finally:
        owner.act("unpause()")
    (failed,) = world.transfers()
    assert (failed["state"], failed["reason"]) == ("failed", "mined_and_reverted")
    assert failed["unique_id"] == transfer["unique_id"]
    assert world.tokens(world.wallet) == 1000 * USDT
    assert world.tokens(failed["to_address"]) == 0
    assert 0 < BALANCE_WEI - world.received(world.wallet) < 10**16
    assert [row["state"] for row in world.rows("SELECT state FROM payouts")] == ["released"]
    assert world.rows("SELECT state FROM payments") == [{"state": "converted"}]
    assert world.count() == 1
    world.assert_books_agree()


def test_dearer_bytes_of_a_token_transfer_move_the_same_tokens_once(
    world: World, owner: Owner
) -> None:
    lost = world.proxy.fault("false_success", times=-1)
    world.order_token()
    for _ in range(60):
        world.live(1)
        if len(world.attempts()) >= 3 and world.attempts()[-1]["tx_hash"]:
            break
    attempts = world.attempts()
    assert len(attempts) >= 3
    assert len({(row["nonce"], row["to_address"], bytes(row["data"])) for row in attempts}) == 1
    world.proxy.lift(lost)
    world.live(30)
    world.assert_all_paid_once()
    assert world.tokens(world.wallet) == 1000 * USDT - PAID_UNITS


def test_signers_at_once_never_pass_the_days_limit_of_tokens(
    world: World, owner: Owner, database_fields: dict[str, Any]
) -> None:
    world.limit(daily_max_token_units=2 * PAID_UNITS + PAID_UNITS // 2)
    world.queue += sign_at_once(world, database_fields, [world.order_token] * 4)
    assert [row["nonce"] for row in world.attempts()] == [0, 1]
    world.live(10, seconds=7200)
    assert world.count() == 2, "the day is not over"
    world.live(20, seconds=7200)
    world.assert_all_paid_once()
    assert world.count() == 4
