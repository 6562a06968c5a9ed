"""One training from files to published bundles; a tool that fails is named and skipped, the others are done."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from joblib import delayed
from tqdm import tqdm

from galaxy_memory_rules.errors import BundleError, ConfigError, RecordsError, TooFewJobs
from galaxy_memory_rules.memory import format_bytes

from . import bundle, careful, page, publishing, report, since_last
from .bundle import Bundle
from .candidates import Candidate, load_candidates
from .cluster import connected, on_cluster
from .decisions import DecisionLog
from .families import pool_versions
from .input_files import InputFile, load_input_files
from .learning import Settings
from .lower_bounds import with_killed
from .readers import read
from .records import MOST_ROWS, ToolRecords
from .sizing_config import SizingConfig
from .tool_page import page_of
from .training import Trained, train_tool
from .usual import usual_of
from .workers import at_the_same_time

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Plan:
    """What ``python -m trainer train`` was asked to do; see its --help."""

    input: Path
    models: Path
    output: Path
    directory: Path
    sizing: SizingConfig
    workers: int
    report: Optional[Path] = None
    signing_key: Optional[bytes] = field(default=None, repr=False)
    most_rows: int = MOST_ROWS
    decisions: Sequence[Path] = ()
    since_last: bool = False
    force: bool = False
    cluster: Optional[str] = None


@dataclass(frozen=True)
class _Result:
    """What came of one tool, as it travels back from the process that trained it."""

    trained: Optional[Trained]
    error: Optional[RecordsError]
    warnings: tuple[str, ...]


def train_all(plan: Plan) -> list[str]:
    """Carry out a plan.

    Returns
    -------
    list of str
        A sentence for each tool that failed; each has been printed already.

    Raises
    ------
    ConfigError
        If a configuration file is wrong, or the cluster cannot be used.
    BundleError
        If the folder of bundles cannot be used.
    """
    candidates = load_candidates(plan.models)
    input_files = load_input_files(plan.input)
    failed: list[str] = []
    cluster = connected(plan.cluster) if plan.cluster else nullcontext()
    with publishing.lock(plan.directory), cluster as client:
        tools = _with_decisions(read_tools(input_files, failed, plan.most_rows), plan.decisions)
        # all before the first is trained: that may take long, and whoever waits sees for what
        for found in tools:
            sample = f", a sample of {len(found.records) + found.sampled:,}" if found.sampled else ""
            print(f"{found.tool}: {len(found.records):,} recorded jobs from {found.file}{sample}", flush=True)
        trained = list(_publish(tools, candidates, plan, failed, client))
    if trained:
        lines = [line for one in trained for line in report.lines(one)]
        report.write_csv(plan.output, lines)
        html = plan.report or plan.output.with_suffix(".html")
        page.write([page_of(one, one.held_out) for one in trained if one.held_out], html)
        print(f"\n{report.table(lines)}\n\nreport: {plan.output}, {html}\nbundles: {plan.directory}")
    return failed


def read_tools(input_files: Sequence[InputFile], failed: list[str], most_rows: int = MOST_ROWS) -> list[ToolRecords]:
    """Read each file in turn, and pool the versions of a tool; what cannot be read costs its own tools only."""
    tools: dict[str, ToolRecords] = {}
    for file in input_files:
        try:
            found = read(file.path, file.label, file.tool_id, file.tool_version, file.written, file.format, most_rows)
        except RecordsError as error:
            fail(failed, file.written, error)
            continue
        for one in found:
            if one.tool in tools:
                twice = RecordsError(f"{file.written}: a file before it has this tool too; give a tool_id")
                fail(failed, one.tool, twice)
            else:
                tools[one.tool] = one
    return pool_versions(list(tools.values()))


def _with_decisions(tools: list[ToolRecords], decisions: Sequence[Path]) -> list[ToolRecords]:
    """Add the killed attempts that the decision log tells of."""
    if not decisions:
        return tools
    log = DecisionLog(decisions)
    try:
        bounded = with_killed(tools, log)
    except RecordsError as error:
        raise ConfigError(f"--decisions: {error}") from error
    if log.damaged:
        print(f"--decisions: {log.damaged:,} lines were passed over: {log.first_damage}", file=sys.stderr)
    for one in bounded:
        if one.added or one.known:
            print(f"{one.found.tool}: {one.added:,} killed attempts added, the peaks of {one.known:,} others are known")
    return [one.found for one in bounded]


def _publish(
    found_tools: list[ToolRecords],
    candidates: list[Candidate],
    plan: Plan,
    failed: list[str],
    client: Optional["Client"],
) -> Iterator[Trained]:
    """Train the tools in parallel, and publish each as soon as it and those before it are done."""
    usual = usual_of(found_tools)
    tools = list(_due(found_tools, plan)) if plan.since_last else found_tools
    inner = max(plan.workers // max(len(tools), 1), 1)
    jobs = (
        delayed(_train)(
            found,
            candidates,
            replace(plan.sizing.settings(found.tool), usual=usual),
            inner,
            plan.sizing.node_bytes,
            _held_before(found.tool, plan),
        )
        for found in tools
    )
    workers = min(plan.workers, max(len(tools), 1))
    results = on_cluster(jobs, client) if client else at_the_same_time(jobs, workers)
    for found, result in zip(tqdm(tools, desc="training", unit="tool", leave=False, disable=None), results):
        for said in result.warnings:
            print(f"{found.tool}: warning: {said}", file=sys.stderr, flush=True)
        if result.error is not None:
            fail(failed, found.tool, result.error)
        if result.trained is not None and _save(result.trained, plan):
            yield result.trained


def _due(tools: list[ToolRecords], plan: Plan) -> Iterator[ToolRecords]:
    for found in tools:
        why_not = since_last.why_not(found, _home(found.tool, plan), plan.sizing.settings(found.tool))
        if why_not:
            print(f"{found.tool}: left as it is: {why_not}")
        else:
            yield found


def _home(tool: str, plan: Plan) -> Path:
    return plan.directory / publishing.folder_name(tool)


def _before(tool: str, plan: Plan) -> Optional[Bundle]:
    """Return what is published of a tool; None where nothing is that can be used."""
    try:
        return bundle.load_build(publishing.current_build(_home(tool, plan)), plan.signing_key)
    except BundleError:
        return None


def _held_before(tool: str, plan: Plan) -> Optional[int]:
    before = _before(tool, plan)
    return before.sizing.held_bytes if before else None


def _train(
    found: ToolRecords,
    candidates: list[Candidate],
    settings: Settings,
    workers: int,
    node_bytes: int,
    held_before_bytes: Optional[int],
) -> _Result:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trained, failure = None, None
        try:
            trained = train_tool(
                found, candidates, settings, workers, node_bytes=node_bytes, held_before_bytes=held_before_bytes
            )
        except RecordsError as error:
            failure = error
    # said once, what scikit-learn says at each of a hundred fits, such as that a model did not converge
    said = tuple(dict.fromkeys(str(warning.message).splitlines()[0] for warning in caught))
    return _Result(trained, failure, said)


def _save(trained: Trained, plan: Plan) -> bool:
    """Publish a tool's bundle; return whether it took the place of the one before."""
    tool = trained.bundle.tool
    for outcome in trained.outcomes:
        if outcome.parameters:
            print(f"{tool}: best {outcome.rung.name} {outcome.parameters}")
    held_bytes = trained.bundle.sizing.held_bytes
    if held_bytes is not None:
        print(f"{tool}: {trained.following.why}; its request is held at {format_bytes(held_bytes)}")
    before = None if plan.force else _before(tool, plan)
    why_not = before and careful.objection(before, trained)
    if before and why_not:
        print(f"{tool}: not published, {before.build} stays: {why_not}; --force publishes it", flush=True)
        return False
    build = bundle.save(trained.bundle, plan.directory, plan.signing_key)
    print(f"{tool}: {trained.learned.rung.name} -> {publishing.folder_name(tool)}/{build}", flush=True)
    return True


def fail(failed: list[str], what: str, error: RecordsError) -> None:
    """Name what is skipped; that a tool has too few jobs for a model is no failure."""
    if not isinstance(error, TooFewJobs):
        failed.append(f"{what}: {error}")
    print(f"{what}: skipped: {error}", file=sys.stderr, flush=True)
