"""docs/events.md says what the code sends: every event, every field, the right version."""

import re
from pathlib import Path

import pytest

from microbatch.events import KINDS, event
from microbatch.messages import EventOccurred
from tests.fakes.times import NOON

TEXT = (Path(__file__).parents[2] / "docs/events.md").read_text()


def documented() -> dict[str, tuple[str, dict[str, str]]]:
    """Name → (version, field → meaning), as the document has it."""
    found = {}
    for section in re.split(r"(?m)^## ", TEXT)[1:]:
        head = re.match(r"`([\w.]+)` version (\d+)", section)
        assert head is not None
        fields = dict(re.findall(r"(?m)^\| `(\w+)` \| (.+) \|$", section))
        found[head[1]] = (head[2], fields)
    return found


def test_the_document_and_the_table_are_the_same() -> None:
    table = {name: (kind.version, dict(kind.fields)) for name, kind in KINDS.items()}
    assert documented() == table


def test_an_event_with_other_fields_than_documented_is_refused() -> None:
    with pytest.raises(ValueError, match="has fields"):
        event("batch.opened", "x", {"batch_id": "x"}, occurred_at=NOON, now=NOON)


def test_the_id_depends_on_what_happened_and_not_on_when_it_is_told() -> None:
    detail = {"payment_id": "1", "client_id": "2", "reason": "conflict", "detail": "…"}

    def told(subject: str) -> EventOccurred:
        message = event("payment.held", subject, detail, occurred_at=NOON, now=NOON).message
        assert isinstance(message, EventOccurred)
        return message

    assert told("1").event_id == told("1").event_id != told("2").event_id
