"""Plots of any recorded jobs, as SVG that stands anywhere."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import parsed, sample

from trainer.plots import draw, names

NAMES = ["sizes", "peaks", "promise", "policies", "caps"]
SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    """Every text that is drawn."""
    return ["".join(element.itertext()) for element in parsed(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_is_the_same_in_every_run(name: str) -> None:
    assert draw(sample(), name) == draw(sample(), name)


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_has_a_title_a_role_and_the_colour_of_the_text_around_it(name: str) -> None:
    svg = draw(sample(), name)
    root = parsed(svg)
    assert root.get("role") == "img"
    assert (root[0].tag, str(root[0].text).split(":")[0]) == (f"{SVG}title", "bowtie2")
    assert "currentColor" in svg and "#0b0c0d" not in svg
    assert root.get("width") is None and root.get("viewBox")


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_asks_the_network_for_nothing(name: str) -> None:
    svg = draw(sample(), name)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in re.findall(r'href="([^"]*)', svg))
    assert not re.search(r"<script|<style[^>]*>[^<]*@import|url\((?!#)|<!DOCTYPE", svg)


def test_ids_begin_with_the_prefix_and_every_reference_finds_its_own() -> None:
    for name in NAMES:
        svg = draw(sample(), name, "t7-")
        ids = re.findall(r' id="([^"]*)"', svg)
        assert len(ids) == len(set(ids)) and all(found.startswith("t7-") for found in ids)
        assert set(re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', svg)) <= {(i, "") for i in ids} | {
            ("", i) for i in ids
        }


def test_only_the_points_are_a_picture_for_its_colours_do_not_follow_the_page() -> None:
    svg = draw(sample(), "sizes")
    assert {"size of all inputs", "memory", "10\u00a0GB", "limit, 30\u00a0GB"} <= set(words(svg))
    assert svg.count("<image") > 0


def test_rows_are_told_apart_where_there_are_any() -> None:
    page = sample()
    assert "request too small" in words(draw(page, "sizes"))
    assert "peak cut off" in words(draw(page, "peaks"))
    calm = replace(page, requests_bytes=page.peaks_bytes * 2, censored=np.zeros(page.jobs, dtype=np.bool_))
    assert "request too small" not in words(draw(calm, "sizes"))
    assert "peak cut off" not in words(draw(calm, "peaks"))


def test_the_limit_is_drawn_where_it_is_known() -> None:
    # 30e9 bytes
    assert "limit, 30\u00a0GB" in words(draw(sample(), "peaks"))
    assert not any("limit" in word for word in words(draw(replace(sample(), limit_bytes=None), "sizes")))


def test_every_policy_is_compared_with_the_one_in_force() -> None:
    # 812.4 / 5290 = 0.154, 3310 / 5290 = 0.626
    drawn = words(draw(sample(), "policies"))
    assert {"812 (85\u00a0% less)", "3,310 (37\u00a0% less)", "5,290 (in force)"} <= set(drawn)


def test_the_chosen_cap_is_marked_where_it_was_tried() -> None:
    assert "chosen cap" in words(draw(sample(), "caps"))
    assert "chosen cap" in words(draw(replace(sample(), failure_cap=None), "caps"))
    assert "chosen cap" not in words(draw(replace(sample(), failure_cap=0.03), "caps"))


def test_what_has_no_data_is_not_drawn() -> None:
    assert names(sample()) == NAMES
    assert names(replace(sample(), policies=(), cap_curve=())) == ["sizes", "peaks", "promise"]


def test_thousands_of_jobs_do_not_make_a_plot_megabytes_long() -> None:
    assert len(draw(sample(jobs=20_000), "sizes")) < 200_000


@pytest.mark.parametrize("name", ["$x^", "\\frac{", "<b>", "&amp;", "\u8a18\u61b6", "a\x00b\ud800", "n" * 300, ""])
def test_a_policy_may_have_any_name(name: str) -> None:
    page = sample()
    named = replace(page, tool=name, policies=[replace(page.policies[0], name=name)])
    parsed(draw(named, "policies"))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1e13), st.floats(1, 1e13), st.floats(1, 1e13), st.booleans()), min_size=1, max_size=50
    ),
    st.sampled_from([None, 1.0, 5e12]),
)
def test_any_jobs_can_be_drawn(jobs: list[tuple[float, float, float, bool]], limit_bytes: float | None) -> None:
    inputs, peaks, requests, censored = (np.array(column) for column in zip(*jobs, strict=True))
    page = replace(
        sample(jobs=1),
        input_bytes=inputs,
        peaks_bytes=peaks,
        requests_bytes=requests,
        censored=censored,
        limit_bytes=limit_bytes,
    )
    for name in ("sizes", "peaks"):
        parsed(draw(page, name))


@pytest.mark.parametrize("cap", [None, 0.05])
def test_a_promise_is_drawn_where_nothing_failed(cap: float | None) -> None:
    page = replace(sample(), failure_cap=cap, achieved_failure=0.0, achieved_interval=(0.0, 0.0))
    assert ("no cap" in words(draw(page, "promise"))) == (cap is None)
