"""A real EVM node on this machine: Anvil."""

import json
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local import toolchain
from local.ports import HOST, free_port, http_post
from local.processes import Processes

CHAIN_ID = 31337
READY_SECONDS = 20.0


class AnvilError(RuntimeError):
    """The node refused a request."""


class Anvil:
    """One node with Anvil's well-known funded accounts.

    It makes a block every `block_time` seconds, or one per transaction when that is 0; `safe`
    and `finalized` follow one and two blocks behind the head.
    """

    def __init__(
        self, port: int | None = None, *, block_time: int = 1, processes: Processes | None = None
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._block_time = block_time
        self._own_folder: tempfile.TemporaryDirectory[str] | None = None
        if processes is None:
            self._own_folder = tempfile.TemporaryDirectory(prefix="anvil-")
            processes = Processes(Path(self._own_folder.name))
        self._processes = processes

    def start(self) -> Self:
        """Has the node running and answering. Raises ProcessError."""
        home = self._processes.folder / "tmp"  # it keeps old states under its home folder
        home.mkdir(parents=True, exist_ok=True)
        self._child = self._processes.start(
            "anvil",
            [toolchain.anvil(), *self._flags()],
            environment={"HOME": str(home), "TMPDIR": str(home)},
        )
        self._child.wait_until(self._answers, READY_SECONDS)
        return self

    def stop(self) -> None:
        """Ends the node; its chain is gone."""
        self._child.stop()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    def rpc(self, method: str, *params: Any) -> Any:
        """Result of one JSON-RPC call. Raises AnvilError, or OSError when nobody answers."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = json.loads(http_post(self.url, json.dumps(call).encode()))
        if "error" in answer:
            raise AnvilError(f"{method}: {answer['error']}")
        return answer["result"]

    def _flags(self) -> list[str]:
        flags = ["--host", HOST, "--port", str(self.port), "--chain-id", str(CHAIN_ID), "--silent"]
        flags += ["--slots-in-an-epoch", "1"]
        return flags + (["--block-time", str(self._block_time)] if self._block_time else [])

    def _answers(self) -> bool:
        try:
            return int(self.rpc("eth_chainId"), 16) == CHAIN_ID
        except (OSError, ValueError):
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
