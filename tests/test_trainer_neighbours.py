"""What a job does not tell."""

import numpy as np
import pytest
import recorded

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.messages import InputDataset, JobDescription
from trainer.features import FeatureSchema
from trainer.neighbours import Neighbours
from trainer.readers import read

MIB = 1024**2


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[FeatureSchema, Neighbours]:
    path = recorded.write(tmp_path_factory.mktemp("records") / "tool.csv", recorded.rows())
    jobs = [record.job for record in read(path, recorded.LABEL)[0].records]
    schema = FeatureSchema.learn(jobs)
    return schema, Neighbours.learn(schema, [schema.features(job) for job in jobs])


def complete(learned: tuple[FeatureSchema, Neighbours], job: JobDescription) -> dict[str, float | str]:
    schema, neighbours = learned
    features = schema.features(job)
    neighbours.complete(schema, features)
    return features


def test_what_is_not_told_is_taken_from_the_most_similar_recorded_job(
    learned: tuple[FeatureSchema, Neighbours],
) -> None:
    # the recorded job of 7 MiB (number 6) is gzipped, sensitive, and has no genome from the history
    found = complete(learned, JobDescription("t", inputs=(InputDataset("input_1", 7 * MIB + 10),)))
    assert found["extension:input_1"] == "fastqsanger.gz"
    assert (found["parameter:mode"], found["dbkey"]) == ("sensitive", "hg38")
    # an input that is absent has no extension to tell
    assert "extension:own_file" not in found


def test_what_is_told_stays_and_helps_to_find_the_similar_job(learned: tuple[FeatureSchema, Neighbours]) -> None:
    job = JobDescription("t", inputs=(InputDataset("input_1", 7 * MIB, "fastqsanger"),), parameters={"mode": "fast"})
    found = complete(learned, job)
    assert (found["extension:input_1"], found["parameter:mode"]) == ("fastqsanger", "fast")


def test_a_job_that_tells_all_is_left_as_it_is(learned: tuple[FeatureSchema, Neighbours]) -> None:
    schema, neighbours = learned
    inputs = (InputDataset("input_1", 7 * MIB, "fastqsanger"), InputDataset("own_file", MIB, "fasta"))
    features = schema.features(JobDescription("t", inputs=inputs, parameters={"mode": "fast"}, dbkey="?"))
    before = dict(features)
    assert neighbours.complete(schema, features) == []
    assert features == before


def test_neighbours_survive_the_disk(learned: tuple[FeatureSchema, Neighbours]) -> None:
    schema, neighbours = learned
    again = Neighbours.from_arrays(neighbours.to_arrays(), schema)
    assert np.array_equal(again.sizes, neighbours.sizes)
    assert np.array_equal(again.codes, neighbours.codes)


def test_arrays_that_do_not_fit_the_schema_are_refused(learned: tuple[FeatureSchema, Neighbours]) -> None:
    schema, neighbours = learned
    good = neighbours.to_arrays()
    beyond = good["neighbour_codes"] + np.uint16(100)
    for wrong in (
        {},
        {**good, "neighbour_codes": beyond},
        {**good, "neighbour_sizes": good["neighbour_sizes"][:, :1]},
        {**good, "neighbour_sizes": good["neighbour_sizes"] * np.float32(np.nan)},
        {**good, "neighbour_codes": good["neighbour_codes"].astype(np.int64)},
    ):
        with pytest.raises(BundleError, match="neighbour"):
            Neighbours.from_arrays(wrong, schema)
