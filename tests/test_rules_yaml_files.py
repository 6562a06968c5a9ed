"""What PyYAML leaves to those who read a file with it."""

import pytest
import yaml

from galaxy_memory_rules.yaml_files import UNREADABLE, UniqueKeys


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
