"""Files for a person, in one piece."""

from pathlib import Path

import pytest

from galaxy_memory_rules.errors import ConfigError
from trainer.written import put, require_room


def test_a_file_is_written_into_a_folder_that_is_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "output.csv"
    put(path, "a,b\n", "-o")
    assert path.read_text() == "a,b\n"
    assert [one.name for one in path.parent.iterdir()] == ["output.csv"]


def test_where_it_cannot_be_put_the_old_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "output.csv"
    path.write_text("old")

    def full(self: Path, *args: object, **kwargs: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ConfigError, match=r"output\.csv: cannot be written .*No space.*; choose another file with -o"):
        put(path, "new", "-o")
    monkeypatch.undo()
    assert path.read_text() == "old"


def test_room_is_found_before_long_work_and_nothing_is_left_of_the_look(tmp_path: Path) -> None:
    path = tmp_path / "output.csv"
    path.write_text("old")
    require_room(path, "-o")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])
    for wrong in (tmp_path, path / "report"):
        with pytest.raises(ConfigError, match="cannot be written"):
            require_room(wrong, "-o")
