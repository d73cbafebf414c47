"""Which parts are paused: asked by every transaction that decides, so it counts at once."""

from datetime import datetime

from microbatch.pauses import store
from microbatch.pauses.model import SIGNED_BY, Part, Pause
from microbatch.platform.database import Transaction


def is_paused(tx: Transaction, part: Part) -> bool:
    """Whether a part is paused now."""
    return bool(store.paused(tx, [part]))


def signing_waits(tx: Transaction, context: str) -> str | None:
    """Why no transfer of this context is signed now; or None, and then none is paused before the
    transaction ends: whoever pauses meanwhile waits for it, and counts what it has signed.
    """
    parts = SIGNED_BY[context]
    store.share(tx, parts)
    found = store.paused(tx, parts)
    return found[0].reason if found else None


def shown(tx: Transaction) -> list[Pause]:
    """Every part as it stands."""
    return store.read(tx)


def pause(tx: Transaction, part: Part, *, who: str, why: str, now: datetime) -> tuple[Pause, Pause]:
    """(before, after) of pausing a part; a part that is paused already stays as it is."""
    before = _claimed(tx, part)
    if before.paused_at is None:
        store.write(tx, part, now, who, why)
    return before, _stand_of(tx, part)


def resume(tx: Transaction, part: Part) -> tuple[Pause, Pause]:
    """(before, after) of letting a part run."""
    before = _claimed(tx, part)
    store.write(tx, part, None, None, None)
    return before, _stand_of(tx, part)


def _claimed(tx: Transaction, part: Part) -> Pause:
    store.claim(tx, part)
    return _stand_of(tx, part)


def _stand_of(tx: Transaction, part: Part) -> Pause:
    (found,) = (pause for pause in store.read(tx) if pause.part is part)
    return found
