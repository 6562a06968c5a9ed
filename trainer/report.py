"""What the administrator sees of a training: a line for each tool and model, on the screen and in output.csv."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .bundle import Bundle
from .scoring import Outcome, Scores
from .spreadsheet import csv_text
from .training import Trained
from .written import put

_SCORES = ("r2", "mape", "median_ape", "under_allocated", "rel")
_COLUMNS = (
    *("tool", "file", "label", "model", "best_parameters", "rows_used", "rows_dropped", "rows_flagged", "features"),
    "cross_validated_error",
    *(f"{part}_{score}" for part in ("train", "test") for score in _SCORES),
    *("seconds", "served"),
)
_HEADINGS = (
    "tool",
    "model",
    "rows",
    "dropped",
    "features",
    "R2",
    "MAPE",
    "median APE",
    "under-allocated",
    "rel",
    "seconds",
    "served",
)


def lines(trained: Trained) -> list["ReportLine"]:
    """Return a line for each model that was tried on a tool."""
    served = trained.learned.rung.name
    return [ReportLine(trained.bundle, outcome, outcome.rung.name == served) for outcome in trained.outcomes]


@dataclass(frozen=True)
class ReportLine:
    """One tool and model.

    Parameters
    ----------
    bundle : Bundle
        The tool's bundle.
    outcome : Outcome
        The model's search.
    served : bool
        Whether the bundle holds this model.
    """

    bundle: Bundle
    outcome: Outcome
    served: bool

    def row(self) -> dict[str, Any]:
        """Return the line of output.csv."""
        facts, outcome = self.bundle.facts, self.outcome
        error = outcome.cross_validated_error
        row = {
            "tool": self.bundle.tool,
            "file": facts["file"],
            "label": facts["label"],
            "model": outcome.rung.name,
            "best_parameters": json.dumps(outcome.parameters),
            "rows_used": facts["rows"]["used"],
            "rows_dropped": sum(facts["rows"]["dropped"].values()),
            "rows_flagged": sum(facts["rows"]["flagged"].values()),
            "features": len(self.bundle.schema.columns),
            "cross_validated_error": "" if error is None else round(error, 6),
        }
        for part, scores in (("train", outcome.train), ("test", outcome.test)):
            row.update({f"{part}_{name}": round(getattr(scores, name), 6) if scores else "" for name in _SCORES})
        return {**row, "seconds": round(outcome.seconds, 1), "served": "yes" if self.served else "no"}


def write_csv(path: Path, lines: Sequence[ReportLine]) -> None:
    """Write output.csv beside the old one, then put it in its place.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    put(path, csv_text(_COLUMNS, [line.row() for line in lines]), "-o")


def table(lines: Sequence[ReportLine]) -> str:
    """Return the lines as a table for the screen; scores are those on training / test rows, - where there are none."""
    cells = [_HEADINGS, *(_screen_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells)


def _screen_cells(line: ReportLine) -> tuple[str, ...]:
    row, outcome = line.row(), line.outcome
    counts = (str(row[name]) for name in ("rows_used", "rows_dropped", "features"))
    scores = (" / ".join(both) for both in zip(_screen_scores(outcome.train), _screen_scores(outcome.test)))
    served = "yes" if line.served else ""
    return line.bundle.tool, outcome.rung.name, *counts, *scores, f"{outcome.seconds:.1f}", served


def _screen_scores(scores: Optional[Scores]) -> tuple[str, ...]:
    if scores is None:
        return ("-",) * len(_SCORES)
    shares = (f"{share:.1%}" for share in (scores.mape, scores.median_ape, scores.under_allocated))
    return f"{scores.r2:.3f}", *shares, f"{scores.rel:.2f}"
