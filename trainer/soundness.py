"""The texts and numbers of a bundle that was read, checked before any of them sizes a job or is shown."""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Optional

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.messages import MAX_SIZE_BYTES

from .features import FeatureSchema
from .forest import Forest
from .lines import Line
from .models import Model
from .sizing_rule import AtCap, SizingRule

if TYPE_CHECKING:
    from .bundle import Bundle

# No honest factor, slope or price comes near it, and all of them multiplied are still a finite number.
_MOST = 1e18
# Natural logarithms of bytes.
_MOST_LOG = 1e3
_MOST_NAMES = 100_000
_FACTS: Mapping[str, type] = {"file": str, "label": str, "unit": str, "model": dict, "rows": dict, "sizes_bytes": dict}
_REPLAYED = ("jobs", "failure_rate", "rel", "wastage_gbh")
_MAY_BE_NULL = {
    "run_seconds": ("median", "p95"),
    "held_out": _REPLAYED,
    "constant": ("memory_bytes", *_REPLAYED),
}


def require_sound(bundle: "Bundle") -> None:
    """Refuse a bundle by which a request would be no sane amount of memory, or an answer could not be written.

    Raises
    ------
    BundleError
        Naming the field.
    """
    _require_names(bundle.schema)
    _require_sizing(bundle.sizing)
    _require_facts(bundle.facts, bundle.schema)
    _require_bounds(bundle.model)
    _require_answer(bundle)


def _require_bounds(model: Model) -> None:
    """Keep sums and products of what is believed from being infinite, or no number."""
    if isinstance(model, Line):
        _require_numbers("coefficients", model.coefficients.tolist(), -_MOST, _MOST)
    spread = model.grid if isinstance(model, Forest) else model.residuals
    _require_numbers("edges, residuals", (float(spread.edges[0]), float(spread.edges[-1])), -_MOST_LOG, _MOST_LOG)


def _require_answer(bundle: "Bundle") -> None:
    """Ask for a job without any input: an estimator may have been fitted to other columns."""
    try:
        peak_bytes = float(bundle.model.predict(bundle.schema.encode([{}])).predicted_peaks_bytes[0])
    # scikit-learn raises whatever it meets
    except Exception as error:
        raise BundleError(f"its model cannot predict ({error}); train this tool again") from error
    _require_numbers("the predicted peak of a job without inputs", [peak_bytes], 0, sys.float_info.max)


def _require_names(schema: FeatureSchema) -> None:
    listed = {"inputs": schema.inputs, "parameters": schema.parameters, "columns": schema.columns}
    for name, values in {**listed, **{f"categories.{name}": seen for name, seen in schema.categories.items()}}.items():
        if len(values) > _MOST_NAMES or not all(isinstance(value, str) for value in values):
            raise _unsound(f"schema.{name}", "a list of names")
        if len(set(values)) != len(values):
            raise _unsound(f"schema.{name}", "each name once")
    _require_numbers("schema.genomes", schema.genomes.values(), 0, MAX_SIZE_BYTES)
    _require_numbers("schema.usual_slots", [schema.usual_slots], 0, _MOST)


def _require_sizing(sizing: SizingRule) -> None:
    _require_numbers("sizing.failure_cap", _told(sizing.failure_cap), 0, 1)
    _require_at_cap("sizing", sizing.at_own_cap)
    _require_numbers("sizing.by_cap", _told(*sizing.by_cap), 0, 1)
    for cap, at in sizing.by_cap.items():
        _require_at_cap(f"sizing.by_cap.{cap}", at)
    if sizing.by_cap.get(sizing.failure_cap) != sizing.at_own_cap:
        raise _unsound("sizing.by_cap", "at the rule's own cap what the rule has")
    _require_numbers("sizing.typical_bytes", [sizing.typical_bytes], 1, MAX_SIZE_BYTES)
    _require_whole("sizing.rows", [sizing.rows], 1, MAX_SIZE_BYTES)
    _require_whole("sizing.sizes.largest_bytes", sizing.sizes.largest_bytes.values(), 0, MAX_SIZE_BYTES)
    _require_numbers("sizing.sizes.slope", [sizing.sizes.slope], 0, _MOST)
    limits = sizing.limits
    _require_whole("sizing.limits.round_up_bytes", [limits.round_up_bytes], 1, MAX_SIZE_BYTES)
    _require_whole("sizing.limits.ceiling_bytes", [limits.ceiling_bytes], 1, MAX_SIZE_BYTES)
    _require_whole("sizing.limits.floor_bytes", [limits.floor_bytes], 0, limits.ceiling_bytes)


def _require_at_cap(field: str, at: AtCap) -> None:
    _require_numbers(f"{field}.choices", _told(*(choice.price for choice in at.choices.values())), 0, _MOST)
    _require_numbers(f"{field}.choices", (choice.factor for choice in at.choices.values()), 1 / _MOST, _MOST)
    _require_numbers(f"{field}.tracked_factor", [at.tracked_factor], 1, _MOST)
    _require_whole(f"{field}.start_bytes", [at.start_bytes], -_MOST, _MOST)
    _require_whole(f"{field}.tool_bytes", [at.tool_bytes], 1, MAX_SIZE_BYTES)
    _require_whole(f"{field}.held_bytes", _told(at.held_bytes), 1, MAX_SIZE_BYTES)


def _require_facts(facts: Mapping[str, Any], schema: FeatureSchema) -> None:
    for name, kind in _FACTS.items():
        if not isinstance(facts[name], kind):
            raise _unsound(f"facts.{name}", "another type")
    for name in ("name", "source"):
        if not isinstance(facts["model"][name], str):
            raise _unsound(f"facts.model.{name}", "a name")
    for name in schema.inputs:
        _require_amounts(f"facts.sizes_bytes.{name}", facts["sizes_bytes"][name], ("smallest", "median", "largest"))
    _require_whole("facts.rows", (facts["rows"][name] for name in ("used", "censored")), 0, MAX_SIZE_BYTES)
    _require_whole("facts.rows.dropped", facts["rows"]["dropped"].values(), 0, MAX_SIZE_BYTES)
    _require_whole("facts.limit_bytes", _told(facts["limit_bytes"]), 0, MAX_SIZE_BYTES)
    for name, keys in _MAY_BE_NULL.items():
        if facts[name] is not None:
            _require_amounts(f"facts.{name}", facts[name], keys)


def _require_amounts(field: str, told: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        _require_numbers(f"{field}.{name}", [told[name]], 0, MAX_SIZE_BYTES)


def _told(*numbers: Optional[float]) -> list[float]:
    return [number for number in numbers if number is not None]


def _require_whole(field: str, numbers: Iterable[Any], least: float, most: float) -> None:
    listed = list(numbers)
    if not all(isinstance(number, int) for number in listed):
        raise _unsound(field, "whole numbers")
    _require_numbers(field, listed, least, most)


def _require_numbers(field: str, numbers: Iterable[Any], least: float, most: float) -> None:
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not least <= number <= most:
            raise _unsound(field, f"{least:g} to {most:g}")


def _unsound(field: str, expected: str) -> BundleError:
    return BundleError(f"{field}: expected {expected}; train this tool again")
