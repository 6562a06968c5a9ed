"""models.json -> scikit-learn regressors and their grids; nothing is imported that is not a public regressor."""

import difflib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

from galaxy_memory_rules.errors import ConfigError

SEED = 13
_KEYS = {"module_name", "class_name", "parameters"}
_STEP = "model"


@dataclass(frozen=True)
class Candidate:
    """One entry of models.json.

    Parameters
    ----------
    name : str
        Its name in the file.
    regressor : type
        A public regressor of scikit-learn.
    grid : mapping of str to list
        The values to try for each of its parameters.
    """

    name: str
    regressor: type[BaseEstimator]
    grid: Mapping[str, list[Any]]

    @property
    def is_forest(self) -> bool:
        """Whether the fitted trees can be stored as plain arrays."""
        return self.regressor in (RandomForestRegressor, ExtraTreesRegressor)

    def pipeline(self) -> Pipeline:
        """Return an unfitted pipeline.

        Trees do not see a scale, and a forest is stored in the features' own units. The others want equal scales, of
        the target too: LinearSVR, for one, draws its intercept towards 0, where a log peak is about 20.
        """
        regressor = self.regressor()
        if "random_state" in regressor.get_params():
            regressor.set_params(random_state=SEED)
        if self.is_forest:
            return Pipeline([(_STEP, regressor)])
        scaled = TransformedTargetRegressor(regressor, transformer=StandardScaler())
        return Pipeline([("scale", StandardScaler()), (_STEP, scaled)])

    def pipeline_grid(self) -> dict[str, list[Any]]:
        """Return the grid under the names that the pipeline knows."""
        step = _STEP if self.is_forest else f"{_STEP}__regressor"
        return {f"{step}__{parameter}": values for parameter, values in self.grid.items()}


def load_candidates(path: Path) -> list[Candidate]:
    """Read models.json.

    Raises
    ------
    ConfigError
        Naming the entry and what is wrong with it, with near matches for a name that is not known.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict) or not content:
        raise ConfigError(f"{path}: expected an object with one entry for each model")
    return [_candidate(f"{path}, {name}", name, entry) for name, entry in content.items()]


def _candidate(place: str, name: str, entry: Any) -> Candidate:
    if not isinstance(entry, dict) or not {"module_name", "class_name"} <= set(entry) <= _KEYS:
        raise ConfigError(f"{place}: expected an object with module_name, class_name and, if any, parameters")
    regressor = _find_regressor(place, str(entry["module_name"]), str(entry["class_name"]))
    return Candidate(name, regressor, _grid(place, regressor, entry.get("parameters", {})))


def _find_regressor(place: str, module: str, name: str) -> type[BaseEstimator]:
    known = public_regressors()
    full_name = f"{module}.{name}"
    if full_name not in known:
        near = difflib.get_close_matches(full_name, known, n=3, cutoff=0.6)
        by_class = [other for other in known if other.rsplit(".", 1)[1].lower() == name.lower()]
        hint = ", ".join(dict.fromkeys([*by_class, *near])) or ", ".join(list(known)[:3])
        raise ConfigError(f"{place}: {full_name} is no public regressor of scikit-learn; near it are {hint}")
    return known[full_name]


def _grid(place: str, regressor: type[BaseEstimator], parameters: Any) -> dict[str, list[Any]]:
    if not isinstance(parameters, dict):
        raise ConfigError(f"{place}: parameters: expected an object of values to try")
    known = [name for name in inspect.signature(regressor).parameters if name != "estimator"]
    grid = {}
    for name, values in parameters.items():
        short = name.removeprefix(f"{_STEP}__")
        if short not in known:
            near = difflib.get_close_matches(short, known, n=3) or known
            raise ConfigError(
                f"{place}: {short} is no parameter of {regressor.__name__}; near it are {', '.join(near)}"
            )
        grid[short] = values if isinstance(values, list) else [values]
        if not grid[short]:
            raise ConfigError(f"{place}: {short}: expected at least one value")
    return grid


@cache
def public_regressors() -> dict[str, type[BaseEstimator]]:
    """Return scikit-learn's regressors that stand alone and predict one number, by public module and name."""
    found = {}
    for name, regressor in all_estimators(type_filter="regressor"):
        module = regressor.__module__.split("._", 1)[0]
        needs_others = any(
            parameter.default is parameter.empty for parameter in inspect.signature(regressor).parameters.values()
        )
        if not needs_others and not name.startswith("MultiTask"):
            found[f"{module}.{name}"] = regressor
    return found
