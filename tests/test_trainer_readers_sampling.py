"""More rows than a training can use: a sample, in order, the same each time, and nothing of it silent."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trainer.readers import read
from trainer.readers.sampling import Reservoir, Reservoirs

LABEL = "memory.peak"


def sample(name: str, rows: Sequence[int], capacity: int) -> Reservoir[int]:
    reservoir: Reservoir[int] = Reservoir(name, capacity)
    for row in rows:
        if reservoir.takes():
            reservoir.keep(row)
    return reservoir


@given(st.integers(0, 200), st.integers(1, 50), st.text(max_size=5))
def test_a_sample_is_in_order_has_nothing_twice_and_is_the_same_each_time(count: int, most: int, name: str) -> None:
    found = sample(name, range(count), most)
    assert len(found.rows) == len(set(found.rows)) == min(count, most)
    assert found.rows == sorted(found.rows) == sample(name, range(count), most).rows
    assert found.seen == count


def test_every_row_has_the_same_chance() -> None:
    """Of 20 rows 5 are kept, 2,000 times: each row 500 times, give or take 4 standard deviations of 19."""
    kept = Counter(row for name in range(2000) for row in sample(str(name), range(20), 5).rows)
    # sqrt(2000 * 0.25 * 0.75) = 19.4
    assert all(abs(kept[row] - 500) < 78 for row in range(20)), kept


def test_a_sample_that_was_shrunk_still_gives_every_row_the_same_chance() -> None:
    kept: Counter[int] = Counter()
    for name in range(2000):
        reservoir: Reservoir[int] = Reservoir(str(name), 10)
        for row in range(20):
            if row == 15:
                reservoir.shrink(5)
            if reservoir.takes():
                reservoir.keep(row)
        kept.update(reservoir.rows)
    assert kept.total() == 2000 * 5
    assert all(abs(kept[row] - 500) < 78 for row in range(20)), kept


def test_many_tools_together_stay_below_their_bound() -> None:
    reservoirs: Reservoirs[int] = Reservoirs(40, 100)
    for row in range(400):
        reservoir = reservoirs.of(str(row % 10))
        if reservoir.takes():
            reservoirs.keep(reservoir, row)
    # ten tools of 40 rows each: 40 in all is halved to 20 and to 10 before they fit
    assert [len(reservoirs.of(str(tool))) for tool in range(10)] == [10] * 10
    assert len(list(reservoirs.rows())) == 100


def written(folder: Path, tools: Sequence[str]) -> Path:
    path = folder / "jobs.csv"
    path.write_text(f"{LABEL},tool_id\n" + "".join(f"{peak},{tool}\n" for peak, tool in enumerate(tools, start=1)))
    return path


def test_a_tool_with_few_rows_keeps_them_all_and_the_others_tell_what_is_missing(tmp_path: Path) -> None:
    star, cat = read(written(tmp_path, ["star"] * 90 + ["cat"] * 7), LABEL, most_rows=20)
    assert (len(star.records), star.sampled, len(cat.records), cat.sampled) == (20, 70, 7, 0)
    peaks = [record.peak_bytes for record in star.records]
    assert peaks == sorted(peaks)


def test_the_versions_of_a_tool_share_its_rows(tmp_path: Path) -> None:
    names = [f"host/repos/iuc/star/star/{version}" for version in ("1.0", "2.0")]
    found = read(written(tmp_path, [*names] * 50), LABEL, most_rows=20)
    assert sum(len(tool.records) for tool in found) == 20
    assert [len(tool.records) + tool.sampled for tool in found] == [50, 50]


MEMORY_OF = """
import resource, sys
from pathlib import Path
from trainer.readers import read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
[found] = read(Path(sys.argv[1]), "memory.peak", most_rows=1000)
print(len(found.records), found.sampled, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_large_file_takes_no_more_memory_than_its_sample(tmp_path: Path) -> None:
    """200,000 rows would be 200 MB of records; a sample of 1,000 and one line fit into 20 MiB."""
    path = tmp_path / "jobs.csv"
    with path.open("w") as file:
        file.write(f"{LABEL},input_1,input_1_extension,mode,dbkey\n")
        file.writelines(f"{peak},{peak},fastqsanger,{peak % 7},hg38\n" for peak in range(1, 200_001))
    run = subprocess.run([sys.executable, "-c", MEMORY_OF, path], capture_output=True, text=True, check=True)
    records, sampled, grown_mib = map(int, run.stdout.split())
    assert (records, sampled) == (1000, 199_000)
    assert grown_mib < 20
