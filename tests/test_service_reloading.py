"""Bundles that are published while others answer."""

import dataclasses
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import damage
import pytest
from conftest import serve

from galaxy_memory_rules.errors import BundleRefused, PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import InputDataset, JobDescription
from service.opened import OpenedBundles
from service.reloading import Reloader, look
from trainer import bundle, publishing
from trainer.bundle import Bundle
from trainer.training import Trained

MIB = 1024**2
PATIENCE_SECONDS = 20.0


def job(tool: str = "tool", size_bytes: int = 30 * MIB) -> JobDescription:
    return JobDescription(tool, inputs=(InputDataset("input_1", size_bytes),))


def labelled(trained: Trained, label: str, floor_bytes: int = 0) -> Bundle:
    """Return the bundle as another build, whose requests have another floor."""
    limits = dataclasses.replace(trained.bundle.sizing.limits, floor_bytes=floor_bytes)
    sizing = dataclasses.replace(trained.bundle.sizing, limits=limits)
    return dataclasses.replace(trained.bundle, sizing=sizing, facts={**trained.bundle.facts, "label": label})


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    damage.copied(models / "tool", tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def reloader(root: Path) -> Iterator[Reloader]:
    made = Reloader(root, OpenedBundles())
    yield made
    made.stop()


def test_a_new_build_answers_after_a_reload(root: Path, reloader: Reloader, trained: Trained) -> None:
    before = reloader.predictor
    old = before.recommend(job())
    build = bundle.save(labelled(trained, "new", floor_bytes=1024 * MIB), root)
    assert before.recommend(job()) == old, "not before"
    assert reloader.reload().taken_up == (f"tool/{build}",)
    new = reloader.predictor.recommend(job())
    assert (new.bundle, new.memory_bytes) == (f"tool/{build}", 1024 * MIB)
    assert before.recommend(job()) == old, "who holds the old view gets its answers"


def test_without_news_nothing_is_swapped(reloader: Reloader) -> None:
    before = reloader.predictor
    outcome = reloader.reload()
    assert (outcome.taken_up, outcome.gone, outcome.refused) == ((), (), {})
    assert reloader.predictor is before


def publish_cut(root: Path, new: Bundle) -> None:
    (root / "tool" / bundle.save(new, root) / "bins.npy").write_bytes(b"half")


def publish_partly(root: Path, new: Bundle) -> None:
    """As a copy that has come to the name before the files."""
    (root / "tool" / bundle.save(new, root) / "bins.npy").unlink()


def publish_name_only(root: Path, new: Bundle) -> None:
    (root / "tool" / "current").write_text("0" * 16)


def publish_no_name(root: Path, new: Bundle) -> None:
    (root / "tool" / "current").write_text("")


def publish_nothing(root: Path, new: Bundle) -> None:
    (root / "tool" / "current").unlink()


def publish_older_format(root: Path, new: Bundle) -> None:
    bundle.save(new, root)
    damage.rewrite(root / "tool", lambda manifest, build: manifest.update(format=1))


def publish_estimator_of_another_version(root: Path, new: Bundle) -> None:
    bundle.save(new, root)
    damage.rewrite(
        root / "tool",
        lambda manifest, build: manifest.update(
            model={"kind": "estimator"}, facts={**manifest["facts"], "versions": {"scikit_learn": "0.24.2"}}
        ),
    )


def publish_other_columns(root: Path, new: Bundle) -> None:
    """Whose feature list is not that of its trees."""
    bundle.save(new, root)
    damage.rewrite(root / "tool", lambda manifest, build: manifest["schema"]["columns"].clear())


def publish_another_tool(root: Path, new: Bundle) -> None:
    bundle.save(new, root)
    damage.rewrite(root / "tool", lambda manifest, build: manifest.update(tool="other"))


@pytest.mark.parametrize(
    ("publish", "why"),
    [
        (publish_cut, "its sha256 is not the manifest's"),
        (publish_partly, "cannot be read"),
        (publish_name_only, "cannot be read"),
        (publish_no_name, "names no build"),
        (publish_nothing, "cannot be read"),
        (publish_older_format, "format 1, and this version reads 3"),
        (publish_estimator_of_another_version, "made by scikit-learn 0.24.2, and here is"),
        (publish_other_columns, "feature: "),
        (publish_another_tool, "holds a bundle of other"),
    ],
)
@pytest.mark.parametrize("are_old_files_gone", [False, True])
def test_what_cannot_be_trusted_is_refused_by_name_and_the_old_build_answers(
    publish: Callable[[Path, Bundle], None],
    why: str,
    are_old_files_gone: bool,
    root: Path,
    reloader: Reloader,
    trained: Trained,
) -> None:
    old_build = publishing.current_build(root / "tool")
    old = reloader.predictor.recommend(job())
    publish(root, labelled(trained, "new"))
    if are_old_files_gone:
        shutil.rmtree(old_build)
    outcome = reloader.reload()
    assert (outcome.taken_up, outcome.gone) == ((), ())
    assert why in outcome.refused["tool"]
    assert why in reloader.predictor.refused["tool"]
    assert reloader.predictor.recommend(job()) == old
    reloader.predictor.require_ready()


def test_the_bundle_that_goes_on_without_files_is_not_closed_for_want_of_room(root: Path, trained: Trained) -> None:
    serve(root, dataclasses.replace(trained.bundle, tool="other"))
    # a budget that holds one
    reloader = Reloader(root, OpenedBundles(1))
    old = reloader.predictor.recommend(job())
    publish_cut(root, labelled(trained, "new"))
    shutil.rmtree(root / "tool" / old.bundle.partition("/")[2])
    reloader.reload()
    reloader.predictor.recommend(job("other"))
    assert reloader.predictor.recommend(job()) == old


def test_a_good_build_after_a_bad_one_is_taken_up(root: Path, reloader: Reloader, trained: Trained) -> None:
    publish_cut(root, labelled(trained, "bad"))
    assert reloader.reload().refused
    build = bundle.save(labelled(trained, "good"), root)
    outcome = reloader.reload()
    assert (outcome.taken_up, outcome.refused) == ((f"tool/{build}",), {})
    assert reloader.predictor.refused == {}


@pytest.mark.parametrize("harm", ["cut", "overwritten", "removed"])
def test_harm_to_the_files_of_a_bundle_in_use_changes_no_answer(harm: str, root: Path, reloader: Reloader) -> None:
    """A file that was memory-mapped would kill the process when it is cut, or answer from what was written over it."""
    jobs = [job(size_bytes=number * MIB) for number in range(1, 80)]
    before = reloader.predictor.recommend_all(jobs)
    for path in publishing.current_build(root / "tool").iterdir():
        if harm == "cut":
            os.truncate(path, 0)
        elif harm == "overwritten":
            with path.open("r+b") as file:
                file.write(b"\xff" * path.stat().st_size)
        else:
            path.unlink()
    assert reloader.predictor.recommend_all(jobs) == before
    reloader.reload()
    assert reloader.predictor.recommend_all(jobs) == before


def test_a_tool_whose_folder_was_removed_is_gone_and_one_that_came_is_there(
    root: Path, reloader: Reloader, trained: Trained
) -> None:
    build = bundle.save(dataclasses.replace(trained.bundle, tool="other"), root)
    shutil.rmtree(root / "tool")
    outcome = reloader.reload()
    assert (outcome.taken_up, outcome.gone) == ((f"other/{build}",), ("tool",))
    with pytest.raises(UnknownTool):
        reloader.predictor.recommend(job())
    assert reloader.predictor.recommend(job("other")).tool == "other"


@pytest.mark.parametrize("is_root_gone", [True, False])
def test_where_everything_is_gone_what_was_served_goes_on(is_root_gone: bool, root: Path, reloader: Reloader) -> None:
    """As where a disk is not mounted."""
    old = reloader.predictor.recommend(job())
    shutil.rmtree(root)
    if not is_root_gone:
        root.mkdir()
    outcome = reloader.reload()
    assert outcome.gone == ()
    assert str(root) in outcome.refused
    assert reloader.predictor.recommend(job()) == old


def test_without_any_bundle_it_is_not_ready_until_one_is_published(tmp_path: Path, trained: Trained) -> None:
    for root in (tmp_path / "empty", tmp_path / "nowhere"):
        reloader = Reloader(root, OpenedBundles())
        with pytest.raises(PredictionUnavailable, match="no usable bundle"):
            reloader.predictor.require_ready()
        bundle.save(trained.bundle, root)
        reloader.reload()
        reloader.predictor.require_ready()


def test_a_swapped_link_to_the_folder_is_taken_up_as_a_whole(root: Path, tmp_path: Path, trained: Trained) -> None:
    other = tmp_path / "release2"
    build = bundle.save(labelled(trained, "new"), other)
    (tmp_path / "link").symlink_to(root)
    reloader = Reloader(tmp_path / "link", OpenedBundles())
    old = reloader.predictor.recommend(job())
    (tmp_path / "link2").symlink_to(other)
    (tmp_path / "link2").replace(tmp_path / "link")
    assert reloader.predictor.recommend(job()) == old
    assert reloader.reload().taken_up == (f"tool/{build}",)
    assert reloader.predictor.recommend(job()).bundle == f"tool/{build}"


def test_ten_reloads_at_once_under_requests_mix_no_two_bundles(
    root: Path, reloader: Reloader, trained: Trained
) -> None:
    floors = {f"tool/{publishing.current_build(root / 'tool').name}": 0}
    for turn in range(1, 3):
        # 30 MiB of input need at most 256 MiB: the floor alone says which build has answered
        build = bundle.save(labelled(trained, "new", floor_bytes=turn * 1024 * MIB), root)
        floors[f"tool/{build}"] = turn * 1024 * MIB
    wrong: list[object] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answer = reloader.predictor.recommend(job())
            if max(floors[answer.bundle], 256 * MIB) != max(answer.memory_bytes, 256 * MIB):
                wrong.append(answer)

    def reload_into(won: list[str]) -> None:
        won.extend(reloader.reload().taken_up)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    names = list(floors)[1:]
    for turn in range(9):
        publishing.point(root / "tool", publishing.CURRENT, names[turn % 2].partition("/")[2])
        won: list[str] = []
        reloads = [threading.Thread(target=reload_into, args=(won,)) for _ in range(10)]
        for thread in reloads:
            thread.start()
        for thread in reloads:
            thread.join()
        assert won == [names[turn % 2]]
        assert reloader.predictor.recommend(job()).bundle == names[turn % 2]
    done.set()
    for thread in asking:
        thread.join()
    assert wrong == []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_what_is_published_is_taken_up_by_itself(root: Path, reloader: Reloader, trained: Trained) -> None:
    reloader.watch(0.02)
    for label in ("one", "two"):
        build = bundle.save(labelled(trained, label), root)
        wait_for(lambda: reloader.predictor.entries["tool"].name == f"tool/{build}")  # noqa: B023
    publishing.point(root / "tool", publishing.PINNED, publishing.builds(root / "tool")[1].name)
    wait_for(lambda: reloader.predictor.entries["tool"].name != f"tool/{build}")


def test_a_copy_on_its_way_is_taken_up_when_it_has_come(root: Path, reloader: Reloader, trained: Trained) -> None:
    build = bundle.save(labelled(trained, "new"), root)
    late = root / "tool" / build / "bins.npy"
    content = late.read_bytes()
    late.write_bytes(content[:10])
    reloader.watch(0.02)
    wait_for(lambda: "tool" in reloader.predictor.refused)
    late.write_bytes(content)
    wait_for(lambda: reloader.predictor.entries["tool"].name == f"tool/{build}" and not reloader.predictor.refused)


def test_what_is_damaged_is_found_before_it_is_asked_for(root: Path, trained: Trained) -> None:
    serve(root, *(dataclasses.replace(trained.bundle, tool=tool) for tool in ("a", "b")))
    (publishing.current_build(root / "b") / "edges.npy").write_bytes(b"")
    reloader = Reloader(root, OpenedBundles())
    assert reloader.predictor.refused == {}
    reloader.watch(0)
    wait_for(lambda: list(reloader.predictor.refused) == ["b"])
    reloader.stop()
    with pytest.raises(BundleRefused):
        reloader.predictor.recommend(job("b"))


def test_a_reload_that_fails_does_not_end_the_watch(
    root: Path, reloader: Reloader, trained: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[object] = []

    def fail_once(outcome: object) -> None:
        if not failed:
            failed.append(outcome)
            raise RuntimeError("a listener that fails")

    reloader.listeners.append(fail_once)
    reloader.watch(0.02)
    bundle.save(labelled(trained, "one"), root)
    wait_for(lambda: bool(failed))
    build = bundle.save(labelled(trained, "two"), root)
    wait_for(lambda: reloader.predictor.entries["tool"].name == f"tool/{build}")
    assert "those that were served go on" in caplog.text


def test_a_look_sees_what_is_published_pinned_and_repaired(root: Path, trained: Trained) -> None:
    looks = [look(root)]
    bundle.save(labelled(trained, "new"), root)
    looks.append(look(root))
    publishing.point(root / "tool", publishing.PINNED, publishing.builds(root / "tool")[1].name)
    looks.append(look(root))
    publishing.unpin(root / "tool")
    looks.append(look(root, ["tool"]))
    (publishing.current_build(root / "tool") / "bins.npy").write_bytes(b"")
    looks.append(look(root, ["tool"]))
    assert len(set(looks)) == 5
    assert look(root) == look(root)
