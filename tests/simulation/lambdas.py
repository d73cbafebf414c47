"""Execution environments: each function with its own settings, caches and connection.

The doors are the real ones. What a function is made of (`microbatch.wiring.parts`) is kept per
environment instead of per process, so that a process that ends takes it along.
"""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from cdk.stages import BY_NAME, Stage
from tests.simulation.seams import Doing, Killed, current, set_current
from tests.simulation.settings import BUS, PREFIX

MILLISECONDS = 30_000


@dataclass
class Environment:
    """One instance of a function, warm."""

    stage: Stage
    variables: Mapping[str, str]
    doing: Doing
    kept: dict[Any, Any] = field(default_factory=dict)
    busy: bool = False

    def end(self) -> None:
        """The process is gone, and its connection with it."""
        database = self.kept.pop(("database", ()), None)
        if database is not None:
            database.close()


class Functions:
    """All functions of the stage table, invoked in this process."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._warm: dict[str, list[Environment]] = {}
        self._of: dict[int, Environment] = {}
        self.milliseconds_left: Callable[[], int] = lambda: MILLISECONDS

    def invoke(self, name: str, event: Mapping[str, Any], about: str = "") -> Any:
        """One invocation. Raises Killed when the process has ended on the way."""
        environment = self._environment(name)
        environment.busy, environment.doing.about = True, about
        door = importlib.import_module(f"functions.{name}.handler")
        try:
            with self._inside(environment):
                return door.lambda_handler(dict(event), self._context(name))
        finally:
            environment.busy = False
            if environment.doing.dead:
                self._end(environment)

    @contextmanager
    def _inside(self, environment: Environment) -> Iterator[None]:
        before = current()
        set_current(environment.doing)
        self._of[id(environment.doing)] = environment
        try:
            yield
        finally:
            set_current(before)

    def _environment(self, name: str) -> Environment:
        for environment in self._warm.setdefault(name, []):
            if not environment.busy:
                return environment
        stage = BY_NAME[name]
        made = Environment(stage, self._variables(stage), Doing(name))
        self._warm[name].append(made)
        return made

    def _end(self, environment: Environment) -> None:
        self._warm[environment.stage.name].remove(environment)
        self._of.pop(id(environment.doing), None)
        environment.end()

    def end_all(self) -> None:
        """Every process is gone: a deployment, or the end of a run."""
        for environments in list(self._warm.values()):
            for environment in [each for each in environments if not each.busy]:
                self._end(environment)

    def _variables(self, stage: Stage) -> dict[str, str]:
        known = dict.fromkeys((*stage.queues, *stage.sends_to, *stage.watches))
        return {
            **self._settings,
            "AWS_LAMBDA_FUNCTION_NAME": PREFIX + stage.name,
            "STATEMENT_SECONDS": str(max(1, stage.timeout_seconds - 5)),
            "RESOURCE_PREFIX": PREFIX,
            "ENVIRONMENT": "local",
            "QUEUE_URLS": json.dumps({"": list(known)}),
            "SECRET_IDS": json.dumps({name: name for name in stage.all_secrets}),
            "EVENT_BUS_NAME": BUS if stage.publishes else "",
        }

    def _context(self, name: str) -> Any:
        return SimpleNamespace(
            function_name=PREFIX + name,
            memory_limit_in_mb=512,
            get_remaining_time_in_millis=self.milliseconds_left,
            invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{name}",
            aws_request_id="00000000-0000-4000-8000-000000000000",
        )

    # --- what the wiring finds -------------------------------------------------------------------

    @property
    def environ(self) -> Mapping[str, str]:
        """In the place of os.environ."""
        return self._current().variables

    def kept(self, made: Callable[..., Any]) -> Callable[..., Any]:
        """In the place of functools.cache: kept by the environment that asks."""
        name = made.__name__

        def getter(*arguments: Any, **options: Any) -> Any:
            kept = self._current().kept
            key = (name, (*arguments, *sorted(options.items())))
            if key not in kept:
                kept[key] = made(*arguments, **options)
            return kept[key]

        return getter

    def _current(self) -> Environment:
        doing = current()
        if doing is None:
            raise Killed("nobody is there: our wiring was used outside of an invocation")
        return self._of[id(doing)]


def record_of(queue: str, message: Any) -> dict[str, Any]:
    """A received message as Lambda hands it to a function."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": str(int(message.sent_at.timestamp() * 1000)),
            "SenderId": "simulated",
            "ApproximateFirstReceiveTimestamp": "0",
        },
        "messageAttributes": {
            name: {**value, "stringListValues": [], "binaryListValues": []}
            for name, value in message.attributes.items()
        },
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-central-1:123456789012:{PREFIX}{queue}",
        "awsRegion": "eu-central-1",
    }
