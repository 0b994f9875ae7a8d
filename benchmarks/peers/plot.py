"""Bars of CPU costs as an SVG file, with whiskers from the least to the most: JSON on stdin, the file's name as argument."""

import json
import statistics
import sys

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same picture from the same numbers
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of what draws


def main() -> None:
    """Draw."""
    costs: dict[str, list[float]] = json.load(sys.stdin)
    names = list(costs)[::-1]
    middles = [statistics.median(costs[name]) for name in names]
    below = [middle - min(costs[name]) for name, middle in zip(names, middles, strict=True)]
    above = [max(costs[name]) - middle for name, middle in zip(names, middles, strict=True)]
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(names) + 1.2), layout="constrained")
    axes.barh(names, middles, xerr=[below, above], color=["#1f6feb" if name.startswith("ours") else "#999999" for name in names])
    axes.set_xlabel("microseconds of CPU for each invoice of a walk")
    figure.savefig(sys.argv[1], metadata={"Date": None})


main()
