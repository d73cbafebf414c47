"""The table of lifetimes in docs/recovery.md: `python -m cdk.lifetime_table` writes it anew."""

from pathlib import Path

from cdk.config import PROD
from cdk.stage_table import between, replaced
from microbatch.operations.lifetimes import LIFETIMES, RULES, Act, Ages, Lifetime

DOCUMENT = Path(__file__).parent.parent / "docs" / "recovery.md"
BEGIN, END = "<!-- lifetimes -->", "<!-- /lifetimes -->"

HEADINGS = (
    "table", "state", "waits for", "after", "happens by itself", "over age after", "and then",
    "ended by",
)  # fmt: skip
MINUTE, HOUR = 60, 3600
DAY = 24 * HOUR


def ages() -> Ages:
    """Those of prod."""
    settings = PROD.parameters
    return Ages(
        stale_after=settings.stale_after_seconds,
        slow_poll_after=settings.slow_poll_after_seconds,
        batch_max_age=settings.batch_max_age_seconds,
        observation_period=settings.observation_period_seconds,
        observation_max_age=settings.observation_max_age_seconds,
        hop_max_age=settings.hop_max_age_seconds,
        exchange_max_age=settings.exchange_max_age_seconds,
        decision_max_age=settings.decision_max_age_seconds,
    )


def shown(name: str) -> str:
    """An age for people: how long it is in prod."""
    if not name:
        return "–"
    if name == "every_run":
        return "every run"
    seconds = ages().seconds(name)
    if seconds >= 2 * DAY:
        return f"{seconds / DAY:g} d"
    return f"{seconds / HOUR:g} h" if seconds >= HOUR else f"{seconds / MINUTE:g} min"


def row(each: Lifetime) -> tuple[str, ...]:
    """One line of the table."""
    last = {Act.ALARM: "alarm", Act.RELEASE: "given up, alarm if that fails"}
    return (
        f"`{each.entity}`",
        f"`{each.state}`",
        each.waits_for,
        shown(each.age),
        each.does,
        shown(each.max_age),
        last[each.last_act] if each.max_age else "–",
        each.unblocked_by,
    )


def table() -> str:
    """The whole table in Markdown, one line a state."""
    rows = [HEADINGS, tuple("---" for _ in HEADINGS), *(row(each) for each in LIFETIMES)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def settings() -> tuple[str, ...]:
    """The settings that the ages come from, as the functions read them."""
    names = [name for name in Ages.__dataclass_fields__ if name not in RULES]
    return tuple(f"{name}_seconds".upper() for name in names)


def section(text: str) -> str:
    """What stands between the markers. Raises ValueError when they are not there, once each."""
    return between(text, BEGIN, END)


def main() -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(replaced(text, BEGIN, END, table()), encoding="utf-8")


if __name__ == "__main__":
    main()
