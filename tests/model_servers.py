"""MLServer and BentoML, each in an environment of its own beside the repository's, serving the seed's pipeline."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from goals import CannotMeasure
from seeds_pipeline import LABEL, ROOT, read_table
from servers import TESTS, Server, running
from serving import free_port
from trained_forest import DIFFERENT_JOBS
from wrk import Request

_INSTALL_SECONDS = 900


def install(package: str) -> Path:
    """Make the package's environment once, and return where its programs are; later runs find it.

    Raises
    ------
    CannotMeasure
        If it will not install here.
    """
    environment = ROOT / f".venv-{package}"
    programs, ready = environment / "bin", environment / "ready"
    if not ready.exists():
        pip = [str(programs / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _install([sys.executable, "-m", "venv", str(environment)], package)
        _install([*pip, package, "pandas", "scikit-learn"], package)
        ready.touch()
    return programs


def _install(command: Sequence[str], package: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        told = (error.stderr or "no word why").strip().splitlines()[-1]
        raise CannotMeasure(f"{package} will not install: {told}") from error
    except subprocess.TimeoutExpired as error:
        raise CannotMeasure(f"{package} will not install within {_INSTALL_SECONDS} seconds") from error


@contextmanager
def mlserver(programs: Path) -> Iterator[Server]:
    """Run MLServer without its pool of processes, which costs one row more than it saves."""
    port = free_port()
    settings = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "parallel_workers": 0}
    # without its access log, as ours is measured
    settings["debug"] = False
    model = {"name": "bowtie2", "implementation": "rival_mlserver.SeedsPipeline"}
    with TemporaryDirectory() as folder:
        for name, content in (("settings.json", settings), ("model-settings.json", model)):
            (Path(folder) / name).write_text(json.dumps(content))
        command = [str(programs / "mlserver"), "start", folder]
        with running(command, port, "/v2/models/bowtie2/ready", {"PYTHONPATH": str(TESTS)}) as server:
            yield server


@contextmanager
def bentoml(programs: Path) -> Iterator[Server]:
    """Run BentoML with one worker."""
    port = free_port()
    command = [str(programs / "bentoml"), "serve", "rival_bentoml:SeedsPipeline", "--port", str(port)]
    environment = {"PYTHONPATH": str(TESTS), "BENTOML_DO_NOT_TRACK": "True"}
    with running(command, port, "/readyz", environment, folder=TESTS) as server:
        yield server


def rows() -> list[dict[str, Any]]:
    """Return as many different rows as ours gets jobs, as a client of the seed would write them."""
    table = read_table().drop(columns=LABEL)
    found = table.sample(min(DIFFERENT_JOBS, len(table)), random_state=5)
    return [dict(zip(found.columns, row, strict=True)) for row in found.astype(object).itertuples(index=False)]


def to_mlserver() -> list[Request]:
    """Return requests of the Open Inference Protocol."""
    return [Request("POST", "/v2/models/bowtie2/infer", json.dumps({"inputs": _tensors(row)})) for row in rows()]


def to_bentoml() -> list[Request]:
    """Return requests of rival_bentoml.py."""
    return [Request("POST", "/predict", json.dumps({"rows": [row]})) for row in rows()]


def _tensors(row: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return [
        {"name": name, "shape": [1], "datatype": "INT64" if isinstance(value, int) else "BYTES", "data": [value]}
        | ({} if isinstance(value, int) else {"parameters": {"content_type": "str"}})
        for name, value in row.items()
    ]


SERVERS: dict[str, tuple[Callable[[Path], Any], Callable[[], list[Request]]]] = {
    "mlserver": (mlserver, to_mlserver),
    "bentoml": (bentoml, to_bentoml),
}
