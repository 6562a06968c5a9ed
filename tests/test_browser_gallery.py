"""Every view and state as it is seen, by daylight and in the dark, wide and narrow: for everybody, and for a person."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import serving
from browsing import HOSTILE, Colours, Open, Visit

pytestmark = pytest.mark.browser

# width and colours of the screen; the two narrow ones are phones, upright
LOOKS: dict[str, tuple[int, Colours]] = {
    "light": (1280, "light"),
    "dark": (1280, "dark"),
    "light_390": (390, "light"),
    "dark_320": (320, "dark"),
}
# axe takes seconds: both colours, and both widths
_JUDGED = ("light", "dark_320")
STRANGE_ROWS = "tool,count,input_1\nbowtie2,20,1.4 MB\nnobody,3,1 GB\n<b>bold</b>,1,2 GB\nbowtie2,4,900 GB\n"


def ask(there: Visit) -> None:
    there.go("#ask?tool=bowtie2")


def ask_with_guards(there: Visit) -> None:
    ask(there)
    there.set_size("input_1", "8 GB")


def ask_with_a_mistake(there: Visit) -> None:
    ask(there)
    there.set_size("input_1", "1,4 GB")


def ask_for_an_unknown_tool(there: Visit) -> None:
    there.go("#ask?tool=nobody", state="error")


def ask_while_searching(there: Visit) -> None:
    there.go("#ask")
    there.page.get_by_role("combobox", name="Tool").fill("tool7")


def ask_with_opened_details(there: Visit) -> None:
    ask(there)
    for summary in ("The curve as a table", "A second attempt"):
        there.page.get_by_text(summary).click()


def ask_with_a_limit(there: Visit) -> None:
    there.go("#ask?tool=limited")


def plan_empty(there: Visit) -> None:
    there.go("#plan", state="empty")


def plan(there: Visit) -> None:
    plan_empty(there)
    there.answered(lambda: there.page.get_by_role("button", name="Example week").click())


def plan_with_opened_details(there: Visit) -> None:
    plan(there)
    for summary in there.page.locator("#plan summary").all():
        summary.click()


def plan_with_strange_rows(there: Visit) -> None:
    plan_empty(there)
    there.answered(lambda: there.page.locator("#plan-rows").fill(STRANGE_ROWS))


def plan_with_a_mistake(there: Visit) -> None:
    plan_empty(there)
    there.expected.add("422")
    there.page.locator("#plan-rows").fill("tool,count,input_1\nbowtie2,20,1.4 MB\nbowtie2,many,2 GB\n")
    there.wait_for_state("error")


def tools(there: Visit) -> None:
    there.go("#tools")


def tools_none_found(there: Visit) -> None:
    tools(there)
    there.page.get_by_label("Show tools whose name holds").fill("nobody")


def tool_report(there: Visit) -> None:
    there.go("#tools/bowtie2")


def tool_report_of_a_hostile_name(there: Visit) -> None:
    there.go(f"#tools/{quote(HOSTILE, safe='')}")


def tool_report_of_an_unknown_tool(there: Visit) -> None:
    there.go("#tools/nobody", state="error")


def not_ready(there: Visit) -> None:
    there.go(state="not-ready")


def token(there: Visit) -> None:
    there.expected.add("401")
    there.go(state="token")


def token_is_wrong(there: Visit) -> None:
    token(there)
    there.page.get_by_label("Token of this service").fill("not this one")
    there.page.get_by_role("button", name="Go on").click()
    there.page.get_by_role("heading", name="This is not the token").wait_for()


STATES: dict[str, tuple[str, Callable[[Visit], None]]] = {
    **{
        one.__name__: ("examples", one)
        for one in (
            *(ask, ask_with_guards, ask_with_a_mistake, ask_for_an_unknown_tool, ask_with_opened_details),
            *(plan_empty, plan, plan_with_opened_details, plan_with_strange_rows, plan_with_a_mistake),
            *(tools, tools_none_found, tool_report, tool_report_of_an_unknown_tool),
        )
    },
    **{one.__name__: ("thousand", one) for one in (ask_while_searching, tool_report_of_a_hostile_name)},
    "tools_a_thousand": ("thousand", tools),
    "ask_with_a_limit": ("limited", ask_with_a_limit),
    "not_ready": ("unready", not_ready),
    **{one.__name__: ("guarded", one) for one in (token, token_is_wrong)},
}


def look_at(there: Visit, name: str) -> list[str]:
    """Save how a state looks; return whatever keeps somebody from reading it, by look."""
    found = []
    for look, (width, colours) in LOOKS.items():
        there.wear(width, colours)
        there.screenshot(f"{name}_{look}")
        violations = there.serious_violations() if look in _JUDGED else []
        found += [f"{look}: {one}" for one in (*there.overflowing(), *violations)]
    return found


@pytest.mark.parametrize("name", STATES)
def test_everybody_can_read_it(name: str, visit: Open, request: pytest.FixtureRequest) -> None:
    service, go_there = STATES[name]
    there = visit(request.getfixturevalue(service), reduced_motion="reduce")
    go_there(there)
    assert look_at(there, name) == []


def test_everybody_can_read_it_while_it_loads(visit: Open, examples: str) -> None:
    there = visit(examples, reduced_motion="reduce")
    # an answer that is long on its way
    there.page.route("**/v1/tools", lambda route: None)
    there.go(state="loading")
    assert look_at(there, "loading") == []


def test_everybody_can_read_it_when_the_service_has_gone(visit: Open, models: Path) -> None:
    with serving.served(models, "--drain-seconds", "0") as url:
        there = visit(url, reduced_motion="reduce")
        there.go("#tools")
    there.expected.add("net::ERR_CONNECTION_REFUSED")
    there.page.get_by_role("link", name="tool", exact=True).click()
    there.wait_for_state("error")
    assert look_at(there, "tool_report_of_a_service_that_has_gone") == []
    there.page.get_by_role("link", name="Ask").click()
    there.wait_for_state("error")
    assert look_at(there, "ask_of_a_service_that_has_gone") == []
