"""Lengths of genome builds: the shipped table and an administrator's own files."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy_memory_rules.errors import ConfigError
from trainer import genomes
from trainer.tables import rows


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_the_shipped_table_has_a_positive_length_and_a_source_for_each_build() -> None:
    (_, header), *table = rows(Path(genomes.__file__).with_name("genomes.csv"))
    assert header == ["build", "length_bases", "source"]
    builds = [build for _, (build, _, _) in table]
    assert len(set(builds)) == len(builds) == len(genomes.load()) >= 120
    assert all(build and int(length) > 0 and source for _, (build, length, source) in table)


@pytest.mark.parametrize(
    ("build", "least", "most"),
    [
        ("hg38", 3.0e9, 3.3e9),
        ("hg19", 3.0e9, 3.3e9),
        ("hs1", 3.11e9, 3.12e9),
        ("mm10", 2.7e9, 2.8e9),
        ("danRer11", 1.3e9, 1.7e9),  # with and without its alternates
        ("dm6", 143e6, 144e6),
        ("Arabidopsis_thaliana_TAIR10", 119e6, 120e6),
        ("ce11", 100e6, 101e6),
        ("sacCer3", 12.1e6, 12.2e6),
        ("eschColi_K12", 4.6e6, 4.7e6),
        ("wuhCor1", 29_903, 29_903),
    ],
)
def test_well_known_genomes_have_the_length_that_everyone_knows(build: str, least: float, most: float) -> None:
    assert least <= genomes.load()[build] <= most


def test_a_damaged_shipped_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genomes, "_SHIPPED", tmp_path / "genomes.csv")
    # another test may have read the good one
    genomes._shipped.cache_clear()
    for content in (None, "", "build,length_bases,source\nhg38,many,UCSC\n", "build,length_bases\nhg38,3\n"):
        if content is not None:
            write(tmp_path / "genomes.csv", content)
        with pytest.raises(ConfigError, match="install the trainer again"):
            genomes.load()


def test_a_len_file_is_the_build_of_its_name_and_the_sum_of_its_chromosomes(tmp_path: Path) -> None:
    own = write(tmp_path / "my.genome_v1.len", '#chrom\tsize\nchr1\t700\r\n\nchr2, "old"\t 300\n')
    # 700 + 300
    assert genomes.load([own])["my.genome_v1"] == 1_000


@given(lengths=st.lists(st.integers(1, 10**10), min_size=1, max_size=20))
def test_a_written_len_file_is_read_back_as_its_sum(
    lengths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = "".join(f"chr{number}\t{length}\n" for number, length in enumerate(lengths))
    own = write(tmp_path_factory.mktemp("len") / "mine.len", content)
    assert genomes.load([own])["mine"] == sum(lengths)


def test_later_files_win_over_earlier_ones_and_over_the_shipped_table(tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    first, last = write(tmp_path / "hg38.len", "chr1\t5\n"), write(tmp_path / "later" / "hg38.len", "chr1\t7\n")
    assert genomes.load([first])["hg38"] == 5
    assert genomes.load([first, last])["hg38"] == 7
    assert genomes.load([last, first])["mm10"] == genomes.load()["mm10"]


def test_all_fasta_loc_takes_the_index_beside_a_fasta_file_else_its_size(tmp_path: Path) -> None:
    write(tmp_path / "a.fa", ">chr1\nACGT\n")
    write(tmp_path / "a.fa.fai", "chr1\t4\t6\t4\t5\nchr2\t3\t17\t3\t4\n")
    write(tmp_path / "b.fasta", ">chr1\nACGT\n")
    listing = '# id\tdbkey\tname\tpath\na\ta\tA, "the first"\ta.fa\nb\tb\tB\t' + str(tmp_path / "b.fasta") + "\n"
    own = write(tmp_path / "all_fasta.loc", listing)
    lengths = genomes.load([own])
    # a: 4 + 3 bases in the index; b: ">chr1\n" is 6 bytes and "ACGT\n" is 5
    assert (lengths["a"], lengths["b"]) == (7, 11)


def test_dbkeys_loc_takes_the_len_file_and_twobit_loc_four_bases_a_byte(tmp_path: Path) -> None:
    (tmp_path / "len").mkdir()
    write(tmp_path / "len" / "a.len", "chr1\t40\nchr2\t2\n")
    (tmp_path / "b.2bit").write_bytes(bytes(25))
    dbkeys = write(tmp_path / "dbkeys.loc", "a\tThe first (a)\tlen/a.len\n")
    twobit = write(tmp_path / "twobit.loc", "b\tb.2bit\n")
    lengths = genomes.load([dbkeys, twobit])
    # a: 40 + 2; b: 25 bytes * 4
    assert (lengths["a"], lengths["b"]) == (42, 100)


def test_a_variant_has_its_own_length_and_leaves_that_of_its_dbkey_alone(tmp_path: Path) -> None:
    write(tmp_path / "full.len", "chr1\t90\nchrUn\t10\n")
    write(tmp_path / "canon.len", "chr1\t90\n")
    listing = "mine\tmine\tfull\tfull.len\nminecanon\tmine\tcanonical\tcanon.len\nother\t?\tno dbkey\tcanon.len\n"
    lengths = genomes.load([write(tmp_path / "all_fasta.loc", listing)])
    assert (lengths["mine"], lengths["minecanon"], lengths["other"]) == (100, 90, 90)
    assert "?" not in lengths


def test_a_folder_is_all_its_len_and_loc_files(tmp_path: Path) -> None:
    write(tmp_path / "a.len", "chr1\t3\n")
    write(tmp_path / "dbkeys.loc", "b\tB\ta.len\n")
    write(tmp_path / "README.txt", "anything")
    (tmp_path / "folder.len").mkdir()
    lengths = genomes.load([tmp_path])
    assert (lengths["a"], lengths["b"]) == (3, 3)
    assert len(lengths) == len(genomes.load()) + 2


def test_entries_without_a_sequence_file_are_skipped_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "genes.gtf", "a gene")
    write(tmp_path / "empty.fa", "")
    listing = (
        "a\ta\tA\tnowhere.fa\nb\tb\tB\tgenes.gtf\nc\tc\tC\tempty.fa\nd\td\tD\t\nd\td\tD\t/\nhg38\thg38\tE\tno.fa\n"
    )
    own = write(tmp_path / "all_fasta.loc", listing)
    with caplog.at_level(logging.WARNING):
        assert genomes.load([own]) == genomes.load()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 6
    assert f"{own}, line 1: no FASTA, 2bit or .len file {tmp_path / 'nowhere.fa'}; skipped" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.len", b"chr1\t5\nchr2\n", "line 2: expected a name, a tab and a length"),
        ("a.len", b"chr1\tlong\n", "line 1: expected a name, a tab and a length"),
        ("a.len", b"chr1\t-5\n", "line 1: expected a name, a tab and a length"),
        ("a.len", b"chr1\t" + b"9" * 5_000, "line 1: expected a name, a tab and a length"),
        ("a.len", b"chr1\t5\nchr2\t\xff\n", "line 2: cannot be read as UTF-8"),
        ("a.len", b"# nothing\n", "expected a line for each sequence"),
        ("a.loc", b"# id\nhg38 hg38 Human hg38.fa\n", "line 2: expected a build and a path, separated by a tab"),
        ("a.loc", b"hg38\t" + b"x" * 5_000, "line 1: "),  # no file has so long a name
        ("hg38.fa", b">chr1\nACGT\n", "expected <build>.len, a .loc data table, or a folder"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_file_and_line(
    name: str, content: bytes, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        genomes.load([path])
    assert str(path) in str(refused.value)
    assert complaint in str(refused.value)


def test_a_broken_len_file_that_a_loc_names_is_refused_by_its_own_name(tmp_path: Path) -> None:
    write(tmp_path / "a.len", "chr1\tlong\n")
    with pytest.raises(ConfigError, match="a.len, line 1"):
        genomes.load([write(tmp_path / "dbkeys.loc", "a\tA\ta.len\n")])


def test_a_missing_file_or_an_unreadable_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.len", tmp_path / "nowhere.loc", tmp_path / "nowhere", tmp_path / ("x" * 5_000)):
        with pytest.raises(ConfigError, match=path.name[:10]):
            genomes.load([path])
