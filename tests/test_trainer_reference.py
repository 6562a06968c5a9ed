"""The reference of a job: which input it is, how large, and by what it is recognised."""

import numpy as np
import pytest

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer import genomes
from trainer.features import REFERENCE, FeatureSchema
from trainer.reference import reference_bytes, reference_input, reference_key, told_reference, unpacked_bytes

READS = InputDataset("library|input_1", 2 * 10**9, "fastqsanger.gz")


def on(*inputs: InputDataset, dbkey: str | None = None) -> JobDescription:
    return JobDescription("t", inputs=inputs, dbkey=dbkey)


@pytest.mark.parametrize(
    "name",
    [
        "own_file",
        "reference_genome|own_file",  # bowtie2's full path
        "reference_genome.history_item",  # hisat2's, as some exports write it
        "refGenomeSource|ownFile",
        "reference_source|ref_file",
        "genome_fasta",
        "reference",
        "REF",
        "ref_sequence",
    ],
)
def test_an_input_is_a_reference_by_its_parameters_name(name: str) -> None:
    genome = InputDataset(name, 10**8, "data")
    assert reference_input(on(READS, genome)) == genome


@pytest.mark.parametrize("name", ["library|input_1", "reference_genome|reads", "preference", "ref_bed", "own_files"])
def test_an_input_of_another_name_is_none(name: str) -> None:
    assert reference_input(on(InputDataset(name, 10**8, "data"), InputDataset("reads", 10**9, "bam"))) is None


@pytest.mark.parametrize("extension", ["fasta", "fasta.gz", "twobit", "2bit", "fa", "fna"])
def test_else_it_is_the_one_fasta_beside_data_of_other_kinds(extension: str) -> None:
    genome = InputDataset("targets", 10**8, extension)
    others = InputDataset("regions", 10**6, "bed")
    assert reference_input(on(others, genome)) == genome


def test_several_fastas_or_one_alone_are_the_data_itself() -> None:
    first, second = InputDataset("a", 10**8, "fasta"), InputDataset("b", 10**7, "fasta")
    assert reference_input(on(first)) is None
    assert reference_input(on(first, second, READS)) is None


def test_an_empty_dataset_is_no_reference() -> None:
    assert reference_input(on(READS, InputDataset("own_file", 0, "fasta"))) is None
    assert reference_input(on(READS, InputDataset("own_file", None, "fasta"))) is None
    assert reference_input(on()) is None


def test_reads_beside_an_annotation_are_no_reference() -> None:
    assert reference_input(on(READS, InputDataset("genes", 10**8, "gtf"))) is None


def test_the_one_fasta_beside_reads_is_a_reference() -> None:
    genome = InputDataset("targets", 10**8, "fasta")
    assert reference_input(on(READS, genome)) == genome


def test_packed_data_is_taken_to_be_three_and_a_half_times_as_large() -> None:
    assert unpacked_bytes(InputDataset("own_file", 10**9, "fasta.gz")) == 3.5 * 10**9
    assert unpacked_bytes(InputDataset("own_file", 10**9, "fasta")) == 10**9
    assert unpacked_bytes(InputDataset("own_file", 10**9)) == 10**9
    assert unpacked_bytes(InputDataset("own_file", None, "fasta.gz")) == 0


def test_a_reference_is_as_large_as_its_file_else_as_long_as_its_build() -> None:
    lengths = {"hg38": 3_200_000_000}
    own = InputDataset("own_file", 10**8, "fasta.gz")
    # the build is that of the reads: the file says more
    assert reference_bytes(on(READS, own, dbkey="hg38"), lengths) == 3.5 * 10**8
    assert reference_bytes(on(READS, dbkey="hg38"), lengths) == 3_200_000_000
    assert reference_bytes(on(READS, dbkey="another"), lengths) == 0
    assert reference_bytes(on(READS), lengths) == 0


def test_a_genome_of_the_history_stands_beside_the_cached_build_of_the_same_genome() -> None:
    own = on(READS, InputDataset("own_file", 3_100_000_000, "fasta"), dbkey="?")
    cached = on(READS, dbkey="hg38")
    yeast = on(READS, dbkey="sacCer3")
    schema = FeatureSchema.learn([own, cached, yeast])
    assert "reference" in schema.columns
    found, expected, other = (float(schema.features(job)[REFERENCE]) for job in (own, cached, yeast))
    # 3.10 and 3.21 GB: 3.5 % apart, also in what the model sees, which is a logarithm
    assert np.exp(found - expected) == pytest.approx(1, abs=0.05)
    assert found == pytest.approx(expected, rel=0.05)
    # yeast's 12 MB are none of their neighbours
    assert np.exp(found - other) > 200
    assert reference_bytes(cached, genomes.load()) == pytest.approx(3.2e9, rel=0.01)


def test_a_reference_is_told_by_its_files_size_else_by_its_build() -> None:
    own = InputDataset("own_file", 123_456, "fasta")
    assert told_reference(on(READS, own, dbkey="hg38")) == "size:123456"
    assert told_reference(on(READS, dbkey="hg38")) == "dbkey:hg38"
    # two files of one size are taken to be one, whatever their parameter is called
    assert told_reference(on(InputDataset("history_item", 123_456, "fasta"))) == "size:123456"


@pytest.mark.parametrize("dbkey", [None, "", "?"])
def test_where_no_reference_is_told_the_largest_input_stands_in_to_two_digits(dbkey: str | None) -> None:
    job = on(InputDataset("reads1", 1_949_999_999), InputDataset("reads2", 1_849_999_999), dbkey=dbkey)
    assert told_reference(job) is None
    assert reference_key(job) == "input:1.9e+09"
    # files of one study are about as large
    assert reference_key(on(InputDataset("reads1", 1_880_000_000), dbkey=dbkey)) == reference_key(job)
    assert reference_key(on(InputDataset("reads1", 2_880_000_000), dbkey=dbkey)) != reference_key(job)
    assert reference_key(on(InputDataset("reads1", None))) == reference_key(on()) == "input:0.0e+00"


def test_what_is_told_goes_before_what_is_guessed() -> None:
    assert reference_key(on(READS, dbkey="hg38")) == "dbkey:hg38"
