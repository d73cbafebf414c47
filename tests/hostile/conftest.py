"""One real node and one lying proxy for the session; a fresh wallet and database for each test."""

from collections.abc import Iterator

import pytest

from local.anvil import Anvil
from local.chain_proxy import ChainProxy
from local.contracts import deploy
from microbatch.platform.database import Database
from tests.hostile.world import World


@pytest.fixture(scope="session")
def anvil() -> Iterator[Anvil]:
    """A chain on which blocks are mined when a test says so."""
    with Anvil(block_time=0) as anvil:
        anvil.rpc("evm_setAutomine", False)
        yield anvil


@pytest.fixture(scope="session")
def usdt(anvil: Anvil) -> str:
    """The token's contract, on the chain; its deployer is its owner."""
    anvil.rpc("evm_setAutomine", True)
    address = deploy.deploy(anvil.url).usdt_address
    anvil.rpc("evm_setAutomine", False)
    return address


@pytest.fixture
def proxy(anvil: Anvil) -> Iterator[ChainProxy]:
    """What stands between us and the node, without a fault so far."""
    with ChainProxy(anvil.url) as proxy:
        yield proxy


@pytest.fixture
def world(database: Database, anvil: Anvil, proxy: ChainProxy) -> World:
    """A client, a funded wallet nobody has used, nothing ordered."""
    world = World(database, anvil, proxy)
    world.client("7")
    world.fund()
    world.anvil.rpc("anvil_mine", "0x4")
    return world
