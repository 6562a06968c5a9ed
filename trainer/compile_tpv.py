"""Each tool's expression for TPV with its evidence: on jobs held out, beside a constant and beside the full model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from joblib import delayed
from tqdm import tqdm

from galaxy_memory_rules.errors import BundleError, RecordsError, TooFewJobs

from . import bundle, publishing
from .bundle import Bundle
from .canonical import PEAK
from .history import History
from .input_files import InputFile
from .learning import Settings
from .records import MOST_ROWS, ToolRecords
from .replay import Replay, replay
from .run import fail, read_tools
from .sample import split
from .sizing_config import SizingConfig
from .tpv_expression import CONSTANT, Basis, MemoryExpression
from .tpv_fit import bases_of, fit
from .training import HELD_OUT_FROM, usable
from .workers import at_the_same_time


@dataclass(frozen=True)
class Tried:
    """An expression that was fitted without the jobs held out, and what it would have cost on them."""

    expression: MemoryExpression
    outcome: Replay


@dataclass(frozen=True)
class Compiled:
    """What the file gets of one tool.

    Parameters
    ----------
    tool, file : str
        Its id, and where its jobs were recorded.
    expression : MemoryExpression
        Fitted on all jobs.
    jobs : int
        How many they were.
    unit : str
        ``GB·h``, or ``GB·job`` where run times are not known.
    in_time_order : bool
        Whether the jobs held out were the newest.
    failure_cap : float or None
        Share of first attempts that may run out of memory.
    line, constant : Tried
        The best expression, and the best one that depends on nothing.
    model : mapping
        What the bundle achieved on the jobs that it was not trained on, as its manifest tells it.
    model_differs : str
        Why that is no comparison; empty where it is one.
    """

    tool: str
    file: str
    expression: MemoryExpression
    jobs: int
    unit: str
    in_time_order: bool
    failure_cap: Optional[float]
    line: Tried
    constant: Tried
    model: Mapping[str, Any]
    model_differs: str


def compile_all(
    files: Sequence[InputFile], root: Path, sizing: SizingConfig, workers: int, most_rows: int = MOST_ROWS
) -> tuple[list[Compiled], list[str]]:
    """Compile every tool that has both recorded jobs and a bundle.

    Parameters
    ----------
    files : sequence of InputFile
        The files of recorded jobs.
    root : Path
        The folder of bundles.
    sizing : SizingConfig
        What the bundles were trained with.
    workers : int
        Tools that are done at the same time.
    most_rows : int
        Recorded jobs of a tool that are used; as in the training, to compare with the same ones.

    Returns
    -------
    list of Compiled
        In the order of the files.
    list of str
        A sentence for each tool that failed; each has been printed already.

    Raises
    ------
    BundleError
        If there are no bundles.
    """
    failed: list[str] = []
    models = _models(root, failed)
    tools = read_tools(files, failed, most_rows)
    calls = (delayed(_try)(found, models.get(found.tool), sizing) for found in tools)
    done = at_the_same_time(calls, min(workers, max(len(tools), 1)))
    compiled: list[Compiled] = []
    for found, result in zip(tqdm(tools, desc="compile", unit="tool", leave=False, disable=None), done):
        if isinstance(result, Compiled):
            compiled.append(result)
        else:
            fail(failed, found.tool, result)
    for tool in sorted(models.keys() - {found.tool for found in tools}):
        fail(failed, tool, RecordsError("no file of recorded jobs has this tool; list it in -i"))
    return compiled, failed


def compile_tool(found: ToolRecords, model: Bundle, sizing: SizingConfig) -> Compiled:
    """Compile one tool.

    Parameters
    ----------
    found : ToolRecords
        Its recorded jobs.
    model : Bundle
        What is served for it.
    sizing : SizingConfig
        What the bundle was trained with.

    Raises
    ------
    TooFewJobs
        If none can be held out.
    RecordsError
        If its records cannot be used.
    """
    cleaned, settings = usable(found, sizing.node_bytes), sizing.settings(found.tool)
    history = History.of(cleaned.records, cleaned.censored)
    if len(history) < HELD_OUT_FROM:
        raise TooFewJobs(f"{found.file}: {len(history)} usable rows; expected at least {HELD_OUT_FROM} to try it on")
    bases = bases_of(history, _tells_paths(found))
    kept, rest = split(history)
    past, asked = history.part(kept), history.part(rest)
    return Compiled(
        tool=found.tool,
        file=found.file,
        expression=fit(history, bases, settings),
        jobs=len(history),
        unit=history.unit,
        in_time_order=history.in_time_order,
        failure_cap=settings.failure_cap,
        line=_tried(past, asked, bases, settings),
        constant=_tried(past, asked, [CONSTANT], settings),
        model=model.facts["held_out"],
        model_differs=_difference(model, history, asked, settings),
    )


def _tells_paths(found: ToolRecords) -> bool:
    """Whether names are those of Galaxy: in other tables than ours a name is the last part of one, or all of it."""
    jobs = [record.job for record in found.records]
    names = {name for job in jobs for name in (*job.parameters, *(dataset.name for dataset in job.inputs))}
    return found.label == PEAK or any("|" in name for name in names)


def _tried(past: History, asked: History, bases: Sequence[Basis], settings: Settings) -> Tried:
    expression = fit(past, bases, settings)
    return Tried(expression, replay(expression.requests_bytes(asked.jobs), asked.peaks_bytes, asked.run_hours))


def _difference(model: Bundle, history: History, asked: History, settings: Settings) -> str:
    """Say why a bundle cannot be compared; which jobs are held out follows from how many there are."""
    if (model.facts["rows"]["used"], (model.facts["held_out"] or {}).get("jobs")) != (len(history), len(asked)):
        return "was trained on other jobs; train it on these to compare"
    if model.sizing.failure_cap != settings.failure_cap:
        return "keeps another failure cap; compile with what it was trained with to compare"
    return ""


def _models(root: Path, failed: list[str]) -> dict[str, Bundle]:
    found: dict[str, Bundle] = {}
    for home in publishing.homes(root):
        try:
            model = bundle.load(home)
            found[model.tool] = model
        except BundleError as error:
            fail(failed, "bundle", RecordsError(str(error)))
    if not found:
        raise BundleError(f"{root}: no bundle can be used; train the tools first, or name their folder with -d")
    return found


def _try(found: ToolRecords, model: Optional[Bundle], sizing: SizingConfig) -> Union[Compiled, RecordsError]:
    try:
        if model is None:
            # too few jobs are told as such
            usable(found, sizing.node_bytes)
            return RecordsError("has no bundle; train it first, with the same files")
        return compile_tool(found, model, sizing)
    except RecordsError as error:
        return error
    # the others have run for long, and are not lost to what nobody thought of at this tool
    except Exception as error:
        return RecordsError(f"{type(error).__name__}: {error}")
