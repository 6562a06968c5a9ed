"""What PyYAML leaves to those who read a file with it."""

from pathlib import Path

import pytest
import yaml

from galaxy_memory_rules.errors import FaultySetting
from galaxy_memory_rules.yaml_files import UNREADABLE, UniqueKeys, load_section


def test_a_key_that_is_there_twice_is_refused_where_it_stands() -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="'a' is there twice") as refused:
        UniqueKeys("a: 1\nb: 2\na: 3").get_single_data()
    assert refused.value.problem_mark is not None
    assert refused.value.problem_mark.line == 2
    assert UniqueKeys("a: {a: 1}\nb: {a: 2}").get_single_data() == {"a": {"a": 1}, "b": {"a": 2}}


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "!!python/object/apply:os.system [true]",
        "2001-99-99",
        "!!int ''",
        "!!timestamp x",
        '"\\UFFFFFFFF"',
        "[" * 1000,
    ],
)
def test_a_text_that_is_no_yaml_raises_one_of_the_errors_that_are_caught(text: str) -> None:
    with pytest.raises(UNREADABLE):
        UniqueKeys(text).get_single_data()


def test_a_refused_setting_tells_its_place_apart(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    path.write_text("a: 1\nb:\n  c: 2\n")
    with pytest.raises(FaultySetting) as refused:
        load_section(path).inner("b").refuse("c", "expected 3")
    fault = refused.value
    assert (fault.file, fault.line, fault.key, fault.why) == (path, 3, "b.c", "expected 3")
    assert str(fault) == f"{path}, line 3: b.c: expected 3"
