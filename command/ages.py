"""Times as people read them: how long ago, how soon, by the clock of whoever answered."""

from datetime import UTC, datetime, timedelta

NOTHING = "–"
STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def instant(text: str) -> datetime:
    """A time of an answer. Raises ValueError when it is none, or has no zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return at


def span(length: timedelta) -> str:
    """`3 min`, `2 h 5 min`, `4 d 1 h`: at most two steps, cut and not rounded."""
    seconds = max(0, int(length.total_seconds()))
    for place, (size, name) in enumerate(STEPS):
        if seconds >= size or name == "s":
            count, rest = divmod(seconds, size)
            words = f"{count} {name}"
            if place + 1 < len(STEPS) and name != "min":
                below, below_name = STEPS[place + 1]
                if rest >= below:
                    words += f" {rest // below} {below_name}"
            return words
    raise AssertionError("seconds are the last step")


def ago(text: str | None, now: datetime) -> str:
    """How long ago something was: `3 min`."""
    return NOTHING if text is None else span(now - instant(text))


def ahead(text: str | None, now: datetime) -> str:
    """When something will be: `in 3 min`, or `now` once it is due."""
    if text is None:
        return NOTHING
    left = instant(text) - now
    return f"in {span(left)}" if left >= timedelta(seconds=1) else "now"


def clock(text: str | None) -> str:
    """A time to the second, in UTC: `2026-11-22 11:50:30`."""
    if text is None:
        return NOTHING
    return f"{instant(text).astimezone(UTC):%Y-%m-%d %H:%M:%S}"
