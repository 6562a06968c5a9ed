"""One training from files to published bundles; a tool that fails is named and skipped, the others are done."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

from tqdm import tqdm

from galaxy_memory_rules.errors import RecordsError

from . import bundle, publishing, report
from .candidates import Candidate, load_candidates
from .input_files import InputFile, load_input_files
from .readers import read
from .records import ToolRecords
from .sample import FOLDS
from .training import choose, train_tool


@dataclass(frozen=True)
class Plan:
    """What ``python -m trainer train`` was asked to do; see its --help."""

    input: Path
    models: Path
    output: Path
    directory: Path
    failure_cap: float
    workers: int


def train_all(plan: Plan) -> list[str]:
    """Carry out a plan.

    Returns
    -------
    list of str
        A sentence for each tool that failed; each has been printed already.

    Raises
    ------
    ConfigError
        If a configuration file is wrong, or nothing could be trained.
    BundleError
        If the folder of bundles cannot be used.
    """
    candidates = load_candidates(plan.models)
    input_files = load_input_files(plan.input)
    failed: list[str] = []
    with publishing.lock(plan.directory):
        lines = [line for found in _tools(input_files, failed) for line in _train(found, candidates, plan, failed)]
    if lines:
        report.write_csv(plan.output, lines)
        print(f"\n{report.table(lines)}\n\nreport: {plan.output}\nbundles: {plan.directory}")
    return failed


def _tools(input_files: list[InputFile], failed: list[str]) -> Iterator[ToolRecords]:
    """Read each file in turn; a file that cannot be read costs its own tools only."""
    names: set[str] = set()
    for file in input_files:
        try:
            tools = read(file.path, file.label, file.tool_id, file.tool_version, file.written)
        except RecordsError as error:
            _fail(failed, file.written, error)
            continue
        for found in tools:
            if found.tool in names:
                _fail(
                    failed,
                    found.tool,
                    RecordsError(f"{file.written}: a file before it has this tool too; give a tool_id"),
                )
            else:
                names.add(found.tool)
                yield found


def _train(found: ToolRecords, candidates: list[Candidate], plan: Plan, failed: list[str]) -> list[report.ReportLine]:
    fits = sum(prod(len(values) for values in candidate.grid.values()) for candidate in candidates) * FOLDS
    print(f"{found.tool}: {len(found.records):,} recorded jobs from {found.file}, {fits} fits", flush=True)
    try:
        with (
            _warnings_once(found.tool),
            tqdm(total=fits, desc=found.tool, unit="fit", leave=False, disable=None) as bar,
        ):
            trained, outcomes = train_tool(found, candidates, plan.failure_cap, plan.workers, bar.update)
    except RecordsError as error:
        _fail(failed, found.tool, error)
        return []
    for outcome in outcomes:
        print(f"{found.tool}: best {outcome.candidate.name} {outcome.parameters}")
    build = bundle.save(trained, plan.directory)
    best = choose(outcomes)
    print(f"{found.tool}: {best.candidate.name} -> {publishing.folder_name(found.tool)}/{build}", flush=True)
    return [report.ReportLine(trained, outcome, outcome is best) for outcome in outcomes]


@contextmanager
def _warnings_once(tool: str) -> Iterator[None]:
    """Say once what scikit-learn says at each of a hundred fits, such as that a model did not converge."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for said in dict.fromkeys(str(warning.message).splitlines()[0] for warning in caught):
        print(f"{tool}: warning: {said}", file=sys.stderr, flush=True)


def _fail(failed: list[str], what: str, error: RecordsError) -> None:
    failed.append(f"{what}: {error}")
    print(f"{what}: skipped: {error}", file=sys.stderr, flush=True)
