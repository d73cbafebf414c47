"""What is said of a reason code."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code: what it means, who or what ends it, and what a person does first.

    A code that ends with "_" stands for all that begin so.
    """

    code: str
    meaning: str  # a sentence
    unblocked_by: str  # who or what
    fix: str  # the first act, a sentence
