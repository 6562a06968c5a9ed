"""Galaxy's objects -> JobDescription."""

from decimal import Decimal

import pytest
from galaxy_stand_ins import Collection, Input, InputCollection, Job, Tool, bowtie2_job, dataset

from galaxy_memory_rules.describe import describe
from galaxy_memory_rules.earlier import FIRST, Earlier
from galaxy_memory_rules.messages import InputDataset, JobDescription, parse_job


def inputs_of(job: Job) -> list[tuple[str, int | None]]:
    described = describe(job, Tool())
    # whatever Galaxy holds, the service accepts the description
    parse_job(described.to_dict())
    return [(found.name, found.size_bytes) for found in described.inputs]


def test_a_job_is_described_by_its_data_and_its_choices() -> None:
    described = describe(bowtie2_job(1493950957, 2102960), Tool())
    assert described.tool_id == "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2/2.5.0+galaxy0"
    assert described.inputs == (
        InputDataset("library|input_1", 1493950957, "fastqsanger"),
        InputDataset("reference_genome|own_file", 2102960, "fasta"),
    )
    assert described.parameters == {
        "library|type": "single",
        "reference_genome|source": "history",
        "analysis_type|analysis_type_selector": "simple",
        "analysis_type|presets": "no_presets",
        "rg|rg_selector": "do_not_set",
        "sam_options|sam_options_selector": "no",
        "save_mapping_stats": False,
    }
    assert (described.dbkey, described.attempt, described.previous_request_bytes) == ("?", 1, None)


def test_nothing_personal_is_sent() -> None:
    job = bowtie2_job(
        1, title="Jane's patient 42, a title that is far too long to be one of the choices of a select list"
    )
    job.parameters = {
        **job.parameters,
        "mail": "jane@example.org",
        "note": "two\nlines",
        "path": "/home/jane/x",
        "mine": "~jane",
    }
    sent = str(describe(job, Tool()).to_dict())
    for secret in ("Jane", "jane@example.org", "patient", "secret.fastq", "/srv/galaxy", "lines", "/home", "~"):
        assert secret not in sent


def test_what_the_elements_of_a_collection_are_called_is_not_sent() -> None:
    """Galaxy records the name of the element that a job was made for as a tool parameter of its own."""
    job = Job(parameters={"library|input_1|__identifier__": "patient-42", "b": {"c|__identifier__": "patient-43"}})
    assert "patient" not in str(describe(job, Tool()).to_dict())


def test_the_datasets_of_a_multiple_input_are_counted_once_under_their_parameter() -> None:
    first, second = dataset(1, 10), dataset(2, 20)
    job = Job(input_datasets=[Input("reads", first), Input("reads1", first), Input("reads2", second)])
    assert inputs_of(job) == [("reads", 10), ("reads", 20)]


def test_two_parameters_that_end_in_numbers_stay_apart() -> None:
    job = Job(input_datasets=[Input("input_1", dataset(1, 10)), Input("input_2", dataset(2, 20))])
    assert inputs_of(job) == [("input_1", 10), ("input_2", 20)]


def test_a_collection_is_counted_once_under_its_parameter() -> None:
    forward, reverse = dataset(1, 10), dataset(2, 20)
    job = Job(
        input_datasets=[Input("library|input_11", forward), Input("library|input_12", reverse)],
        input_dataset_collections=[InputCollection("library|input_1", Collection([forward, reverse]))],
    )
    assert inputs_of(job) == [("library|input_1", 10), ("library|input_1", 20)]


def test_a_collection_whose_datasets_are_not_recorded_one_by_one_is_opened() -> None:
    pair = Collection([dataset(1, 10), dataset(2, 20)])
    job = Job(
        input_dataset_collections=[InputCollection("reads", pair)],
        input_dataset_collection_elements=[InputCollection("more", None, Collection([dataset(3, 30)]))],
    )
    assert inputs_of(job) == [("reads", 10), ("reads", 20), ("more", 30)]


def test_datasets_given_for_a_collection_are_counted_under_its_parameter_without_their_names() -> None:
    parts = [("Jane, tumour.fastq", dataset(1, 10)), ("Jane, normal.fastq", dataset(2, 20))]
    job = Job(input_datasets=[Input(f"reads|__adapter_part__|{name}", found) for name, found in parts])
    assert inputs_of(job) == [("reads", 10), ("reads", 20)]


