"""What is shipped to deploy the service is what the programs in question take, and works."""

import configparser
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import serving
import trustme
from serving import ROOT

from service.settings import KEYS

DEPLOY = ROOT / "examples" / "deploy"
HOME = "/srv/galaxy-memory-rules"
JOB = {"tool_id": "tool"}


def unit_here(folder: Path) -> Path:
    """Return the unit as it would be if this checkout were where it says."""
    path = folder / "galaxy-memory-rules.service"
    text = (DEPLOY / path.name).read_text().replace(f"{HOME}/.venv/bin/python", sys.executable)
    path.write_text(text.replace(HOME, str(ROOT)))
    return path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze (apt install systemd)")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = unit_here(tmp_path)
    told = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMode=mxied"))
    told = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert "mxied" in told.stderr


def test_what_the_unit_starts_serves_reloads_and_ends(models: Path, tmp_path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(unit_here(tmp_path))
    port = serving.free_port()
    environment = {**os.environ, "GMR_MODELS": str(models), "GMR_PORT": str(port), "GMR_DRAIN_SECONDS": "0"}
    service = subprocess.Popen(
        shlex.split(unit["Service"]["ExecStart"]), cwd=unit["Service"]["WorkingDirectory"], env=environment
    )
    try:
        serving.wait_until_live(service, f"http://127.0.0.1:{port}")
        reload = unit["Service"]["ExecReload"].replace("$MAINPID", str(service.pid))
        subprocess.run(shlex.split(reload), check=True)
        assert requests.post(f"http://127.0.0.1:{port}/v1/predict", json=JOB, timeout=10).json()["tool"] == "tool"
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0
    finally:
        service.kill()
        service.wait()


@pytest.fixture
def proxied(models: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A real nginx with the shipped snippet in front of the real service; its address, and its authority."""
    if shutil.which("nginx") is None:
        pytest.skip("no nginx (apt install nginx-light)")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    (tmp_path / "certificate.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    port = serving.free_port()
    with serving.served(models, "--drain-seconds", "0") as service:
        snippet = (DEPLOY / "nginx.conf").read_text().replace("/etc/nginx/galaxy-memory-rules", str(tmp_path))
        snippet = snippet.replace("127.0.0.1:8765", service.removeprefix("http://"))
        snippet = snippet.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        config = tmp_path / "nginx.conf"
        paths = "".join(
            f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        server = f"http {{ access_log off; {paths} {snippet} }}"
        # its workers would else be somebody who may not write below the test's folder
        user = "user root;" if os.getuid() == 0 else ""
        config.write_text(f"{user} daemon off; pid {tmp_path}/pid; error_log stderr; events {{}} {server}")
        tested = subprocess.run(["nginx", "-t", "-q", "-c", str(config)], capture_output=True, text=True)
        assert (tested.returncode, tested.stderr) == (0, "")
        nginx = subprocess.Popen(["nginx", "-c", str(config)])
        try:
            yield f"https://127.0.0.1:{port}", str(tmp_path / "authority.pem")
        finally:
            nginx.send_signal(signal.SIGQUIT)
            nginx.wait(20)


def test_behind_nginx_everything_is_as_it_is_without(proxied: tuple[str, str]) -> None:
    url, authority = proxied
    with requests.Session() as session:
        session.verify, session.trust_env = authority, False
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                session.get(f"{url}/health/live", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.05)
        assert session.post(f"{url}/v1/predict", json=JOB, timeout=10).json()["tool"] == "tool"
        batch = {"jobs": [{**JOB, "parameters": {"text": "x" * 60}}] * 2000}
        assert len(json.dumps(batch)) > 128 * 1024
        told = session.post(f"{url}/v1/predict/batch", json=batch, timeout=60)
        assert len(told.json()["recommendations"]) == 2000
        assert session.get(f"{url}/tool/memory/?input_1=1048576", timeout=10).json()["Tool name"] == "tool"
        assert session.post(f"{url}/v1/predict", data=b"x" * 70_000, timeout=10).status_code == 413
        assert session.post(f"{url}/v1/predict", json={"tool_id": "unknown"}, timeout=10).status_code == 404


def containerfile() -> dict[str, list[str]]:
    """Return what follows each instruction."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            found.setdefault(instruction, []).append(rest)
    return found


def test_the_containerfile_copies_what_is_there_and_sets_what_is_a_setting() -> None:
    steps = containerfile()
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "EXPOSE", "VOLUME", "HEALTHCHECK", "STOPSIGNAL", "CMD"}
    assert set(steps) <= known
    for copied in steps["COPY"]:
        *sources, _ = copied.split()
        assert all((ROOT / source).exists() for source in sources)
    variables = [pair.partition("=")[0] for line in steps["ENV"] for pair in shlex.split(line)]
    assert {name.removeprefix("GMR_").lower() for name in variables if name.startswith("GMR_")} <= set(KEYS)


def test_the_command_and_the_health_check_of_the_container_work(models: Path) -> None:
    steps = containerfile()
    port = serving.free_port()
    _, *command = json.loads(steps["CMD"][0])
    assert command == ["-m", "service"]
    _, *check = json.loads(steps["HEALTHCHECK"][0].partition("CMD ")[2].replace("8765", str(port)))
    environment = {**os.environ, "GMR_HOST": "0.0.0.0", "GMR_MODELS": str(models), "GMR_PORT": str(port)}  # noqa: S104
    assert subprocess.run([sys.executable, *check], capture_output=True).returncode != 0
    service = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
    try:
        serving.wait_until_live(service, f"http://127.0.0.1:{port}")
        subprocess.run([sys.executable, *check], check=True)
    finally:
        service.kill()
        service.wait()
