"""Bundles that keep every rule of hashes and names, and were made to do harm."""

import dataclasses
import io
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import damage
import numpy as np
import pytest
import serving
from conftest import train
from sklearn.linear_model import LinearRegression

from galaxy_memory_rules.errors import BundleError
from trainer import archive, bundle, npy, publishing
from trainer.distribution import Grid
from trainer.lines import LEVELS
from trainer.regressor import Regressor
from trainer.training import Trained


@pytest.fixture
def home(models: Path, tmp_path: Path) -> Path:
    """A copy of a published forest."""
    return damage.copied(models / "tool", tmp_path)


def header(text: str, version: bytes = b"\x01\x00") -> bytes:
    """Write the head of a .npy file by hand."""
    return b"\x93NUMPY" + version + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


def plain(kind: str = "<f4", shape: str = "(2,)", order: str = "False") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"


def objects() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object))
    return buffer.getvalue()


ARRAYS: dict[str, bytes] = {
    "a pickle": pickle.dumps({"a": 1}),
    "an array of objects": objects(),
    "a claim of 2 GB": header(plain(shape="(500000000,)")) + bytes(8),
    "a claim of more than any number": header(plain(shape="(999999999999, 999999999999)")) + bytes(8),
    "a claim of less": header(plain(shape="(1,)")) + bytes(8),
    "a negative length": header(plain(shape="(-2,)")) + bytes(8),
    "a call in its header": header("{'descr': exec('1'), 'fortran_order': False, 'shape': (2,), }") + bytes(8),
    "a nested header": header("(" * 5000) + bytes(8),
    "columns first": header(plain(shape="(2, 1)", order="True")) + bytes(8),
    "other ends of numbers": header(plain(">f4")) + bytes(8),
    "texts": header(plain("<U2", "(1,)")) + bytes(8),
    "records": header(plain("<f4").replace("'<f4'", "[('a', '<f4')]")) + bytes(8),
    "complex numbers": header(plain("<c8", "(1,)")) + bytes(8),
    "another version": header(plain(), b"\x02\x00") + bytes(8),
    "nothing": b"",
    "a magic word": b"\x93NUMPY",
    "no end of its header": b"\x93NUMPY\x01\x00\xff\xff{'descr'",
}


@pytest.mark.parametrize("what", ARRAYS)
def test_an_array_is_refused_that_is(what: str, home: Path) -> None:
    damage.put(home, "bins.npy", ARRAYS[what])
    with pytest.raises(BundleError, match=r"bins\.npy: "):
        bundle.load(home)


@pytest.mark.parametrize("kind", ["|u1", "<u2", "<u4", "<u8", "<i4", "<i8", "<f4", "<f8"])
@pytest.mark.parametrize("shape", [(0,), (3,), (3, 0), (2, 3)])
def test_what_is_written_is_read_and_cannot_be_changed(kind: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=kind).reshape(shape)
    again = npy.from_bytes("a.npy", npy.to_bytes(array))
    assert again.dtype.str == kind
    assert np.array_equal(again, array)
    assert again.shape == shape
    assert not again.flags.writeable


def forest_of(home: Path, **changed: Any) -> None:
    """Change arrays of the forest."""
    for name, change in changed.items():
        content = (publishing.current_build(home) / f"{name}.npy").read_bytes()
        damage.put(home, f"{name}.npy", npy.to_bytes(change(npy.from_bytes(name, content).copy())))


