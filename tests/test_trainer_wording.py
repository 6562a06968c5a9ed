"""Numbers and names are written for a person."""

from collections.abc import Callable

import pytest

from trainer.wording import amount_text, change_text, percent_text, size_text


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (size_text, 1.4e9, "1.4 GB"),
        (size_text, 2.56e11, "256 GB"),
        (size_text, 1e12, "1 TB"),
        (size_text, 5e5, "500 kB"),
        (size_text, 12, "12 B"),
        (amount_text, 12345.6, "12,346"),
        (amount_text, 1.234, "1.23"),
        (percent_text, 0.05, "5 %"),
        (percent_text, 0.0412, "4.1 %"),
    ],
)
def test_numbers_are_written_for_a_person(write: Callable[[float], str], value: float, text: str) -> None:
    assert write(value).replace("\u00a0", " ") == text


def test_a_change_is_only_told_where_there_is_something_to_compare_with() -> None:
    # 3 / 2 = 1.5, 1 / 2 = 0.5
    assert change_text(3.0, 2.0) == "50\u00a0% more"
    assert change_text(1.0, 2.0) == "50\u00a0% less"
    assert change_text(1.0, None) == change_text(1.0, 0.0) == ""
