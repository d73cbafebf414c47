"""The whole product on one machine: database, chain, exchange, AWS endpoint, deployed functions."""

import json
import secrets
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cdk.compressed_time import CONTEXT_KEY as COMPRESSED_DAY
from cdk.compressed_time import DAY_SECONDS
from cdk.stages import DATABASE_LOGINS, DATABASE_OWNER
from local import leftovers, toolchain
from local.anvil import CHAIN_ID, Anvil
from local.aws.deployment import Deployed, Deployment
from local.aws.emulator import Emulator
from local.contracts import deploy as contracts
from local.endpoints import Endpoints
from local.gates import Gates
from local.ports import HOST, PortInUseError, free_port, http_get, require_free
from local.postgres import Postgres
from local.processes import ProcessError, Processes
from local.progress import step
from local.signals import ignore_signals, restore_signals, unwind_on_signals
from local.watchdog import Watchdog

FOLDER = toolchain.ROOT / ".local"

# The last of Anvil's well-known accounts: funded with test ether on chain 31337, used by nothing
# else here, known to everybody and so worthless anywhere else.
HOST_WALLET = "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"
HOST_WALLET_KEY = "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"

EXCHANGE_READY_SECONDS = 30.0
HEALTH_SECONDS = 60.0
HEALTH_POLL_SECONDS = 0.3


class StackError(RuntimeError):
    """The stack came up but is not well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What differs from the usual stack; the addresses are for the functions only."""

    rpc_url: str | None = None
    changenow_url: str | None = None
    anvil_port: int | None = None
    changenow_port: int | None = None
    # For drills: a day lasts so long, node and SQS can be taken away, Postgres survives a crash.
    day_seconds: int | None = None


