"""Many signers at once over one wallet: every nonce once, and one set of bytes for each."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from microbatch.hostpay import signing
from microbatch.messages import Outgoing, PaymentExecutionRequest
from microbatch.platform.database import Database
from microbatch.platform.kms import KmsKey
from microbatch.vendors.ethereum import Signed
from microbatch.vendors.ethereum.kms_signer import KmsSigner
from tests.fakes.kms import KEY_ID, FakeKms
from tests.hostile.world import World

SIGNERS = 8
TRANSFERS = 12
WINDOW = 16
EXECUTE = "hostpay-payment-execute"


class RandomSigner(KmsSigner):
    """A key that takes a random number for each signature; takes its time, and notes them all."""

    def __init__(self) -> None:
        number = secrets.randbelow(2**255) + 1
        key = ec.derive_private_key(number, ec.SECP256K1())

        def answers(digest: bytes) -> bytes:
            return key.sign(digest, ec.ECDSA(Prehashed(SHA256())))

        kms = FakeKms(f"0x{number:064x}", answers=answers)
        super().__init__(KmsKey(kms, KEY_ID))
        self.made: list[Signed] = []
        self.dies = False

    def sign(self, **fields: Any) -> Signed:
        signed = super().sign(**fields)
        self.made.append(signed)
        time.sleep(0.05)
        if self.dies:
            raise SystemError("killed between the signature and the commit")
        return signed


class Crowd:
    """Signers of their own, each in a thread and on its own connection."""

    def __init__(self, world: World, fields: dict[str, Any]) -> None:
        self._world = world
        self._fields = fields

    def sign(self, messages: list[PaymentExecutionRequest], times: int) -> list[Outgoing]:
        """Every message to that many signers, all at once, each in an order of its own."""
        policy, signers = self._world.hostpay_policy, self._world.signers
        together = threading.Barrier(times)

        def works(seed: int) -> list[Outgoing]:
            mine = list(messages)
            Random(seed).shuffle(mine)
            sent: list[Outgoing] = []
            with closing(Database(lambda _fresh: self._fields)) as database:
                together.wait(10)
                for message in mine:
                    with database.transaction() as tx:
                        sent += signing.sign(message, tx, self._world.now, policy, signers)
            return sent

        with ThreadPoolExecutor(times) as threads:
            return [each for sent in threads.map(works, range(times)) for each in sent]


@pytest.fixture
def crowd(world: World, database_fields: dict[str, Any]) -> Crowd:
    return Crowd(world, database_fields)


@contextmanager
def held(world: World, ready: str) -> Iterator[dict[str, PaymentExecutionRequest]]:
    """Orders to sign lie aside, by transfer, once the rows that `ready` selects are theirs."""
    found: dict[str, PaymentExecutionRequest] = {}

    def holds(outgoing: Outgoing) -> bool:
        message = outgoing.message
        if not isinstance(message, PaymentExecutionRequest):
            return False
        if not world.rows(ready, unique_id=message.unique_id):
            return False
        found[message.unique_id] = message
        return True

    world.lose = holds
    yield found
    world.lose = lambda _outgoing: False


def looked_at(world: World, transfers: int) -> list[PaymentExecutionRequest]:
    """So many transfers have been looked at, now, and wait to be signed."""
    for _ in range(transfers):
        world.order()
    ready = (
        "SELECT 1 FROM transfers WHERE unique_id = %(unique_id)s AND state = 'approved'"
        " AND preflight_at IS NOT NULL"
    )
    with held(world, ready) as found:
        until(world, lambda: len(found) == transfers)
    return list(found.values())


def until(world: World, holds: Callable[[], bool], rounds: int = 60) -> None:
    for _ in range(rounds):
        if holds():
            return
        world.live(1)
    raise AssertionError(f"never: {world.transfers()}")


def random_signer(world: World) -> RandomSigner:
    """The wallet's key is now one that never gives the same bytes twice."""
    signer = RandomSigner()
    world.signer = signer  # type: ignore[assignment]
    world.wallet = signer.address.lower()
    world.fund()
    return signer


