"""What stands between the functions and the node, and between them and SQS, so that drills can
take either away from them.
"""

import sys
from pathlib import Path

from local import toolchain
from local.gate import CONTROL
from local.ports import HOST, free_port, http_get
from local.processes import Processes

READY_SECONDS = 20.0


class Gates:
    """`local/chain_proxy` before the node and `local.gate` before SQS."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._rpc_port, self._sqs_port = free_port(), free_port()

    @property
    def rpc_url(self) -> str:
        """The node, as the functions reach it."""
        return f"http://{HOST}:{self._rpc_port}"

    @property
    def sqs_url(self) -> str:
        """SQS, as the functions reach it."""
        return f"http://{HOST}:{self._sqs_port}"

    @property
    def controls(self) -> dict[str, str]:
        """Where each takes its orders."""
        return {"rpc": f"{self.rpc_url}/_control/faults", "sqs": f"{self.sqs_url}{CONTROL}"}

    def start_rpc(self, node_url: str) -> None:
        """Has the one before the node running. Raises ProcessError."""
        self._start("rpc-gate", "local.chain_proxy", self._rpc_port, node_url, "rpc")

    def start_sqs(self, aws_url: str) -> None:
        """Has the one before SQS running. Raises ProcessError."""
        self._start("sqs-gate", "local.gate", self._sqs_port, aws_url, "sqs")

    def _start(self, name: str, module: str, port: int, upstream: str, control: str) -> None:
        command: list[str | Path] = [sys.executable, "-m", module]
        child = self._processes.start(
            name,
            [*command, "--port", str(port), "--upstream", upstream],
            environment=toolchain.clean_environment(),
            cwd=toolchain.ROOT,
        )
        url = self.controls[control]
        child.wait_until(lambda: http_get(url)[0] == 200, READY_SECONDS)
