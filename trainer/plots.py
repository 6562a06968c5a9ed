"""The plots of a tool's page, as SVG that takes the colour of the text around it and is the same in every run."""

import io
import math
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from .distribution import Vector
from .page_facts import ToolPage
from .wording import amount_text, cap_text, change_text, percent_text, printable, size_text

# Stands for the colour of the surrounding text until the SVG is written: dark on a light page, light on a dark one.
_INK = "#0b0c0d"
# Tones that keep their contrast on both, and stay apart for the colour-blind.
_BLUE, _GREEN, _ORANGE, _RED, _GREY = "#4a86cf", "#2f9e77", "#d98324", "#d6456b", "#8a93a0"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "galaxy-memory-rules",
    # a policy named $x$ is no formula
    "text.parse_math": False,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 10,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.alpha": 0.15,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
    "grid.color": _INK,
}
_NOT_TOLD = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_WIDTH_INCHES = 5.2
# The narrowest axis of sizes, so that two of 1, 2, 5, 10... stand on it even where all jobs are alike.
_LEAST_SPREAD = 5.0
_AMOUNTS = FuncFormatter(lambda value, _: amount_text(value))


def names(page: ToolPage) -> list[str]:
    """Return the plots for which a tool has data, in the order in which they are read."""
    missing = {"policies": not page.policies, "caps": not page.cap_curve}
    return [name for name in _FIGURES if not missing.get(name)]


def draw(page: ToolPage, name: str, prefix: str = "") -> str:
    """Draw one plot of a tool.

    Parameters
    ----------
    page : ToolPage
        The tool's results.
    name : str
        One of `names`.
    prefix : str
        Begins every id, so that many plots can stand in one HTML file; letters, digits and hyphens.

    Returns
    -------
    str
        An ``<svg>`` element with a title, without a fixed size or background, which is a file of its own as well.
    """
    title, figure_of = _FIGURES[name]
    file = io.StringIO()
    with rc_context(_STYLE):
        figure_of(page).savefig(file, format="svg", transparent=True, dpi=200, metadata=_NOT_TOLD)
    drawn = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}", file.getvalue().replace(_INK, "currentColor"))
    head, body = drawn[drawn.index("<svg") :].split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    return f'{head} role="img"><title>{escape(printable(f"{page.tool}: {title}"))}</title>{body}'


def _sizes(page: ToolPage) -> Figure:
    figure, axes = _blank(4.4)
    # a job without inputs has no place on a log scale: it stands with the smallest
    inputs = np.maximum(page.input_bytes, page.input_bytes[page.input_bytes > 0].min(initial=np.inf))
    inputs = np.where(np.isfinite(inputs), inputs, 1.0)
    short = page.requests_bytes < page.peaks_bytes
    for rows, label, color, marker in (
        (~short & ~page.censored, "peak, request enough", _BLUE, "o"),
        (~short & page.censored, "peak cut off, request enough", _ORANGE, "^"),
        (short & ~page.censored, "request too small", _RED, "x"),
        (short & page.censored, "request too small, peak cut off", _RED, "^"),
    ):
        if rows.any():
            style: dict[str, Any] = {"color": color, "marker": marker, "s": 11, "linewidths": 1 if marker == "x" else 0}
            # as a picture: thousands of shapes would make the page megabytes long
            axes.scatter(inputs[rows], page.peaks_bytes[rows], label=label, alpha=0.6, rasterized=True, **style)
    _request_band(axes, inputs, page.requests_bytes)
    _limit(axes.axhline, page.limit_bytes)
    _size_axis(axes, "x", "size of all inputs", inputs)
    _size_axis(axes, "y", "memory", [*page.peaks_bytes, *page.requests_bytes, page.limit_bytes or math.nan])
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, markerscale=1.6)
    return figure