def test_many_signers_of_one_wallet_leave_no_gap_and_take_no_nonce_twice(
    world: World, crowd: Crowd
) -> None:
    """S11. Eight signers get every order at once, the wallet's adoption among them."""
    messages = looked_at(world, TRANSFERS)
    assert world.rows("SELECT 1 FROM wallets") == []
    sent = crowd.sign(messages, SIGNERS)
    assert sorted(row["nonce"] for row in world.transfers()) == list(range(TRANSFERS))
    assert [(row["nonce"], row["attempt_no"]) for row in world.attempts()] == [
        (nonce, 1) for nonce in range(TRANSFERS)
    ]
    taken = world.rows("SELECT nonce, unique_id FROM transfer_nonces ORDER BY nonce")
    assert [row["nonce"] for row in taken] == list(range(TRANSFERS))
    assert len({row["unique_id"] for row in taken}) == TRANSFERS
    committed = {row["tx_hash"] for row in world.attempts()}
    assert {each.message.tx_hash for each in sent} == committed  # type: ignore[attr-defined]
    world.queue += sent
    world.live(30)
    world.assert_all_paid_once()


def test_many_signers_of_one_wallet_together_keep_to_the_window(world: World, crowd: Crowd) -> None:
    """S11. What is in flight is counted under the wallet's lock."""
    crowd.sign(looked_at(world, WINDOW + 4), SIGNERS)
    nonces = [row["nonce"] for row in world.transfers()]
    assert nonces == [*range(WINDOW), *[None] * 4]
    world.live(60)
    world.assert_all_paid_once()


def test_of_racing_signatures_of_one_transfer_one_is_made_committed_and_mined(
    world: World, crowd: Crowd
) -> None:
    """S12. The key would give other bytes each time: who comes second is told the first's."""
    signer = random_signer(world)
    sent = crowd.sign(looked_at(world, 1), SIGNERS)
    (attempt,) = world.attempts()
    assert [each.tx_hash for each in signer.made] == [attempt["tx_hash"]]
    assert {each.message.raw_transaction for each in sent} == {  # type: ignore[attr-defined]
        bytes(attempt["raw_transaction"])
    }
    world.queue += sent
    world.live(20)
    world.assert_all_paid_once()
    assert [each.tx_hash for each in world.proxy.transactions(world.wallet)] == [attempt["tx_hash"]]


def test_bytes_of_a_signer_that_died_before_its_commit_are_never_sent(
    world: World, crowd: Crowd
) -> None:
    """S12. Its nonce and its bytes are gone together; the next signer's are others."""
    signer = random_signer(world)
    messages = looked_at(world, 1)
    signer.dies = True
    for _ in range(3):
        with pytest.raises(SystemError):
            crowd.sign(messages, 1)
    assert world.attempts() == []
    assert world.transfers()[0]["nonce"] is None
    signer.dies = False
    world.queue += crowd.sign(messages, 2)
    world.live(20)
    world.assert_all_paid_once()
    hashes = [each.tx_hash for each in signer.made]
    assert len(set(hashes)) == 4, "each signature is another"
    assert world.transfers()[0]["tx_hash"] == hashes[-1]
    assert [each.tx_hash for each in world.proxy.transactions(world.wallet)] == hashes[-1:]


def test_of_racing_signatures_of_one_bump_one_is_made_committed_and_sent(
    world: World, crowd: Crowd
) -> None:
    """S12. The same of the dearer bytes that follow the first."""
    signer = random_signer(world)
    world.proxy.fault("false_success", times=-1)  # whatever is sent is forgotten
    world.order()
    ordered = "SELECT 1 FROM transfer_attempts WHERE state = 'ordered'"
    with held(world, ordered) as found:
        until(world, lambda: bool(found))
    sent = crowd.sign(list(found.values()), SIGNERS)
    first, second = world.attempts()
    assert [each.tx_hash for each in signer.made] == [first["tx_hash"], second["tx_hash"]]
    assert [each.message.tx_hash for each in sent] == [  # type: ignore[attr-defined]
        second["tx_hash"]
    ]
    world.proxy.clear()
    world.queue += sent
    world.live(20)
    world.assert_all_paid_once()
    assert world.transfers()[0]["tx_hash"] == second["tx_hash"]
