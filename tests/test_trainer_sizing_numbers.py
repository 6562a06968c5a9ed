"""A quick version of each number of bench_sizing.py, with room for its small samples; the script has the real ones."""

from pathlib import Path

import bench_sizing as bench
import numpy as np
import pytest

from trainer.divisions import divide
from trainer.learning import learn

OURS = bench.name_of(0.05)

needs_data = pytest.mark.skipif(not bench.DATA.is_dir(), reason=f"the recorded jobs are not in {bench.DATA}")


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """To start others takes longer than these tests."""
    monkeypatch.setattr(bench, "WORKERS", 1)


@needs_data
@pytest.mark.parametrize("how", bench.ORG_MOST)
def test_a_fold_of_usegalaxy_org_wastes_and_fails_less_than_20_percent_on_top_of_the_mean(how: str) -> None:
    (_, most_rel), most_fail = bench.ORG_MOST[how]
    history = bench.drawn(bench.org("hisat2"), 600)
    found = bench.at(history, divide(history, how)[0], others=("mean+20%",))
    assert found[OURS].rel <= found["mean+20%"].rel
    assert found[OURS].failure_rate <= found["mean+20%"].failure_rate
    if how != "reference":
        # a fold of few references is one of chance
        assert found[OURS].rel <= 1.15 * most_rel
        assert found[OURS].failure_rate <= 2 * most_fail


@needs_data
def test_the_newest_jobs_of_usegalaxy_eu_waste_little_and_fail_rarely() -> None:
    found = bench.eu_replays(bench.drawn(bench.eu("fastp"), 500), last=1)
    for cap, most_fail in bench.EU_MOST.items():
        ours = found[bench.name_of(cap)]
        assert ours.rel <= 1.05 * bench.EU_TIMES_PEER * bench.best_peer(found)[1].rel
        assert ours.failure_rate <= most_fail


@needs_data
def test_20_jobs_are_enough_to_fail_rarely() -> None:
    rel, fail = bench.few_numbers(tools=("bowtie2", "hisat2", "fastp", "cutadapt"), repeats=1)
    assert rel.met
    assert fail.ours <= 1.25 * fail.most


@needs_data
def test_larger_inputs_than_were_seen_fail_rarely() -> None:
    [fail] = bench.beyond_numbers(tools=("hisat2", "fastqc"), jobs=600)
    assert fail.met


@needs_data
def test_a_genome_that_was_never_seen_fails_rarely() -> None:
    [fail] = bench.genome_numbers(tools=["hisat2"], genomes_of_each=1)
    assert fail.ours <= 2 * fail.most


@needs_data
def test_5_percent_faulty_rows_change_little() -> None:
    mixed = bench.mixture(rows=600, asked=1000)
    alone = bench.wasted_after(mixed.clean, mixed.asked, cleaning=False)
    faulty = [*mixed.clean, *bench.raised(mixed.spare)]
    assert bench.wasted_after(faulty, mixed.asked, cleaning=True) <= 1.2 * bench.FAULTY_TIMES * alone


@needs_data
@pytest.mark.parametrize("workflow", bench.NEXTFLOW_MOST)
def test_the_jobs_asked_for_are_those_of_sizeys_paper(workflow: str) -> None:
    used_gbh = 0.0
    for task in bench.sizey_tasks(workflow):
        history, divisions = bench.sizey_divisions(task.records, every=5)
        asked = history.part(np.concatenate([division.asked_rows for division in divisions]))
        assert len(asked) + len(divisions[0].past_rows) == len(history)
        used_gbh += float(asked.peaks_bytes @ asked.run_hours) / 1e9
    assert abs(used_gbh - bench.NEXTFLOW_MOST[workflow][0]) < bench.ROUNDED_GBH


@needs_data
def test_workflow_tasks_waste_less_than_constants() -> None:
    found = bench.nextflow_replays("iwd", every=250)
    ours = found[bench.name_of(bench.NEXTFLOW_CAP)]
    assert ours.failure_rate <= bench.NEXTFLOW_CAP
    assert all(ours.wastage_gbh <= found[name].wastage_gbh for name in bench.NEXTFLOW_PEERS)


def test_a_bundle_of_500_jobs_is_small(tmp_path: Path) -> None:
    history = bench.synthetic(500)
    learned = learn(history, bench.settings_of(0.05))
    assert learned is not None and learned.rung.source == "forest"
    assert bench.bundle_mb(history, learned, tmp_path) <= bench.COST_MB / 2
