"""models.json."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from galaxy_memory_rules.errors import ConfigError
from trainer.candidates import load_candidates, public_regressors

SHIPPED = Path(__file__).parent.parent / "config" / "models.json"


def entry(module: str = "sklearn.ensemble", name: str = "RandomForestRegressor", **parameters: Any) -> dict[str, Any]:
    return {"Model": {"module_name": module, "class_name": name, "parameters": parameters}}


def written(folder: Path, content: Any) -> Path:
    path = folder / "models.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_shipped_models_are_the_seeds_two_forests_with_eight_combinations_each() -> None:
    forest, extra = load_candidates(SHIPPED)
    assert (forest.name, extra.name) == ("RandomForestRegressor", "ExtraTreesRegressor")
    for candidate in (forest, extra):
        assert candidate.is_forest
        assert sorted(candidate.grid) == ["max_depth", "max_features", "n_estimators"]
        assert [len(values) for values in candidate.grid.values()] == [2, 2, 2]


def test_parameters_may_be_bare_or_named_after_the_pipelines_step(tmp_path: Path) -> None:
    content = entry(n_estimators=[50], model__max_depth=[3, 4], max_features=1.0)
    [candidate] = load_candidates(written(tmp_path, content))
    assert candidate.grid == {"n_estimators": [50], "max_depth": [3, 4], "max_features": [1.0]}
    assert candidate.pipeline_grid() == {
        "model__n_estimators": [50],
        "model__max_depth": [3, 4],
        "model__max_features": [1.0],
    }


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "cannot be read as JSON"),
        ([], "expected an object with one entry for each model"),
        ({}, "expected an object with one entry for each model"),
        ({"M": []}, "M: expected an object with module_name, class_name"),
        ({"M": {"class_name": "SVR"}}, "M: expected an object with module_name, class_name"),
        ({"M": {"module_name": "sklearn.svm", "class_name": "SVR", "grid": {}}}, "M: expected an object with"),
        (entry("os", "system"), "os.system is no public regressor of scikit-learn; near it are"),
        (entry("subprocess", "Popen"), "subprocess.Popen is no public regressor"),
        (entry("sklearn.datasets", "load_files"), "sklearn.datasets.load_files is no public regressor"),
        (entry("sklearn.ensemble", "RandomForestClassifier"), "sklearn.ensemble.RandomForestRegressor"),
        (entry("sklearn.ensemble", "RandomForestRegresor"), "sklearn.ensemble.RandomForestRegressor"),
        (entry("sklearn.ensembles", "ExtraTreesRegressor"), "near it are sklearn.ensemble.ExtraTreesRegressor"),
        (
            entry("sklearn.ensemble._forest", "RandomForestRegressor"),
            "near it are sklearn.ensemble.RandomForestRegressor",
        ),
        (entry("sklearn.ensemble", "StackingRegressor"), "StackingRegressor is no public regressor"),
        (entry(n_estimator=[1]), "n_estimator is no parameter of RandomForestRegressor; near it are n_estimators"),
        (entry(n_estimators=[]), "n_estimators: expected at least one value"),
        (
            {"M": {"module_name": "sklearn.svm", "class_name": "SVR", "parameters": []}},
            "parameters: expected an object",
        ),
    ],
)
def test_what_cannot_be_a_model_is_refused_with_near_matches(content: Any, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_candidates(written(tmp_path, content))
    assert complaint in str(refused.value)


def test_nothing_that_is_refused_was_imported(tmp_path: Path) -> None:
    """In a process of its own: what this one has imported already would hide it."""
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')\nclass EvilRegressor: pass\n")
    path = written(tmp_path, entry("evil_module", "EvilRegressor"))
    program = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\nfrom trainer.candidates import load_candidates\n"
        "from galaxy_memory_rules.errors import ConfigError\n"
        "try: load_candidates(Path(sys.argv[1]))\n"
        "except ConfigError: print('refused', 'evil_module' in sys.modules)\n"
    )
    told = subprocess.run([sys.executable, "-c", program, path, tmp_path], capture_output=True, text=True, check=True)
    assert told.stdout == "refused False\n"


# scikit-learn announces the end of some of them
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_every_regressor_that_may_be_named_stands_alone() -> None:
    known = public_regressors()
    for name in ("AdaBoost", "Bagging", "ExtraTrees", "GradientBoosting", "RandomForest", "HistGradientBoosting"):
        assert f"sklearn.ensemble.{name}Regressor" in known
    assert {"sklearn.linear_model.LinearRegression", "sklearn.linear_model.SGDRegressor"} <= set(known)
    assert {"sklearn.svm.LinearSVR", "sklearn.svm.SVR", "sklearn.neural_network.MLPRegressor"} <= set(known)
    for regressor in known.values():
        regressor()
