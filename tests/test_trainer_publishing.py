"""A folder of bundles that a reader may trust at any moment."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from galaxy_memory_rules.errors import BundleError, BundleLocked
from trainer import publishing

OLD, NEW = "0" * 16, "f" * 16


def publish(home: Path, build: str, size_bytes: int = 10) -> None:
    publishing.publish({"a.npy": build.encode() * size_bytes, "b.npy": build.encode() * size_bytes}, home, build)
    publishing.make_current(home, build)


def test_what_is_published_is_what_is_read(tmp_path: Path) -> None:
    home = tmp_path / "bowtie2"
    publish(home, OLD)
    assert publishing.current_build(home) == home / OLD
    publish(home, NEW)
    assert publishing.current_build(home) == home / NEW
    assert sorted(path.name for path in home.iterdir()) == [OLD, "current", NEW]
    assert publishing.homes(tmp_path) == [home]


def test_the_last_builds_are_kept_to_go_back_to(tmp_path: Path) -> None:
    home = tmp_path / "bowtie2"
    builds = [character * 16 for character in "01234"]
    for age, build in enumerate(reversed(builds)):
        publish(home, build)
        os.utime(home / build, (1000 + age, 1000 + age))
    # the newest is 0000, then 1111 and 2222
    publishing.make_current(home, builds[0])
    assert sorted(path.name for path in home.iterdir()) == [*builds[:3], "current"]


@pytest.mark.parametrize("content", ["", "../../etc", "0" * 15, "x" * 16, "0" * 1000])
def test_a_current_that_names_no_build_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "current").write_text(content)
    with pytest.raises(BundleError, match="train this tool again"):
        publishing.current_build(tmp_path)


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        publishing.current_build(tmp_path)


def hold_lock(root: Path, locked: "multiprocessing.synchronize.Event") -> None:
    with publishing.lock(root):
        locked.set()
        time.sleep(60)


def test_a_second_trainer_is_kept_out_until_the_first_has_gone(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    locked = context.Event()
    other = context.Process(target=hold_lock, args=(tmp_path, locked))
    other.start()
    assert locked.wait(30)
    with pytest.raises(BundleLocked, match="another trainer"), publishing.lock(tmp_path):
        pass
    other.kill()
    other.join()
    other.close()
    # even a killed one leaves no lock behind
    with publishing.lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="choose another folder"), publishing.lock(tmp_path / "file" / "models"):
        pass


def test_what_a_killed_trainer_left_is_swept_by_the_next(tmp_path: Path) -> None:
    leftover = tmp_path / "bowtie2" / ".unfinished-abc"
    leftover.mkdir(parents=True)
    (leftover / "a.npy").write_text("half")
    with publishing.lock(tmp_path):
        assert not leftover.exists()


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_trainer_publishing import NEW, OLD, publish
home = Path(sys.argv[1])
print("ready", flush=True)
while True:
    for build in (OLD, NEW):
        publish(home, build, 20_000)
"""


@pytest.mark.parametrize("delay_seconds", [0.0, 0.003, 0.007, 0.011, 0.017, 0.023, 0.031, 0.043])
def test_killed_at_any_moment_it_leaves_a_whole_build(delay_seconds: float, tmp_path: Path) -> None:
    home = tmp_path / "bowtie2"
    publish(home, OLD, 20_000)
    here = str(Path(__file__).parent)
    with subprocess.Popen([sys.executable, "-c", WRITER, home, here], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay_seconds)
        writer.send_signal(signal.SIGKILL)
    build = publishing.current_build(home)
    # the writer publishes the same two builds again and again: between two renames the current one may not be there
    for name in ("a.npy", "b.npy") if build.exists() else ():
        assert (build / name).read_bytes() == build.name.encode() * 20_000


@pytest.mark.parametrize(
    ("tool", "folder"),
    [
        ("bowtie2", "bowtie2"),
        ("bowtie2/2.5", None),
        ("../../etc/passwd", None),
        (".hidden", None),
        ("x" * 200, None),
        ("a\x00b", None),
        ("toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0", None),
    ],
)
def test_no_tool_is_ever_a_path(tool: str, folder: str | None) -> None:
    name = publishing.folder_name(tool)
    if folder is not None:
        assert name == folder
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) < 100


def test_two_tools_never_share_a_folder() -> None:
    assert publishing.folder_name("a/b") != publishing.folder_name("a_b")
    assert publishing.folder_name("a/b") != publishing.folder_name("a|b")
