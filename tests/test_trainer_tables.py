"""Delimited text, as administrators have it."""

import gzip
import subprocess
import sys
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
        # without the time, which would be in the test's name and differ from process to process
        gzip.compress(b"a,b\n1,2\n", mtime=0),
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
        (gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-20], "cannot be read"),
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


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"a,b\n" + b"1,2\n" * 500_000, "unpacks to more than 250 times its size"),
        (b"x" * 10_000_000, "line 1: more than 8,388,608 bytes"),
        (b'a,b\n1,"' + (b"2," * 1000 + b"\n") * 5_000, "field larger than field limit"),
    ],
)
def test_a_bomb_is_refused_before_it_goes_off(
    text: bytes, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "unpacks" in complaint:
        monkeypatch.setattr("trainer.tables.HARMLESS_BYTES", 1_000_000)
    path = tmp_path / "jobs.csv.gz"
    path.write_bytes(gzip.compress(text))
    with pytest.raises(RecordsError, match=complaint):
        list(rows(path))


def test_bars_part_cells_only_where_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("a|x|y,b|x|y\n1,2\n")
    assert list(rows(path)) == [(1, ["a|x|y", "b|x|y"]), (2, ["1", "2"])]
    path.write_text("JobID|State\n1|a,b\n")
    assert list(rows(path)) == [(1, ["JobID", "State"]), (2, ["1", "a,b"])]


def test_quotes_are_text_where_the_dialect_has_none(tmp_path: Path) -> None:
    path = tmp_path / "params.tsv"
    path.write_text('job_id\tvalue\n1\t"simple"\n2\t"\n')
    assert list(rows(path, quoted=False)) == [(1, ["job_id", "value"]), (2, ["1", '"simple"']), (3, ["2", '"'])]


MEMORY_OF = """
import itertools, resource, sys
from pathlib import Path
from trainer.tables import rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in rows(Path(sys.argv[1])))
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("name", ["jobs.csv", "jobs.csv.gz"])
def test_a_large_file_takes_no_more_memory_than_a_small_one(name: str, tmp_path: Path) -> None:
    """30 MB of text are read within 10 MiB: nothing of them is kept."""
    line = "".join(f"{number},2102960,1493950957,align,fastqsanger,hg38\n" for number in range(1000)).encode()
    path = tmp_path / name
    with gzip.open(path, "wb", 1) if name.endswith("gz") else path.open("wb") as file:
        for _ in range(600):
            file.write(line)
    run = subprocess.run([sys.executable, "-c", MEMORY_OF, path], capture_output=True, text=True, check=True)
    count, grown_mib = map(int, run.stdout.split())
    assert (count, grown_mib < 10) == (600_000, True), grown_mib
