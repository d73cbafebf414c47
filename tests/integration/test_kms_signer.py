"""A wallet whose key is inside KMS: an endpoint that really signs, a real node, a real Postgres."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from eth_account import Account

from local.aws.emulator import Emulator
from local.processes import Processes
from microbatch.errors import ConfigurationError, RetryLater
from microbatch.hostpay.signing import Signer
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.platform.kms import KmsKey
from microbatch.vendors.ethereum import BroadcastOutcome, Node, Signed
from microbatch.vendors.ethereum.kms_signer import KmsSigner
from microbatch.wiring import parts
from tests.fakes.kms import KEY_ID, FakeKms
from tests.fakes.pipeline import KEY, Pipeline
from tests.integration.anvil_chain import ETH, GWEI, PAYEE, PLAIN_GAS, Chain, running
from tests.unit.stub_server import Answer, StubServer

WALLET_KIND = {"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "SIGN_VERIFY"}
TRANSFERS = 12  # so that both parities and both halves of s come up


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The AWS endpoint of the local stack."""
    processes = Processes(tmp_path_factory.mktemp("aws"))
    emulator = Emulator(processes)
    try:
        emulator.start()
        yield emulator
    finally:
        processes.stop_all()


@pytest.fixture(scope="module")
def kms(emulator: Emulator) -> Iterator[Any]:
    client = emulator.client("kms")
    yield client
    client.close()


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with running() as chain:
        yield chain


def new_key(kms: Any, **kind: str) -> str:
    return str(kms.create_key(**(kind or WALLET_KIND))["KeyMetadata"]["Arn"])


def sign(signer: Signer, chain: Chain, nonce: int = 0) -> Signed:
    signed = signer.sign(
        chain_id=int(chain.rpc.call("eth_chainId"), 16),
        nonce=nonce,
        to_address=PAYEE,
        value_wei=ETH // 10,
        data=b"",
        gas_limit=PLAIN_GAS,
        max_fee_per_gas_wei=40 * GWEI,
        max_priority_fee_per_gas_wei=GWEI,
    )
    assert isinstance(signed, Signed)
    return signed


@contextmanager
def wired(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], key_id: str) -> Iterator[None]:
    """The environment of a function that signs in KMS."""
    variables = {"WALLET_KEY_SOURCE": "kms", "WALLET_KMS_KEY_ID": key_id, "NO_PROXY": "*"}
    for name, value in (settings | variables).items():
        monkeypatch.setenv(name, value)
    for made in (parts._kms_signers, parts.aws_client):
        made.cache_clear()
    try:
        yield
    finally:
        for made in (parts._kms_signers, parts.aws_client):
            made.cache_clear()


# --- an endpoint that signs, a node that checks ---------------------------------------------------


def test_a_node_mines_what_kms_has_signed(kms: Any, chain: Chain) -> None:
    signer, node = KmsSigner(KmsKey(kms, new_key(kms))), Node(chain.url)
    chain.fund(signer.address, 10 * ETH)
    before_wei = chain.balance_wei(PAYEE)

    signed = [sign(signer, chain, nonce) for nonce in range(TRANSFERS)]
    for each in signed:
        assert node.broadcast(each.raw, each.tx_hash).outcome is BroadcastOutcome.ACCEPTED
    chain.mine()

    for each in signed:
        assert node.receipt(wallet=signer.address, tx_hash=each.tx_hash).status == "success"
        mined = chain.rpc.call("eth_getTransactionByHash", each.tx_hash)
        assert mined["from"] == signer.address.lower()
    assert chain.balance_wei(PAYEE) - before_wei == TRANSFERS * ETH // 10


def test_kms_signs_otherwise_each_time_and_the_chain_takes_one_of_them(
    kms: Any, chain: Chain
) -> None:
    signer, node = KmsSigner(KmsKey(kms, new_key(kms))), Node(chain.url)
    chain.fund(signer.address, 10 * ETH)
    before_wei = chain.balance_wei(PAYEE)
    committed, forgotten = sign(signer, chain), sign(signer, chain)
    assert committed.raw != forgotten.raw
    assert {Account.recover_transaction(each.raw) for each in (committed, forgotten)} == {
        signer.address
    }

    for each in (committed, forgotten, committed):
        node.broadcast(each.raw, each.tx_hash)
    chain.mine()

    assert chain.balance_wei(PAYEE) - before_wei == ETH // 10
    assert node.receipt(wallet=signer.address, tx_hash=committed.tx_hash).status == "success"


def test_a_signature_is_refused_once_the_key_may_not_sign(kms: Any, chain: Chain) -> None:
    key_id = new_key(kms)
    signer = KmsSigner(KmsKey(kms, key_id))
    kms.disable_key(KeyId=key_id)

    with pytest.raises(ConfigurationError, match="refuses a signature: DisabledException"):
        sign(signer, chain)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=30)
    with pytest.raises(ConfigurationError, match="refuses a signature: KMSInvalidState"):
        sign(signer, chain)


