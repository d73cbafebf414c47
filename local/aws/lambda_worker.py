"""Lambda functions in MiniStack run in real `awslambdaric` processes, the client AWS runs too.

MiniStack keeps a Runtime API server for custom runtimes; ours is a custom runtime whose
`bootstrap` starts awslambdaric from an environment that holds nothing else.
"""

import hashlib
import http.client
import io
import os
import queue
import threading
import uuid
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_region
from ministack.services import lambda_svc

from local.aws import authorization
from local.aws.trail import Invocation, note

PYTHON = "LOCAL_LAMBDA_PYTHON"  # the workers' interpreter
LOGS = "LOCAL_LAMBDA_LOGS"  # folder, one file a function
LAYERS = "LOCAL_LAMBDA_LAYERS"  # folder of unpacked layers
ENDPOINT = "LOCAL_AWS_ENDPOINT"  # where the functions find AWS
SQS_ENDPOINT = "LOCAL_SQS_ENDPOINT"  # where they find SQS, if elsewhere

# awslambdaric puts a stack trace into a header line that can pass http.server's limit of 64 KiB;
# the 431 it would get makes it exit.
HEADER_LINE_BYTES_MAX = 1 << 21

_unpacking = threading.Lock()


def register() -> None:
    """Makes the emulator of this process run Python functions through awslambdaric."""
    http.client._MAXLINE = HEADER_LINE_BYTES_MAX  # type: ignore[attr-defined]  # noqa: SLF001
    original = lambda_runtime._worker_class_for  # noqa: SLF001

    def worker_class_for(config: dict[str, Any]) -> type[Any]:
        is_python = str(config.get("Runtime", "")).startswith("python")
        return Worker if is_python else original(config)

    lambda_runtime._worker_class_for = worker_class_for  # noqa: SLF001
    lambda_svc._provided_worker_env = worker_environment  # noqa: SLF001


class Worker(lambda_runtime.ProvidedWorker):  # type: ignore[misc]
    """One execution environment: an awslambdaric process, one event at a time, kept warm."""

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        super().__init__(func_name, config, _with_bootstrap(code_zip))
        self._is_cold = True

    def invoke(
        self,
        event: Any,
        request_id: str,
        *,
        trace_id: str | None = None,
        invoked_function_arn: str | None = None,
        **_unused: Any,
    ) -> dict[str, Any]:
        """Outcome of one event; what only MiniStack's own workers understand is left out."""
        queue, records = authorization.origin(self.config, event)
        began, was_cold, self._is_cold = self._cpu_milliseconds(), self._is_cold, False
        result: dict[str, Any] = super().invoke(
            event, request_id, trace_id=trace_id, invoked_function_arn=invoked_function_arn
        )
        used = self._cpu_milliseconds() - began
        note(Invocation(self.func_name, queue, records, used, was_cold))
        return result

    def _cpu_milliseconds(self) -> int:
        """Processor time of the environment's process so far; 0 where nobody tells."""
        try:
            stat = Path(f"/proc/{self._proc.pid}/stat").read_text(encoding="utf-8")
        except (AttributeError, OSError):
            return 0
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * 1000 // os.sysconf("SC_CLK_TCK")

    def _build_handler_class(self, *arguments: Any) -> type[Any]:
        # Small writes would wait for the peer's delayed acknowledgement: 40 ms an event.
        unhurried = super()._build_handler_class(*arguments)
        return type("RuntimeApi", (unhurried,), {"disable_nagle_algorithm": True, "wbufsize": -1})

    def _pump_output(self, stream: Any, lines: "queue.Queue[str]") -> None:
        log = Path(os.environ[LOGS]) / f"{self.func_name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab", buffering=0) as copy:
            super()._pump_output(_CopiedStream(stream, copy), lines)


class _CopiedStream:
    """A process's output that is also written to a file, line by line."""

    def __init__(self, stream: Any, copy: Any) -> None:
        self._stream = stream
        self._copy = copy

    def readline(self) -> bytes:
        line: bytes = self._stream.readline()
        self._copy.write(line)
        return line

    def close(self) -> None:
        self._stream.close()


def worker_environment(config: dict[str, Any], code: str, port: int) -> dict[str, str]:
    """The environment of one worker, made from nothing: what AWS sets, and the function's own."""
    name = config["FunctionName"]
    layers = [_layer_folder(layer) for layer in config.get("Layers") or []]
    # AWS lays layers over each other in order, so a later one wins
    path = [code, *(f"{layer}/python" for layer in reversed(layers))]
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "HOME": os.environ["TMPDIR"],
        "TMPDIR": os.environ["TMPDIR"],
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **lambda_svc._runtime_env_vars(config),  # noqa: SLF001
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
        "LAMBDA_TASK_ROOT": code,
        "_HANDLER": config["Handler"],
        **lambda_runtime.execution_credentials(config),
        "AWS_ENDPOINT_URL": os.environ[ENDPOINT],
        "AWS_ENDPOINT_URL_SQS": os.environ.get(SQS_ENDPOINT) or os.environ[ENDPOINT],
    }


def _with_bootstrap(code_zip: bytes) -> bytes:
    bootstrap = zipfile.ZipInfo("bootstrap")
    bootstrap.external_attr = 0o755 << 16
    package = io.BytesIO(code_zip)
    with zipfile.ZipFile(package, "a") as archive:
        script = f'#!/bin/sh\nexec "{os.environ[PYTHON]}" -m awslambdaric "$_HANDLER"\n'
        archive.writestr(bootstrap, script)
    return package.getvalue()


def _layer_folder(layer: Any) -> Path:
    """Folder with the unpacked layer; a layer version never changes, so once is enough."""
    arn = layer["Arn"] if isinstance(layer, dict) else str(layer)
    folder = Path(os.environ[LAYERS]) / hashlib.sha256(arn.encode()).hexdigest()[:16]
    with _unpacking:
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            package = lambda_svc._resolve_layer_zip(layer)  # noqa: SLF001
            with zipfile.ZipFile(io.BytesIO(package)) as archive:
                archive.extractall(unfinished)
            unfinished.rename(folder)
    return folder
