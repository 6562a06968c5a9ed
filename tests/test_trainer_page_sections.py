"""What is written of each tool."""

from dataclasses import replace

import pytest
from pages import Reader, sample

from trainer.page_facts import ToolPage
from trainer.page_sections import section, summary


def text(page: ToolPage) -> str:
    """The words that are written of one tool."""
    return " ".join(" ".join(Reader(summary([page]) + section(page, 1, {})).words).replace("\u00a0", " ").split())


def test_the_page_tells_the_facts_of_each_tool() -> None:
    told = text(sample())
    assert "1,200 recorded jobs. Served: ExtraTreesRegressor; requested: 0.95 quantile x 1.05 of forest." in told
    assert "5 % kept : 4.1 % 3.1 % to 5.4 % 85 % less 812 for 5,290 GB·h" in told
    assert "Rows left out: 43 no peak recorded: 31 failed for another reason than memory: 12" in told
    assert "Rows doubtful, but kept: 3 peak is more than 8 x the memory assigned: 3" in told
    assert "Jobs were confined to 30 GB." in told
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
