"""A token is paid by telling its contract; ETH goes to the payee itself."""

import dataclasses

from microbatch.hostpay.model import Call, call_of
from microbatch.vendors.ethereum import erc20_transfer_data
from tests.unit.test_hostpay_model import TRANSFER

TOKEN, PAYEE = "0x" + "55" * 20, "0x" + "ab" * 20


def test_eth_goes_to_the_payee_and_calls_nothing() -> None:
    transfer = dataclasses.replace(TRANSFER, token=None, to_address=PAYEE, amount_units=7)
    assert call_of(transfer) == Call(PAYEE, 7, b"")


def test_a_token_is_moved_by_its_contract_and_no_eth_is_sent() -> None:
    transfer = dataclasses.replace(TRANSFER, token=TOKEN, to_address=PAYEE, amount_units=10**12 + 1)
    assert call_of(transfer) == Call(TOKEN, 0, erc20_transfer_data(PAYEE, 10**12 + 1))