def test_library_datasets_count_and_unset_optional_inputs_do_not() -> None:
    job = Job(
        input_datasets=[Input("input_1", dataset(1, 10)), Input("known_splice_gtf", None)],
        input_library_datasets=[Input("genome", dataset(2, 20, "fasta"))],
    )
    assert inputs_of(job) == [("input_1", 10), ("genome", 20)]


@pytest.mark.parametrize(
    ("file_size", "size_bytes"),
    [
        (None, None),  # deferred, or never measured: unknown is not 0
        (0, 0),
        (Decimal("12345"), 12345),  # PostgreSQL's NUMERIC
        (Decimal("NaN"), None),
        (-1, None),
        (2**60, None),
    ],
)
def test_sizes_are_what_the_database_knows(file_size: int | Decimal | None, size_bytes: int | None) -> None:
    assert inputs_of(Job(input_datasets=[Input("input_1", dataset(1, file_size))])) == [("input_1", size_bytes)]


def test_ten_thousand_datasets_are_added_up_by_parameter() -> None:
    many = [Input(f"reads{number}", dataset(number, 7)) for number in range(1, 10_001)]
    genome = Input("own_file", dataset(20_000, 5, "fasta"))
    collection = InputCollection("reads", Collection([]))
    described = describe(Job(input_datasets=[*many, genome], input_dataset_collections=[collection]), Tool())
    assert described.inputs == (
        InputDataset("reads", 70_000, "fastqsanger", 10_000),
        InputDataset("own_file", 5, "fasta", 1),
    )


def test_one_unknown_size_makes_the_sum_unknown() -> None:
    many = [Input(f"reads{number}", dataset(number, 7 if number > 1 else None)) for number in range(1, 101)]
    job = Job(input_datasets=many, input_dataset_collections=[InputCollection("reads", Collection([]))])
    assert inputs_of(job) == [("reads", None)]


def test_a_parameter_that_is_called_values_hides_nothing() -> None:
    data = {"values": [{"id": 1, "src": "hda"}]}
    described = describe(Job(parameters={"cond": {"values": "few", "number": 3, "input": data}}), Tool())
    assert described.parameters == {"cond|values": "few", "cond|number": 3}


def test_repeats_are_numbered_as_galaxy_does() -> None:
    described = describe(Job(parameters={"queries": [{"kind": "a"}, {"kind": "b", "__index__": 1}]}), Tool())
    assert described.parameters == {"queries_0|kind": "a", "queries_1|kind": "b"}


def test_the_build_is_the_jobs_own_or_the_one_its_datasets_agree_on() -> None:
    first, second = dataset(1, 10), dataset(2, 20)
    first.dbkey, second.dbkey = "hg38", "hg38"
    job = Job(input_datasets=[Input("a", first), Input("b", second)])
    assert describe(job, Tool()).dbkey == "hg38"
    second.dbkey = "mm10"
    assert describe(job, Tool()).dbkey == "?"
    job.parameters = {"dbkey": "sacCer3"}
    assert describe(job, Tool()).dbkey == "sacCer3"


@pytest.mark.parametrize(
    ("earlier", "attempt", "previous_bytes"),
    [
        (FIRST, 1, None),
        (Earlier(2, 1073741824, was_too_little=True), 2, 1073741824),
        # it ran out of time: nothing that the service has to double
        (Earlier(2, 1073741824, was_too_little=False), 2, None),
        (Earlier(2, None, was_too_little=True), 2, None),
    ],
)
def test_only_a_request_that_was_too_little_is_told(earlier: Earlier, attempt: int, previous_bytes: int | None) -> None:
    described = describe(Job(), Tool(), earlier)
    assert (described.attempt, described.previous_request_bytes) == (attempt, previous_bytes)


def test_a_job_with_few_of_galaxys_attributes_is_described_by_what_it_has() -> None:
    class Bare:
        tool_id = "cat1"

    assert describe(Bare(), None) == JobDescription("cat1", dbkey="?")


def test_a_job_without_tool_inputs_and_version_is_described_too() -> None:
    job = Job(tool_id="cat1", tool_version="")
    assert describe(job, None).to_dict()["tool_id"] == "cat1"
    assert describe(job, Tool("cat1", None)).tool_version is None
