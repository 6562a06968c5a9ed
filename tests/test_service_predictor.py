"""Finding the bundle, predicting, applying the policy."""

import dataclasses
import shutil
from pathlib import Path

import damage
import pytest
from conftest import serve, train

from galaxy_memory_rules.errors import BundleRefused, PredictionUnavailable, UnknownTool
from galaxy_memory_rules.messages import InputDataset, JobDescription, MemoryRecommendation
from service.predictor import Predictor
from trainer import publishing
from trainer.bundle import Bundle
from trainer.training import Trained

MIB = 1024**2
FAMILY = "toolshed.g2.bx.psu.edu/repos/devteam/bowtie2/bowtie2"


def job(tool: str = "tool", size_bytes: int = 30 * MIB) -> JobDescription:
    inputs = (InputDataset("library|input_1", size_bytes, "fastqsanger"),)
    return JobDescription(tool, inputs=inputs, parameters={"settings|mode": "fast"}, dbkey="hg38")


@pytest.fixture
def found(trained: Trained) -> Bundle:
    return trained.bundle


def test_a_recommendation_covers_the_need_and_tells_its_story(models: Path) -> None:
    answer = Predictor.open(models).recommend(job())
    # 100 MiB and twice 30 MiB are 160 MiB; a multiple of 64 MiB above that
    assert answer.predicted_peak_bytes == pytest.approx(160 * MIB, rel=0.1)
    assert answer.memory_bytes in (192 * MIB, 256 * MIB)
    quantiles = [answer.quantiles[name] for name in ("0.5", "0.9", "0.95", "0.99")]
    assert quantiles == sorted(quantiles)
    assert 0 <= answer.failure_probability <= 0.05
    assert (answer.tool, answer.source, answer.bundle) == (
        "tool",
        "forest",
        f"tool/{publishing.current_build(models / 'tool').name}",
    )
    assert answer.guards == ()
    assert " quantile of 80 recorded jobs" in answer.reasons[0]


def test_what_was_not_told_is_said(models: Path) -> None:
    answer = Predictor.open(models).recommend(JobDescription("tool", inputs=(InputDataset("input_1", 30 * MIB),)))
    assert answer.reasons[0] == (
        "not told, taken from the most similar recorded job: dbkey, extension:input_1, parameter:mode"
    )


def test_many_jobs_are_answered_as_one_by_one_and_in_order(found: Bundle, tmp_path: Path) -> None:
    predictor = serve(tmp_path, found, dataclasses.replace(found, tool="other"))
    jobs = [job(("tool", "other", "unknown")[number % 3], number * MIB) for number in range(30)]
    for asked, answer in zip(jobs, predictor.recommend_all(jobs), strict=True):
        if asked.tool_id == "unknown":
            assert isinstance(answer, UnknownTool)
        else:
            assert isinstance(answer, MemoryRecommendation)
            assert answer == predictor.recommend(asked)


@pytest.mark.parametrize(
    ("tool_id", "version", "bundle"),
    [
        (f"{FAMILY}/2.5.0+galaxy0", None, f"{FAMILY}/2.5.0+galaxy0"),
        (FAMILY, "2.5.0+galaxy0", f"{FAMILY}/2.5.0+galaxy0"),
        # another version: the one of the family with the most records
        (f"{FAMILY}/2.5.3+galaxy1", None, f"{FAMILY}/2.4.2+galaxy0"),
        ("bowtie2", None, f"{FAMILY}/2.4.2+galaxy0"),
        # another owner's tool of the same name has a bundle of its own
        ("toolshed.g2.bx.psu.edu/repos/iuc/hisat2/hisat2/2.2.1", None, "hisat2"),
    ],
)
def test_a_tool_finds_its_exact_version_then_its_family(
    tool_id: str, version: str | None, bundle: str, found: Bundle, tmp_path: Path
) -> None:
    def of(tool: str, rows: int) -> Bundle:
        return dataclasses.replace(found, tool=tool, sizing=dataclasses.replace(found.sizing, rows=rows))

    predictor = serve(tmp_path, of(f"{FAMILY}/2.5.0+galaxy0", 100), of(f"{FAMILY}/2.4.2+galaxy0", 200), of("hisat2", 1))
    assert predictor.find(tool_id, version).tool == bundle


def test_an_unknown_tool_is_named(models: Path) -> None:
    with pytest.raises(UnknownTool, match="no bundle for the tool cat1"):
        Predictor.open(models).recommend(job("cat1"))


def test_without_any_bundle_nothing_is_predicted(tmp_path: Path) -> None:
    predictor = Predictor.open(tmp_path)
    with pytest.raises(PredictionUnavailable, match="no usable bundle is loaded") as refused:
        predictor.recommend(job())
    assert not isinstance(refused.value, UnknownTool)


def test_one_damaged_bundle_of_three_is_refused_by_name_and_the_others_answer(
    found: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    predictor = serve(tmp_path, *(dataclasses.replace(found, tool=tool) for tool in ("a", "b", "c")))
    with (publishing.current_build(tmp_path / "b") / "bins.npy").open("r+b") as file:
        file.write(b"\x00")
    answers = predictor.recommend_all([job(tool) for tool in "abcb"])
    assert [getattr(answer, "tool", None) for answer in answers] == ["a", None, "c", None]
    for _ in range(2):
        with pytest.raises(BundleRefused, match=r"bins\.npy: its sha256 is not the manifest's"):
            predictor.recommend(job("b"))
    assert list(predictor.refused) == ["b"]
    # read and said once, not with every request
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("not served: b/")
    predictor.require_ready()


def test_where_every_bundle_is_damaged_it_is_not_ready(models: Path, tmp_path: Path) -> None:
    home = damage.copied(models / "tool", tmp_path)
    (publishing.current_build(home) / "bins.npy").write_bytes(b"")
    predictor = Predictor.open(tmp_path)
    with pytest.raises(PredictionUnavailable, match="no usable bundle"):
        predictor.require_ready()
    assert "bins.npy" in predictor.refused["tool"]


def test_the_copy_of_a_tools_folder_is_not_served(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "tool", tmp_path / "tool")
    shutil.copytree(models / "tool", tmp_path / "tool.bak")
    predictor = Predictor.open(tmp_path)
    assert list(predictor.entries) == ["tool"]
    assert "holds a bundle of tool, whose folder is another; remove this one" in predictor.refused["tool.bak"]


@pytest.mark.parametrize(
    ("rows", "source"),
    [
        (12, "pooled"),
        (30, "line"),
    ],
)
def test_a_tool_with_few_jobs_is_answered_by_a_simpler_rung(rows: int, source: str, tmp_path: Path) -> None:
    answer = serve(tmp_path / "models", train(tmp_path, [], rows).bundle).recommend(job(size_bytes=5 * MIB))
    assert answer.source == source
    # 100 MiB and twice 5 MiB, where half of the jobs need 50 MiB more
    assert 110 * MIB <= answer.memory_bytes <= 256 * MIB


def test_a_size_beyond_those_recorded_is_guarded(models: Path) -> None:
    answer = Predictor.open(models).recommend(job(size_bytes=1024 * MIB))
    assert answer.guards == ("beyond_training_sizes",)
    # 100 MiB and twice 1 GiB
    assert answer.memory_bytes >= (100 + 2 * 1024) * MIB


def test_other_estimators_are_served_under_their_class(found: Bundle, tmp_path: Path) -> None:
    model = {"name": "Linear", "source": "LinearRegression", "parameters": {}}
    linear = dataclasses.replace(found, facts={**found.facts, "model": model})
    assert serve(tmp_path, linear).recommend(job()).source == "LinearRegression"
