"""A model on disk."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import damage
import numpy as np
import pytest
import recorded
from conftest import train

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import bundle, manifest, npy, publishing
from trainer.bundle import Bundle
from trainer.candidates import Candidate, public_regressors
from trainer.distribution import Beliefs
from trainer.history import History
from trainer.lines import LEVELS, Line
from trainer.readers import read
from trainer.regressor import Regressor
from trainer.rungs import of_candidate
from trainer.sample import Sample
from trainer.training import Trained

MIB = 1024**2
JOB = JobDescription("tool", inputs=(InputDataset("input_1", 30 * MIB, "fastqsanger"),), parameters={"mode": "fast"})


def believed(found: Bundle) -> Beliefs:
    return found.model.predict(found.schema.matrix([JOB]))


def predicted_bytes(found: Bundle) -> float:
    return float(believed(found).predicted_peaks_bytes[0])


@pytest.fixture
def home(models: Path, tmp_path: Path) -> Path:
    """A copy of a published bundle, to be damaged."""
    return Path(shutil.copytree(models / "tool", tmp_path / "tool"))


def test_a_bundle_survives_the_disk(models: Path, trained: Trained) -> None:
    again = bundle.load(models / "tool")
    assert again.schema == trained.bundle.schema
    assert again.sizing.to_dict() == json.loads(json.dumps(trained.bundle.sizing.to_dict()))
    for name, digests in trained.bundle.sizing.familiar.to_arrays().items():
        assert np.array_equal(again.sizing.familiar.to_arrays()[name], digests)
    assert again.facts == json.loads(json.dumps(trained.bundle.facts))
    for name, array in trained.bundle.recorded.to_arrays().items():
        assert np.array_equal(again.recorded.to_arrays()[name], array)
    assert predicted_bytes(again) == pytest.approx(predicted_bytes(trained.bundle), abs=1)
    assert again.name == f"tool/{again.build}"


def test_other_estimators_survive_the_disk_too(trained: Trained, tmp_path: Path) -> None:
    linear = Candidate("Linear", public_regressors()["sklearn.linear_model.LinearRegression"], {})
    [found] = read(recorded.write(tmp_path / "tool.csv", recorded.rows()), recorded.LABEL)
    sample = Sample.of(History.of(found.records), trained.bundle.schema)
    model = of_candidate(linear, linear.pipeline()).fit(sample)
    made = dataclasses.replace(trained.bundle, model=model)
    build = bundle.save(made, tmp_path)
    again = bundle.load(tmp_path / "tool")
    assert isinstance(again.model, Regressor)
    assert predicted_bytes(again) == pytest.approx(predicted_bytes(made))
    assert np.array_equal(again.model.residuals.edges, model.to_arrays()["residuals"])
    assert json.loads((tmp_path / "tool" / build / "manifest.json").read_text())["model"] == {"kind": "estimator"}


@pytest.mark.parametrize(("rows", "source"), [(5, "pooled"), (14, "pooled"), (15, "static"), (30, "line")])
def test_lines_survive_the_disk_too(rows: int, source: str, tmp_path: Path) -> None:
    made = train(tmp_path, [], rows).bundle
    build = bundle.save(made, tmp_path)
    again = bundle.load(tmp_path / "tool")
    assert isinstance(made.model, Line)
    assert isinstance(again.model, Line)
    assert again.facts["model"]["source"] == source
    assert again.model.is_log == made.model.is_log
    assert np.array_equal(believed(again).grid.edges, believed(made).grid.edges)
    assert predicted_bytes(again) == predicted_bytes(made)
    told = json.loads((tmp_path / "tool" / build / "manifest.json").read_text())["model"]
    assert told == {"kind": "line", "is_log": made.model.is_log}


@pytest.fixture(scope="module")
def line_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the published line of a tool of a few jobs; not to be changed."""
    root = tmp_path_factory.mktemp("line")
    bundle.save(train(root, [], 12).bundle, root)
    return root


@pytest.mark.parametrize(
    ("name", "array", "complaint"),
    [
        ("coefficients", np.zeros(5), "not those of a line"),
        ("coefficients", np.full(2, np.nan), "not those of a line"),
        ("residuals", np.zeros(3), "not those of a line"),
        ("residuals", np.linspace(1, -1, LEVELS), "out of range"),
        ("line_columns", np.array([99], dtype="<i4"), "out of range"),
        ("line_columns", np.array([0.5]), "not those of a line"),
        ("familiar_inputs", np.array([2, 1], dtype="<u8"), "not sorted"),
        ("familiar_inputs", np.array([1.0, 2.0]), "expected digests"),
    ],
)
def test_arrays_of_a_line_that_do_not_fit_are_refused(
    name: str, array: Any, complaint: str, line_models: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(line_models / "tool", tmp_path / "tool"))

    damage.put(home, f"{name}.npy", npy.to_bytes(array))
    with pytest.raises(BundleError, match=complaint):
        bundle.load(home)


