"""The page that an administrator reads before switching the rule on."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import Reader, parsed, sample

from galaxy_memory_rules.errors import ConfigError
from trainer.page import render, slugs, write

WRITTEN = "Written 2025-01-31"
HOSTILE = "<script>alert(1)</script>"


def test_the_page_says_when_it_was_written_and_leads_to_each_tool() -> None:
    reader = Reader(render([sample(), sample("hisat2", seed=2)], WRITTEN))
    assert any(word.startswith(f"{WRITTEN}. ") for word in reader.words)
    assert reader.values("a", "href") == ["#tool-1", "#tool-2"]
    assert set(reader.values("section", "id")) == {"tool-1", "tool-2"}


def test_a_tool_cannot_write_html() -> None:
    page = sample(HOSTILE)
    line = replace(page.policies[0], name=HOSTILE)
    hostile = replace(
        page, model=HOSTILE, choice=HOSTILE, policies=[line], dropped={HOSTILE: 1}, flagged={HOSTILE: 1}, unit=HOSTILE
    )
    reader = Reader(render([hostile], HOSTILE))
    assert "script" not in {tag for tag, _ in reader.elements}
    assert any(HOSTILE in word for word in reader.words)


def tags(tool: str) -> list[str]:
    """The elements of a page of one tool, without those of its plots."""
    page = replace(sample(tool, jobs=1), policies=(), cap_curve=())
    html = re.sub("<svg.*?</svg>", "", render([page], WRITTEN), flags=re.DOTALL)
    return [tag for tag, _ in Reader(html).elements]


def test_whatever_a_tool_is_called_the_page_has_the_same_elements() -> None:
    usual = tags("bowtie2")

    @settings(max_examples=15, deadline=None)
    @given(st.text(max_size=40))
    def check(name: str) -> None:
        assert tags(name) == usual

    check()


def test_the_page_needs_no_network() -> None:
    html = render([sample(), sample("hisat2", seed=2)], WRITTEN)
    reader = Reader(html)
    assert not {"script", "link", "iframe", "img", "object"} & {tag for tag, _ in reader.elements}
    links = [value for _, attributes in reader.elements for name, value in attributes.items() if "href" in name]
    assert all(str(link).startswith(("#", "data:image/png;base64,")) for link in links)
    assert "@import" not in html and not re.search(r"url\((?!#)", html)


def test_a_reader_without_eyes_finds_the_way() -> None:
    reader = Reader(render([sample(), sample("hisat2", seed=2)], WRITTEN))
    assert set(reader.values("th", "scope")) == {"row", "col"}
    assert set(reader.values("svg", "role")) == {"img"}
    tags = [tag for tag, _ in reader.elements]
    assert tags.count("figure") == tags.count("figcaption") == tags.count("svg") == 10
    assert tags.count("table") == tags.count("caption") == 5
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_plots_are_written_beside_the_page_and_nothing_else_is_left(tmp_path: Path) -> None:
    write([sample("../../etc/passwd")], tmp_path / "new" / "report.html", WRITTEN)
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    plots = [f"new/report_plots/etc-passwd-{name}.svg" for name in ("caps", "peaks", "policies", "promise", "sizes")]
    assert written == ["new/report.html", *plots]
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    for plot in plots:
        parsed((tmp_path / plot).read_text(encoding="utf-8"))


def test_a_page_is_the_same_in_every_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write([sample()], tmp_path / name / "report.html", WRITTEN)
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*l")} for name in ("a", "b")]
    assert contents[0] == contents[1]


def test_a_page_that_cannot_be_written_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        write([sample(jobs=1)], tmp_path / "file" / "report.html")


@given(st.lists(st.text(max_size=20) | st.sampled_from(["a", "A", "a-2", "a--2", "..", "/", "tool"]), max_size=12))
def test_no_two_tools_share_a_file_and_none_leaves_the_folder(tools: list[str]) -> None:
    found = slugs(tools)
    assert len(set(found)) == len(tools)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", slug) for slug in found)
