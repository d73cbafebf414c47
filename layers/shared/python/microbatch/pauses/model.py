"""The parts of the pipeline that a person can stop, each before its next irreversible step."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PauseReason(StrEnum):
    """What is said by everything that waits for a part to be resumed."""

    INGRESS = "ingress_paused"
    CONVERSION = "conversion_paused"
    HOSTPAY = "hostpay_paused"
    PAYOUT = "payout_paused"


class Part(StrEnum):
    """What is paused as one."""

    INGRESS = "ingress"  # payments are stored, as held, and nothing goes on
    CONVERSION = "conversion"  # no batch is opened, and none is paid for
    HOSTPAY = "hostpay"  # nothing new is signed at all
    PAYOUT = "payout"  # no payout is opened, and none is paid

    @property
    def reason(self) -> str:
        """What waits for this part to be resumed says this."""
        return PauseReason[self.name].value


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A part as it stands: paused, since when, by whom and why; or running."""

    part: Part
    paused_at: datetime | None
    who: str | None
    why: str | None

    @property
    def shown(self) -> dict[str, str | None]:
        """For an operator and the record of an act."""
        since = self.paused_at.isoformat() if self.paused_at else None
        return {"part": self.part.value, "paused_at": since, "who": self.who, "why": self.why}


# Which parts have to run for a transfer of this context to be signed.
SIGNED_BY: dict[str, tuple[Part, ...]] = {
    "batch": (Part.HOSTPAY, Part.CONVERSION),
    "threshold": (Part.HOSTPAY, Part.PAYOUT),
    "instant": (Part.HOSTPAY, Part.PAYOUT),
}
