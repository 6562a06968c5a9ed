"""sizing.yml."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from galaxy_memory_rules.errors import ConfigError
from galaxy_memory_rules.memory import GIB, MIB, TIB
from trainer import genomes
from trainer.learning import Settings
from trainer.sizing_config import DEFAULTS, SizingConfig, load_sizing, with_cap
from trainer.sizing_rule import Limits

SHIPPED = Path(__file__).parent.parent / "config" / "sizing.yml"
FAMILY = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2"


def written(folder: Path, text: str) -> Path:
    path = folder / "sizing.yml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("sizing")


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load_sizing(path)
    return str(refused.value)


def test_the_shipped_file_says_what_holds_without_a_file() -> None:
    assert load_sizing(SHIPPED) == DEFAULTS
    # nothing above the largest node is requested: 4 TiB
    assert DEFAULTS.settings("any") == Settings(0.05, Limits(0, 4 * TIB, 64 * MIB))
    assert DEFAULTS.node_bytes == 4 * TIB


def test_the_shipped_file_names_every_setting_once() -> None:
    every = {"failure_cap", "largest_node", "floor", "ceiling", "round_up_to", "hold", "genomes", "tools"}
    assert set(yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))) == every


def test_the_examples_in_the_shipped_file_are_right_once_they_are_no_comment(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8").replace("\n#  ", "\n  ")
    config = load_sizing(written(tmp_path, text))
    assert config.settings("trinity").failure_cap == 0.1
    assert config.settings("picard_MarkDuplicates").held_bytes == 12 * GIB
    assert config.settings(f"{FAMILY}/2.5.3").limits == Limits(4 * GIB, 256 * GIB, 64 * MIB)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "tools:\ngenomes:\n", "tools: {bowtie2: }"])
def test_what_is_not_set_has_its_default(tmp_path: Path, text: str) -> None:
    config = load_sizing(written(tmp_path, text))
    assert config.node_bytes == DEFAULTS.node_bytes
    assert config.settings("bowtie2") == DEFAULTS.settings("bowtie2")


def test_everything_that_is_set_is_found_again(tmp_path: Path) -> None:
    text = "failure_cap: 0.2\nlargest_node: 2T\nfloor: 1 GiB\nceiling: 100 GiB\nround_up_to: 1000"
    config = load_sizing(written(tmp_path, text))
    assert config.node_bytes == 2 * TIB
    assert config.settings("any") == Settings(0.2, Limits(1 * GIB, 100 * GIB, 1000))


@pytest.mark.parametrize("ceiling", ["", "ceiling: none", "ceiling: null", "ceiling:"])
def test_without_a_ceiling_the_largest_node_is_the_ceiling(tmp_path: Path, ceiling: str) -> None:
    config = load_sizing(written(tmp_path, f"largest_node: 1 TiB\n{ceiling}"))
    assert config.settings("any").limits.ceiling_bytes == 1 * TIB


def test_a_tool_may_be_lifted_from_the_general_ceiling_to_the_largest_node(tmp_path: Path) -> None:
    config = load_sizing(written(tmp_path, "largest_node: 1 TiB\nceiling: 64 GiB\ntools: {spades: {ceiling: none}}"))
    assert config.settings("spades").limits.ceiling_bytes == 1 * TIB
    assert config.settings("other").limits.ceiling_bytes == 64 * GIB


def test_of_several_entries_for_one_tool_the_most_exact_one_holds_alone(tmp_path: Path) -> None:
    text = f"""
failure_cap: 0.02
tools:
  bowtie2: {{failure_cap: 0.1, floor: 1 GiB}}
  {FAMILY}: {{floor: 2 GiB}}
  {FAMILY}/2.5.3: {{failure_cap: none}}
