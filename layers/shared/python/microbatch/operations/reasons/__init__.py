"""THE table of reason codes that a person can meet.

Why something is held, waits, is parked, rejected, released, rerouted, failed or frozen. A test
reads the code and compares; docs/runbook.md has a section for each.
"""

from microbatch.operations.reasons import payments, payouts, swaps, transfers
from microbatch.operations.reasons.reason import Reason

REASONS: dict[str, Reason] = {
    reason.code: reason
    for table in (
        payments.HELD,
        payments.NOT_CONVERTED,
        swaps.REFUSED,
        swaps.PARKED,
        transfers.WAITS,
        transfers.PARKED,
        transfers.ENDED,
        transfers.FROZEN,
        payouts.WAITS,
    )
    for reason in table
}

# The exchange's own words are not all known.
UNKNOWN = Reason(
    "",
    "A word that is not in our table: the exchange's own, or of another version of this product.",
    "whoever gave it",
    "Read the whole text; an exchange's own word is explained by ChangeNOW.",
)
OUTCOMES = ("rejected: ", "failed: ")  # what a transfer's end puts before its own reason


def explain(reason_text: str) -> Reason:
    """What a reason as it is stored means: a code, perhaps with an outcome before and a tail."""
    text = reason_text.strip()
    for outcome in OUTCOMES:
        text = text.removeprefix(outcome)
    code = text.partition(":")[0].strip()
    if code in REASONS:
        return REASONS[code]
    families = [each for each in REASONS if each.endswith("_") and code.startswith(each)]
    return REASONS[max(families, key=len)] if families else UNKNOWN
