"""Imports point downwards, and the rule package can be imported the way Galaxy does it, with what Galaxy has."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
# What the service takes from the trainer: finding and reading bundles and predicting, but nothing that trains.
SERVICE_MAY_IMPORT = {"bundle", "distribution", "features", "forest", "manifest", "policy", "publishing", "signing"}
# A plan tells columns, gigabytes and cells of a spreadsheet as the trainer does; rules are what it prices by.
SERVICE_MAY_IMPORT |= {"amounts", "columns", "replay", "sizing_rule", "spreadsheet", "tables", "wording", "written"}
# The rule runs inside Galaxy's own environment; urllib3 comes with requests.
RULE_MAY_IMPORT = {"requests", "urllib3", "yaml"}
# Reading a file with one of these runs what the file says.
NEVER_IMPORTED = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
DOOR = "map_job_to_destination"


def broken_layers(root: Path) -> list[str]:
    """Return every breach of the layers below a folder that holds the three packages."""
    rule = root / "galaxy_memory_rules"
    found = [f"{path}: Galaxy would import it as a rule" for path in rule.glob("__main__.py")]
    found += [f"{path.parent}: Galaxy would import it as a top-level package" for path in rule.glob("*/__init__.py")]
    for package in ("galaxy_memory_rules", "trainer", "service"):
        for path in sorted((root / package).rglob("*.py")):
            tree = ast.parse(path.read_text())
            complaints = [_complaint(package, name, relative) for name, relative in _imports(tree, package)]
            if path.parent == rule and path.stem not in ("rules", "__init__") and _binds(tree, DOOR):
                complaints.append(f"has a name {DOOR}, which Galaxy may take for the rule")
            found += [f"{path.relative_to(root)}: {complaint}" for complaint in complaints if complaint]
    return found


def _imports(tree: ast.Module, package: str) -> Iterator[tuple[str, bool]]:
    """Yield every imported name with its dots, and whether it was imported relatively."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = node.level > 0
            parts = [part for part in (package if relative else None, node.module) if part]
            yield from ((".".join([*parts, alias.name]), relative) for alias in node.names)


def _complaint(package: str, name: str, relative: bool) -> str | None:
    top, _, rest = name.partition(".")
    if package != "trainer" and top in NEVER_IMPORTED:
        return f"{name} runs what it reads"
    if package == "galaxy_memory_rules" and top not in sys.stdlib_module_names | RULE_MAY_IMPORT and not relative:
        return f"{name} may be missing in Galaxy's environment, or is our own by an absolute name"
    if package == "trainer" and top == "service":
        return f"{name} is above the trainer"
    if package == "service" and top == "trainer" and rest.partition(".")[0] not in SERVICE_MAY_IMPORT:
        return f"{name} is not for the service; it may import {', '.join(sorted(SERVICE_MAY_IMPORT))}"
    return None


def _binds(tree: ast.Module, name: str) -> bool:
    for node in ast.walk(tree):
        bound = [getattr(node, "asname", None) or getattr(node, "name", None)]
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound = [node.id]
        if name in bound:
            return True
    return False


@pytest.mark.parametrize("package", ["galaxy_memory_rules", "trainer", "service"])
def test_imports_point_downwards_from(package: str) -> None:
    assert [found for found in broken_layers(ROOT) if package in Path(found).parts] == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of the three packages without a breach, to plant one in."""
    for package in ("galaxy_memory_rules", "trainer", "service"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    shutil.copy(ROOT / "galaxy_memory_rules" / "rules.py", tmp_path / "galaxy_memory_rules")
    assert broken_layers(tmp_path) == []
    return tmp_path


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("galaxy_memory_rules/client.py", "import numpy", "numpy may be missing"),
        ("galaxy_memory_rules/client.py", "from pandas import read_csv", "pandas.read_csv may be missing"),
        ("galaxy_memory_rules/client.py", "def ask():\n    import sklearn.tree", "sklearn.tree may be missing"),
        ("galaxy_memory_rules/client.py", "import trainer.features", "trainer.features may be missing"),
        ("galaxy_memory_rules/client.py", "from galaxy_memory_rules import memory", "by an absolute name"),
        ("galaxy_memory_rules/client.py", "import pickle", "pickle runs what it reads"),
        ("galaxy_memory_rules/client.py", "from .rules import map_job_to_destination", "may take for the rule"),
        ("galaxy_memory_rules/tpv.py", "def map_job_to_destination(): ...", "may take for the rule"),
        ("galaxy_memory_rules/tpv.py", "from . import rules as map_job_to_destination", "may take for the rule"),
        ("galaxy_memory_rules/tpv.py", "map_job_to_destination = None", "may take for the rule"),
        ("galaxy_memory_rules/__main__.py", "", "Galaxy would import it as a rule"),
        ("galaxy_memory_rules/service/__init__.py", "", "as a top-level package"),
        ("trainer/run.py", "import service", "service is above the trainer"),
        (
            "trainer/run.py",
            "def late():\n    from service.app import routes",
            "service.app.routes is above the trainer",
        ),
        ("service/app.py", "from trainer.training import fit", "trainer.training.fit is not for the service"),
        ("service/app.py", "from trainer import forest, readers", "trainer.readers is not for the service"),
        ("service/app.py", "import trainer", "trainer is not for the service"),
        ("service/app.py", "import joblib", "joblib runs what it reads"),
        ("service/page/draw.py", "from pickle import loads", "pickle.loads runs what it reads"),
    ],
)
def test_a_planted_breach_is_found(tree: Path, path: str, text: str, complaint: str) -> None:
    planted = tree / path
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(text)
    assert [complaint in found for found in broken_layers(tree)] == [True]


def test_what_is_allowed_is_not_complained_of(tree: Path) -> None:
    (tree / "galaxy_memory_rules" / "client.py").write_text("import json\nimport yaml\nfrom .memory import MIB\n")
    (tree / "trainer" / "run.py").write_text("import joblib\nfrom galaxy_memory_rules.memory import MIB\n")
    (tree / "service" / "app.py").write_text("from trainer import forest\nfrom trainer.bundle import load\n")
    assert broken_layers(tree) == []


# As galaxy.util.submodules.import_submodules(ordered=True) and the search in galaxy.jobs.mapper do it. What the
# dependencies do while they are imported is theirs: only what comes after them is watched.
AS_GALAXY_DOES = """
import importlib, json, pkgutil, sys, threading
sys.path[:0] = json.loads(sys.argv[1])
import requests, yaml
before, did = set(sys.modules), []
def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn")):
        did.append(event)