"""
    config = load_sizing(written(tmp_path, text))

    def found(tool: str) -> tuple[float | None, int]:
        return config.settings(tool).failure_cap, config.settings(tool).limits.floor_bytes

    assert found(f"{FAMILY}/2.5.3") == (None, 0)
    assert found(f"{FAMILY}/2.4.1") == found(FAMILY) == (0.02, 2 * GIB)
    assert found("bowtie2") == found("other.org/repos/iuc/bowtie/bowtie2/2.5.3") == (0.1, 1 * GIB)
    assert found("bowtie") == (0.02, 0)


def test_the_command_line_overrules_the_general_cap_but_not_that_of_a_tool(tmp_path: Path) -> None:
    text = "failure_cap: 0.02\ntools: {trinity: {failure_cap: 0.1}, spades: {failure_cap: none}, star: {floor: 1 GiB}}"
    config = with_cap(load_sizing(written(tmp_path, text)), 0.3)
    caps = [config.settings(tool).failure_cap for tool in ("trinity", "spades", "star", "other")]
    assert caps == [0.1, None, 0.3, 0.3]
    assert config.settings("star").limits.floor_bytes == 1 * GIB
    assert with_cap(DEFAULTS, None).settings("any").failure_cap is None
    assert DEFAULTS.settings("any").failure_cap == 0.05


def test_genomes_are_read_from_the_working_directory_or_else_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, beside = tmp_path / "here", tmp_path / "config"
    for place, length in ((here, 100), (beside, 200)):
        place.mkdir()
        (place / "both.len").write_text(f"chr1\t{length}\n")
    (beside / "own").mkdir()
    (beside / "own" / "mine.len").write_text("chr1\t700\nchr2\t300\n")
    monkeypatch.chdir(here)
    found = load_sizing(written(beside, "genomes: [both.len, own]\ntools: {star: {floor: 1}}")).settings("any").genomes
    # chr1 and chr2 of mine.len: 700 + 300; both.len of the working directory
    assert found == {**genomes.load(), "both": 100, "mine": 1_000}


def test_the_genomes_are_read_once_for_all_tools(tmp_path: Path) -> None:
    (tmp_path / "mine.len").write_text("chr1\t700\n")
    config = load_sizing(written(tmp_path, f"genomes: [{tmp_path}/mine.len]\ntools: {{star: {{floor: 1}}}}"))
    assert config.settings("star").genomes is config.settings("other").genomes is not None


def test_a_damaged_genome_is_told_with_the_key_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine.len").write_text("chr1\tmany\n")
    path = written(tmp_path, "genomes: [mine.len]")
    assert refusal(path) == (
        f"{path}: genomes: {tmp_path}/mine.len, line 1: expected a name, a tab and a length in bases"
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1]", ": cannot be read (expected a mapping of settings by their names, found [1])"),
        ("1: 2", ": cannot be read (expected a mapping of settings by their names, found {1: 2})"),
        ("floor: 0\nceiling: [", ", line 2: cannot be read as YAML ("),
        ("floor: 0\n\nfloor: 1 GiB", ", line 3: cannot be read as YAML ('floor' is there twice)"),
        ("tools:\n  a: {}\n  b: {}\n  a: {}", ", line 4: cannot be read as YAML ('a' is there twice)"),
        ("!!python/object/apply:os.system [true]", ", line 1: cannot be read as YAML (could not determine"),
        ("[" * 1000, ": cannot be read ("),  # nested beyond Python's recursion limit
        ("floor: 2020-13-45", ": cannot be read (month must be in 1..12)"),
        ('floor: "\\UFFFFFFFF"', ": cannot be read ("),  # no character has this number
        ("failure_cp: 0.1", ": failure_cp: unknown key; near it are failure_cap"),
        ("cieling: 1", ": cieling: unknown key; near it are ceiling"),
        ("tools: {bowtie2: {failure_cp: 0.1}}", ": tools.bowtie2.failure_cp: unknown key; near it are failure_cap"),
        (
            "tools: {bowtie2: {round_up_to: 1}}",
            ": tools.bowtie2.round_up_to: unknown key; near it are failure_cap, floor, ceiling",
        ),
        ("tools: {bowtie2: {failure_cap: 2}}", ": tools.bowtie2.failure_cap: expected a share above 0 and below 1"),
        ("tools: {bowtie2: {floor: lots}}", ": tools.bowtie2.floor: expected an amount of memory from 0 B to"),
        ("tools: {bowtie2: 0.1}", ": tools.bowtie2: expected a mapping of settings by their names, found 0.1"),
        ("tools: [bowtie2]", ": tools: expected a mapping of settings by their names, found ['bowtie2']"),
        ("tools: {1: {}}", ": tools: expected a mapping of settings by their names, found {1: {}}"),
        ("largest_node: 0", ": largest_node: expected an amount of memory from 1 B"),
        ("round_up_to: 0", ": round_up_to: expected an amount of memory from 1 B"),
        ("ceiling: 0", ": ceiling: expected an amount of memory from 1 B"),
        ("floor: -1", ": floor: expected an amount of memory from 0 B to 8192.00 TiB, for example 64 GiB; found -1"),
        ("floor:", ": floor: expected an amount of memory"),
        ("floor: 0x" + "f" * 5000, "found a number of thousands of digits"),
        ("floor: " + "9" * 5000, ": cannot be read ("),  # more digits than int() takes
        ("floor: 65 GiB\nceiling: 64 GiB", ": floor: expected an amount not above the ceiling of 64.00 GiB, found 65"),
        ("largest_node: 1 TiB\nfloor: 2 TiB", ": floor: expected an amount not above the ceiling of 1.00 TiB"),
        ("ceiling: 5 TiB", ": ceiling: expected an amount not above the largest node's 4.00 TiB, found '5 TiB'"),
        # against what holds for every tool
        ("ceiling: 64 GiB\ntools: {a: {floor: 65 GiB}}", ": tools.a.floor: expected an amount not above the ceiling"),
        (
            "floor: 2 GiB\ntools: {a: {ceiling: 1 GiB}}",
            ": tools.a.floor: expected an amount not above the ceiling of 1",
        ),
        ("tools: {a: {ceiling: 5 TiB}}", ": tools.a.ceiling: expected an amount not above the largest node's"),
        ("genomes: mine.len", ": genomes: expected a list of .len or .loc files, or of folders of them; found 'mine"),
        ("genomes: ['']", ": genomes: expected a list of .len or .loc files"),
        ("genomes: [nowhere.len]", ": genomes: expected a file or a folder, found no 'nowhere.len' here or in "),
        (f"genomes: [{'n' * 300}]", ": genomes: 'nnn"),  # longer than a file's name may be
        ('genomes: ["\\0"]', ": genomes: expected a file or a folder"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    told = refusal(path)
    assert told.startswith(str(path))
    assert complaint in told


@pytest.mark.parametrize("key", ["failure_cap", "floor", "ceiling", "largest_node", "genomes", "tools"])
def test_aliases_that_would_fill_the_memory_if_written_out_are_refused_at_once(tmp_path: Path, key: str) -> None:
    # each list holds the one before it 9 times: 9**30 texts in 31 lists
    lists = ["&a0 [x]", *(f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 31))]
    path = written(tmp_path, f"{key}: [{', '.join(lists)}]")
    told = refusal(path)
    assert f"{path}, line 1: {key}: expected" in told
    assert len(told) < 1000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.yml: cannot be read"):
        load_sizing(tmp_path / "nowhere.yml")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sizing.yml"
    path.write_bytes("# größter Knoten\nfloor: 0".encode("latin-1"))
    assert "cannot be read" in refusal(path)


KEYS = st.sampled_from(
    ["failure_cap", "largest_node", "floor", "ceiling", "round_up_to", "genomes", "tools", "trinity", "none"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.sampled_from(["none", "64 MiB", "1 TiB", "9999 TiB", "5e-2", "nan", "0.1"]),
)
CONTENT = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS | SCALARS, inner, max_size=4))
)
# what the scanner, the resolver and the constructors of YAML look for
YAMLISH = st.lists(
    st.sampled_from(
        [
            *"[]{}:,-?&*!|>#%@`'\"\n ~",
            ": ",
            "\n  ",
            "- ",
            "<<",
            "&a ",
            "*a",
            "!!int ",
            "!!timestamp ",
            "!!bool ",
            "!!set ",
        ]
        + [
            "failure_cap: ",
            "floor: ",
            "ceiling: ",
            "genomes: ",
            "tools: ",
            "0x",
            "0b",
            "1:30",
            "12",
            ".5",
            "2020-13-45",
        ]
        + ["\\U", "\ufeff", "\ud7ff", "\0"]
    )
    | st.text(max_size=2)
).map("".join)


def loads_or_refuses(path: Path) -> None:
    try:
        config = load_sizing(path)
    except ConfigError as error:
        assert str(error).startswith(str(path))
        return
    for tool in ("trinity", "other"):
        found = config.settings(tool)
        assert found.failure_cap is None or 0 < found.failure_cap < 1
        assert 0 <= found.limits.floor_bytes <= found.limits.ceiling_bytes <= config.node_bytes
        assert found.limits.round_up_bytes >= 1


@settings(deadline=None)
@given(content=st.dictionaries(KEYS, CONTENT, max_size=4))
def test_whatever_the_settings_hold_the_file_loads_or_is_refused(folder: Path, content: dict[str, Any]) -> None:
    loads_or_refuses(written(folder, yaml.safe_dump(content, allow_unicode=True)))


@settings(deadline=None)
@given(text=YAMLISH)
def test_whatever_the_file_holds_it_loads_or_is_refused(folder: Path, text: str) -> None:
    loads_or_refuses(written(folder, text))


def test_a_config_may_be_made_without_a_file() -> None:
    config = SizingConfig(node_bytes=GIB, tools={"star": {"failure_cap": None}})
    assert (config.settings("star").failure_cap, config.settings("other").failure_cap) == (None, 0.05)


@pytest.mark.parametrize(
    ("hold", "expected"), [("auto", (True, None)), ("Never", (False, None)), ("2 GiB", (True, 2 * GIB))]
)
def test_what_is_done_with_a_tool_that_follows_its_request(
    hold: str, expected: tuple[bool, int | None], tmp_path: Path
) -> None:
    config = load_sizing(written(tmp_path, f"hold: 1 GiB\ntools: {{jvm: {{hold: {hold}}}}}\n"))
    found = config.settings("jvm")
    assert (found.may_hold, found.held_bytes) == expected
    assert config.settings("other").held_bytes == GIB


def test_a_hold_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "hold: expected auto, never or an amount; found" in refusal(written(tmp_path, "hold: often\n"))
