"""Addresses, token calls and signed transactions, without a node."""

import json
import subprocess
import sys

import pytest
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_keys import keys
from eth_keys.backends import CoinCurveECCBackend, NativeECCBackend
from eth_utils import keccak, to_checksum_address
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from microbatch.errors import ConfigurationError, InvalidInput
from microbatch.vendors import ethereum
from tests.unit.stub_node import (
    KEY,
    PAYEE,
    TOKEN,
    WALLET,
    sign,
)


def test_a_signed_transfer_says_exactly_what_was_asked_and_recovers_to_the_wallet():
    signed = sign(data=b"\x01\x02")

    fields = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
    assert {name: fields[name] for name in fields if name not in ("v", "r", "s")} == {
        "type": 2, "chainId": 1, "nonce": 7, "to": bytes.fromhex(PAYEE[2:]), "value": 10**18,
        "data": b"\x01\x02", "gas": 21_000, "maxFeePerGas": 30 * 10**9,
        "maxPriorityFeePerGas": 10**9, "accessList": (),
    }  # fmt: skip
    assert Account.recover_transaction(signed.raw) == WALLET == ethereum.address_of(KEY)
    assert signed.tx_hash == "0x" + keccak(signed.raw).hex()


def test_signatures_are_made_by_libsecp256k1_which_says_what_python_says():
    digest = keccak(b"a transaction")
    native = keys.PrivateKey(bytes.fromhex(KEY[2:]), NativeECCBackend()).sign_msg_hash(digest)
    ours = keys.PrivateKey(bytes.fromhex(KEY[2:]))

    assert isinstance(ours.backend, CoinCurveECCBackend)
    assert ours.sign_msg_hash(digest).to_bytes() == native.to_bytes()


def test_the_same_transfer_signs_to_the_same_bytes():
    assert sign() == sign()


@pytest.mark.parametrize(
    "changed",
    [
        {"to": PAYEE.lower()},
        {"to": PAYEE[:-1]},
        {"to": PAYEE[:-1] + "8"},
        {"max_priority_fee": 31 * 10**9},
        {"max_priority_fee": -1},
    ],
)
def test_a_transfer_that_cannot_be_right_is_not_signed(changed):
    with pytest.raises(InvalidInput):
        sign(**changed)


@pytest.mark.parametrize(
    "key", ["", "0x", KEY[2:], KEY[:-1], KEY + "0", KEY + "\n", "0x" + "0" * 64, "0x" + "f" * 64]
)
def test_a_key_that_is_none_is_never_shown(key):
    with pytest.raises(ConfigurationError, match="private key") as caught:
        ethereum.address_of(key)

    digits = key.removeprefix("0x")
    assert not digits or digits not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "right"),
    [
        (PAYEE, True),
        (TOKEN, True),
        (TOKEN.lower(), False),
        (TOKEN.replace("dAC", "dac"), False),
        (TOKEN[:-1], False),
        (TOKEN + "0", False),
        (TOKEN[2:], False),
        (TOKEN + "\n", False),
        ("", False),
        ("vitalik.eth", False),
    ],
)
def test_an_address_counts_only_with_its_checksum(address, right):
    assert ethereum.is_checksummed(address) is right


@given(st.binary(min_size=20, max_size=20))
def test_every_address_has_one_checksummed_form(raw):
    assert ethereum.is_checksummed(to_checksum_address(raw))


@given(st.integers(1, 2**256 - 1))
def test_a_token_transfer_is_encoded_as_web3_encodes_it(amount):
    abi = [{
        "type": "function", "name": "transfer", "stateMutability": "nonpayable", "outputs": [],
        "inputs": [{"name": "to", "type": "address"}, {"name": "value", "type": "uint256"}],
    }]  # fmt: skip

    expected = Web3().eth.contract(abi=abi).encode_abi("transfer", [PAYEE, amount])

    assert "0x" + ethereum.erc20_transfer_data(PAYEE, amount).hex() == expected


@pytest.mark.parametrize(("to", "amount"), [("0x12", 1), (PAYEE, 0), (PAYEE, -1), (PAYEE, 2**256)])
def test_a_token_transfer_of_nothing_or_to_nobody_is_refused(to, amount):
    with pytest.raises(InvalidInput):
        ethereum.erc20_transfer_data(to, amount)


def test_importing_the_module_does_not_import_web3():
    code = (
        "import sys, microbatch.hostpay.outbound, microbatch.vendors.ethereum;"
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] in"
        " ('web3','eth_account','eth_utils')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import json;" + code],
        env={"PYTHONPATH": "layers/shared/python"},
        capture_output=True,
        check=True,
    )

    assert json.loads(done.stdout) == []