sys.addaudithook(watch)
package = importlib.import_module("galaxy_memory_rules")
names = sorted((name for _, name, _ in pkgutil.walk_packages(package.__path__)), reverse=True)
modules = [importlib.import_module("galaxy_memory_rules." + name) for name in names]
first = next(module.__name__ for module in modules if hasattr(module, "map_job_to_destination"))
loaded = sorted({name.partition(".")[0] for name in sys.modules.keys() - before})
print(json.dumps({"first": first, "loaded": loaded, "did": did, "threads": threading.active_count()}))
"""
DEPENDENCIES = ("requests", "urllib3", "idna", "certifi", "charset-normalizer", "pyyaml")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with requests and pyyaml, what they need, and nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    for name in DEPENDENCIES:
        installed = distribution(name)
        for top in {file.parts[0] for file in installed.files or () if file.parts[0] not in ("..", "__pycache__")}:
            (folder / top).symlink_to(str(installed.locate_file(top)))
    return folder


def imported(python: str, path: list[Path]) -> "subprocess.CompletedProcess[str]":
    """Import the rule package in a Python without any other packages than those on the path."""
    folders = json.dumps([str(folder) for folder in path])
    return subprocess.run(
        [python, "-I", "-S", "-B", "-W", "error", "-c", AS_GALAXY_DOES, folders], capture_output=True, text=True
    )


def report(run: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """Return what the import told."""
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


def test_galaxy_finds_the_rule_with_nothing_but_requests_and_pyyaml_installed(packages: Path) -> None:
    found = report(imported(sys.executable, [packages, ROOT]))
    assert found["first"] == "galaxy_memory_rules.rules"
    assert (found["did"], found["threads"]) == ([], 1), "importing it runs and opens nothing"
    known = sys.stdlib_module_names | {path.name.partition(".")[0] for path in packages.iterdir()}
    assert set(found["loaded"]) - known == {"galaxy_memory_rules"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import numpy", "No module named 'numpy'"),
        ("import socket\nsocket.socket().close()", "socket.__new__"),
        ("import subprocess\nsubprocess.run(['true'])", "subprocess.Popen"),
        ("open('/dev/null', 'w').close()", "open"),
    ],
)
def test_a_module_that_needs_or_does_more_is_noticed(packages: Path, tmp_path: Path, text: str, complaint: str) -> None:
    shutil.copytree(ROOT / "galaxy_memory_rules", tmp_path / "galaxy_memory_rules")
    (tmp_path / "galaxy_memory_rules" / "planted.py").write_text(text)
    run = imported(sys.executable, [packages, tmp_path])
    assert complaint in (run.stderr if run.returncode else report(run)["did"])


def import_on_39(root: Path) -> "subprocess.CompletedProcess[str]":
    """Import the rule package below a folder on Galaxy's oldest Python, with what `make test` installed for it."""
    python = ROOT / ".venv-39" / "bin" / "python"
    if not python.exists():
        pytest.skip("no .venv-39: make test makes it where there is a Python 3.9")
    [installed] = (ROOT / ".venv-39" / "lib").glob("python3.9/site-packages")
    return imported(str(python), [installed, root])


def test_the_oldest_python_of_galaxy_imports_it_too() -> None:
    assert report(import_on_39(ROOT))["first"] == "galaxy_memory_rules.rules"


def test_syntax_that_python_39_does_not_know_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "galaxy_memory_rules", tmp_path / "galaxy_memory_rules")
    (tmp_path / "galaxy_memory_rules" / "planted.py").write_text("def f(size: int | None): ...")
    assert "unsupported operand" in import_on_39(tmp_path).stderr
