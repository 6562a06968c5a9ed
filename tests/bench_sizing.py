"""What requests waste, and how often they are too small, on real recorded jobs beside peers; run by make bench-sizing.

Name parts (org eu few beyond genome faulty nextflow cost) to run only these; the status is 1 where a number is missed.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

# what is measured is one thread, and each of the two processes has one core
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from galaxy_memory_rules.messages import InputDataset, JobDescription  # noqa: E402
from trainer import bundle, publishing  # noqa: E402
from trainer.backtest import backtest, ours  # noqa: E402
from trainer.bundle import Bundle  # noqa: E402
from trainer.distribution import Rows  # noqa: E402
from trainer.divisions import Division, divide  # noqa: E402
from trainer.held_out import hold_out  # noqa: E402
from trainer.history import History  # noqa: E402
from trainer.hygiene import clean  # noqa: E402
from trainer.learning import Learned, Settings, learn  # noqa: E402
from trainer.neighbours import Neighbours  # noqa: E402
from trainer.peers import peers  # noqa: E402
from trainer.readers import read  # noqa: E402
from trainer.recorded_sample import Recorded  # noqa: E402
from trainer.records import JobRecord, ToolRecords  # noqa: E402
from trainer.replay import Replay  # noqa: E402
from trainer.sample import Sample  # noqa: E402
from trainer.sizing_rule import Limits  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
ORG = ("bowtie2", "hisat2")
EU = ("fastqc", "fastp", "cutadapt", "rna_star", "trinity")
FAULTY = DATA / "usegalaxy_eu" / "fastqc-0.72-with-faulty-rows.txt"
ORG_LABEL, EU_LABEL, NEXTFLOW_LABEL = "memory.max_usage_in_bytes", "memory_bytes", "rss"
WORKERS, SEED = 2, 13

# division -> (rel of bowtie2, rel of hisat2), share of jobs that fail
ORG_MOST = {"random": ((1.38, 1.19), 0.05), "inputs": ((1.38, 1.20), 0.05), "reference": ((1.55, 1.33), 0.06)}
# failure cap -> share of jobs that fail
EU_MOST = {0.1: 0.15, 0.05: 0.075}
EU_REL, EU_STEP, EU_PEERS, EU_TIMES_PEER = 1.55, 150, ("mean+20%", "static-least-wastage", "static-p95"), 1.05
FEW_PEERS = ("mean+20%", "static-p95", "static-least-wastage")
FEW_REL, FEW_FAIL, FEW_JOBS, FEW_ASKED, FEW_REPEATS = 2.2, 0.08, 20, 500, 4
BEYOND_FAIL, BEYOND_SHARE, BEYOND_JOBS = 0.08, 0.8, 3000
GENOME_FAIL, GENOME_JOBS = 0.05, 20
FAULTY_TIMES, FAULTY_CLEAN, FAULTY_SHARE, FAULTY_ASKED = 1.25, 4000, 0.05, 2000
# workflow -> GBh used by the jobs that are asked for, wasted at most, failed attempts at most
NEXTFLOW_MOST = {"methylseq": (13278.4, 270, 20), "eager": (3737.9, 185, 35), "iwd": (11.6, 0.45, 35)}
# half of the last digit, and a little
ROUNDED_GBH = 0.06
NEXTFLOW_CAP, NEXTFLOW_PEERS = 0.1, ("tovar", "static-least-wastage", "max-ever")
SIZEY_INSTANCES, SIZEY_SHARE, SIZEY_SEED = 34, 0.7, 1996
COST_ROWS, COST_TIMES, COST_MB = 10_000, 3.0, 3.0

Replays = dict[str, Replay]


@dataclass(frozen=True)
class Number:
    """One line of the table.

    Parameters
    ----------
    what : str
        What was measured.
    ours, most : float
        What was found, and what it may be at most.
    beside : str
        What else is worth knowing: the best peer of the same run.
    form : str
        How both are written.
    """

    what: str
    ours: float
    most: float
    beside: str = ""
    form: str = ".3f"

    @property
    def met(self) -> bool:
        """Whether it is at most what it may be."""
        return self.ours <= self.most

    def __str__(self) -> str:
        told = f"{self.what:44} {self.ours:{self.form}}, at most {self.most:{self.form}}"
        return f"{told}: {'met' if self.met else 'MISSED'}{f' ({self.beside})' if self.beside else ''}"


def failing(what: str, rate: float, most: float, beside: str = "") -> Number:
    """Return the line of a share of jobs that fail at first."""
    return Number(f"{what}, fail", rate, most, beside, ".1%")


def records_of(path: Path, label: str) -> list[JobRecord]:
    """Return all jobs of a file as those of one tool: some files have several versions of it."""
    return [record for found in read(path, label) for record in found.records]


@cache
def recorded(path: Path, label: str) -> History:
    """Return them as a history."""
    return History.of(records_of(path, label))


def org(tool: str) -> History:
    """Return all jobs of a tool of usegalaxy.org."""
    return recorded(DATA / "usegalaxy_org" / f"{tool}.csv", ORG_LABEL)


def eu(tool: str) -> History:
    """Return all jobs of a tool of usegalaxy.eu."""
    return recorded(DATA / "usegalaxy_eu" / f"{tool}.txt", EU_LABEL)


def either(tool: str) -> History:
    """Return all jobs of one of the seven tools."""
    return org(tool) if tool in ORG else eu(tool)


def settings_of(cap: float) -> Settings:
    """Return settings without rounding, which the peers do not do either."""
    return Settings(failure_cap=cap, limits=Limits(round_up_bytes=1))


def name_of(cap: float) -> str:
    """Return the name of our policy under a cap."""
    return f"ours, cap {cap:.0%}"


def each(
    history: History, divisions: Sequence[Division], caps: Sequence[float] = (0.05,), others: Sequence[str] = ()
) -> list[Replays]:
    """Return how we, under each cap, and the other policies do at each division."""
    done: list[Replays] = Parallel(WORKERS)(delayed(at)(history, one, caps, others) for one in divisions)
    return done


def at(history: History, division: Division, caps: Sequence[float] = (0.05,), others: Sequence[str] = ()) -> Replays:
    """Return the same at one of them."""
    known = peers()
    policies = [replace(ours(settings_of(cap)), name=name_of(cap)) for cap in caps]
    done = backtest(history, [*policies, *(known[name] for name in others)], [division])
    return {name: outcome.replay for name, outcome in done.outcomes.items()}


def added(parts: Sequence[Replays]) -> Replays:
    """Return how each policy does over all divisions."""
    return {name: _added([part[name] for part in parts]) for name in parts[0]}


def _added(parts: Sequence[Replay]) -> Replay:
    jobs = sum(part.jobs for part in parts)
    return Replay(
        jobs=jobs,
        failures=sum(part.failures for part in parts),
        attempts=sum(part.attempts * part.jobs for part in parts) / jobs,
        used_gbh=sum(part.used_gbh for part in parts),
        requested_gbh=sum(part.requested_gbh for part in parts),
        wastage_gbh=sum(part.wastage_gbh for part in parts),
        wastage_half_gbh=sum(part.wastage_half_gbh for part in parts),
    )


def geometric_mean(values: Sequence[float]) -> float:
    """Return the mean in which each value weighs alike."""
    return float(np.exp(np.mean(np.log(values))))


def mean_rate(parts: Sequence[Replay]) -> float:
    """Return the mean share of jobs that fail, in which each part weighs alike."""
    return float(np.mean([part.failure_rate for part in parts]))


def best_peer(replays: Replays) -> tuple[str, Replay]:
    """Return the policy that wastes least of those that are not ours."""
    return min(
        ((name, found) for name, found in replays.items() if not name.startswith("ours")),
        key=lambda named: named[1].rel,
    )


def _beside(name: str, found: Replay) -> str:
    return f"{name}: rel {found.rel:.3f}, fail {found.failure_rate:.1%}"


def org_numbers() -> Iterator[Number]:
    """Cross-validate at the tools of usegalaxy.org."""
    for how, (most_rel, most_fail) in ORG_MOST.items():
        for tool, most in zip(ORG, most_rel):
            history = org(tool)
            replays = added(each(history, divide(history, how), others=("mean+20%",)))
            found, beside = replays[name_of(0.05)], _beside(*best_peer(replays))
            yield Number(f"{tool}, folds by {how}, rel", found.rel, most, beside)
            yield failing(f"{tool}, folds by {how}", found.failure_rate, most_fail, beside)


def eu_replays(history: History, last: int | None = None) -> Replays:
    """Return how the policies do in time order, at the last trainings alone where told how many."""
    divisions = divide(history, "time", step=EU_STEP)
    return added(each(history, divisions[-last:] if last else divisions, tuple(EU_MOST), EU_PEERS))


def eu_numbers() -> Iterator[Number]:
    """Live through the past of the tools of usegalaxy.eu."""
    rels: dict[str, list[float]] = {}
    for tool in EU:
        replays = eu_replays(eu(tool))
        peer, theirs = best_peer(replays)
        for name, found in replays.items():
            rels.setdefault(name, []).append(found.rel)
        for cap, most_fail in EU_MOST.items():
            found = replays[name_of(cap)]
            yield failing(f"{tool} in time, cap {cap:.0%}", found.failure_rate, most_fail)
            most = EU_TIMES_PEER * theirs.rel
            yield Number(f"{tool} in time, cap {cap:.0%}, rel", found.rel, most, _beside(peer, theirs))
    means = {name: geometric_mean(found) for name, found in rels.items()}
    peer = min(EU_PEERS, key=means.__getitem__)
    beside = f"{peer}: {means[peer]:.3f}; {name_of(0.05)}: {means[name_of(0.05)]:.3f}"
    yield Number("geometric mean in time, cap 10%, rel", means[name_of(0.1)], EU_REL, beside)


def few_divisions(history: History, repeats: int = FEW_REPEATS) -> list[Division]:
    """Draw a few jobs to learn from and others to ask for, again and again."""
    divisions = []
    for repeat in range(repeats):
        rows = np.random.default_rng(SEED + repeat).permutation(len(history))
        divisions.append(Division(np.sort(rows[:FEW_JOBS]), np.sort(rows[FEW_JOBS : FEW_JOBS + FEW_ASKED])))
    return divisions


def few_numbers(tools: Sequence[str] = (*ORG, *EU), repeats: int = FEW_REPEATS) -> Iterator[Number]:
    """Learn from 20 jobs."""
    found: list[Replays] = []
    told = []
    for tool in tools:
        history = either(tool)
        of_tool = each(history, few_divisions(history, repeats), others=FEW_PEERS)
        told.append(f"{tool} {mean_rate([replays[name_of(0.05)] for replays in of_tool]):.1%}")
        found += of_tool
    rels = {name: geometric_mean([replays[name].rel for replays in found]) for name in found[0]}
    rates = {name: mean_rate([replays[name] for replays in found]) for name in found[0]}
    beside = ", ".join(f"{name}: {rels[name]:.3f}, fail {rates[name]:.1%}" for name in FEW_PEERS)
    yield Number("20 jobs, geometric mean of rel", rels[name_of(0.05)], FEW_REL, beside)
    yield failing("20 jobs, mean", rates[name_of(0.05)], FEW_FAIL, ", ".join(told))


def beyond_division(history: History) -> Division:
    """Learn from the smaller inputs, ask for the larger ones."""
    totals_bytes = history.totals_bytes
    most_bytes = np.quantile(totals_bytes, BEYOND_SHARE)
    return Division(np.flatnonzero(totals_bytes <= most_bytes), np.flatnonzero(totals_bytes > most_bytes))


def drawn(history: History, jobs: int) -> History:
    """Return at most so many jobs, in their order."""
    return history.part(np.sort(np.random.default_rng(SEED).permutation(len(history))[:jobs]))


def beyond_numbers(tools: Sequence[str] = (*ORG, *EU), jobs: int = BEYOND_JOBS) -> Iterator[Number]:
    """Ask for larger inputs than were seen."""
    histories = [drawn(either(tool), jobs) for tool in tools]
    found: list[Replays] = Parallel(WORKERS)(
        delayed(at)(history, beyond_division(history), (0.05,), ("mean+20%", "max-ever")) for history in histories
    )
    rates = {name: float(np.mean([replays[name].failure_rate for replays in found])) for name in found[0]}
    told = ", ".join(
        f"{tool} {replays[name_of(0.05)].failure_rate:.1%} at rel {replays[name_of(0.05)].rel:.2f}"
        for tool, replays in zip(tools, found)
    )
    beside = f"mean+20% {rates['mean+20%']:.1%}, max-ever {rates['max-ever']:.1%}; {told}"
    yield failing("larger inputs than seen, mean", rates[name_of(0.05)], BEYOND_FAIL, beside)


def genomes(history: History) -> list[str]:
    """Return the builds of enough jobs, the most frequent first."""
    counts = Counter(job.dbkey for job in history.jobs if job.dbkey not in (None, "", "?"))
    return [dbkey for dbkey, count in counts.most_common() if dbkey and count >= GENOME_JOBS]


def without(history: History, dbkey: str) -> Division:
    """Leave one genome out."""
    there = np.array([job.dbkey == dbkey for job in history.jobs])
    return Division(np.flatnonzero(~there), np.flatnonzero(there))


def genome_numbers(tools: Sequence[str] = ORG, genomes_of_each: int | None = None) -> Iterator[Number]:
    """Ask for one genome that was never seen, in turns; all of them where not told how many."""
    ours_rates: list[float] = []
    their_rates: list[float] = []
    told = []
    for tool in tools:
        history = org(tool)
        left_out = genomes(history)[:genomes_of_each]
        found = each(history, [without(history, dbkey) for dbkey in left_out], others=("mean+20%",))
        rates = [replays[name_of(0.05)].failure_rate for replays in found]
        ours_rates += rates
        their_rates += [replays["mean+20%"].failure_rate for replays in found]
        rel = geometric_mean([replays[name_of(0.05)].rel for replays in found])
        worst, dbkey = max(zip(rates, left_out))
        told.append(
            f"{tool}: {len(left_out)} genomes {np.mean(rates):.1%}, worst {dbkey} {worst:.1%}, "
            f"rel {rel:.2f}, over all jobs {added(found)[name_of(0.05)].failure_rate:.1%}"
        )
    beside = f"mean+20% {np.mean(their_rates):.1%}; {'; '.join(told)}"
    yield failing("a genome left out, mean", float(np.mean(ours_rates)), GENOME_FAIL, beside)


@dataclass(frozen=True)
class Mixture:
    """Jobs with and without faulty rows.

    Parameters
    ----------
    clean, asked, spare : list of JobRecord
        Clean jobs to learn from, to be asked for, and to make faulty.
    refused : list of JobRecord
        What `clean` refuses of the file, repeated rows left out.
    """

    clean: list[JobRecord]
    asked: list[JobRecord]
    spare: list[JobRecord]
    refused: list[JobRecord]


def mixture(rows: int = FAULTY_CLEAN, asked: int = FAULTY_ASKED) -> Mixture:
    """Divide the jobs of the file with faulty rows."""
    records = records_of(FAULTY, EU_LABEL)
    kept = clean(records).records
    told = {(record.peak_bytes, record.created_seconds) for record in kept}
    refused = [record for record in records if (record.peak_bytes, record.created_seconds) not in told]
    order = np.random.default_rng(SEED).permutation(len(kept))
    picked = [kept[row] for row in order]
    faults = round(FAULTY_SHARE * rows)
    return Mixture(picked[:rows], picked[rows : rows + asked], picked[rows + asked :][:faults], refused)


def raised(records: Sequence[JobRecord]) -> list[JobRecord]:
    """Replace the peaks by 10 to 1000 times as much."""
    times = 10 ** np.random.default_rng(SEED).uniform(1, 3, len(records))
    return [replace(record, peak_bytes=round(record.peak_bytes * by)) for record, by in zip(records, times)]


def faulty_numbers() -> Iterator[Number]:
    """Learn with faulty rows among the others, with and without cleaning."""
    mixed = mixture()
    kinds = {"peaks raised 10 to 1000 times": raised(mixed.spare), "the file's own": mixed.refused[: len(mixed.spare)]}
    lists = [[*mixed.clean, *faults] for faults in kinds.values()]
    tasks = [(mixed.clean, False), *((records, True) for records in lists), *((records, False) for records in lists)]
    found: list[float] = Parallel(WORKERS)(
        delayed(wasted_after)(records, mixed.asked, cleaning) for records, cleaning in tasks
    )
    alone, *others = found
    for kind, faults, records, cleaned, kept in zip(kinds, kinds.values(), lists, others, others[len(kinds) :]):
        refused = sum(clean(records).dropped.values())
        told = f"{len(faults)} of {len(records)} rows, {refused} refused; all kept: {kept / alone:.2f}"
        yield Number(f"faulty rows, {kind}, wastage", cleaned / alone, FAULTY_TIMES, told)


def wasted_after(records: Sequence[JobRecord], asked: Sequence[JobRecord], cleaning: bool) -> float:
    """Return what is wasted on jobs by a model of others, all or only those that `clean` keeps, in GB."""
    cleaned = clean(records) if cleaning else None
    learned = learn(
        History.of(cleaned.records, cleaned.censored) if cleaned else History.of(records), settings_of(0.05)
    )
    assert learned is not None
    jobs = History.of(asked)
    return hold_out(learned, jobs, jobs).outcome.wastage_gbh


def sizey_tasks(workflow: str) -> list[ToolRecords]:
    """Return the tasks that Sizey's paper looks at."""
    found = read(DATA / "nextflow" / f"trace_{workflow}.csv", NEXTFLOW_LABEL)
    return [
        task
        for task in found
        if len(task.records) >= SIZEY_INSTANCES and not any("run time" in reason for reason in task.dropped)
    ]


