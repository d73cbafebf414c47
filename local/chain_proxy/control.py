"""The control surface under /_control, for tests and drills; production code never calls it.

GET    /_control/health                  ready, the node's URL, how much is scripted
GET    /_control/faults                  what is still to come
POST   /_control/faults                  script one, or a list: the fields of faults.Fault
DELETE /_control/faults                  forget all of them
DELETE /_control/faults/<number>         forget one
GET    /_control/kinds                   the kinds of faults, and the errors by name
GET    /_control/calls[?method=…]        every call: parameters, when, forwarded, truth, answer
DELETE /_control/calls                   forget the calls
GET    /_control/transactions[?sender=…] every raw transaction ever seen, decoded
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.chain_proxy.errors import ERRORS
from local.chain_proxy.faults import KINDS, parse_fault
from local.chain_proxy.front import Front
from local.chain_proxy.wire import Reply, json_reply

PREFIX = "/_control/"


class Control:
    """Reads and scripts the proxy."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def reply(self, verb: str, target: str, body: bytes) -> Reply:
        """The answer to a control request: 400 for what makes no sense, 404 for what is not."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path, _, number = parts.path.removeprefix(PREFIX).partition("/")
        acts: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "health"): self._health,
            ("GET", "faults"): self._front.script.pending,
            ("POST", "faults"): lambda: self._script(body),
            ("DELETE", "faults"): lambda: self._lift(number),
            ("GET", "kinds"): _kinds,
            ("GET", "calls"): lambda: self._calls(query.get("method", "")),
            ("DELETE", "calls"): self._forget,
            ("GET", "transactions"): lambda: self._transactions(query.get("sender", "")),
        }
        act = acts.get((verb, path))
        if act is None:
            return json_reply({"error": f"no {verb} {parts.path}"}, 404)
        try:
            return json_reply(act())
        except LookupError as error:
            return json_reply({"error": str(error)}, 404)
        except (ValueError, TypeError) as error:
            return json_reply({"error": str(error)}, 400)

    def _health(self) -> Any:
        pending = len(self._front.script.pending())
        return {"status": "ok", "upstream": self._front.upstream.url, "faults": pending}

    def _script(self, body: bytes) -> Any:
        said = json.loads(body)
        faults = [parse_fault(one) for one in (said if isinstance(said, list) else [said])]
        return {"numbers": [self._front.script.add(fault).number for fault in faults]}

    def _lift(self, number: str) -> Any:
        if not number:
            self._front.script.clear()
        elif not self._front.script.lift(int(number)):
            raise LookupError(f"no fault {number}")
        return {"result": True}

    def _calls(self, method: str) -> Any:
        return [call.as_json() for call in self._front.journal.calls(method)]

    def _forget(self) -> Any:
        self._front.journal.clear()
        return {"result": True}

    def _transactions(self, sender: str) -> Any:
        return [one.as_json() for one in self._front.journal.transactions(sender)]


def _kinds() -> Any:
    return {
        "kinds": {name: asdict(kind) for name, kind in KINDS.items()},
        "errors": {name: error.as_json() for name, error in ERRORS.items()},
    }