@pytest.mark.parametrize(
    "kind",
    [
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "SYMMETRIC_DEFAULT"},
    ],
)
def test_a_key_of_another_kind_is_no_wallet(kms: Any, kind: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        KmsSigner(KmsKey(kms, new_key(kms, **kind)))


# --- as a function is given it --------------------------------------------------------------------


def test_the_setting_says_who_signs(
    emulator: Emulator, kms: Any, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, other_id = new_key(kms), new_key(kms)
    with wired(monkeypatch, emulator.settings(), f"{key_id} {other_id}"):
        signers = parts.signers()
        assert signers is parts.signers()
        for address, id_ in zip(signers, (key_id, other_id), strict=True):
            assert address == KmsSigner(KmsKey(kms, id_)).address.lower()
            signed = sign(signers[address], chain)
            assert Account.recover_transaction(signed.raw).lower() == address
        parts.aws_client("kms", 2, 2).close()

    with wired(monkeypatch, emulator.settings(), key_id.replace(key_id[-12:], "0" * 12)):
        with pytest.raises(ConfigurationError, match="its public key: NotFoundException"):
            parts.signers()
        monkeypatch.setenv("WALLET_KEY_SOURCE", "vault")
        with pytest.raises(ConfigurationError, match="WALLET_KEY_SOURCE is neither secret nor kms"):
            parts.signers()
        parts.aws_client("kms", 2, 2).close()


def test_kms_is_asked_once_and_waited_for_two_seconds_at_most(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StubServer(lambda _request: Answer(200, "{}", wait_seconds=3)) as slow:
        settings = emulator.settings() | {"AWS_ENDPOINT_URL": slow.url}
        with wired(monkeypatch, settings, KEY_ID):
            started = time.monotonic()
            with pytest.raises(RetryLater, match="public key now: ReadTimeoutError"):
                parts.signers()
            assert time.monotonic() - started < 2.8
            parts.aws_client("kms", 2, 2).close()
    assert len(slow.requests) == 1


# --- under the wallet's lock ----------------------------------------------------------------------


@pytest.fixture
def endpoint() -> FakeKms:
    return FakeKms(KEY)


@pytest.fixture
def pipeline(database: Database, endpoint: FakeKms) -> Pipeline:
    """A payment that has come as far as its signature, which KMS can be told to fail."""
    pipeline = Pipeline(database)
    pipeline.signer = KmsSigner(KmsKey(endpoint, KEY_ID))
    pipeline.client("7")
    pipeline.observe()
    pipeline.payment("7", "0.02")
    pipeline.run()
    pipeline.check()
    return pipeline


def attempts(pipeline: Pipeline) -> list[tuple[int, bytes]]:
    rows = pipeline.rows("SELECT nonce, raw_transaction FROM transfer_attempts ORDER BY nonce")
    return [(row["nonce"], bytes(row["raw_transaction"])) for row in rows]


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("ThrottlingException", RetryLater),
        ("DependencyTimeoutException", RetryLater),
        ("AccessDeniedException", ConfigurationError),
    ],
)
def test_kms_that_fails_leaves_nothing_behind_and_the_nonce_for_the_next_try(
    pipeline: Pipeline, endpoint: FakeKms, code: str, raised: type[Exception]
) -> None:
    endpoint.fails_with = ClientError({"Error": {"Code": code}}, "Sign")
    if raised is RetryLater:
        with pytest.raises(RetryLater, match=code):
            pipeline.run()
    else:
        pipeline.run()
        assert code in str(pipeline.dead.pop()[1])

    assert attempts(pipeline) == []
    assert pipeline.rows("SELECT * FROM transfer_nonces") == []
    assert pipeline.rows("SELECT * FROM wallets") == []  # not even adopted
    assert [row["state"] for row in pipeline.rows("SELECT state FROM transfers")] == ["approved"]

    endpoint.fails_with = None
    pipeline.now += timedelta(seconds=pipeline.pace.stale_after_seconds)
    pipeline.reconcile()
    pipeline.run()

    ((nonce, raw),) = attempts(pipeline)
    assert nonce == 0
    assert Account.recover_transaction(raw) == pipeline.signer.address
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert [row["state"] for row in pipeline.rows("SELECT state FROM transfers")] == ["settled"]
    assert endpoint.asked.count("sign") == 2
    assert broken_invariants(pipeline.database) == []


def test_what_is_committed_is_never_signed_again(pipeline: Pipeline, endpoint: FakeKms) -> None:
    pipeline.copies = 3
    pipeline.run()

    assert endpoint.asked.count("sign") == 1
    assert len(attempts(pipeline)) == 1
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert broken_invariants(pipeline.database) == []