def _request_band(axes: Axes, inputs_bytes: Vector, requests_bytes: Vector) -> None:
    """Draw what is requested over input size, in bins that hold equally many jobs."""
    order = np.argsort(inputs_bytes, kind="stable")
    bins = np.array_split(order, min(max(len(order) // 12, 1), 20))
    centres = [float(np.median(inputs_bytes[rows])) for rows in bins]
    low, median, high = np.array([np.quantile(requests_bytes[rows], (0.1, 0.5, 0.9)) for rows in bins]).T
    axes.fill_between(centres, low, high, color=_GREEN, alpha=0.3, linewidth=0, label="requests, 10 to 90 %", zorder=2)
    axes.plot(centres, median, color=_GREEN, linewidth=1.8, marker=".", label="request, median", zorder=3)


def _peaks(page: ToolPage) -> Figure:
    figure, axes = _blank(3.4)
    low, high = _spread(page.peaks_bytes)
    parts = {"measured peak": (~page.censored, _BLUE), "peak cut off": (page.censored, _ORANGE)}
    shown = {label: part for label, part in parts.items() if part[0].any()}
    axes.hist(
        [page.peaks_bytes[rows] for rows, _ in shown.values()],
        bins=np.geomspace(low, high, 36).tolist(),
        color=[color for _, color in shown.values()],
        label=list(shown),
        stacked=True,
    )
    _limit(axes.axvline, page.limit_bytes)
    _size_axis(axes, "x", "peak memory", [low, high, page.limit_bytes or math.nan])
    axes.set_ylabel("jobs")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _promise(page: ToolPage) -> Figure:
    figure, axes = _blank(1.9, lines="x")
    low, high = page.achieved_interval
    cap, achieved = page.failure_cap, page.achieved_failure
    axes.barh(["achieved"], [achieved * 100], color=_BLUE, height=0.6)
    axes.plot([low * 100, high * 100], [0, 0], color=_INK, marker="|", markersize=9, linewidth=1.4)
    note = f"{percent_text(achieved)} ({percent_text(low)} to {percent_text(high)})"
    _note(axes, max(high, achieved) * 100, 0, note)
    axes.barh(["promised"], [(cap or 0) * 100], color=_GREY, height=0.6)
    _note(axes, (cap or 0) * 100, 1, "no cap" if cap is None else f"at most {percent_text(cap)}")
    axes.set_xlim(0, max(high, achieved, cap or 0, 0.01) * 100 * 1.6)
    axes.set_xlabel("first attempts that run out of memory, %")
    return figure


def _policies(page: ToolPage) -> Figure:
    lines = page.policies
    figure, axes = _blank(1.0 + 0.33 * len(lines), lines="x")
    for row, line in enumerate(lines):
        color = _GREEN if row == 0 else _ORANGE if line.in_force else _GREY
        axes.barh([row], [line.wastage_gbh], color=color, height=0.68)
        change = "in force" if line.in_force else change_text(line.wastage_gbh, page.in_force_gbh)
        _note(axes, line.wastage_gbh, row, amount_text(line.wastage_gbh) + (f" ({change})" if change else ""))
    axes.set_yticks(range(len(lines)), [_short(line.name) for line in lines])
    axes.invert_yaxis()
    axes.set_xlim(0, max([line.wastage_gbh for line in lines] + [1e-9]) * 1.6)
    axes.xaxis.set_major_formatter(_AMOUNTS)
    axes.set_xlabel(f"wastage, {page.unit}")
    return figure


def _caps(page: ToolPage) -> Figure:
    figure, axes = _blank(3.4)
    points = page.cap_curve
    wastage_gbh = [point.wastage_gbh for point in points]
    axes.plot(range(len(points)), wastage_gbh, color=_BLUE, marker="o", linewidth=1.6)
    for place, point in enumerate(points):
        if point.failure_cap == page.failure_cap:
            axes.plot([place], [point.wastage_gbh], "o", color=_GREEN, markersize=11, label="chosen cap")
            figure.legend(loc="outside upper right", fontsize=9)
        _note(axes, place, point.wastage_gbh, amount_text(point.wastage_gbh), above=True)
    ticks = [f"{cap_text(point.failure_cap)}\n({percent_text(point.achieved_failure)})" for point in points]
    axes.set_xticks(range(len(points)), ticks)
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_ylim(0, max(*wastage_gbh, 1e-9) * 1.2)
    axes.set_xlabel("failure cap (achieved failure rate)")
    axes.yaxis.set_major_formatter(_AMOUNTS)
    axes.set_ylabel(f"wastage, {page.unit}")
    return figure


def _blank(height_inches: float, lines: Literal["both", "x"] = "both") -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_INCHES, height_inches), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(True, axis=lines, linewidth=0.8)
    return figure, axes


def _note(axes: Axes, x: float, y: float, text: str, above: bool = False) -> None:
    """Write a number beside the end of a bar, or above a point."""
    offset: dict[str, Any] = {"xytext": (0, 9), "ha": "center"} if above else {"xytext": (6, 0), "va": "center"}
    axes.annotate(text, (x, y), textcoords="offset points", fontsize=9, **offset)


def _limit(line_at: Callable[..., object], limit_bytes: float | None) -> None:
    if limit_bytes:
        line_at(limit_bytes, color=_INK, linestyle="--", linewidth=1, label=f"limit, {size_text(limit_bytes)}")


def _short(name: str) -> str:
    """Return a name that fits beside a bar, in letters that the font has, so that its width is known."""
    known = "".join(letter if letter.isprintable() and letter < "\u0250" else "?" for letter in name)
    return known if len(known) <= 28 else f"{known[:27]}…"


def _spread(sizes_bytes: Iterable[float]) -> tuple[float, float]:
    sizes = np.array([*sizes_bytes], dtype=np.float64)
    low, high = float(np.nanmin(sizes)), float(np.nanmax(sizes))
    widen = max(math.sqrt(_LEAST_SPREAD * low / high), 1.0)
    return low / widen, high * widen


def _size_axis(axes: Axes, which: str, label: str, sizes_bytes: Iterable[float]) -> None:
    """Make an axis logarithmic, with ticks at 1, 2, 5 of each decade or at as many decades as fit."""
    low, high = _spread(sizes_bytes)
    low, high = low / 1.15, high * 1.15
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 300 else (1,)
    ticks = [step * 10.0**decade for decade in decades[:: max(len(decades) // 6, 1)] for step in steps]
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high), f"{which}label": label})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks([tick for tick in ticks if low <= tick <= high])
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(FuncFormatter(lambda size, _: size_text(size)))


_FIGURES: dict[str, tuple[str, Callable[[ToolPage], Figure]]] = {
    "sizes": ("memory over input size", _sizes),
    "peaks": ("how much memory jobs used", _peaks),
    "promise": ("promised and achieved failure rate", _promise),
    "policies": ("wastage of each policy", _policies),
    "caps": ("wastage over the failure cap", _caps),
}
