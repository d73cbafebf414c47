"""A drill's result as a table on the screen."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from local import verdict
from local.drills.rehearsal import Result
from local.report import headline

FOUND_CHARACTERS_MAX = 90
REASON_CHARACTERS_MAX = 70


def show(result: Result) -> None:
    """Print it."""
    headline(f"{result.name}: without {result.says}")
    _line("a day lasts", f"{result.day_seconds} s, {86_400 / result.day_seconds:.0f} times as fast")
    _line("it lasted", f"{result.fault_seconds:.0f} s")
    for what, count in result.facts.items():
        _line(what, str(count))
    _line("payments", f"{result.payments}, of which {result.refused} were sent again")
    _line("schedules that failed", _counted(result.schedule_failures))
    _line("on their way when it began", _counted(result.caught))
    _line("on their way when it ended", _counted(result.stood))
    _line("given up and begun anew", _counted(result.given_up))
    _print_dead(result.dead)
    _line("of them redriven", _counted(result.redriven))
    recovered = result.recovery_seconds
    _line("recovered", "NOT IN TIME" if recovered is None else f"{recovered:.1f} s after its end")
    for finding in result.findings:
        mark = "ok " if finding.holds else "NOT"
        found = finding.found if finding.holds else f"{finding.found}, expected {finding.expected}"
        print(f"  {mark} {finding.what}: {found[:FOUND_CHARACTERS_MAX]}")
    print(f"\n  {result.name}: {'all is well' if result.holds else 'IT IS NOT'}", flush=True)


def as_report(result: Result) -> dict[str, Any]:
    """The same for a file."""
    return {
        "drill": result.name,
        "holds": result.holds,
        "day_seconds": result.day_seconds,
        "fault_seconds": result.fault_seconds,
        "recovery_seconds": result.recovery_seconds,
        "payments": result.payments,
        "notifications_sent_again": result.refused,
        "schedule_failures": result.schedule_failures,
        "on_their_way_when_it_began": result.caught,
        "on_their_way_when_it_ended": result.stood,
        "given_up": result.given_up,
        "facts": result.facts,
        "dead_letters": [
            {"queue": queue, "reason": reason, "count": count}
            for (queue, reason), count in sorted(result.dead.items())
        ],
        "redriven": result.redriven,
        "findings": verdict.as_report(result.findings),
    }


def _print_dead(dead: Counter[tuple[str, str]]) -> None:
    if not dead:
        _line("dead letters", "none")
    for (queue, reason), count in sorted(dead.items()):
        _line("dead letters", f"{count} of {queue}: {reason[:REASON_CHARACTERS_MAX]}")


def _line(what: str, found: str) -> None:
    print(f"  {what:<28} {found}")


def _counted(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