class Stack:
    """One stack in its own folder, with ports of its own.

    Use it as a context manager, and nothing is left afterwards; or `start` it and `leave_up`.
    """

    endpoints: Endpoints

    def __init__(self, folder: Path = FOLDER, options: Options | None = None) -> None:
        self.folder = folder.resolve()
        self._options = options or Options()
        self._secrets = {
            "NOWPAYMENTS_IPN_SECRET": secrets.token_urlsafe(32),
            "CHANGENOW_API_KEY": secrets.token_hex(32),
            "HOST_WALLET_PRIVATE_KEY": HOST_WALLET_KEY,
            "ALCHEMY_SIGNING_KEY": f"whsec_{secrets.token_urlsafe(18)}",
            "PAYMENTS_WEBHOOK_SECRET": f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
        }

    def start(self) -> Self:
        """Brings everything up. Raises StackInUseError, ProcessError or StackError."""
        owner = leftovers.take_over(self.folder)
        unwind_on_signals()
        self._watchdog = Watchdog(self.folder, owner)
        self._processes = Processes(self.folder)
        drills = self._options.day_seconds is not None
        self._gates = Gates(self._processes) if drills else None
        self._postgres = Postgres(self.folder / leftovers.POSTGRES, fsync=drills)
        self._anvil = Anvil(self._options.anvil_port, processes=self._processes)
        self._changenow_port = self._options.changenow_port or free_port()
        self._emulator = Emulator(self._processes, self._gates.sqs_url if self._gates else "")
        self._deployment = Deployment(self._processes, self._emulator)
        try:
            self._bring_up()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends everything and removes its data; the logs stay."""
        ignore_signals()
        try:
            self._processes.stop_all()
            leftovers.remove(self.folder)
            self._watchdog.dismiss()
        finally:
            restore_signals()

    def leave_up(self) -> None:
        """The stack outlives this process."""
        leftovers.disown(self.folder)
        self._watchdog.dismiss()
        restore_signals()

    def secret(self, name: str) -> str:
        """Value of a vendor's secret that this stack made up."""
        return self._secrets[name]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _bring_up(self) -> None:
        require_free(self._anvil.port, "the Ethereum node")
        require_free(self._changenow_port, "the ChangeNOW simulator")
        self._together(
            self._start_chain_and_exchange,
            self._start_postgres,
            self._start_emulator,
            self._synthesize,
        )
        with step("cdk deploy: secrets"):
            self._deployment.deploy_data(self._secret_values())
        with step("cdk deploy: queues, functions, schema"):
            deployed = self._deployment.deploy_pipeline()
        with step("health"):
            self._wait_for_health(deployed)
        self.endpoints = self._describe(deployed)
        self.endpoints.write(self.folder)

    def _together(self, *tasks: Callable[[], None]) -> None:
        pool = ThreadPoolExecutor(len(tasks))
        try:
            futures = [pool.submit(task) for task in tasks]
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
        except BaseException:
            self._processes.stop_all()  # so that the other tasks end too
            raise
        finally:
            pool.shutdown()

    def _start_postgres(self) -> None:
        with step("Postgres"):
            self._postgres.start()

    def _start_chain_and_exchange(self) -> None:
        with step("Ethereum node and contracts"):
            self._anvil.start()
            contracts.deploy(self._anvil.url)
            if self._gates:
                self._gates.start_rpc(self._anvil.url)
        with step("ChangeNOW simulator"):
            self._start_exchange()

    def _start_exchange(self) -> None:
        flags = {
            "--port": str(self._changenow_port),
            "--rpc-url": self._anvil.url,
            "--usdt": contracts.USDT_ADDRESS,
            "--api-key": self._secrets["CHANGENOW_API_KEY"],
        }
        arguments = [part for flag in flags.items() for part in flag]
        child = self._processes.start(
            "changenow",
            [sys.executable, "-m", "local.changenow", *arguments],
            environment=toolchain.clean_environment(),
            cwd=toolchain.ROOT,
        )
        child.wait_until(lambda: http_get(self._own_changenow_url)[0] > 0, EXCHANGE_READY_SECONDS)

    def _start_emulator(self) -> None:
        with step("AWS endpoint"):
            self._emulator.start()
            if self._gates:
                self._gates.start_sqs(self._emulator.url)
        with step("cdk bootstrap"):
            self._deployment.bootstrap()

    def _synthesize(self) -> None:
        with step("cdk synth"):
            context = {
                "chain_id": str(CHAIN_ID),
                "host_wallet": HOST_WALLET,
                "usdt": contracts.USDT_ADDRESS,
                "feed": contracts.PRICE_FEED_ADDRESS,
                "changenow_url": self._changenow_url,
            }
            if self._options.day_seconds is not None:
                context[COMPRESSED_DAY] = str(self._options.day_seconds)
            self._deployment.synthesize(context)

    def _secret_values(self) -> dict[str, str]:
        return {
            **self._secrets,
            **self._logins(),
            "ETHEREUM_RPC_URL": self._rpc_url,
        }

    def _logins(self) -> dict[str, str]:
        """The owner is the server's superuser here; the migrator lets the zones in."""
        owner = self._postgres.fields()
        zones = {
            name: owner | {"username": f"microbatch_{zone}", "password": secrets.token_urlsafe(24)}
            for zone, name in DATABASE_LOGINS.items()
        }
        return {
            name: json.dumps(fields) for name, fields in {DATABASE_OWNER: owner, **zones}.items()
        }

    def _wait_for_health(self, deployed: Deployed) -> None:
        deadline = time.monotonic() + HEALTH_SECONDS
        while True:
            status, body = http_get(f"{deployed.webhook_url}/health", HEALTH_SECONDS)
            if status == 200:
                return
            if time.monotonic() > deadline:
                logs = self.folder / "logs" / "functions"
                raise StackError(f"GET /health answers {status}: {body}\nlogs are in {logs}")
            time.sleep(HEALTH_POLL_SECONDS)

    def _describe(self, deployed: Deployed) -> Endpoints:
        return Endpoints(
            webhook_url=deployed.webhook_url,
            database_url=self._postgres.url(),
            rpc_url=self._rpc_url,
            changenow_url=self._changenow_url,
            own_rpc_url=self._anvil.url,
            own_changenow_url=self._own_changenow_url,
            aws_endpoint_url=self._emulator.url,
            usdt_address=contracts.USDT_ADDRESS,
            host_wallet=HOST_WALLET,
            functions=deployed.functions,
            queues=deployed.queues,
            secrets=deployed.secrets,
            day_seconds=self._options.day_seconds or DAY_SECONDS,
            gates=self._gates.controls if self._gates else {},
        )

    @property
    def _rpc_url(self) -> str:
        gate = self._gates.rpc_url if self._gates else self._anvil.url
        return self._options.rpc_url or gate

    @property
    def _own_changenow_url(self) -> str:
        return f"http://{HOST}:{self._changenow_port}"

    @property
    def _changenow_url(self) -> str:
        return self._options.changenow_url or self._own_changenow_url


FAILURES = (
    leftovers.StackInUseError,
    PortInUseError,
    ProcessError,
    StackError,
    toolchain.ToolchainError,
)
