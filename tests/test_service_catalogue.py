"""What could be served, read from manifests alone."""

import dataclasses
from pathlib import Path
from typing import Any

import damage
import pytest
from conftest import serve

from galaxy_memory_rules.errors import BundleError
from service.catalogue import scan
from trainer import bundle, publishing
from trainer.bundle import Bundle
from trainer.training import Trained


@pytest.fixture
def home(models: Path, tmp_path: Path) -> Path:
    return damage.copied(models / "tool", tmp_path)


def test_an_entry_tells_what_is_listed_of_a_bundle(models: Path) -> None:
    [entry] = scan(models).entries.values()
    found = bundle.load(models / "tool")
    assert (entry.tool, entry.name, entry.rows, entry.source) == ("tool", found.name, 80, "forest")
    assert entry.promised_failure_rate == 0.05
    assert entry.achieved_failure_rate == found.facts["held_out"]["failure_rate"]
    assert entry.folder == publishing.current_build(models / "tool").resolve()
    assert not entry.needs_scikit_learn


def test_a_damaged_manifest_is_refused_and_the_others_are_listed(trained: Trained, tmp_path: Path) -> None:
    serve(tmp_path, trained.bundle, dataclasses.replace(trained.bundle, tool="other"))
    (publishing.current_build(tmp_path / "other") / "manifest.json").write_bytes(b"{}")
    found = scan(tmp_path)
    assert list(found.entries) == ["tool"]
    assert "does not match its folder's name" in found.refused["other"]


@pytest.mark.parametrize("gone", ["facts", "sizing", "model"])
def test_a_manifest_without_what_is_listed_is_refused(gone: str, home: Path) -> None:
    damage.rewrite(home, lambda manifest, build: manifest.pop(gone))
    assert "incomplete" in scan(home.parent).refused["tool"]


def test_an_entry_tells_the_censored_share_and_what_is_saved(home: Path) -> None:
    def change(manifest: dict[str, Any], build: Path) -> None:
        facts = manifest["facts"]
        facts["rows"].update(used=80, censored=5, dropped={"one": 15, "another": 5})
        facts["held_out"]["wastage_gbh"], facts["constant"]["wastage_gbh"] = 3.0, 12.0
        facts["limit_bytes"] = 7

    damage.rewrite(home, change)
    [entry] = scan(home.parent).entries.values()
    # 5 of 80 + 15 + 5, and 9 of 12
    assert (entry.censored_share, entry.wastage_saved_share, entry.limit_bytes) == (0.05, 0.75, 7)
    assert (entry.wastage_gbh, entry.constant_wastage_gbh) == (3, 12)


@pytest.mark.parametrize("constant", [None, {"wastage_gbh": 0}])
def test_where_there_is_nothing_to_save_nothing_is_said_of_it(constant: Any, home: Path) -> None:
    damage.rewrite(home, lambda manifest, build: manifest["facts"].update(constant=constant))
    [entry] = scan(home.parent).entries.values()
    assert entry.wastage_saved_share is None


@pytest.mark.parametrize(
    "changed",
    [
        {"constant": {"wastage_gbh": "12"}},
        {"constant": {"wastage_gbh": 5e-324}},
        {"constant": [12]},
        {"rows": {"used": 0, "censored": 0, "dropped": {}}},
        {"rows": {"used": 80, "censored": "5", "dropped": {}}},
        {"rows": {"used": 80, "censored": 5, "dropped": {"one": None}}},
    ],
)
def test_facts_that_no_list_can_show_are_refused(changed: dict[str, Any], home: Path) -> None:
    damage.rewrite(home, lambda manifest, build: manifest["facts"].update(changed))
    assert "incomplete" in scan(home.parent).refused["tool"]


def test_another_format_is_refused_by_both_versions(home: Path) -> None:
    damage.rewrite(home, lambda manifest, build: manifest.update(format=4))
    assert "format 4, and this version reads 3" in scan(home.parent).refused["tool"]


def test_the_tool_of_a_pin_is_listed_with_the_pinned_build(trained: Trained, home: Path) -> None:
    old = publishing.current_build(home).name
    newer = dataclasses.replace(trained.bundle, facts={**trained.bundle.facts, "label": "newer"})
    new = bundle.save(newer, home.parent)
    publishing.point(home, publishing.PINNED, old)
    assert scan(home.parent).entries["tool"].name == f"tool/{old}"
    publishing.unpin(home)
    assert scan(home.parent).entries["tool"].name == f"tool/{new}"


def test_what_was_listed_is_not_read_again(home: Path) -> None:
    before = scan(home.parent)
    (publishing.current_build(home) / "manifest.json").unlink()
    assert scan(home.parent, known=before).entries["tool"] is before.entries["tool"]


def test_a_tool_whose_current_build_is_not_there_yet_is_refused_and_one_without_a_folder_is_gone(home: Path) -> None:
    before = scan(home.parent)
    (home / "current").unlink()
    assert list(scan(home.parent, known=before).refused) == ["tool"]
    home.rename(home.parent.parent / f"{home.parent.name}.elsewhere")
    assert scan(home.parent, known=before).refused == {}


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="name the folder of bundles"):
        scan(tmp_path / "nowhere")


def test_a_link_to_the_folder_is_followed_once(models: Path, tmp_path: Path) -> None:
    link = tmp_path / "models"
    link.symlink_to(models)
    [entry] = scan(link).entries.values()
    link.unlink()
    assert bundle.load_build(entry.folder).tool == "tool"


@pytest.mark.parametrize(("most", "wins"), [("a/x", "a/x"), ("b/x", "b/x")])
def test_of_two_with_the_same_bare_name_the_one_with_more_records_answers(
    most: str, wins: str, trained: Trained, tmp_path: Path
) -> None:
    def of(owner: str) -> Bundle:
        tool = f"host/repos/{owner}/x"
        sizing = dataclasses.replace(trained.bundle.sizing, rows=200 if owner == most else 100)
        return dataclasses.replace(trained.bundle, tool=tool, sizing=sizing)

    predictor = serve(tmp_path, of("a/x"), of("b/x"))
    assert predictor.entry("x").tool == f"host/repos/{wins}/x"
