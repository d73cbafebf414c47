"""Where our code touches the world, and where a process may end: before and after every effect.

Nobody lists the effects. Whatever touches the world passes `Seams.effect`, which notes who did it
and where in our code; the guard (guard.py) refuses whatever would pass by it.
"""

import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import TypeVar

from tests.simulation.chance import Chance

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
PACKAGE = str(ROOT / "layers/shared/python/microbatch") + "/"
FUNCTIONS = str(ROOT / "functions") + "/"
DOOR = "lambda_handler"
BEFORE, AFTER = "before", "after"
FIRST_TIME = 5  # so much more likely is the end of a process where it has not been yet
# How likely a process ends at an effect of a kind, measured against a commit.
WEIGHTS = {"node": 0.12, "secret": 0.3, "exchange": 0.6, "depth": 0.3}


class Killed(BaseException):
    """The process is gone: no handler of ours may catch it."""


class UnknownEffect(BaseException):
    """Our code touched the world where nobody can end it."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place where a process may end: which stage, doing what, to which effect, where."""

    stage: str
    kind: str
    site: str

    def __str__(self) -> str:
        return f"{self.stage} {self.kind} {self.site}"


@dataclass
class Doing:
    """What one execution environment is doing now."""

    stage: str
    about: str = ""  # the class of the message
    dead: bool = False
    within: int = 0  # effects under way: what the outside does is not ours

    @property
    def name(self) -> str:
        """For a crash point."""
        return f"{self.stage}/{self.about}" if self.about else self.stage


@dataclass
class Seams:
    """Every effect of one seed's run, and which of them end the process."""

    chance: Chance
    crash_rate: float
    crash_at: set[tuple[str, str]] = field(default_factory=set)  # (point, side): once at each
    reached: Counter[Point] = field(default_factory=Counter)
    crashed: Counter[tuple[Point, str]] = field(default_factory=Counter)
    switch: Callable[[], None] = lambda: None  # another process may go on here
    tell: Callable[[str], None] = lambda _text: None

    def effect(self, kind: str, act: Callable[[], T]) -> T:
        """Do it, unless the process ends before; the process may end after."""
        doing = current()
        if doing is None or doing.within:
            return act()
        if doing.dead:
            raise Killed
        point = Point(doing.name, kind, site())
        self.reached[point] += 1
        self._may_end(point, BEFORE, doing)
        self.switch()
        doing.within += 1
        try:
            done = act()
        except Exception:  # what has failed may have had its effect: a process may end here, too
            self._may_end(point, AFTER, doing)
            raise
        finally:
            doing.within -= 1
        self._may_end(point, AFTER, doing)
        return done

    def _may_end(self, point: Point, side: str, doing: Doing) -> None:
        if self._ends(point, side):
            self.crashed[point, side] += 1
            self.tell(f"crash {side} {point}")
            doing.dead = True
            raise Killed

    def _ends(self, point: Point, side: str) -> bool:
        name = str(point)
        if (name, side) in self.crash_at:
            self.crash_at.remove((name, side))
            self.chance.faults[f"crash_{side}"] += 1
            return True
        if side == BEFORE and (name, AFTER) in self.crash_at:
            return False  # it is told to end here, but later
        first = FIRST_TIME if self.reached[point] == 1 else 1
        likely = self.crash_rate * WEIGHTS.get(point.kind, 1) * first
        return self.chance.strikes(f"crash_{side}", name, likely)


_local = threading.local()


def current() -> Doing | None:
    """What the calling thread's execution environment does; None outside of all of them."""
    return getattr(_local, "doing", None)


def set_current(doing: Doing | None) -> None:
    """From here on the calling thread is in this environment."""
    _local.doing = doing


_PASSED_OVER = ("<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")
_names: dict[CodeType, str] = {}


def site() -> str:
    """Where in our code the effect is caused: our functions on the stack, outermost first."""
    names: list[str] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        name = _names.get(code)
        if name is None:
            name = _names[code] = _name(code)
        if name and (not names or names[-1] != name):
            names.append(name)
        if name == DOOR:
            break
        frame = frame.f_back
    return ">".join(reversed(names))


def _name(code: CodeType) -> str:
    path = code.co_filename
    if code.co_name in _PASSED_OVER:
        return ""
    if path.startswith(PACKAGE):
        return f"{path.removeprefix(PACKAGE).removesuffix('.py')}:{code.co_name}"
    if path.startswith(FUNCTIONS):
        return code.co_name
    return ""
