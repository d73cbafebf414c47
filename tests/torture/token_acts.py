"""USDT's owner stops it for a while: transfers of it that are mined meanwhile are reverted."""

from typing import Any

from local.contracts import deploy
from tests.torture.world import Tormented

GAS = 200_000
PLENTY_UNITS = 10**12
GOES_ON = 0.4


class TokenActs:
    """The contract's owner, straight at the node; `was_paused` is what is excused by it."""

    def __init__(self, world: Tormented) -> None:
        self._world = world
        self.was_paused = False
        if world.plan.tokens:
            world.anvil.rpc("evm_setAutomine", True)
            deploy.deploy(world.anvil.url)
            for wallet in world.wallets:
                self._call("mint(address,uint256)", wallet, PLENTY_UNITS)
            world.anvil.rpc("evm_setAutomine", False)

    def begin_round(self) -> None:
        """What is paused goes on, sooner or later."""
        paused = self.was_paused and self._is_paused()
        if paused and self._world.chance.random() < GOES_ON:
            self._call("unpause()")

    def pause(self) -> None:
        """The next block shows it, unless a reorganisation takes it back."""
        if self._world.plan.tokens:
            self._call("pause()")
            self.was_paused = True
            self._world.trace.note("people.token_paused")

    def calm(self) -> None:
        """Transfers are possible from now on."""
        while self._world.plan.tokens and self._is_paused():
            self._call("unpause()")
            self._world.anvil.rpc("anvil_mine", "0x1")

    def _is_paused(self) -> bool:
        call = {"to": self._world.token, "data": deploy.call_data("paused()")}
        return int(self._world.anvil.rpc("eth_call", call, "latest"), 16) == 1

    def _call(self, signature: str, *values: Any) -> None:
        call = {
            "from": deploy.DEPLOYER_ADDRESS,
            "to": self._world.token,
            "data": deploy.call_data(signature, *values),
            "gas": hex(GAS),
            "maxFeePerGas": hex(10**13),
            "maxPriorityFeePerGas": hex(10**9),
        }
        self._world.anvil.rpc("eth_sendTransaction", call)
