"""The bundles that are open."""

import dataclasses
import threading
from pathlib import Path

import pytest
from conftest import serve

from galaxy_memory_rules.errors import BundleRefused
from service import opened
from service.catalogue import Catalogue, Entry, scan
from service.opened import OpenedBundles
from trainer.training import Trained

TOOLS = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def catalogue(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    root = tmp_path_factory.mktemp("four")
    serve(root, *(dataclasses.replace(trained.bundle, tool=tool) for tool in TOOLS))
    return scan(root)


@pytest.fixture
def entries(catalogue: Catalogue) -> list[Entry]:
    return [catalogue.entries[tool] for tool in TOOLS]


@pytest.fixture
def two_fit(entries: list[Entry]) -> OpenedBundles:
    """A budget for two of these bundles, which are of one size, and half of a third one."""
    return OpenedBundles(OpenedBundles().get(entries[0]).memory_bytes * 5 // 2)


def test_a_bundle_is_opened_once(entries: list[Entry]) -> None:
    bundles = OpenedBundles()
    assert bundles.get(entries[0]) is bundles.get(entries[0])
    assert bundles.taken_bytes == bundles.get(entries[0]).memory_bytes > 0


def test_the_least_recently_used_is_closed_first(entries: list[Entry], two_fit: OpenedBundles) -> None:
    a, b, c, _ = entries
    for entry in (a, b, a, c):
        two_fit.get(entry)
    assert [entry in two_fit for entry in (a, b, c)] == [True, False, True]
    assert two_fit.taken_bytes <= two_fit.budget_bytes
    assert two_fit.get(b).tool == "b", "and opened again when it is asked for"


def test_one_that_is_larger_than_the_budget_is_served_alone(entries: list[Entry]) -> None:
    bundles = OpenedBundles(1)
    for entry in entries:
        assert bundles.get(entry).tool == entry.tool
        assert len(bundles) == 1


def test_what_is_held_is_not_closed_and_what_is_not_wanted_is(entries: list[Entry], two_fit: OpenedBundles) -> None:
    a, b, c, d = entries
    two_fit.get(a)
    two_fit.keep_only(entries, held=[a])
    for entry in (b, c, d):
        two_fit.get(entry)
    assert a in two_fit
    two_fit.keep_only([d], held=[])
    assert [entry in two_fit for entry in entries] == [False, False, False, True]
    assert two_fit.taken_bytes == two_fit.get(d).memory_bytes


def test_a_failure_is_remembered_until_it_may_have_passed(
    entries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles, lost = OpenedBundles(), dataclasses.replace(entries[0], folder=tmp_path / "a" / ("0" * 16))
    with pytest.raises(BundleRefused, match=r"manifest\.json"):
        bundles.get(lost)
    # its files are back, but it is not asked of them with every request
    with pytest.raises(BundleRefused):
        bundles.get(entries[0])
    assert bundles.failure(entries[0]) is not None
    monkeypatch.setattr(opened, "RETRY_SECONDS", 0.0)
    assert bundles.get(entries[0]).tool == "a"
    assert bundles.failure(entries[0]) is None


def test_a_check_opens_nothing_and_remembers_what_is_damaged(entries: list[Entry], tmp_path: Path) -> None:
    bundles, lost = OpenedBundles(), dataclasses.replace(entries[1], folder=tmp_path)
    bundles.check(entries[0])
    bundles.check(lost)
    assert len(bundles) == 0
    assert bundles.failure(entries[0]) is None
    assert bundles.failure(lost) is not None


def test_many_threads_may_ask_at_once(entries: list[Entry], two_fit: OpenedBundles) -> None:
    wrong: list[str] = []

    def ask(offset: int) -> None:
        for turn in range(40):
            entry = entries[(turn * 7 + offset) % len(entries)]
            if two_fit.get(entry).name != entry.name:
                wrong.append(entry.name)

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert two_fit.taken_bytes <= two_fit.budget_bytes
    assert two_fit.taken_bytes == sum(two_fit.get(entry).memory_bytes for entry in entries if entry in two_fit)
