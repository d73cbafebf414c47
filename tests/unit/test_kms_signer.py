"""A key inside KMS signs what a key in memory would, and nothing else is believed."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys import keys
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st

from microbatch.errors import ConfigurationError, InvalidInput, MicrobatchError, RetryLater
from microbatch.platform.kms import KmsKey
from microbatch.vendors.ethereum import Signed
from microbatch.vendors.ethereum.key_signer import KeySigner
from microbatch.vendors.ethereum.kms_signer import KmsSigner
from tests.fakes.kms import CURVE_ORDER, KEY_ID, SPKI, FakeKms, der

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
OTHER_KEY = "0x" + "11" * 32
WALLET = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
GWEI = 10**9
UNWELL = ("ThrottlingException", "KMSInternalException", "DependencyTimeoutException",
          "KeyUnavailableException", "ServiceUnavailableException")  # fmt: skip
FORBIDDEN = ("AccessDeniedException", "DisabledException", "KMSInvalidStateException",
             "NotFoundException", "InvalidKeyUsageException")  # fmt: skip


def signer_of(kms: FakeKms) -> KmsSigner:
    return KmsSigner(KmsKey(kms, KEY_ID))


def sign(signer: Any, **changed: Any) -> Signed:
    fields = {
        "chain_id": 1, "nonce": 7, "to_address": PAYEE, "value_wei": 10**18, "data": b"",
        "gas_limit": 21_000, "max_fee_per_gas_wei": 30 * GWEI,
        "max_priority_fee_per_gas_wei": GWEI,
    }  # fmt: skip
    signed: Signed = signer.sign(**{**fields, **changed})
    return signed


def parity(signed: Signed) -> int:
    return int(TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()["v"])


def refused(answer: bytes) -> MicrobatchError:
    """What is raised over an answer to a request for a signature."""
    signer = signer_of(FakeKms(KEY, answers=lambda _digest: answer))
    with pytest.raises(MicrobatchError) as caught:
        sign(signer)
    return caught.value


# --- what is signed -------------------------------------------------------------------------------


def test_the_address_is_that_of_the_public_key_which_is_asked_for_once():
    kms = FakeKms(KEY)
    signer = signer_of(kms)

    assert signer.address == WALLET == KeySigner(KEY).address
    sign(signer, nonce=1)
    sign(signer, nonce=2)
    assert kms.asked == ["get_public_key", "sign", "sign"]


@pytest.mark.parametrize("high_s", [False, True])
def test_it_signs_what_a_key_in_memory_signs_whichever_s_kms_gives(high_s: bool):
    # this endpoint takes its random number as KeySigner does (RFC 6979), so the bytes compare
    inside, in_memory = signer_of(FakeKms(KEY, high_s=high_s)), KeySigner(KEY)

    for nonce in range(6):
        data = bytes(nonce)
        assert sign(inside, nonce=nonce, data=data) == sign(in_memory, nonce=nonce, data=data)


@pytest.mark.parametrize("high_s", [False, True])
def test_both_parities_occur_and_each_recovers_to_the_wallet(high_s: bool):
    signer = signer_of(FakeKms(KEY, high_s=high_s))
    signed = [sign(signer, nonce=nonce) for nonce in range(8)]

    assert {parity(each) for each in signed} == {0, 1}
    for each in signed:
        assert Account.recover_transaction(each.raw) == WALLET
        assert TypedTransaction.from_bytes(HexBytes(each.raw)).as_dict()["s"] <= CURVE_ORDER // 2
        assert each.tx_hash == "0x" + keccak(each.raw).hex()


@pytest.mark.parametrize("to", [PAYEE, PAYEE.lower(), "0x" + PAYEE[2:].upper(), PAYEE[:-1] + "e"])
def test_it_accepts_the_addresses_that_a_key_in_memory_accepts(to: str):
    assert signer_of(FakeKms(KEY)).accepts(to) == KeySigner(KEY).accepts(to)


def test_nothing_is_asked_for_a_transaction_that_cannot_be():
    kms = FakeKms(KEY)
    signer = signer_of(kms)

    with pytest.raises(InvalidInput, match="max_priority_fee"):
        sign(signer, max_priority_fee_per_gas_wei=31 * GWEI)
    assert kms.asked == ["get_public_key"]


def test_it_shows_its_address_and_nothing_else():
    assert repr(signer_of(FakeKms(KEY))) == f"KmsSigner({WALLET})"


# --- answers that are not believed ----------------------------------------------------------------

GOOD = der(3, 5)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x30",
        GOOD[:-1],  # cut
        GOOD + b"\0",  # and something more
        b"\x31" + GOOD[1:],  # a set
        b"\x30\x03" + GOOD[2:5],  # r alone
        der(3, 5, 7),
        b"\x30\x81\x06" + GOOD[2:],  # a length in two bytes
        GOOD.replace(b"\x02\x01\x03", b"\x04\x01\x03"),  # r is not an integer
        b"\x30\x05\x02\x00\x02\x01\x05",  # r is empty
        b"\x30\x06\x02\x01\x03\x02\x05\x05",  # s is longer than what there is
        der(0, 5),
        der(3, 0),
        der(-3, 5),
        der(CURVE_ORDER, 5),
        der(3, CURVE_ORDER),
        bytes(64),  # r and s without DER
    ],
)
def test_what_is_no_signature_is_asked_for_again(answer: bytes):
    assert isinstance(refused(answer), RetryLater)


@pytest.mark.parametrize("r", range(1, 9))  # some of them are on the curve, some are not
def test_a_signature_that_nobody_made_is_refused(r: int):
    error = refused(der(r, 5))

    assert isinstance(error, ConfigurationError)
    assert "not of the wallet's key" in str(error)


@given(st.binary(max_size=80))
def test_no_bytes_at_all_are_taken_for_a_signature(answer: bytes):
    refused(answer)


def test_another_key_that_answers_is_refused():
    signer = signer_of(kms := FakeKms(KEY))
    kms.private_key = OTHER_KEY

    with pytest.raises(ConfigurationError, match="not of the wallet's key"):
        sign(signer)


def test_a_signature_over_something_else_is_refused():
    key = keys.PrivateKey(bytes.fromhex(KEY[2:]))

    def hashed_again(digest: bytes) -> bytes:
        _, r, s = key.sign_msg_hash(keccak(digest)).vrs
        return der(r, s)

    with pytest.raises(ConfigurationError, match="not of the wallet's key"):
        sign(signer_of(FakeKms(KEY, answers=hashed_again)))


P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + b"\x04" + bytes(64)
POINT = FakeKms(KEY).public_point


@pytest.mark.parametrize(
    "spki",
    [b"", P256, SPKI, SPKI + POINT[:-1], SPKI + POINT + b"\0", b"\x30\x36" + SPKI[2:] + POINT],
)
def test_a_key_of_another_kind_is_refused_at_once(spki: bytes):
    class Kms(FakeKms):
        def get_public_key(self, **_request: Any) -> dict[str, Any]:
            return {"PublicKey": spki}

    with pytest.raises(ConfigurationError, match="ECC_SECG_P256K1"):
        signer_of(Kms(KEY))


# --- KMS is unwell --------------------------------------------------------------------------------


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret details"}}, "Sign")


@pytest.mark.parametrize(
    "error",
    [
        *(refusal(code) for code in UNWELL),
        ReadTimeoutError(endpoint_url="https://kms.example"),
        EndpointConnectionError(endpoint_url="https://kms.example"),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_later_and_not_here(error: Exception):
    signer = signer_of(kms := FakeKms(KEY))
    kms.fails_with = error

    with pytest.raises(RetryLater, match="KMS key does not give a signature now"):
        sign(signer)
    assert kms.asked == ["get_public_key", "sign"]
    with pytest.raises(RetryLater, match="KMS key does not give its public key now"):
        signer_of(kms)


@pytest.mark.parametrize("code", FORBIDDEN)
def test_what_somebody_has_to_mend_is_not_tried_again(code: str):
    signer = signer_of(kms := FakeKms(KEY))
    kms.fails_with = refusal(code)

    with pytest.raises(ConfigurationError, match=f"refuses a signature: {code}$"):
        sign(signer)
    with pytest.raises(ConfigurationError, match=f"refuses its public key: {code}$"):
        signer_of(kms)