def with_at(place: int, value: float) -> Any:
    def change(array: Any) -> Any:
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        # the first tree's root is a leaf and a later node has its children: they would stand before their parent
        ({"inner": lambda array: np.packbits(np.roll(np.unpackbits(array), 1))}, "inner"),
        # bits the other way round: children that belong to another tree, or lead back
        ({"inner": lambda array: array[::-1]}, "inner"),
        ({"roots": lambda array: array[::-1]}, "roots"),
        ({"roots": with_at(0, -1)}, "roots"),
        ({"roots": with_at(-1, 2**31 - 1)}, "roots"),
        ({"feature": lambda array: array + 60_000 if array.dtype.itemsize > 1 else array + 200}, "feature"),
        ({"threshold": with_at(0, np.nan)}, "threshold"),
        ({"edges": with_at(0, np.nan)}, "edges"),
        ({"edges": with_at(-1, np.inf)}, "edges"),
        ({"edges": lambda array: array[::-1]}, "edges"),
        ({"lengths": with_at(0, 0)}, "lengths"),
        ({"lengths": with_at(0, 255)}, "lengths"),
        ({"bins": lambda array: array[:-1]}, "bins"),
        ({"neighbour_sizes": lambda array: array + np.float32(np.nan)}, "neighbour_sizes"),
        ({"neighbour_codes": lambda array: array + np.uint16(60_000)}, "neighbour_codes"),
        ({"familiar_inputs": lambda array: array[::-1]}, "familiar_inputs"),
        ({"recorded_sizes": with_at(0, np.inf)}, "recorded_sizes"),
        ({"recorded_peaks": with_at(0, -1)}, "recorded_peaks"),
        ({"recorded_peaks": lambda array: np.tile(array, 1000)}, "recorded_peaks"),
    ],
)
def test_a_forest_is_refused_whose_walk_would_not_end_or_leave_it(
    changed: dict[str, Any], complaint: str, home: Path
) -> None:
    forest_of(home, **changed)
    with pytest.raises(BundleError, match=complaint):
        bundle.load(home)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("sizing", "typical_bytes", float("nan")),
        ("sizing", "typical_bytes", float("inf")),
        ("sizing", "typical_bytes", -1.0),
        ("sizing", "typical_bytes", True),
        ("sizing", "tracked_factor", 1e300),
        ("sizing", "tracked_factor", "2"),
        ("sizing", "failure_cap", 2),
        ("sizing", "rows", 1.5),
        ("sizing", "rows", "80"),
        ("sizing", "tool_bytes", -1),
        ("sizing", "tool_bytes", 10**4000),
        ("schema", "inputs", "input_1"),
        ("schema", "inputs", [1]),
        ("schema", "columns", ["total"] * 70_000),
        ("schema", "genomes", {"hg38": -5}),
        ("schema", "usual_slots", -1),
        ("facts", "sizes_bytes", {"input_1": {"smallest": "1", "median": 1, "largest": 1}}),
        ("facts", "model", {"name": "forest", "source": 7}),
        ("facts", "rows", []),
        ("facts", "rows", {"used": 80, "censored": "1", "dropped": {}}),
        ("facts", "rows", {"used": 80, "censored": 0, "dropped": {"why": -1}}),
        ("facts", "limit_bytes", "1 GB"),
        ("facts", "run_seconds", {"median": -1, "p95": 1}),
        ("facts", "run_seconds", [1, 2]),
        ("facts", "constant", {"memory_bytes": 1}),
        ("facts", "held_out", {"jobs": 1, "failure_rate": 0, "rel": 1, "wastage_gbh": "1"}),
    ],
)
def test_a_manifest_is_refused_by_which_no_sane_request_or_answer_comes(
    part: str, field: str, value: Any, home: Path
) -> None:
    damage.rewrite(home, lambda manifest, build: manifest[part].update({field: value}))
    with pytest.raises(BundleError, match="train this tool again"):
        bundle.load(home)


@pytest.mark.parametrize("cap", ["0.05", "0.1", "none"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tracked_factor", 0.5),
        ("tracked_factor", 1e300),
        ("tool_bytes", 0),
        ("tool_bytes", 1.5),
        ("start_bytes", 10**30),
        ("held_bytes", -1),
        ("held_bytes", "1"),
        ("choices", dict.fromkeys(("inputs_seen", "reference_seen", "reference_unseen"), {"price": -1, "factor": 1})),
        ("choices", dict.fromkeys(("inputs_seen", "reference_seen", "reference_unseen"), {"price": 1, "factor": 0})),
    ],
)
def test_a_manifest_is_refused_by_which_no_sane_request_comes_at_another_cap(
    field: str, value: Any, cap: str, home: Path
) -> None:
    damage.rewrite(home, lambda manifest, build: manifest["sizing"]["by_cap"][cap].update({field: value}))
    with pytest.raises(BundleError, match=r"sizing\.by_cap\..*train this tool again"):
        bundle.load(home)


