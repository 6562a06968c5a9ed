"""No file that the service reads is ever run: what its code may name, and what it does while bundles are opened."""

import ast
import dataclasses
import io
import json
import pickle
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import damage
import numpy as np
import pytest
import recorded
import serving

from trainer import bundle, publishing
from trainer.bundle import Bundle
from trainer.candidates import Candidate, public_regressors
from trainer.history import History
from trainer.readers import read
from trainer.rungs import of_candidate
from trainer.sample import Sample
from trainer.training import Trained

ROOT = serving.ROOT
RUNS_WHAT_IT_READS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "runpy"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
LOADS_UNSAFELY = {
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
    "np.load",
    "numpy.load",
}


def reachable(root: Path) -> set[Path]:
    """Return the files of the service and the rule, and those of the trainer that they come to by imports."""
    found = {*(root / "service").rglob("*.py"), *(root / "galaxy_memory_rules").rglob("*.py")}
    todo = list(found)
    while todo:
        path = todo.pop()
        for name in _trainer_modules(path):
            imported = root / "trainer" / f"{name}.py"
            if imported.exists() and imported not in found:
                found.add(imported)
                todo.append(imported)
    return found


def _trainer_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        own = path.parent.name == "trainer" and node.level == 1
        module = "trainer" + (f".{node.module}" if node.module else "") if own else node.module or ""
        if module == "trainer":
            yield from (alias.name for alias in node.names)
        elif module.startswith("trainer."):
            yield module.split(".")[1]


def dangers(text: str) -> list[str]:
    """Return what in a file runs data, or unpickles it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in RUNS_WHAT_IT_READS]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in RUNS_WHAT_IT_READS:
            found.append(str(node.module))
        elif isinstance(node, ast.Name) and node.id in RUNS_TEXT:
            found.append(node.id)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in LOADS_UNSAFELY:
            found.append(ast.unparse(node))
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            found.append("allow_pickle")
    return found


def test_nothing_that_the_service_reaches_runs_what_it_reads() -> None:
    files = reachable(ROOT)
    assert {ROOT / "trainer" / f"{name}.py" for name in ("bundle", "npy", "regressor", "policy", "genomes")} <= files
    assert {str(path.relative_to(ROOT)): found for path in files if (found := dangers(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("import pickle", "pickle"),
        ("def late():\n    from joblib import load", "joblib"),
        ("import marshal as m", "marshal"),
        ("eval(text)", "eval"),
        ("run = exec", "exec"),
        ("__import__(name)", "__import__"),
        ("yaml.load(text, Loader=yaml.SafeLoader)", "yaml.load"),
        ("np.load(path)", "np.load"),
        ("save(array, allow_pickle=True)", "allow_pickle"),
    ],
)
def test_a_danger_is_noticed(text: str, danger: str) -> None:
    assert dangers(text) == [danger]


def estimator(trained: Trained, folder: Path) -> Bundle:
    """Return the bundle of a fitted scikit-learn estimator."""
    linear = Candidate("Linear", public_regressors()["sklearn.linear_model.LinearRegression"], {})
    [found] = read(recorded.write(folder / "tool.csv", recorded.rows()), recorded.LABEL)
    sample = Sample.of(History.of(found.records), trained.bundle.schema)
    model = of_candidate(linear, linear.pipeline()).fit(sample)
    return dataclasses.replace(trained.bundle, model=model)


def naming(module: str, name: str) -> bytes:
    """Return a skops file that asks for something to be called."""
    called = {"__class__": name, "__module__": module, "__loader__": "FunctionNode", "__id__": 1, "content": name}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("schema.json", json.dumps({**called, "protocol": 2, "_skops_version": "0.13"}))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def many(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 100 tools: 20 forests as they should be, 4 estimators, and what chance and harm make of them."""
    root = tmp_path_factory.mktemp("many")
    chance = random.Random(1)
    evil = [naming("os", "system"), naming("antigravity", "webbrowser"), pickle.dumps({"a": 1}), b"PK"]
    for number in range(100):
        tool = f"tool{number:02}"
        made = dataclasses.replace(trained.bundle, tool=tool)
        if number >= 92:
            made = dataclasses.replace(estimator(trained, root), tool=tool)
        bundle.save(made, root)
        home = root / tool
        if number >= 96:
            damage.put(home, "estimator.skops", evil[number - 96])
        elif 20 <= number < 84:
            path = chance.choice(sorted(publishing.current_build(home).iterdir()))
            path.write_bytes((damage.flipped, damage.cut)[number % 2](path.read_bytes(), chance))
        elif 84 <= number < 92:
            damage.put(home, "bins.npy", pickle.dumps(np.zeros(3)) if number % 2 else b"\x93NUMPY\x01\x00")
    return root


WATCHED = """
import json, sys
from pathlib import Path
from galaxy_memory_rules.errors import PredictionUnavailable
from galaxy_memory_rules.messages import JobDescription
from service.opened import OpenedBundles
from service.reloading import Reloader
root = Path(sys.argv[1]).resolve()
jobs = [JobDescription(f"tool{number:02}") for number in range(100)]
# what is imported once, is: a forest, and an estimator for skops and scikit-learn
warm = Reloader(root, OpenedBundles())
for number in (0, 92):
    warm.predictor.recommend(jobs[number])
seen = []
NEVER = ("os.system", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "subprocess.", "pty.", "socket.", "ctypes.",
         "pickle.", "marshal.", "import", "exec", "compile", "code.", "urllib.", "ftplib.", "shutil.", "os.remove",
         "os.rename", "os.mkdir", "os.chmod", "os.link", "os.symlink", "os.truncate", "webbrowser.")
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], int):
        return  # a file that os.open has opened, which was seen
    if event == "open":
        path, mode, flags = arguments
        if not str(path).startswith(f"{root}/") or flags & 3:
            seen.append(f"open {path} {mode}")
    elif event == "compile" and arguments[1] == "<unknown>":
        pass  # ast.literal_eval, by which numpy reads the headers of arrays in a skops file; compiled, not run
    elif event.startswith(NEVER):
        seen.append(f"{event} {str(arguments)[:200]}")
reloader = Reloader(root, OpenedBundles())
sys.addaudithook(watch)
answered = []
for job in jobs:
    try:
        answered.append(reloader.predictor.recommend(job).tool)
    except PredictionUnavailable:
        pass
reloader.reload()
done = list(seen)
print(json.dumps({"answered": answered, "seen": done}))
"""


def test_opening_100_bundles_good_and_bad_runs_imports_and_writes_nothing(many: Path) -> None:
    told = subprocess.run([sys.executable, "-c", WATCHED, many], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert report["seen"] == []
    good = [*range(20), *range(92, 96)]
    assert report["answered"] == [f"tool{number:02}" for number in good]


def test_the_watch_sees_what_it_is_for(many: Path) -> None:
    planted = WATCHED.replace("answered = []", "import wave; exec('1'); open('/etc/hostname'); answered = []")
    told = subprocess.run([sys.executable, "-c", planted, many], cwd=ROOT, capture_output=True, text=True, timeout=120)
    seen = json.loads(told.stdout)["seen"]
    for expected in ("import ", "exec ", "open /etc/hostname"):
        assert any(event.startswith(expected) for event in seen)
