"""What the client gets from each kind of fault that is no lie."""

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from local.chain_proxy.faults import Fault
from local.chain_proxy.journal import Incoming
from local.chain_proxy.wire import (
    HANG_UP,
    HTML_TYPE,
    JSON_TYPE,
    TEXT_TYPE,
    Reply,
    json_reply,
    rpc_reply,
)

GARBAGE = '{"jsonrpc":"2.0","id":1,"result":<!-- upstream connect error'
PAGE = "<html><head><title>{0} {1}</title></head><body><h1>{0} {1}</h1>nginx</body></html>"
ANOTHER_ID = 987_654_321
PHRASES = {status.value: status.phrase for status in HTTPStatus}

Act = Callable[[Fault, Incoming, Sequence[Reply]], Reply]


def reply(fault: Fault, incoming: Incoming, truths: Sequence[Reply]) -> Reply:
    """The answer under this fault; `truths` are the node's, one for each time it was asked."""
    return _ACTS[fault.kind](fault, incoming, truths)


def _error(fault: Fault, incoming: Incoming, _truths: Sequence[Reply]) -> Reply:
    return rpc_reply(incoming.id, status=fault.http_status, error=fault.rpc_error)


def _result(fault: Fault, incoming: Incoming, _truths: Sequence[Reply]) -> Reply:
    return rpc_reply(incoming.id, status=fault.http_status, result=fault.result)


def _false_success(_fault: Fault, incoming: Incoming, _truths: Sequence[Reply]) -> Reply:
    sent = incoming.transaction
    return rpc_reply(incoming.id, result=sent.tx_hash if sent is not None else None)


def _drop(_fault: Fault, _incoming: Incoming, _truths: Sequence[Reply]) -> Reply:
    return HANG_UP


def _last(_fault: Fault, incoming: Incoming, truths: Sequence[Reply]) -> Reply:
    return truths[-1] if truths else rpc_reply(incoming.id, result=None)


def _status(fault: Fault, incoming: Incoming, _truths: Sequence[Reply]) -> Reply:
    status = fault.http_status
    phrase = PHRASES.get(status, "Unknown")
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    text, content_type = _content(fault, incoming, phrase)
    return Reply(
        status=status, body=text.encode(), content_type=content_type, headers=headers, whole=True
    )


def _content(fault: Fault, incoming: Incoming, phrase: str) -> tuple[str, str]:
    status = fault.http_status
    types = {"json": JSON_TYPE, "text": TEXT_TYPE, "html": HTML_TYPE}
    if isinstance(fault.body, str):
        return fault.body, types[fault.content]
    if fault.body is not None:
        return json.dumps(fault.body), JSON_TYPE
    error: dict[str, Any] = {"code": status, "message": phrase}
    texts = {
        "json": json.dumps({"jsonrpc": "2.0", "id": incoming.id, "error": error}),
        "text": phrase,
        "html": PAGE.format(status, phrase),
    }
    return texts[fault.content], types[fault.content]


def _garbage(fault: Fault, _incoming: Incoming, _truths: Sequence[Reply]) -> Reply:
    text = GARBAGE if fault.body is None else fault.body
    body = text if isinstance(text, str) else json.dumps(text)
    return Reply(status=fault.http_status, body=body.encode(), whole=True)


def _truncated(fault: Fault, incoming: Incoming, truths: Sequence[Reply]) -> Reply:
    body = _last(fault, incoming, truths).body
    return Reply(status=fault.http_status, body=body, sent=len(body) // 2, whole=True)


def _empty(fault: Fault, _incoming: Incoming, _truths: Sequence[Reply]) -> Reply:
    return Reply(status=fault.http_status, whole=True)


def _wrong_id(_fault: Fault, _incoming: Incoming, truths: Sequence[Reply]) -> Reply:
    try:
        answer = json.loads(truths[-1].body)
    except ValueError:
        return truths[-1]
    return json_reply({**answer, "id": ANOTHER_ID}) if isinstance(answer, dict) else truths[-1]


def _duplicate(fault: Fault, incoming: Incoming, truths: Sequence[Reply]) -> Reply:
    return truths[0] if truths and fault.shown == "first" else _last(fault, incoming, truths)


_ACTS: dict[str, Act] = {
    "error": _error,
    "unsupported_tag": _error,
    "result": _result,
    "false_success": _false_success,
    "drop": _drop,
    "drop_answer": _drop,
    "delay": _last,
    "status": _status,
    "garbage": _garbage,
    "truncated": _truncated,
    "empty": _empty,
    "wrong_id": _wrong_id,
    "duplicate": _duplicate,
}
