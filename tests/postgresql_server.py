"""A real PostgreSQL on a free port and in a folder of its own, gone when the tests are."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from serving import free_port

_PATIENCE_SECONDS = 30.0


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a server for the length of a test; skip the test where there is none that can run."""
    programs = _programs()
    # it refuses to be run by root
    user = _somebody() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="gmr-postgresql-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        options = ["-D", f"{folder}/data", "-U", "galaxy", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync"]
        initdb = [str(programs / "initdb"), *options]
        made = subprocess.run(initdb, user=user, cwd=folder, capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"PostgreSQL cannot be started here: {made.stderr.strip()[-200:]}")
        with _running(programs, folder, user) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(programs: Path, folder: Path, user: str | None) -> Iterator[str]:
    port = free_port()
    # -F: nobody needs these data after a power cut
    options = ["-D", f"{folder}/data", "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(programs / "postgres"), *options], user=user, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"postgresql://galaxy@127.0.0.1:{port}"
    try:
        _wait(process, f"{url}/postgres")
        yield url
    finally:
        # at once: what is in memory need not be written for nobody to read it
        process.send_signal(signal.SIGQUIT)
        process.wait(_PATIENCE_SECONDS)


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "PostgreSQL has ended"
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError("PostgreSQL did not come up")


def _programs() -> Path:
    """Return where Debian's package, which puts none of them on the path, or any other has its programs."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found += [Path(found_).resolve().parent for found_ in [shutil.which("initdb")] if found_]
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip("no PostgreSQL: apt-get install postgresql")


def _somebody() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("nobody but root here, whom PostgreSQL refuses")
