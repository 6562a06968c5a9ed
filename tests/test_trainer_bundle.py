"""A model on disk."""

import dataclasses
import hashlib
import json
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import train
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import bundle, publishing
from trainer.bundle import Bundle
from trainer.candidates import Candidate, public_regressors
from trainer.training import Outcome

MIB = 1024**2
JOB = JobDescription("tool", inputs=(InputDataset("input_1", 30 * MIB, "fastqsanger"),), parameters={"mode": "fast"})

Trained = tuple[Bundle, list[Outcome]]


def point(found: Bundle) -> float:
    return found.model.predict(found.schema.matrix([JOB]))[0].point


@pytest.fixture
def home(models: Path, tmp_path: Path) -> Path:
    """A copy of a published bundle, to be damaged."""
    return Path(shutil.copytree(models / "tool", tmp_path / "tool"))


def test_a_bundle_survives_the_disk(models: Path, trained: Trained) -> None:
    again = bundle.load(models / "tool")
    assert again.schema == trained[0].schema
    assert again.sizing == trained[0].sizing
    assert again.facts == json.loads(json.dumps(trained[0].facts))
    assert point(again) == pytest.approx(point(trained[0]), abs=1e-6)
    assert again.name == f"tool/{again.build}"


def test_other_estimators_survive_the_disk_too(tmp_path: Path) -> None:
    linear = Candidate("Linear", public_regressors()["sklearn.linear_model.LinearRegression"], {})
    made, _ = train(tmp_path, [linear])
    bundle.save(made, tmp_path)
    again = bundle.load(tmp_path / "tool")
    assert point(again) == pytest.approx(point(made))
    assert again.facts["model"]["class"] == "LinearRegression"


def test_the_same_bundle_is_the_same_bytes_and_is_written_once(trained: Trained, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    build = bundle.save(trained[0], first)
    assert bundle.save(trained[0], second) == build
    for path in sorted((first / "tool" / build).iterdir()):
        assert path.read_bytes() == (second / "tool" / build / path.name).read_bytes()
    written = (first / "tool" / build / "manifest.json").stat().st_mtime_ns
    bundle.save(trained[0], first)
    assert (first / "tool" / build / "manifest.json").stat().st_mtime_ns == written


def test_saving_repairs_a_damaged_build(trained: Trained, home: Path) -> None:
    build = publishing.current_build(home)
    (build / "value.npy").write_bytes(b"")
    bundle.save(trained[0], home.parent)
    assert point(bundle.load(home)) == pytest.approx(point(trained[0]), abs=1e-6)


def test_where_nothing_can_be_written_the_old_bundle_stays(trained: Trained, home: Path) -> None:
    other = dataclasses.replace(trained[0], facts={**trained[0].facts, "label": "another"})
    # a file where the new build's temporary folder would be made
    blocked = home.parent / "blocked"
    blocked.write_text("")
    with pytest.raises(BundleError, match="the bundle before stays in use"):
        bundle.save(other, blocked)
    assert bundle.load(home).facts["label"] == trained[0].facts["label"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_anywhere_is_refused(home: Path, data: st.DataObject) -> None:
    build = publishing.current_build(home)
    path = data.draw(st.sampled_from(sorted(build.iterdir())))
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    damaged = bytearray(good)
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(damaged)
        with pytest.raises(BundleError):
            bundle.load(home)
    finally:
        path.write_bytes(good)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_file_cut_anywhere_is_refused(home: Path, data: st.DataObject) -> None:
    build = publishing.current_build(home)
    path = data.draw(st.sampled_from(sorted(build.iterdir())))
    good = path.read_bytes()
    try:
        path.write_bytes(good[: data.draw(st.integers(0, len(good) - 1))])
        with pytest.raises(BundleError):
            bundle.load(home)
    finally:
        path.write_bytes(good)


def rewrite(home: Path, change: Any) -> None:
    """Change a manifest as somebody would who knows its rules: the folder gets the name of the new hash."""
    build = publishing.current_build(home)
    manifest = json.loads((build / "manifest.json").read_text())
    change(manifest, build)
    data = json.dumps(manifest).encode()
    (build / "manifest.json").write_bytes(data)
    name = hashlib.sha256(data).hexdigest()[:16]
    build.rename(home / name)
    (home / "current").write_text(name)


def add_pickle(manifest: dict[str, Any], build: Path) -> None:
    content = pickle.dumps({"a": 1})
    (build / "evil.npy").write_bytes(content)
    manifest["files"]["evil.npy"] = {"sha256": hashlib.sha256(content).hexdigest()}


def add_objects(manifest: dict[str, Any], build: Path) -> None:
    np.save(build / "value.npy", np.array([{"a": 1}], dtype=object))
    manifest["files"]["value.npy"]["sha256"] = hashlib.sha256((build / "value.npy").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda manifest, build: manifest.update(format=0), "format 0, and this version reads 1"),
        (lambda manifest, build: manifest.update(format="2"), "format 2, and this version reads 1"),
        (lambda manifest, build: manifest.pop("schema"), "incomplete"),
        (lambda manifest, build: manifest["sizing"].pop("quantile"), "incomplete"),
        (lambda manifest, build: manifest["sizing"].update(more=1), "incomplete"),
        (lambda manifest, build: manifest.update(depth=10**9), "depth"),
        (lambda manifest, build: manifest["schema"]["columns"].clear(), "feature"),
        (lambda manifest, build: manifest.update(files=[]), "expected names of arrays"),
        (lambda manifest, build: manifest["files"].update({"../../evil.npy": {}}), "expected names of arrays"),
        (lambda manifest, build: manifest["files"].update({"evil.pkl": {}}), "expected names of arrays"),
        (lambda manifest, build: manifest["files"].pop("value.npy"), "value: expected"),
        (add_pickle, "incomplete"),
        (add_objects, "incomplete"),
    ],
)
def test_a_manifest_that_was_made_by_hand_is_refused(change: Any, complaint: str, home: Path) -> None:
    rewrite(home, change)
    with pytest.raises(BundleError) as refused:
        bundle.load(home)
    assert complaint in str(refused.value)


def test_a_manifest_that_is_too_large_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_MANIFEST_BYTES", 100)
    with pytest.raises(BundleError, match="larger than 100 bytes"):
        bundle.load(home)


def test_an_array_that_is_too_large_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_FILE_BYTES", 100)
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
