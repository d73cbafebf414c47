"""Stages as they are deployed: each function in a process of its own, and queues between them.

The doors are the real ones. A queue hands over up to a batch of what waits as soon as its function
is free; a message with a delay is handed over when nothing else waits: no work is done meanwhile.
"""

import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bench.door import Aws, door, event
from cdk.stages import BY_NAME

TRIES_MAX = 100
END_SECONDS = 10

Sent = tuple[str, str, int]  # queue, body, seconds of delay


@dataclass
class Function:
    """A function in its process."""

    process: BaseProcess
    line: Connection
    queues: tuple[str, ...]
    batch_size: int
    given: tuple[str, list[str]] | None = None  # what it works on


@dataclass
class Stages:
    """Functions, and what waits in the queues between them."""

    functions: list[Function]
    waiting: dict[str, deque[str]]
    delayed: list[Sent] = field(default_factory=list)
    tries: int = 0

    def put(self, queue: str, body: str) -> None:
        """One more message in a queue; in one that nobody here reads it only lies."""
        self.waiting.setdefault(queue, deque()).append(body)

    def run(self, *queues: str) -> None:
        """Work until nothing waits; of other queues than these, if any are named, nothing is read.

        Raises AssertionError when messages come back without end.
        """
        self.tries = 0
        while True:
            self._hand_over(queues)
            busy = [each for each in self.functions if each.given]
            if busy:
                for line in wait([each.line for each in busy]):
                    self._answered(next(each for each in busy if each.line is line))
            elif self.delayed:
                late, self.delayed = self.delayed, []
                for queue, body, _seconds in late:
                    self.put(queue, body)
            else:
                return

    def _hand_over(self, queues: Sequence[str]) -> None:
        for function in self.functions:
            if function.given:
                continue
            for queue in function.queues:
                waiting = self.waiting.get(queue)
                if not waiting or (queues and queue not in queues):
                    continue
                count = min(function.batch_size, len(waiting))
                function.given = (queue, [waiting.popleft() for _ in range(count)])
                function.line.send(function.given)
                break

    def _answered(self, function: Function) -> None:
        failed, sent = function.line.recv()
        assert function.given
        queue, bodies = function.given
        function.given = None
        self.tries += len(failed)
        assert self.tries < TRIES_MAX, f"messages of {queue} come back without end"
        self.delayed += [(queue, bodies[number], 0) for number in failed]
        for each in sent:
            if each[2]:
                self.delayed.append(each)
            else:
                self.put(each[0], each[1])


@contextmanager
def stages(
    names: Sequence[str], fields: Mapping[str, Any], secrets: Mapping[str, str], **settings: str
) -> Iterator[Stages]:
    """Started, each with its own kept connection; ended afterwards."""
    context = multiprocessing.get_context("fork")  # anew, each would import the CDK
    functions: list[Function] = []
    try:
        for name in names:
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(name, dict(fields), dict(secrets), settings, theirs)
            )
            process.start()
            theirs.close()
            row = BY_NAME[name]
            functions.append(Function(process, ours, row.queues, row.batch_size))
        for function in functions:
            assert function.line.recv() == "ready"
        yield Stages(functions, {})
    finally:
        for function in functions:
            with suppress(OSError):
                function.line.send(None)
        for function in functions:
            function.process.join(END_SECONDS)
            function.process.kill()


def _serve(
    name: str,
    fields: dict[str, Any],
    secrets: dict[str, str],
    settings: dict[str, str],
    line: Connection,
) -> None:
    """What is given, through the door, until it is nothing."""
    sent: list[Sent] = []

    def take(queue: str, entry: Mapping[str, Any]) -> None:
        sent.append((queue, entry["MessageBody"], entry["DelaySeconds"]))

    with door(name, fields, Aws(secrets, take), **settings) as handle:
        line.send("ready")
        while True:
            given = line.recv()
            if given is None:
                return
            queue, bodies = given
            failures = handle(event(queue, bodies))["batchItemFailures"]
            failed = [int(each["itemIdentifier"][-12:]) for each in failures]
            line.send((failed, list(sent)))
            sent.clear()
