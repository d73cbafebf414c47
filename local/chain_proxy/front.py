"""Between the socket and the node: each call suffers its fault, or passes as it is."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.chain_proxy import acts, lies
from local.chain_proxy.faults import Fault
from local.chain_proxy.journal import Call, Incoming, Journal
from local.chain_proxy.script import FaultScript, Scripted
from local.chain_proxy.wire import HANG_UP, Reply, Upstream, rpc_reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Everything but HTTP."""

    upstream: Upstream
    script: FaultScript = field(default_factory=FaultScript)
    journal: Journal = field(default_factory=Journal)
    closing: threading.Event = field(default_factory=threading.Event)

    def reply(self, body: bytes) -> Reply:
        """The answer to one HTTP request: a call, a batch, or what only the node can judge."""
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if isinstance(said, dict):
            return self._one(said, body)[1]
        if isinstance(said, list) and said and all(isinstance(one, dict) for one in said):
            return self._batch(said)
        return self.upstream.post(body)

    def _batch(self, batch: list[dict[str, Any]]) -> Reply:
        """Each call goes to the node by itself, in the batch's order.

        What spoils an HTTP answer spoils that of the whole batch; the other calls are made.
        """
        done = [self._one(said, json.dumps(said).encode()) for said in batch]
        spoilt = next((reply for _, reply in done if reply.whole), None)
        if spoilt is None:
            bodies = [reply.body for _, reply in done if reply.body]
            return Reply(body=b"[" + b",".join(bodies) + b"]")
        for call, _ in done:
            self.journal.end(call, spoilt.heard_status, spoilt.delivered)
        return spoilt

    def _one(self, said: Mapping[str, Any], raw: bytes) -> tuple[Call, Reply]:
        incoming = Incoming(said, raw)
        call = self.journal.begin(incoming)
        scripted = self.script.take(incoming)
        if scripted is None:
            reply = self._forward(call, raw)
        else:
            self.journal.suffers(call, scripted.fault.kind, scripted.number)
            reply = self._suffer(scripted, incoming, call)
        self.journal.end(call, reply.heard_status, reply.delivered)
        return call, reply

    def _suffer(self, scripted: Scripted, incoming: Incoming, call: Call) -> Reply:
        fault = scripted.fault
        if self.closing.wait(fault.wait_seconds):
            return HANG_UP
        question = lies.question(fault, incoming, self.upstream)
        truths = [self._forward(call, question) for _ in range(fault.times_forwarded)]
        if fault.kind not in lies.LYING:
            reply = acts.reply(fault, incoming, truths)
        else:
            reply = self._lie(fault, incoming, truths[-1] if truths else None)
            if truths and question == incoming.raw and reply is truths[-1]:
                self.script.give_back(scripted)
                self.journal.suffers(call, "", 0)
        return HANG_UP if self.closing.wait(fault.hold_seconds) else reply

    def _lie(self, fault: Fault, incoming: Incoming, truth: Reply | None) -> Reply:
        """The node's own answer where there is nothing to lie about: an error, for one."""
        result = None
        if truth is not None:
            try:
                answer = json.loads(truth.body)
            except ValueError:
                return truth
            if not isinstance(answer, dict) or "result" not in answer:
                return truth
            result = answer["result"]
        bent = lies.bent_result(fault, incoming, result, self.upstream)
        if truth is not None and bent == result:
            return truth
        return rpc_reply(incoming.id, result=bent)

    def _forward(self, call: Call, body: bytes) -> Reply:
        self.journal.forwards(call)
        truth = self.upstream.post(body)
        self.journal.hears(call, truth.body)
        return truth