def sizey_divisions(records: Sequence[JobRecord], every: int) -> tuple[History, list[Division]]:
    """Return a task's jobs as Sizey's simulator has them arrive, and learn again after so many arrivals."""
    past, arriving = train_test_split(np.arange(len(records)), test_size=SIZEY_SHARE, random_state=SIZEY_SEED)
    places = _places(records)
    past, arriving = places[past], places[arriving]
    divisions = []
    for begin in range(0, len(arriving), every):
        known = np.sort(np.concatenate([past, arriving[:begin]]))
        divisions.append(Division(known, arriving[begin : begin + every]))
    return History.of(records), divisions


def _places(records: Sequence[JobRecord]) -> Rows:
    """Return where each row of the file stands in its history."""
    numbered = [replace(record, requested_bytes=row) for row, record in enumerate(records)]
    return np.argsort(History.of(numbered).requested_bytes)


def nextflow_replays(workflow: str, every: int, tasks: int | None = None) -> Replays:
    """Return how the policies do at the tasks of a workflow."""
    found = []
    for task in sizey_tasks(workflow)[:tasks]:
        history, divisions = sizey_divisions(task.records, every)
        found += each(history, divisions, (NEXTFLOW_CAP,), NEXTFLOW_PEERS)
    return added(found)


def nextflow_numbers(every: int = 5) -> Iterator[Number]:
    """Follow Sizey's protocol."""
    for workflow, (used_gbh, most_gbh, most_attempts) in NEXTFLOW_MOST.items():
        replays = nextflow_replays(workflow, every)
        found = replays[name_of(NEXTFLOW_CAP)]
        assert abs(found.used_gbh - used_gbh) < ROUNDED_GBH, (
            f"{workflow}: {found.used_gbh} GBh used, expected {used_gbh}"
        )
        told = ", ".join(
            f"{name} {replays[name].wastage_gbh:.2f} ({_failed_attempts(replays[name])})" for name in NEXTFLOW_PEERS
        )
        what = f"{workflow} ({found.jobs} jobs, learned anew every {every})"
        yield Number(f"{what}, GBh", found.wastage_gbh, most_gbh, told, ".2f")
        yield Number(f"{what}, failed", _failed_attempts(found), most_attempts, form=".0f")