def test_the_same_bundle_is_the_same_bytes_and_is_written_once(trained: Trained, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    build = bundle.save(trained.bundle, first)
    assert bundle.save(trained.bundle, second) == build
    for path in sorted((first / "tool" / build).iterdir()):
        assert path.read_bytes() == (second / "tool" / build / path.name).read_bytes()
    written = (first / "tool" / build / "manifest.json").stat().st_mtime_ns
    bundle.save(trained.bundle, first)
    assert (first / "tool" / build / "manifest.json").stat().st_mtime_ns == written


def test_saving_repairs_a_damaged_build(trained: Trained, home: Path) -> None:
    build = publishing.current_build(home)
    (build / "bins.npy").write_bytes(b"")
    bundle.save(trained.bundle, home.parent)
    assert predicted_bytes(bundle.load(home)) == pytest.approx(predicted_bytes(trained.bundle), abs=1)


def test_where_nothing_can_be_written_the_old_bundle_stays(trained: Trained, home: Path) -> None:
    other = dataclasses.replace(trained.bundle, facts={**trained.bundle.facts, "label": "another"})
    # a file where the new build's temporary folder would be made
    blocked = home.parent / "blocked"
    blocked.write_text("")
    with pytest.raises(BundleError, match="the bundle before stays in use"):
        bundle.save(other, blocked)
    assert bundle.load(home).facts["label"] == trained.bundle.facts["label"]


@pytest.mark.parametrize("damage_done", [damage.flipped, damage.cut])
def test_a_flipped_bit_or_a_cut_anywhere_in_any_file_is_refused(damage_done: damage.Damage, home: Path) -> None:
    build = publishing.current_build(home)
    # 30 in each of the bundle's 14 files
    for what in damage.damaged_in_turn(build, damage_done, 30, seed=1):
        with pytest.raises(BundleError):
            bundle.load(home)
            pytest.fail(what)
    assert bundle.load(home).tool == "tool", "and whole again"


def test_a_bundle_that_the_version_before_wrote_is_refused_by_name() -> None:
    home = Path(__file__).parent / "bundles" / "format_2" / "tool"
    with pytest.raises(BundleError, match="format 2, and this version reads 3; train this tool again"):
        bundle.load(home)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda manifest, build: manifest.update(format=1),
            "format 1, and this version reads 3; train this tool again",
        ),
        (lambda manifest, build: manifest.update(format="3"), "format 3, and this version reads 3"),
        (lambda manifest, build: manifest.pop("schema"), "incomplete"),
        (lambda manifest, build: manifest["sizing"].pop("typical_bytes"), "incomplete"),
        (lambda manifest, build: manifest["sizing"].update(more=1), "incomplete"),
        (lambda manifest, build: manifest["sizing"]["choices"].update(never=[]), "incomplete"),
        (lambda manifest, build: manifest["sizing"]["choices"].pop("reference_unseen"), "incomplete"),
        (lambda manifest, build: manifest["sizing"]["sizes"].pop("slope"), "incomplete"),
        (lambda manifest, build: manifest["sizing"].pop("by_cap"), "incomplete"),
        (lambda manifest, build: manifest["sizing"].update(by_cap=[]), "incomplete"),
        (lambda manifest, build: manifest["sizing"]["by_cap"].update({"a lot": {}}), "incomplete"),
        (lambda manifest, build: manifest["sizing"]["by_cap"]["0.1"].pop("tool_bytes"), "incomplete"),
        (lambda manifest, build: manifest["sizing"]["by_cap"]["0.1"].update(more=1), "incomplete"),
        (lambda manifest, build: manifest["sizing"]["by_cap"]["none"]["choices"].pop("inputs_seen"), "incomplete"),
        (lambda manifest, build: manifest["sizing"]["by_cap"].pop("0.05"), "at the rule's own cap what the rule has"),
        (
            lambda manifest, build: manifest["sizing"]["by_cap"]["0.05"].update(tool_bytes=1),
            "at the rule's own cap what the rule has",
        ),
        (lambda manifest, build: manifest["facts"].pop("constant"), "incomplete"),
        (lambda manifest, build: manifest["facts"].pop("run_seconds"), "incomplete"),
        (lambda manifest, build: manifest["facts"].update(unit=None), "facts.unit"),
        (lambda manifest, build: manifest["facts"]["rows"].pop("censored"), "incomplete"),
        (lambda manifest, build: manifest["files"].pop("recorded_peaks.npy"), "recorded_peaks: missing"),
        (lambda manifest, build: manifest["sizing"]["limits"].update(more=1), "incomplete"),
        (lambda manifest, build: manifest["model"].pop("kind"), "incomplete"),
        (lambda manifest, build: manifest.update(model={"kind": "line", "is_log": True}), "not those of a line"),
        (lambda manifest, build: manifest["schema"]["columns"].clear(), "feature"),
        (lambda manifest, build: manifest.update(files=[]), "expected names of arrays"),
        (lambda manifest, build: manifest["files"].update({"../../evil.npy": {}}), "expected names of arrays"),
        (lambda manifest, build: manifest["files"].update({"evil.pkl": {}}), "expected names of arrays"),
        (lambda manifest, build: manifest["files"].pop("bins.npy"), "bins: expected"),
    ],
)
def test_a_manifest_that_was_made_by_hand_is_refused(change: Any, complaint: str, home: Path) -> None:
    damage.rewrite(home, change)
    with pytest.raises(BundleError) as refused:
        bundle.load(home)
    assert complaint in str(refused.value)


def test_a_manifest_that_is_too_large_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_MANIFEST_BYTES", 100)
    with pytest.raises(BundleError, match="larger than 100 bytes"):
        bundle.load(home)


def test_an_array_that_is_too_large_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_FILE_BYTES", 100)
    with pytest.raises(BundleError, match="larger than 100 bytes"):
        bundle.load(home)


def test_a_forest_is_loaded_without_scikit_learn_pandas_or_skops(home: Path) -> None:
    """In a process of its own: this one has all of them."""
    import subprocess

    program = (
        "import sys\nfrom pathlib import Path\nfrom trainer import bundle\n"
        "bundle.load(Path(sys.argv[1]))\n"
        "print([name for name in ('sklearn', 'pandas', 'skops', 'scipy', 'joblib') if name in sys.modules])\n"
    )
    told = subprocess.run([sys.executable, "-c", program, home], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
