"""What the simulator has found in the product: each mended, and kept as a fault to be put back.

A seed draws another history as soon as the product takes other steps, so a seed alone would keep
nothing. The fault stands in the table of docs/reliability.md with the seed that shows it now.
"""

# By its name among the deliberate faults: what it was.
REGRESSIONS = {
    "lost_block_is_believed": (
        "What arrived for us was read from a receipt without asking whether its block still stood."
    ),
}
