"""Many tools in one folder."""

import tracemalloc
from pathlib import Path

import many_tools
import pytest

from galaxy_memory_rules.errors import BundleRefused
from galaxy_memory_rules.messages import JobDescription
from service.catalogue import scan
from service.opened import OpenedBundles
from service.predictor import Predictor
from trainer import publishing

COUNT = 60


@pytest.fixture(scope="module")
def root(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    many_tools.publish(models / "tool", folder, many_tools.names(COUNT))
    return folder


def test_each_is_answered_by_its_own_within_the_budget(root: Path) -> None:
    probe = OpenedBundles()
    catalogue = scan(root)
    # room for 6 of them, which are of about one size
    opened = OpenedBundles(6 * probe.get(catalogue.entries["tool0"]).memory_bytes)
    predictor = Predictor(catalogue, opened)
    jobs = [JobDescription(tool) for tool in many_tools.names(COUNT)]
    for answers in ([predictor.recommend(job) for job in jobs], predictor.recommend_all(jobs)):
        assert [getattr(answer, "tool", answer) for answer in answers] == [job.tool_id for job in jobs]
        assert len({getattr(answer, "bundle", "") for answer in answers}) == COUNT
    assert 1 <= len(opened) <= 6
    assert opened.taken_bytes <= opened.budget_bytes


def test_listing_a_thousand_takes_less_than_20_mb_and_opens_none(root: Path) -> None:
    scan(root)
    tracemalloc.start()
    try:
        catalogue = scan(root)
        taken_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(catalogue.entries) == COUNT
    assert taken_bytes / COUNT * 1000 < 20e6


def test_what_a_budget_counts_is_about_what_a_bundle_takes(root: Path) -> None:
    entries = list(scan(root).entries.values())
    OpenedBundles().get(entries[0])
    opened = OpenedBundles()
    tracemalloc.start()
    try:
        for entry in entries[:20]:
            opened.get(entry)
        taken_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken_bytes / 2 < opened.taken_bytes < taken_bytes * 2


def test_one_damaged_of_sixty_costs_itself_only(models: Path, tmp_path: Path) -> None:
    many_tools.publish(models / "tool", tmp_path, many_tools.names(COUNT))
    damaged = many_tools.names(COUNT)[20]
    build = publishing.current_build(tmp_path / publishing.folder_name(damaged))
    content = bytearray((build / "threshold.npy").read_bytes())
    content[-1] ^= 1
    (build / "threshold.npy").write_bytes(content)
    predictor = Predictor.open(tmp_path)
    answers = predictor.recommend_all([JobDescription(tool) for tool in many_tools.names(COUNT)])
    assert [number for number, answer in enumerate(answers) if isinstance(answer, BundleRefused)] == [20]
    assert list(predictor.refused) == [damaged]
    predictor.require_ready()
