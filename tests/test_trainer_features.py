"""A job as numbers."""

import math
from pathlib import Path

import numpy as np
import pytest
import recorded
from hypothesis import given
from test_rules_messages import jobs as any_job

from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.columns import ColumnIndex
from trainer.features import TOTALS_INPUT, FeatureSchema
from trainer.readers import read

MIB = 1024**2


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[JobDescription]:
    path = recorded.write(tmp_path_factory.mktemp("records") / "tool.csv", recorded.rows())
    return [record.job for record in read(path, recorded.LABEL)[0].records]


@pytest.fixture(scope="module")
def schema(jobs: list[JobDescription]) -> FeatureSchema:
    return FeatureSchema.learn(jobs)


@pytest.mark.parametrize(
    ("live", "column"),
    [
        ("input_1", "input_1"),
        ("library|input_1", "input_1"),  # by its last part
        ("library|input_11", "input_1"),  # the first dataset of a collection
        ("adv|known_splice_gtf", "adv|known_splice_gtf"),  # the full path goes before the last part
        ("other|known_splice_gtf", "known_splice_gtf"),
        ("a|b|c", "parameters.a.b.c"),
        ("z|c", "parameters.a.b.c"),
        ("input", None),
        ("input_3", None),
    ],
)
def test_a_live_name_finds_its_recorded_column(live: str, column: str | None) -> None:
    index = ColumnIndex(["input_1", "input_2", "known_splice_gtf", "adv|known_splice_gtf", "parameters.a.b.c"])
    assert index.find(live) == column


def test_names_that_come_over_the_wire_are_not_remembered_for_ever() -> None:
    index = ColumnIndex(["input_1"])
    for number in range(5000):
        index.find(f"x{number}")
    assert len(index._found) <= 1000


def test_a_recorded_row_and_the_live_job_of_it_have_the_same_features(
    jobs: list[JobDescription], schema: FeatureSchema
) -> None:
    live = JobDescription(
        "toolshed.g2.bx.psu.edu/repos/x/y/tool/1.0",
        inputs=(
            InputDataset("reference|own_file", 3 * MIB, "fasta"),
            InputDataset("library|input_1", 1 * MIB, "fastqsanger.gz"),
        ),
        parameters={"settings|mode": "sensitive", "unheard|of": 7},
        dbkey="?",
    )
    # the first recorded row: 1 MiB gzipped, a genome of 3 MiB, sensitive
    assert np.array_equal(schema.matrix([live]), schema.matrix(jobs[:1]))


def test_sizes_are_logarithms_and_totals_know_compression(schema: FeatureSchema) -> None:
    job = JobDescription(
        "tool", inputs=(InputDataset("input_1", 1000, "fastq.gz"), InputDataset("own_file", 500, "fasta"))
    )
    found = schema.features(job)
    assert found["size:input_1"] == pytest.approx(math.log(1001))
    assert found["total"] == pytest.approx(math.log(1501))
    assert found["largest"] == pytest.approx(math.log(1001))
    assert found["unpacked"] == pytest.approx(math.log(1000 * 3.5 + 500 + 1))
    assert found["count"] == 2


def test_an_absent_input_is_size_0_and_an_indicator(schema: FeatureSchema) -> None:
    row = dict(zip(schema.columns, schema.matrix([JobDescription("tool")])[0].tolist(), strict=True))
    assert row["size:own_file"] == 0
    assert row["has:own_file"] == 0


def test_truth_is_written_alike_in_records_and_live_jobs() -> None:
    recorded_jobs = [JobDescription("t", parameters={"stats": text}) for text in ["True", "False"] * 10]
    schema = FeatureSchema.learn(recorded_jobs)
    live = [JobDescription("t", parameters={"stats": value}) for value in (True, False)]
    assert np.array_equal(schema.matrix(live), schema.matrix(recorded_jobs[:2]))


def test_rare_and_unseen_categories_share_a_column(jobs: list[JobDescription]) -> None:
    many = [JobDescription("t", dbkey="hg38")] * 10 + [JobDescription("t", dbkey="rare")] * 2
    schema = FeatureSchema.learn(many)
    rare, unseen = schema.matrix([JobDescription("t", dbkey="rare"), JobDescription("t", dbkey="new")])
    assert np.array_equal(rare, unseen)
    assert schema.unseen(schema.features(JobDescription("t", dbkey="new"))) == [("dbkey", "new")]
    assert schema.unseen(schema.features(JobDescription("t", dbkey="rare"))) == []


def test_what_does_not_vary_or_varies_without_end_is_no_feature() -> None:
    jobs = [
        JobDescription(
            "t", inputs=(InputDataset("a", size, "fasta"),), parameters={"title": f"run {size}", "k": "same"}
        )
        for size in range(30)
    ]
    schema = FeatureSchema.learn(jobs)
    assert schema.parameters == ("k",)
    assert set(schema.columns) == {"total", "largest", "unpacked", "size:a"}


def test_where_records_know_totals_only_a_live_job_is_summed_and_counted() -> None:
    recorded_jobs = [
        JobDescription("t", inputs=(InputDataset(TOTALS_INPUT, size, None, 1 + size % 3),), slots=1 + size % 2)
        for size in range(30)
    ]
    schema = FeatureSchema.learn(recorded_jobs)
    assert schema.columns == ("total", "count", "slots")
    live = JobDescription("t", inputs=(InputDataset("x", 4, "fasta"), InputDataset("y", 3, "fastq")), slots=2)
    # 7 bytes in 2 datasets on 2 slots, which is the recorded job of 7 bytes: 1 + 7 % 3 = 2, 1 + 7 % 2 = 2
    assert np.array_equal(schema.matrix([live]), schema.matrix(recorded_jobs[7:8]))


def test_a_job_that_does_not_tell_its_slots_has_the_usual_number() -> None:
    schema = FeatureSchema.learn([JobDescription("t", slots=slots) for slots in (8, 8, 8, 1, 1, 4) * 5])
    assert schema.usual_slots == 8
    assert np.array_equal(schema.matrix([JobDescription("t")]), schema.matrix([JobDescription("t", slots=8)]))


def test_a_schema_survives_the_manifest(schema: FeatureSchema, jobs: list[JobDescription]) -> None:
    again = FeatureSchema.from_dict(schema.to_dict())
    assert again == schema
    assert np.array_equal(again.matrix(jobs), schema.matrix(jobs))


def test_the_order_of_rows_does_not_change_the_schema(jobs: list[JobDescription], schema: FeatureSchema) -> None:
    assert FeatureSchema.learn(jobs[::-1]).to_dict() == schema.to_dict()


@given(any_job)
def test_every_job_that_the_wire_lets_in_has_finite_features(job: JobDescription) -> None:
    schema = FeatureSchema.from_dict(
        {
            "inputs": ["a"],
            "parameters": ["b"],
            "categories": {"dbkey": ["x"]},
            "columns": ["total", "size:a", "dbkey=x"],
            "usual_slots": 1,
            "genomes": {},
        }
    )
    assert np.isfinite(schema.matrix([job])).all()


def test_files_of_examples_have_the_columns_that_are_told_apart(tmp_path: Path) -> None:
    examples = Path(__file__).parent.parent / "examples"
    schema = FeatureSchema.learn([r.job for r in read(examples / "bowtie2.csv", recorded.LABEL)[0].records])
    assert schema.inputs == ("input_1", "input_2", "own_file")
