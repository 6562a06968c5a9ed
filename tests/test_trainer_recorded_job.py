"""A recorded job is described as a live one is."""

from galaxy_memory_rules.messages import InputDataset
from trainer.recorded_job import RecordedDataset, describe_recorded


def test_several_datasets_of_one_parameter_are_recorded_twice_and_described_once() -> None:
    recorded = [RecordedDataset(name, key, size, "fastq") for name, key, size in
                (("reads", 1, 10), ("reads1", 1, 10), ("reads2", 2, 20), ("ref", 3, None))]  # fmt: skip
    assert describe_recorded("cat1", None, recorded, {}).inputs == (
        InputDataset("reads", 10, "fastq"),
        InputDataset("reads", 20, "fastq"),
        InputDataset("ref", None, "fastq"),
    )


def test_the_leaves_of_a_collection_go_to_its_parameter() -> None:
    recorded = [RecordedDataset("pair1", 1, 10), RecordedDataset("pair2", 2, 20)]
    assert [dataset.name for dataset in describe_recorded("cat1", None, recorded, {}, {"pair"}).inputs] == ["pair"] * 2
    # nothing says that these two are one
    assert [dataset.name for dataset in describe_recorded("cat1", None, recorded, {}).inputs] == ["pair1", "pair2"]


def test_parameters_are_json_and_personal_ones_stay_behind() -> None:
    told = {
        "mode": '{"kind": "fast", "paired": true, "input": {"values": [{"src": "hda", "id": 1}]}}',
        "e_mail": '"somebody@example.org"',
        "chromInfo": '"/data/hg38.len"',
        "dbkey": '"hg38"',
    }
    job = describe_recorded("cat1", "1.0", [], told)
    assert (job.parameters, job.dbkey) == ({"mode|kind": "fast", "mode|paired": True}, "hg38")
    assert (job.tool_id, job.tool_version, job.slots, job.attempt) == ("cat1", "1.0", None, 1)


def test_the_build_is_the_one_that_the_datasets_agree_on() -> None:
    recorded = [RecordedDataset("a", 1, 10, dbkey="mm10"), RecordedDataset("b", 2, 10, dbkey="?")]
    assert describe_recorded("cat1", None, recorded, {"dbkey": '"?"'}).dbkey == "mm10"
