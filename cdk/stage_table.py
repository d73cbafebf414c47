"""The README's table of stages, from `cdk.stages`: `python -m cdk.stage_table` writes it anew."""

from pathlib import Path

from cdk.stages import STAGES, Stage
from microbatch.messages import QUEUES

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- stages -->", "<!-- /stages -->"

HEADINGS = ("function", "zone", "trigger", "does", "sends to")
NAMED_QUEUES_MAX = 8  # whoever sends to more is shown by the queues it does not send to


def trigger(stage: Stage) -> str:
    """What starts a stage: its queues, routes and schedule, or somebody who invokes it."""
    starts = [f"`{start}`" for start in (*stage.queues, *stage.routes)]
    if stage.schedule:
        starts.append("schedule")
    return ", ".join(starts) or "invoked"


def sends_to(stage: Stage) -> str:
    """The queues a stage may send to."""
    if len(stage.sends_to) > NAMED_QUEUES_MAX:
        others = [f"`{queue}`" for queue in QUEUES if queue not in stage.sends_to]
        return f"every queue but {', '.join(others)}" if others else "every queue"
    return ", ".join(f"`{queue}`" for queue in stage.sends_to) or "–"


def table() -> str:
    """The whole table in Markdown, one line a stage."""
    rows = [HEADINGS, tuple("---" for _ in HEADINGS)]
    rows += [
        (f"`{stage.name}`", stage.zone, trigger(stage), stage.does, sends_to(stage))
        for stage in STAGES
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def between(text: str, begin: str, end: str) -> str:
    """What stands between the markers. Raises ValueError when they are not there, once each."""
    before, found, rest = text.partition(begin)
    inside, ended, after = rest.partition(end)
    if not found or not ended or begin in rest or end in before + after:
        raise ValueError(f"the text must have {begin} and then {end}, once each")
    return inside.strip()


def replaced(text: str, begin: str, end: str, inside: str) -> str:
    """The text with this between the markers. Raises ValueError as `between` does."""
    between(text, begin, end)
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n{inside}\n{end}{after}"


def section(text: str) -> str:
    """The table that stands in a text. Raises ValueError as `between` does."""
    return between(text, BEGIN, END)


def rewritten(text: str) -> str:
    """The text with the table as it is now. Raises ValueError as `between` does."""
    return replaced(text, BEGIN, END, table())


def main() -> None:
    """Write the table into the README."""
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
