"""Signing against a real node: what Anvil really says before, while and after bytes are sent."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.anvil import CHAIN_ID
from local.contracts import deploy
from microbatch.errors import InvalidInput
from microbatch.vendors.ethereum import BroadcastOutcome as Outcome
from microbatch.vendors.ethereum import Node, Preflight, Receipt, Signed, erc20_transfer_data
from tests.integration.anvil_chain import ETH, GWEI, PAYEE, PLAIN_GAS, USDT, Chain, Wallet, running


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with running() as chain:
        yield chain


@pytest.fixture
def node(chain: Chain) -> Node:
    return Node(chain.url)


@pytest.fixture
def wallet(chain: Chain) -> Wallet:
    return chain.wallet()


def receipt(node: Node, wallet: Wallet, signed: Signed) -> Receipt:
    return node.receipt(wallet=wallet.address, tx_hash=signed.tx_hash)


def preflight(node: Node, wallet: Wallet, **changed: Any) -> Preflight:
    question = {"wallet": wallet.address, "to_address": PAYEE, "value_wei": ETH, "data": b""}
    return node.preflight(**{**question, **changed})


# --- before signing -------------------------------------------------------------------------------


def test_a_preflight_has_the_chains_own_figures(chain: Chain, node: Node, wallet: Wallet) -> None:
    chain.offer(deploy.call_data("mint(address,uint256)", wallet.address, 7_000_001))
    chain.mine()

    seen = preflight(
        node, wallet, to_address=USDT, value_wei=0, token=USDT, data=erc20_transfer_data(PAYEE, 1)
    )

    assert seen.chain_id == CHAIN_ID
    assert seen.balance_wei == 10 * ETH
    assert seen.token_balance_units == 7_000_001
    assert (seen.latest_nonce, seen.pending_nonce, seen.finalized_nonce) == (0, 0, 0)
    assert seen.gas_estimate > PLAIN_GAS
    assert seen.problem == ""
    head = chain.block()
    assert seen.fees.head_number == int(head["number"], 16)
    # the next block's base fee is at most an eighth from this one's
    base_fee_wei = int(head["baseFeePerGas"], 16)
    assert abs(seen.fees.base_fee_wei - base_fee_wei) <= base_fee_wei // 8 + 1
    assert seen.fees.priority_fee_wei > 0


def test_the_three_counts_part_as_a_transaction_goes_deeper(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    def counts() -> tuple[int, int, int]:
        seen = preflight(node, wallet)
        return seen.pending_nonce, seen.latest_nonce, seen.finalized_nonce

    signed = wallet.sign()
    node.broadcast(signed.raw, signed.tx_hash)
    assert counts() == (1, 0, 0)
    chain.mine()
    assert counts() == (1, 1, 0)
    chain.mine(2)
    assert counts() == (1, 1, 1)


def test_a_receiver_that_reverts_is_seen_before_signing(node: Node, wallet: Wallet) -> None:
    seen = preflight(node, wallet, to_address=USDT)  # it takes no ether

    assert seen.gas_estimate == 0
    assert seen.problem.startswith("reverted")


def test_a_token_transfer_without_the_tokens_is_seen_before_signing(
    node: Node, wallet: Wallet
) -> None:
    data = erc20_transfer_data(PAYEE, 1)
    seen = preflight(node, wallet, to_address=USDT, value_wei=0, data=data, token=USDT)

    assert seen.token_balance_units == 0
    assert seen.problem.startswith("reverted")


def test_too_little_ether_is_seen_before_signing(chain: Chain, node: Node, wallet: Wallet) -> None:
    chain.fund(wallet.address, ETH - 1)

    seen = preflight(node, wallet)

    assert seen.balance_wei == ETH - 1
    assert (seen.gas_estimate, seen.problem) == (0, "insufficient_funds")


def test_a_wallet_with_code_is_a_problem(chain: Chain, node: Node, wallet: Wallet) -> None:
    chain.rpc.call("anvil_setCode", wallet.address, "0xef0100" + PAYEE[2:].lower())

    assert preflight(node, wallet).problem == "wallet_has_code"


# --- one transaction's life -----------------------------------------------------------------------


def test_bytes_are_taken_known_mined_and_then_too_late(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    payee_wei = chain.balance_wei(PAYEE)
    signed = wallet.sign()

    assert receipt(node, wallet, signed).status == "absent"
    assert node.broadcast(signed.raw, signed.tx_hash).outcome is Outcome.ACCEPTED
    assert receipt(node, wallet, signed).status == "absent"
    assert node.broadcast(signed.raw, signed.tx_hash).outcome is Outcome.ALREADY_KNOWN

    chain.mine()
    mined = receipt(node, wallet, signed)
    assert mined.status == "success"
    assert mined.block_number == mined.head_number == chain.rpc.block_number()
    assert mined.block_hash == mined.canonical_hash == chain.block(mined.block_number)["hash"]
    assert mined.gas_used == PLAIN_GAS
    assert (mined.latest_nonce, mined.finalized_nonce) == (1, 0)
    left_wei = chain.balance_wei(wallet.address)
    assert left_wei == 10 * ETH - ETH - mined.gas_used * mined.effective_gas_price_wei
    assert chain.balance_wei(PAYEE) == payee_wei + ETH

    assert node.broadcast(signed.raw, signed.tx_hash).outcome is Outcome.NONCE_TOO_LOW
    chain.mine(3)
    deep = receipt(node, wallet, signed)
    assert deep.head_number - deep.block_number == 3
    assert (deep.block_hash, deep.finalized_nonce) == (mined.block_hash, 1)


def test_a_transaction_that_reverts_when_mined_says_so(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    data = erc20_transfer_data(PAYEE, 1)
    signed = wallet.sign(0, to_address=USDT, data=data, gas_limit=100_000)
    node.broadcast(signed.raw, signed.tx_hash)
    chain.mine()

    found = receipt(node, wallet, signed)
    assert (found.status, found.latest_nonce) == ("reverted", 1)
    assert 0 < found.gas_used <= 100_000


def test_too_little_ether_refuses_the_bytes_until_it_is_topped_up(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    chain.fund(wallet.address, ETH)
    signed = wallet.sign()

    assert node.broadcast(signed.raw, signed.tx_hash).outcome is Outcome.INSUFFICIENT_FUNDS
    chain.fund(wallet.address, 2 * ETH)
    assert node.broadcast(signed.raw, signed.tx_hash).outcome is Outcome.ACCEPTED
    chain.mine()
    assert receipt(node, wallet, signed).status == "success"


def test_another_transaction_on_the_nonce_must_pay_an_eighth_more(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    first = wallet.sign()
    rival = wallet.sign(max_priority_fee_per_gas_wei=GWEI + 1)
    bumped = wallet.sign(
        max_fee_per_gas_wei=45 * GWEI, max_priority_fee_per_gas_wei=GWEI + GWEI // 8
    )
    node.broadcast(first.raw, first.tx_hash)

    refused = node.broadcast(rival.raw, rival.tx_hash)
    assert refused.outcome is Outcome.REPLACEMENT_UNDERPRICED
    assert node.broadcast(bumped.raw, bumped.tx_hash).outcome is Outcome.ACCEPTED
    chain.mine()
    assert receipt(node, wallet, bumped).status == "success"
    assert receipt(node, wallet, first).status == "absent"
    assert node.broadcast(first.raw, first.tx_hash).outcome is Outcome.NONCE_TOO_LOW


def test_an_evicted_transaction_is_absent_and_its_same_bytes_are_taken_again(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    signed = wallet.sign()
    node.broadcast(signed.raw, signed.tx_hash)
    chain.rpc.call("anvil_dropTransaction", signed.tx_hash)
    chain.mine()

    gone = receipt(node, wallet, signed)
    assert (gone.status, gone.latest_nonce, gone.canonical_hash) == ("absent", 0, "")
    assert node.broadcast(signed.raw, signed.tx_hash).outcome is Outcome.ACCEPTED
    chain.mine()
    assert receipt(node, wallet, signed).status == "success"


def test_a_reorganisation_takes_a_mined_one_back(chain: Chain, node: Node, wallet: Wallet) -> None:
    signed = wallet.sign()
    node.broadcast(signed.raw, signed.tx_hash)
    chain.mine()
    before = receipt(node, wallet, signed)
    assert before.canonical_hash == before.block_hash

    chain.rpc.call("anvil_reorg", 1, [])

    after = receipt(node, wallet, signed)
    assert (after.status, after.latest_nonce) == ("absent", 0)
    assert chain.block(before.block_number)["hash"] != before.block_hash
    offered = node.broadcast(signed.raw, signed.tx_hash).outcome
    assert offered in (Outcome.ACCEPTED, Outcome.ALREADY_KNOWN)
    chain.mine()
    again = receipt(node, wallet, signed)
    assert again.status == "success"
    assert again.canonical_hash == again.block_hash != before.block_hash


def test_bytes_under_a_hash_of_others_are_refused_and_not_sent(
    chain: Chain, node: Node, wallet: Wallet
) -> None:
    signed, other = wallet.sign(), wallet.sign(2 * ETH)

    with pytest.raises(InvalidInput, match="does not have the hash"):
        node.broadcast(signed.raw, other.tx_hash)
    assert preflight(node, wallet).pending_nonce == 0
