"""The README's printed results are what the commands print, and it names every setting, option and address.

After a change that moves the numbers: GMR_UPDATE_README=1 python -m pytest tests/test_readme.py
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from application import client_of
from serving import ROOT

from galaxy_memory_rules.config import KEYS
from galaxy_memory_rules.templates import PLACEHOLDERS
from service import refusals
from service.settings import KEYS as SERVICE_KEYS
from trainer.backtest_run import DIVISIONS
from trainer.peers import peers
from trainer.policy import (
    BEYOND_TRAINING_SIZES,
    FOLLOWS_REQUEST,
    MISSING_INPUT,
    UNKNOWN_VERSION,
    UNSEEN_CATEGORY,
    UNSEEN_REFERENCE,
)

README = ROOT / "README.md"
# A fenced block that a step of the demo prints.
_STEP = re.compile(r"(<!-- make demo, step (\d) -->\n```text\n)(.*?)(```)", re.DOTALL)
# What differs from run to run: builds and ports; and seconds, at the end of a line of the table.
_CHANGING = re.compile(
    r"\b[0-9a-f]{16}\b|(?<=127\.0\.0\.1:)\d+|(?<=port=)\d+|(?<=--port )\d+|\d+\.\d(?=( +yes)?$)", re.MULTILINE
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """What each step of the demo prints."""
    run = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert run.returncode == 0, run.stdout
    steps = re.split(r"^== (\d)\. .*\n", run.stdout, flags=re.MULTILINE)[1:]
    return {number: text.strip() + "\n" for number, text in zip(steps[::2], steps[1::2], strict=True)}


def test_the_printed_results_are_what_the_demo_prints(printed: dict[str, str]) -> None:
    text = README.read_text()
    if os.environ.get("GMR_UPDATE_README"):
        README.write_text(_STEP.sub(lambda block: f"{block[1]}{printed[block[2]]}{block[4]}", text))
        text = README.read_text()
    shown = {block[2]: block[3] for block in _STEP.finditer(text)}
    assert sorted(shown) == sorted(printed)
    for number, block in shown.items():
        assert _words(block) == _words(printed[number])
        # another scikit-learn may grow its trees a little differently: a fifth of slack for what it predicts
        assert _numbers(block) == pytest.approx(_numbers(printed[number]), rel=0.2, abs=0.06)


def _words(text: str) -> list[str]:
    """Return a text without its numbers, and without what depends on them."""
    settled = re.sub(r"\{'max_depth.*\}|(?<=: )[\w -]+(?= -> \w+/)", "BEST", _CHANGING.sub("#", text))
    return _NUMBER.sub("#", settled.replace("yes", "")).split()


def _numbers(text: str) -> list[float]:
    settled = re.sub(r"\{'max_depth.*\}", "", _CHANGING.sub("#", text))
    return [float(number) for number in _NUMBER.findall(settled)]


def test_every_setting_of_the_rule_is_in_the_table() -> None:
    text = README.read_text()
    shipped = (ROOT / "config" / "memory_rules.yml").read_text()
    for setting in KEYS:
        assert f"| `{setting}` |" in text
        # and the shipped file shows it, as a comment where it has no default
        assert re.search(rf"^(# )?{setting}:", shipped, re.MULTILINE), setting
    for placeholder in PLACEHOLDERS:
        assert f"{{{placeholder}}}" in text
    assert "`default_destination`" in text


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("trainer", ["train"]),
        ("trainer", ["backtest"]),
        ("trainer", ["check-rule"]),
        ("trainer", ["roll-back"]),
        ("trainer", ["inspect"]),
        ("trainer", ["export"]),
        ("trainer", ["compile-tpv"]),
        ("trainer", ["report-requests"]),
        ("service", []),
        ("service", ["plan"]),
    ],
)
def test_every_option_is_in_its_table(program: str, arguments: list[str]) -> None:
    told = subprocess.run(
        [sys.executable, "-m", program, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    text = README.read_text()
    for option in set(re.findall(r"(?<![\w-])--[a-z-]+", told.stdout)) - {"--help"}:
        assert f"`{option}" in text or f", {option}" in text, option


def test_every_setting_of_the_service_is_in_the_table_with_its_default() -> None:
    text = README.read_text()
    shipped = yaml.safe_load((ROOT / "config" / "service.yml").read_text())
    for setting in SERVICE_KEYS:
        row = next(
            line for line in text.splitlines() if line.startswith(f"| `{setting}` | `--{setting.replace('_', '-')}`")
        )
        default = str(shipped[setting]).lower()
        assert setting == "models" or row.endswith(f" | {default} |"), row


def test_every_refusal_is_in_its_table() -> None:
    text = README.read_text()
    of_protocol = re.findall(r'_refusal\(\s*\d+, "(\w+)"', (ROOT / "service" / "protocol.py").read_text())
    assert of_protocol
    for name in (*(code for *_, code in refusals._OF_OURS), *refusals._OF_HTTP.values(), *of_protocol, "internal"):
        assert f"`{name}`" in text, name


def test_every_setting_of_sizing_is_in_the_table() -> None:
    text = README.read_text()
    for setting in yaml.safe_load((ROOT / "config" / "sizing.yml").read_text()):
        assert f"| `{setting}` |" in text


def test_every_guard_is_in_the_table() -> None:
    text = README.read_text()
    for guard in (
        BEYOND_TRAINING_SIZES,
        FOLLOWS_REQUEST,
        MISSING_INPUT,
        UNKNOWN_VERSION,
        UNSEEN_CATEGORY,
        UNSEEN_REFERENCE,
    ):
        assert f"| `{guard}` |" in text


def test_every_peer_and_division_is_named() -> None:
    text = README.read_text()
    for name in (*peers(), *DIVISIONS):
        assert f"`{name}`" in text


def test_every_address_is_in_its_table(models: Path) -> None:
    text = README.read_text()
    client = client_of(models)
    for path in client.get("/openapi.json").json()["paths"]:
        assert f"{path.replace('/tool/memory/', '/{tool}/memory/')}" in text, path


def test_every_metric_is_in_its_table(models: Path) -> None:
    text = README.read_text()
    for name in set(re.findall(r"^# TYPE (\w+)", client_of(models).get("/metrics").text, flags=re.MULTILINE)):
        assert f"| `{name}`" in text, name


def test_every_make_target_is_in_the_readme() -> None:
    text = README.read_text()
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for target in targets:
        assert f"make {target}" in text, target


def test_every_file_that_the_readme_names_exists() -> None:
    for name in re.findall(
        r"`((?:config|examples|tests|trainer|service|galaxy_memory_rules)/[\w./*-]*)`", README.read_text()
    ):
        assert list(ROOT.glob(name)), name
