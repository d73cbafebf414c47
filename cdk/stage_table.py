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


def section(text: str) -> str:
    """What stands between the markers. Raises ValueError when they are not there, once each."""
    before, found, rest = text.partition(BEGIN)
    inside, ended, after = rest.partition(END)
    if not found or not ended or BEGIN in rest or END in before + after:
        raise ValueError(f"the text must have {BEGIN} and then {END}, once each")
    return inside.strip()


def rewritten(text: str) -> str:
    """The text with the table as it is now. Raises ValueError as `section` does."""
    section(text)
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    """Write the table into the README."""
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