@pytest.mark.parametrize("cap", ["2", "-0.1", "nan", "inf"])
def test_a_cap_that_is_no_share_is_refused(cap: str, home: Path) -> None:
    def change(manifest: dict[str, Any], build: Path) -> None:
        caps = manifest["sizing"]["by_cap"]
        caps[cap] = caps["0.1"]

    damage.rewrite(home, change)
    with pytest.raises(BundleError, match=r"sizing\.by_cap: expected 0 to 1"):
        bundle.load(home)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        # the sum of both terms is no number
        ("coefficients", np.array([1e308, -1e308])),
        ("coefficients", np.array([1e300, 0.0])),
        ("residuals", np.linspace(-1e300, 1e300, LEVELS)),
    ],
)
def test_a_line_is_refused_that_leads_beyond_numbers(name: str, array: Any, tmp_path: Path) -> None:
    bundle.save(train(tmp_path, [], 12).bundle, tmp_path)
    damage.put(tmp_path / "tool", f"{name}.npy", npy.to_bytes(array))
    with pytest.raises(BundleError, match="expected"):
        bundle.load(tmp_path / "tool")


def test_edges_beyond_numbers_are_refused(home: Path) -> None:
    forest_of(home, edges=lambda array: array * 1e300)
    with pytest.raises(BundleError, match="edges, residuals: expected"):
        bundle.load(home)


@pytest.mark.parametrize("spoiled", ["another number of columns", "no number"])
def test_an_estimator_is_refused_that_cannot_predict(spoiled: str, trained: Trained, tmp_path: Path) -> None:
    n_columns = len(trained.bundle.schema.columns) + (spoiled == "another number of columns")
    fitted = LinearRegression().fit(np.zeros((3, n_columns)), np.zeros(3))
    if spoiled == "no number":
        fitted.intercept_ = float("nan")
    model = Regressor(fitted, Grid(np.zeros(LEVELS)))
    bundle.save(dataclasses.replace(trained.bundle, model=model), tmp_path)
    with pytest.raises(BundleError, match="predict"):
        bundle.load(tmp_path / "tool")


def zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        # 50 MB of zeros in 50 kB
        (zipped({"schema.json": bytes(50_000_000)}), "unpacks to 50,000,000 bytes"),
        (zipped({"1.npy": header(plain("<f8", "(250000000,)"))}), "1.npy claims 2,000,000,000 bytes"),
        (zipped({"1.npy": objects()}), "an array of objects"),
        (zipped({"1.npy": b"nothing"}), "cannot be read"),
        (b"PK\x03\x04nothing", "cannot be read"),
        (pickle.dumps({"a": 1}), "cannot be read"),
    ],
)
def test_an_estimator_that_would_fill_the_memory_is_not_opened(content: bytes, complaint: str) -> None:
    with pytest.raises(BundleError, match=complaint):
        archive.require_modest("estimator.skops", content, 10**9)


def test_another_scikit_learn_is_refused_by_both_versions(home: Path) -> None:
    def change(manifest: dict[str, Any], build: Path) -> None:
        manifest["model"] = {"kind": "estimator"}
        manifest["facts"]["versions"]["scikit_learn"] = "0.24.2"

    damage.rewrite(home, change)
    with pytest.raises(BundleError, match=r"made by scikit-learn 0\.24\.2, and here is \d+\.\d+"):
        bundle.load(home)


MEASURE = """
import json, resource, sys, time
from pathlib import Path
from galaxy_memory_rules.errors import BundleError
from trainer import bundle
good, bad = map(Path, sys.argv[1:])
bundle.load(good)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    bundle.load(bad)
except BundleError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("what", ["a claim of 2 GB", "a sparse file of 8 GB"])
def test_refusing_costs_no_memory(what: str, home: Path, models: Path) -> None:
    if what in ARRAYS:
        damage.put(home, "bins.npy", ARRAYS[what])
    else:
        with (publishing.current_build(home) / "bins.npy").open("r+b") as file:
            file.truncate(8 * 10**9)
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, models / "tool", home],
        cwd=serving.ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    # ru_maxrss is in KiB: less than 50 MB
    assert int(told.stdout) < 50_000


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(home: Path) -> None:
    import os

    path = publishing.current_build(home) / "bins.npy"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BundleError, match="no plain file"):
        bundle.load(home)
    (home / "current").unlink()
    os.mkfifo(home / "current")
    with pytest.raises(BundleError, match="no plain file"):
        bundle.load(home)
