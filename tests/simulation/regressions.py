"""Seeds that have found something in the product, each with what it was."""

REGRESSIONS: dict[int, str] = {}
