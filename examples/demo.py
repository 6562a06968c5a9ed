"""The whole path in one minute: train, serve, ask, let the rule decide for a stand-in Galaxy job, plan a week."""

import json
import logging
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any
from urllib.parse import urlencode

import requests
import yaml

ROOT = Path(__file__).resolve().parent.parent
# Galaxy itself is not needed to see a decision: the tests' stand-ins have the parts of it that the rule reads
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import galaxy_stand_ins as galaxy  # noqa: E402
from serving import free_port  # noqa: E402

from galaxy_memory_rules import map_job_to_destination  # noqa: E402

_PATIENCE_SECONDS = 60


def main() -> int:
    """Show each step with its result, and stop what was started."""
    say("1. Train on examples/")
    train = [
        "-i",
        "config/input_files.csv",
        "-m",
        "config/models.json",
        "-s",
        "config/sizing.yml",
        "-o",
        "output_files/output.csv",
        "-d",
        "models",
    ]
    subprocess.run(command("trainer", "train", *train), cwd=ROOT, check=True)
    say("2. Serve the bundles")
    with served(free_port()) as url:
        say("3. Ask by the seed's address, as a browser or curl would")
        ask_by_address(url)
        say("4. Ask as the rule does")
        ask_by_post(url)
        say("5. Let the rule decide for a Galaxy job")
        decide(url)
    say("6. Plan a week of such jobs on three types of nodes")
    week = ["examples/plan/week.csv", "--nodes", "examples/plan/nodes.yml", "--models", "models"]
    subprocess.run(command("service", "plan", *week), cwd=ROOT, check=True)
    return 0


def ask_by_address(url: str) -> None:
    """Ask with one GET."""
    address = f"{url}/bowtie2/memory/?{urlencode({'own_file': 4_000_000, 'input_1': 30_000_000, 'input_2': 0})}"
    print(f"$ curl '{address}'")
    show(requests.get(address, timeout=10).json())


def ask_by_post(url: str) -> None:
    """Ask with a JobDescription."""
    job = {
        "tool_id": "toolshed.g2.bx.psu.edu/repos/iuc/hisat2/hisat2/2.2.1+galaxy1",
        "inputs": [{"name": "library|input_1", "size_bytes": 12_000_000, "extension": "fastqsanger"}],
        "parameters": {"library|type": "single"},
        "dbkey": "simD",
        "slots": 2,
    }
    print(f"$ curl -X POST {url}/v1/predict -d {shlex.quote(json.dumps(job))}")
    show(requests.post(f"{url}/v1/predict", json=job, timeout=10).json())


def decide(url: str) -> None:
    """Call the rule as Galaxy does."""
    settings = yaml.safe_load((ROOT / "config" / "memory_rules.yml").read_text())
    # the example's jobs are smaller than the floor that Galaxy's metadata needs, and this machine may be a busy one
    settings.update(service_url=url, floor="64 MiB", deadline_seconds=5)
    slurm = galaxy.Destination("slurm", "slurm", {"native_specification": "--ntasks=1 --cpus-per-task=4 --mem=8192M"})
    app = galaxy.app_with(slurm)
    logging.basicConfig(level=logging.WARNING, format="log: %(message)s")
    logging.getLogger("galaxy_memory_rules").setLevel(logging.INFO)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory_rules.yml"
        path.write_text(yaml.safe_dump(settings))
        job = galaxy.bowtie2_job(reads_bytes=30_000_000, genome_bytes=4_000_000)
        print(f"before: {slurm.params}")
        print(f"after:  {map_job_to_destination(app, job, galaxy.Tool(), str(path)).params}")
        settings["service_url"] = f"http://127.0.0.1:{free_port()}"
        path.write_text(yaml.safe_dump(settings))
        print("and when the service cannot be reached:")
        print(f"after:  {map_job_to_destination(app, job, galaxy.Tool(), str(path)).params}")


@contextmanager
def served(port: int) -> Iterator[str]:
    """Run the service until the caller is done."""
    url = f"http://127.0.0.1:{port}"
    with TemporaryFile() as log:
        process = subprocess.Popen(command("service", "--models", "models", "--port", str(port)), cwd=ROOT, stderr=log)
        try:
            if not is_ready(process, url):
                log.seek(0)
                raise SystemExit(f"demo: the service did not become ready; it said:\n{log.read().decode()[-2000:]}")
            print(f"{url}/health/ready -> {requests.get(f'{url}/health/ready', timeout=10).text}")
            print(f"{url}/docs shows every address in a browser")
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def is_ready(process: "subprocess.Popen[bytes]", url: str) -> bool:
    """Wait until the service is ready, or has ended."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/health/ready", timeout=1).ok:
                return True
        except requests.RequestException:
            time.sleep(0.1)
    return False


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line of one of our programs, and show it."""
    print(f"$ python -m {module} {shlex.join(arguments)}", flush=True)
    return [sys.executable, "-m", module, *arguments]


def say(heading: str) -> None:
    """Print a step's heading."""
    print(f"\n== {heading}", flush=True)


def show(answer: Any) -> None:
    """Print an answer for a person."""
    print(json.dumps(answer, indent=2), flush=True)


if __name__ == "__main__":
    sys.exit(main())
