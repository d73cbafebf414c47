"""The ratios as a picture: each against its goal, so that all of them fit one scale."""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "microbatch"  # the same picture for the same figures

from matplotlib import pyplot as plt  # noqa: E402 - after the choice of how to draw

MET, MISSED = "#2b7a3d", "#b3261e"


def draw(ratios: list[dict[str, Any]], path: Path) -> None:
    """One bar a ratio: how many times better than its goal, by a logarithm."""
    shown = ratios[::-1]
    better = [_better(each, each["median"]) for each in shown]
    worst = [_better(each, each["low"]) for each in shown]
    best = [_better(each, each["high"]) for each in shown]
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(shown) + 1.2))
    places = range(len(shown))
    colours = [MET if each["met"] else MISSED for each in shown]
    axes.barh(places, [math.log2(value) for value in better], color=colours)
    for place, low, high in zip(places, worst, best, strict=True):
        axes.plot([math.log2(low), math.log2(high)], [place, place], color="black", linewidth=1)
    axes.axvline(0, color="black", linewidth=1.5)
    axes.set_yticks(places, [_label(each) for each in shown], fontsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{2**value:g} ×")
    axes.set_xlabel("better than the goal (the line), median and quartiles")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _better(each: dict[str, Any], value: float) -> float:
    goal = float(each["goal"])
    return value / goal if each["at_least"] else goal / value


def _label(each: dict[str, Any]) -> str:
    sign = "≥" if each["at_least"] else "≤"
    return f"{each['name']}: {each['median']:.3g} ({sign} {each['goal']:g})"
