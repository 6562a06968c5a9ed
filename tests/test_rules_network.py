"""A network that loses everything, in a namespace of its own: names that are not resolved, packets that are dropped."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lost_network import DEADLINE_SECONDS, LOSSES

HERE = Path(__file__).parent
GENEROUS_SECONDS = 1.0
# an empty network has not even a loopback; the name server is wherever the test says
IN_A_NAMESPACE = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && exec "$2" lost_network.py "$3"'


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    """Return the words that run a command in a network of its own."""
    words = ["unshare", "--net", "--mount"]
    if not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("no unshare or no ip: util-linux and iproute2 have them")
    tried = subprocess.run([*words, "ip", "link", "set", "lo", "up"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no network namespaces here: {tried.stderr.strip()}")
    return words


@pytest.mark.parametrize("loss", LOSSES)
def test_nobody_waits_longer_than_the_deadline_for(loss: str, namespace: list[str], tmp_path: Path) -> None:
    names = tmp_path / "resolv.conf"
    names.write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
    told = subprocess.run(
        [*namespace, "sh", "-c", IN_A_NAMESPACE, "sh", str(names), sys.executable, loss],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    seconds = json.loads(told.stdout)
    print(f"\n{loss}: {', '.join(f'{1000 * each:.1f}' for each in seconds)} ms")
    assert len(seconds) == 3
    assert max(seconds) <= DEADLINE_SECONDS + GENEROUS_SECONDS
