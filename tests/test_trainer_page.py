"""The page that an administrator reads before switching the rule on."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_trainer_plots import parsed, sample

from galaxy_memory_rules.errors import ConfigError, RecordsError
from trainer.page import ToolPage, render, slugs, write

WRITTEN = "Written 2025-01-31"
HOSTILE = "<script>alert(1)</script>"


class Reader(HTMLParser):
    """Reads a page as a browser does: its elements with their attributes, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, tag: str, attribute: str) -> list[str | None]:
        """The values of an attribute of all elements with a tag."""
        return [attributes.get(attribute) for name, attributes in self.elements if name == tag]


def text(page: ToolPage) -> str:
    """The words on a page of one tool."""
    return " ".join(" ".join(Reader(render([page], WRITTEN)).words).replace("\u00a0", " ").split())


def test_the_page_tells_the_facts_of_each_tool() -> None:
    told = text(sample())
    assert "1,200 recorded jobs. Served: ExtraTreesRegressor; requested: 0.95 quantile x 1.05 of forest." in told
    assert "5 % kept : 4.1 % 3.1 % to 5.4 % 85 % less 812 for 5,290 GB·h" in told
    assert "Rows left out: 43 no peak recorded: 31 failed for another reason than memory: 12" in told
    assert "Rows doubtful, but kept: 3 peak is more than 8 x the memory assigned: 3" in told
    assert "Jobs were confined to 30 GB." in told
    assert WRITTEN in told
    assert "Rows left out: 0 Rows" in text(replace(sample(), dropped={"no peak recorded": 0}))


def test_a_step_to_either_side_of_the_cap_is_put_into_words() -> None:
    page, caps = sample(), sample().cap_curve
    assert "a cap of 2 % would have wasted 1,101 GB·h; a cap of 10 % would have wasted 760 GB·h." in text(page)
    assert "; a cap of 20 % would have wasted 742 GB·h." in text(replace(page, failure_cap=None))
    assert "not among those that were tried" in text(replace(page, failure_cap=0.03))
    assert "No other cap was tried." in text(replace(page, cap_curve=()))
    assert "With the chosen cap (5 %) 812 GB·h were wasted." in text(replace(page, cap_curve=caps[2:3]))


@pytest.mark.parametrize(
    ("cap", "achieved", "interval", "verdict"),
    [
        (0.05, 0.04, (0.03, 0.06), "kept"),
        (0.05, 0.06, (0.04, 0.08), "above, within chance"),
        (0.05, 0.09, (0.07, 0.11), "not kept"),
        (None, 0.2, (0.1, 0.3), "nothing promised"),
    ],
)
def test_it_says_whether_the_promise_was_kept(
    cap: float | None, achieved: float, interval: tuple[float, float], verdict: str
) -> None:
    page = replace(sample(), failure_cap=cap, achieved_failure=achieved, achieved_interval=interval)
    assert f" {verdict} : " in text(page)


def test_without_a_rule_in_force_nothing_is_claimed_to_be_saved() -> None:
    page = sample()
    told = text(replace(page, policies=[replace(line, in_force=False) for line in page.policies]))
    assert "5.4 % unknown ExtraTreesRegressor" in told and "85 % less" not in told


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
    assert {"tool-1", "tool-2"} <= set(ids)


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


# no job at all, and three without a flag
@pytest.mark.parametrize("jobs", [0, 3])
def test_a_page_without_jobs_or_with_columns_of_different_length_is_refused(jobs: int) -> None:
    column = np.ones(jobs)
    with pytest.raises(RecordsError, match="bowtie2: a page needs as many"):
        replace(sample(jobs=1), input_bytes=column, peaks_bytes=column, requests_bytes=column, censored=column[:0] > 1)
