"""The service's command line."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests
import serving

from service.__main__ import main


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_until_it_is_asked_to_stop(workers: str, models: Path) -> None:
    with serving.served(models, "--workers", workers) as url:
        assert requests.get(f"{url}/health/ready", timeout=10).json()["tools"] == 1
        assert requests.get(f"{url}/tool/memory/?input_1=1048576", timeout=10).json()["Tool name"] == "tool"


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--models", str(tmp_path / "nowhere")]) == 2
    assert "no such folder; train first" in capsys.readouterr().err


def test_a_forest_is_served_without_scikit_learn_or_pandas(models: Path) -> None:
    """In a process of its own: what costs 1.5 s and 170 MB is not imported to answer."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom service.predictor import Predictor\nfrom service import app\n"
        "from galaxy_memory_rules.messages import JobDescription\n"
        "Predictor.open(Path(sys.argv[1])).recommend(JobDescription('tool'))\n"
        "print([name for name in ('sklearn', 'pandas', 'skops', 'scipy', 'joblib') if name in sys.modules])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, models], cwd=serving.ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"