def _failed_attempts(found: Replay) -> int:
    return round((found.attempts - 1) * found.jobs)


def synthetic(rows: int = COST_ROWS) -> History:
    """Return made-up jobs of six inputs, a genome and a few parameters."""
    draw = np.random.default_rng(SEED)
    records = []
    for _ in range(rows):
        sizes = np.exp(draw.normal(18, 2, 6)).astype(int)
        packed, preset, dbkey = draw.random() < 0.5, int(draw.integers(4)), int(draw.integers(12))
        inputs = tuple(
            InputDataset(f"input_{place}", int(size), "fastqsanger.gz" if packed else "fastqsanger")
            for place, size in enumerate(sizes)
            if place < 2 or draw.random() < 0.5
        )
        parameters = {"preset": f"p{preset}", "paired": "yes" if len(inputs) > 3 else "no", "seed": str(preset % 3)}
        total = sum(dataset.size_bytes or 0 for dataset in inputs)
        need = (1e8 * (1 + dbkey) + 3 * total**0.9 * (1 + preset)) * (2 if packed else 1) * np.exp(draw.normal(0, 0.3))
        records.append(JobRecord(JobDescription("made-up", None, inputs, parameters, f"build{dbkey}"), int(need)))
    return History.of(records)


def bundle_mb(history: History, learned: Learned, root: Path) -> float:
    """Return how large the bundle is on disk."""
    neighbours = Neighbours.learn(learned.schema, [learned.schema.features(job) for job in history.jobs])
    recorded, facts = Recorded.of(history), {"file": "made-up"}
    made = Bundle("made-up", learned.schema, learned.model, neighbours, recorded, learned.rule, facts)
    with publishing.lock(root):
        bundle.save(made, root)
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU time of all threads of this process."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def cost_numbers(rounds: int = 2) -> Iterator[Number]:
    """Compare a training with a plain forest of scikit-learn on the same matrix, in turns."""
    history = synthetic()
    learned = learn(history, settings_of(0.05))
    assert learned is not None
    sample = Sample.of(history, learned.schema)
    forest = RandomForestRegressor(100, n_jobs=1, random_state=SEED)
    times = [
        (
            cpu_seconds(lambda: learn(history, settings_of(0.05))),
            cpu_seconds(lambda: forest.fit(sample.matrix, sample.log_peaks)),
        )
        for _ in range(rounds)
    ]
    ours_seconds, theirs_seconds = np.min(times, axis=0)
    told = f"{ours_seconds:.1f} s and {theirs_seconds:.1f} s of CPU, {len(history)} rows x {sample.matrix.shape[1]}"
    yield Number("training, times RandomForest(100)", ours_seconds / theirs_seconds, COST_TIMES, told, ".2f")
    with TemporaryDirectory() as folder:
        size_mb = bundle_mb(history, learned, Path(folder))
    yield Number("its bundle on disk, MB", size_mb, COST_MB, learned.rung.name, ".2f")


PARTS: dict[str, Callable[[], Iterator[Number]]] = {
    "org": org_numbers,
    "eu": eu_numbers,
    "few": few_numbers,
    "beyond": beyond_numbers,
    "genome": genome_numbers,
    "faulty": faulty_numbers,
    "nextflow": nextflow_numbers,
    "cost": cost_numbers,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts that are named, all where none are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--every", type=int, default=5, help="arrivals between trainings, 1 for Sizey's own protocol")
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part is called {' or '.join(sorted(unknown))}; known are {' '.join(PARTS)}")
    if not DATA.is_dir():
        parser.error(f"the recorded jobs are not in {DATA}")
    met = True
    for part in options.parts or PARTS:
        begin = time.perf_counter()
        found = nextflow_numbers(options.every) if part == "nextflow" else PARTS[part]()
        for number in found:
            print(f"{part:9} {number}", flush=True)
            met = met and number.met
        print(f"{part:9} took {time.perf_counter() - begin:.0f} s", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
