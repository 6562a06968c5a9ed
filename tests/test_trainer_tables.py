"""Delimited text, as administrators have it."""

import gzip
from pathlib import Path

import pytest

from galaxy_memory_rules.errors import RecordsError
from trainer.tables import rows


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        b"\xef\xbb\xbfa,b\n1,2\n",  # a byte-order mark
        b"a,b\r\n1,2\r\n",
        b"a\tb\n1\t2\n",
        b"a;b\n1;2\n",
        b'"a","b"\n"1","2"\n',
        b"\na,b\n\n1, 2 \n\n",
        gzip.compress(b"a,b\n1,2\n"),
    ],
)
def test_every_usual_way_to_write_a_table_is_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_bytes(content)
    assert [cells for _, cells in rows(path)] == [["a", "b"], ["1", "2"]]


def test_rows_have_the_line_numbers_that_an_editor_shows(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text('a,b\n\n1,"two\nlines"\n3,4\n')
    # a cell of two lines ends on line 4
    assert [line for line, _ in rows(path)] == [1, 4, 5]


def test_comments_are_passed_over_where_the_file_may_have_them(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text('# one; two; "three\na,b\n#x,y\n1,2\n')
    assert list(rows(path, comment="#")) == [(2, ["a", "b"]), (4, ["1", "2"])]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 cells where the first line has 2"),
        (b"a,b\n1\n", "line 2: 1 cells where the first line has 2"),
        (b"a,b\n1,\xff\n", "line 2: not UTF-8"),
        (b'a,b\n1,"2\n3,4\n', "is a quote left open?"),
        (gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], "cannot be read"),
        (b"\x1f\x8b no gzip", "cannot be read"),
    ],
)
def test_a_broken_table_is_refused_by_file_and_line(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_bytes(content)
    with pytest.raises(RecordsError) as refused:
        list(rows(path))
    assert str(path) in str(refused.value)
    assert complaint in str(refused.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(RecordsError, match="no such file"):
            list(rows(path))


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.tables.MAX_TEXT_BYTES", 1000)
    path = tmp_path / "jobs.csv.gz"
    path.write_bytes(gzip.compress(b"x" * 1_000_000))
    with pytest.raises(RecordsError, match="more than 1,000 bytes"):
        list(rows(path))
