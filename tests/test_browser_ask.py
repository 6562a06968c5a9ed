"""The view Ask in a real browser: the fields, the answer, the curve, and the same question without the page."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests
from browsing import HOSTILE, LIMIT_BYTES, Open, Visit

from galaxy_memory_rules.memory import format_bytes, parse_bytes

pytestmark = pytest.mark.browser

MIB = 1024**2
# written in every way that an administrator may, and in some that nobody can read
SIZES = (
    *(
        "0",
        "1",
        "2048",
        " 17 ",
        "1.4 GB",
        "1.4GB",
        "1.4 gib",
        "1.4g",
        "1.5K",
        "0.1 KiB",
        "512M",
        "512 MiB",
        "2 TB",
        "7t",
    ),
    *(
        "1.0000000001 GB",
        "0.9999999999999999 B",
        "8 b",
        "3 ib",
        "1 k b",
        "1.b",
        ".5 GB",
        "1,4 GB",
        "-1",
        "1e9",
        "",
        "GB",
        "∞",
    ),
    *("1.4 GB x", "0x10", "1.4\u00a0GB", "\t1 GB\n", "1.999999 MiB", "9007199254740991", "00012 k"),
)


def recommended(url: str, job: dict[str, Any]) -> dict[str, Any]:
    """What the service recommends when it is asked without the page."""
    answer = requests.post(f"{url}/v1/predict", json=job, timeout=10)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def job_of(visit: Visit) -> dict[str, Any]:
    """The job in the curl command that is shown."""
    command = visit.page.inner_text("#ask-curl")
    job: dict[str, Any] = json.loads(command.partition("-d '")[2].rstrip("'").replace("'\\''", "'"))
    return job


def assert_shown(visit: Visit, answer: dict[str, Any]) -> None:
    """Assert that an answer is what the page shows."""
    assert visit.text("#ask-request-note").startswith(f"{answer['memory_bytes']:,} bytes")
    number, unit = visit.text("#ask-request").split()
    expected, expected_unit = format_bytes(answer["memory_bytes"]).split()
    # three digits there, two decimals here
    assert float(number) == pytest.approx(float(expected), rel=0.005)
    assert unit == expected_unit
    assert visit.page.locator("#ask-reasons li").all_inner_texts() == answer["reasons"]
    assert answer["bundle"] in visit.text("#ask-bundle")


def test_the_answer_is_that_of_the_service(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go("#ask?tool=bowtie2")
    there.set_size("input_1", "20.5 MB")
    there.set_size("own_file", "4 MiB")
    there.answered(lambda: page.get_by_label("presets", exact=True).select_option("--very-sensitive"))
    job = job_of(there)
    # 20.5 MB = 20.5 x 1024 x 1024 bytes
    assert [(one["name"], one["size_bytes"]) for one in job["inputs"]] == [
        ("input_1", 21_495_808),
        ("own_file", 4 * MIB),
    ]
    assert (job["tool_id"], job["parameters"]["presets"]) == ("bowtie2", "--very-sensitive")
    assert_shown(there, recommended(examples, job))


def test_sizes_are_read_as_the_rule_reads_them(visit: Open, examples: str) -> None:
    page = visit(examples).go()
    random = Random(7)
    made = [
        f"{random.randrange(10**4)}.{random.randrange(10**9)}{random.choice(['', ' '])}{random.choice('bkmgKMG')}"
        for _ in range(200)
    ]
    sizes = [*SIZES, *made]
    found = page.evaluate(
        """async (sizes) => {
            const { parseBytes } = await import("/page/sizes.js");
            return sizes.map((text) => {
                try { return parseBytes(text); } catch { return null; }
            });
        }""",
        sizes,
    )
    expected: list[int | None] = []
    for size in sizes:
        try:
            expected.append(parse_bytes(size))
        except ValueError:
            expected.append(None)
    assert dict(zip(sizes, found, strict=True)) == dict(zip(sizes, expected, strict=True))
    assert expected.count(None) > 10


def test_the_curve_lies_over_the_recorded_jobs(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go("#ask?tool=bowtie2")
    details = requests.get(f"{examples}/v1/tools/bowtie2", timeout=10).json()
    page.wait_for_selector("#ask-curve .dots")
    drawn = page.get_attribute("#ask-curve .dots", "d") or ""
    assert drawn.count("M") == len(details["recorded"]["peaks_bytes"]) > 100
    for kind in ("area.inner", "area.middle", "area.outer", "line.median", "line.request", "chosen"):
        assert page.locator(f"#ask-curve .{kind}").count() == 1, kind
    assert "320 recorded job" in there.text("#ask-tool-hint")
    # for who cannot see it
    assert "recorded jobs with peaks up to" in (page.locator("#ask-curve desc").text_content() or "")
    before = page.get_attribute("#ask-curve .chosen", "cx")
    there.set_size("input_1", "60 MB")
    assert float(page.get_attribute("#ask-curve .chosen", "cx") or 0) > float(before or 0)


def test_the_limit_of_the_recorded_jobs_is_a_line(visit: Open, limited: str) -> None:
    there = visit(limited)
    page = there.go("#ask?tool=limited")
    limit_bytes = requests.get(f"{limited}/v1/tools/limited", timeout=10).json()["limit_bytes"]
    assert limit_bytes == LIMIT_BYTES == 220 * MIB
    assert page.locator("#ask-curve line.limit").count() == 1
    assert "limit of recorded jobs, 220 MiB" in there.text("#ask-legend")


def test_guards_are_told_in_words(visit: Open, examples: str) -> None:
    there = visit(examples)
    there.go("#ask?tool=bowtie2")
    there.set_size("input_1", "8 GB")
    answer = recommended(examples, job_of(there))
    assert "beyond_training_sizes" in answer["guards"]
    assert there.page.locator("#ask-guards .guard").count() == len(answer["guards"])
    assert "Larger than any recorded job" in there.text("#ask-guards")
    assert_shown(there, answer)


def test_what_is_shown_to_copy_gives_the_same_answer(visit: Open, examples: str, tmp_path: Path) -> None:
    there = visit(examples)
    page = there.go("#ask?tool=bowtie2")
    there.set_size("input_1", "30 MB")
    # a value that a shell and Python both would read as more than text
    there.answered(lambda: page.get_by_label("Genome build", exact=True).select_option(label="another …"))
    there.answered(lambda: page.get_by_label("Another value of Genome build").fill('it\'s "$(id)" \\ `x` é'))
    expected = recommended(examples, job_of(there))
    assert_shown(there, expected)
    curl = subprocess.run(["sh", "-c", page.inner_text("#ask-curl")], capture_output=True, text=True, check=True)
    assert json.loads(curl.stdout) == expected
    program = tmp_path / "ask.py"
    program.write_text(page.inner_text("#ask-python"))
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, env=os.environ, check=True)
    assert int(run.stdout) == expected["memory_bytes"]


def test_a_button_copies_the_command(visit: Open, examples: str) -> None:
    there = visit(examples, permissions=["clipboard-read", "clipboard-write"])
    page = there.go("#ask?tool=bowtie2")
    page.get_by_role("button", name="Copy the curl command").click()
    there.until_told("#status", "Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#ask-curl")


def test_a_size_that_nobody_can_read_is_told_at_its_field(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go("#ask?tool=bowtie2")
    there.set_size("input_1", "1,4 GB")
    there.wait_for_state("error")
    field = page.get_by_label("input_1", exact=True)
    assert field.get_attribute("aria-invalid") == "true"
    assert "Write a size such as 1.4 GB" in there.text("#ask-problem")
    there.set_size("input_1", "1.4 MB")
    there.wait_for_state("ready")
    assert field.get_attribute("aria-invalid") is None
    assert page.locator("#ask-problem").is_hidden()


def test_the_slider_moves_all_inputs_in_their_proportion(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go("#ask?tool=bowtie2")
    there.set_size("input_1", "30 MB")
    there.set_size("own_file", "10 MB")
    slider = page.get_by_label("All inputs, smaller or larger")
    there.answered(lambda: slider.fill("700"))
    sizes = {one["name"]: one["size_bytes"] for one in job_of(there)["inputs"]}
    # three digits are written into the fields
    assert sizes["input_1"] / sizes["own_file"] == pytest.approx(3, rel=0.02)
    assert sizes["input_1"] != 30 * MIB
    assert_shown(there, recommended(examples, job_of(there)))


def test_the_address_brings_the_same_job_back(visit: Open, examples: str) -> None:
    there = visit(examples)
    there.go("#ask?tool=hisat2")
    there.set_size("input_1", "12 MB")
    address = there.page.evaluate("location.hash")
    other = visit(examples)
    other.go(address)
    assert job_of(other) == job_of(there)
    assert other.text("#ask-request") == there.text("#ask-request")


def test_a_tool_is_found_among_a_thousand_with_the_keyboard(visit: Open, thousand: str) -> None:
    there = visit(thousand)
    page = there.go("#ask")
    tool = page.get_by_role("combobox", name="Tool")
    tool.focus()
    page.keyboard.type("tool73")
    # tool73 and tool730 to tool739; the ids hold the name twice, which is one tool
    options = page.locator("#ask-tools [role=option]")
    assert options.count() == 11
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#ask-tools [aria-selected=true]")
    assert chosen.count() == 1
    assert tool.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    name = chosen.locator(".name").inner_text()
    page.keyboard.press("Enter")
    assert tool.get_attribute("aria-expanded") == "false"
    there.until_told("#ask-bundle", name.split()[0])
    assert there.page.evaluate("document.activeElement.id") == "ask-tool"
    assert tool.input_value() == name
    page.keyboard.type("no tool is called so")
    assert options.count() == 0
    assert "Nothing is called so." in there.text(".popup")
    page.keyboard.press("Escape")
    assert tool.input_value() == name


def test_a_hostile_name_stays_a_name(visit: Open, thousand: str, tmp_path: Path) -> None:
    there = visit(thousand)
    page = there.go("#ask")
    page.get_by_role("combobox", name="Tool").fill("onerror")
    page.locator("#ask-tools [role=option]").click()
    there.until_told("#ask-curl", "onerror")
    assert job_of(there)["tool_id"] == HOSTILE
    there.set_size("input_1", "30 MB")
    assert page.locator("main img, main script").count() == 0
    expected = recommended(thousand, job_of(there))
    curl = subprocess.run(["sh", "-c", page.inner_text("#ask-curl")], capture_output=True, text=True, check=True)
    assert json.loads(curl.stdout) == expected
    program = tmp_path / "ask.py"
    program.write_text(page.inner_text("#ask-python"))
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, env=os.environ, check=True)
    assert int(run.stdout) == expected["memory_bytes"]
    address = page.evaluate("location.hash")
    other = visit(thousand)
    other.go(address)
    assert job_of(other)["tool_id"] == HOSTILE


def test_a_tool_that_is_not_loaded_is_said_to_be_so(visit: Open, examples: str) -> None:
    there = visit(examples)
    page = there.go("#ask?tool=<b>nobody</b>", state="error")
    assert "No tool <b>nobody</b> is loaded" in there.text("#ask-problem")
    assert page.locator("#ask-answer").is_hidden()
    page.get_by_role("combobox", name="Tool").fill("bowtie2")
    page.keyboard.press("Enter")
    there.wait_for_state("ready")
    assert page.locator("#ask-problem").is_hidden()
