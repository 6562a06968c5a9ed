"""The backtests of many tools, each in a process of its own; a tool that fails is named, the others are done."""

import difflib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional, Union

import numpy as np
from joblib import delayed
from tqdm import tqdm

from galaxy_memory_rules.errors import ConfigError, RecordsError

from .backtest import OURS, backtest, comparisons, ours
from .backtest_page import page_of
from .backtest_report import Report, ToolResult
from .divisions import chosen, divide
from .history import History
from .in_force import InForce
from .input_files import InputFile
from .learning import Settings
from .peers import Policy, peers
from .records import MOST_ROWS, ToolRecords
from .run import fail, read_tools
from .rungs import Usual
from .sizing_config import SizingConfig
from .training import usable
from .usual import usual_of
from .workers import at_the_same_time


@dataclass(frozen=True)
class Plan:
    """What is done with each tool; see ``python -m trainer backtest --help``."""

    sizing: SizingConfig
    peers: Sequence[str]
    in_force: Optional[InForce]
    division: str
    seed: Optional[int] = None
    step: Optional[int] = None
    usual: Usual = Usual()
    with_pages: bool = False
    most_rows: int = MOST_ROWS

    def settings(self, tool: str) -> Settings:
        """Return what is decided for one tool; rounded requests would compare the rounding: the peers do not round."""
        settings = self.sizing.settings(tool)
        return replace(settings, usual=self.usual, limits=replace(settings.limits, round_up_bytes=1))


def known_peers(names: Optional[Sequence[str]]) -> list[str]:
    """Return the peers of these names in the order of a report, all where none are named; ours is none of them.

    Raises
    ------
    ConfigError
        With near matches of a name that no policy has.
    """
    known = list(peers())
    for name in names or ():
        if name not in (OURS, *known):
            near = difflib.get_close_matches(name, known)
            meant = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join([OURS, *known])}"
            raise ConfigError(f"--policy: no policy is called {name}; {meant}")
    return [name for name in known if names is None or name in names]


def backtest_all(files: Sequence[InputFile], plan: Plan, workers: int) -> Report:
    """Carry out a plan.

    Parameters
    ----------
    files : sequence of InputFile
        The files of recorded jobs.
    plan : Plan
        What is done with each tool of theirs.
    workers : int
        Tools that run at the same time; it changes nothing about the results.

    Returns
    -------
    Report
        What failed has been printed already.
    """
    failed: list[str] = []
    tools = read_tools(files, failed, plan.most_rows)
    # it is measured at tools with many jobs, and used at those with few
    plan = replace(plan, usual=usual_of(tools))
    done = at_the_same_time((delayed(_try)(found, plan) for found in tools), workers)
    results: list[ToolResult] = []
    for found, result in zip(tqdm(tools, desc="backtest", unit="tool", leave=False, disable=None), done):
        if isinstance(result, ToolResult):
            results.append(result)
        else:
            fail(failed, found.tool, result)
    return Report(
        plan.sizing.general.failure_cap, plan.in_force.policy.name if plan.in_force else None, results, failed
    )


def _try(found: ToolRecords, plan: Plan) -> Union[ToolResult, RecordsError]:
    try:
        with warnings.catch_warnings(record=True) as caught:
            # to be said once, whichever process they come from
            warnings.simplefilter("always")
            result = _result(found, plan)
    except RecordsError as error:
        return error
    # the others have run for long, and are not lost to what nobody thought of at this tool
    except Exception as error:
        return RecordsError(f"{type(error).__name__}: {error}")
    said = [str(warning.message).partition("\n")[0] for warning in caught]
    skipped = plan.in_force.skipped() if plan.in_force else ()
    count = len(found.records)
    sampled = [f"{count:,} of the {count + found.sampled:,} jobs of {found.tool}, a sample"] if found.sampled else []
    return replace(result, notes=list(dict.fromkeys([*said, *skipped, *sampled])))


def _result(found: ToolRecords, plan: Plan) -> ToolResult:
    cleaned = usable(found, plan.sizing.node_bytes)
    history = History.of(cleaned.records, cleaned.censored)
    divisions = divide(history, plan.division, plan.seed, plan.step)
    asked = history.part(np.concatenate([division.asked_rows for division in divisions]))
    settings, dropped = plan.settings(found.tool), found.dropped + cleaned.dropped
    done = backtest(history, _policies(plan, settings, asked), divisions)
    in_force = plan.in_force.policy.name if plan.in_force else None
    return ToolResult(
        tool=found.tool,
        file=found.file,
        label=found.label,
        division=chosen(history, plan.division),
        unit=history.unit,
        jobs=len(history),
        asked=len(asked),
        dropped=dict(dropped),
        flagged=dict(cleaned.flagged),
        replays={name: outcome.replay for name, outcome in done.outcomes.items()},
        unavailable=done.unavailable,
        page=page_of(found.tool, history, done, settings, cleaned, dropped, in_force) if plan.with_pages else None,
    )


def _policies(plan: Plan, settings: Settings, asked: History) -> list[Policy]:
    in_force = [plan.in_force.policy] if plan.in_force else []
    known = comparisons(asked)
    return [ours(settings), *in_force, *(known[name] for name in plan.peers)]
