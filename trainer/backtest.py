"""The backtest: what policies would have requested for recorded jobs they had not seen, and what that would cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from galaxy_memory_rules.errors import MemoryRulesError

from .distribution import Rows, Vector
from .divisions import Division
from .history import History
from .learning import Settings, learn
from .peers import Policy, Requester, Requests, least_wastage_bytes, peers
from .policy import Request
from .replay import Replay, replay

OURS = "ours"
_HINDSIGHT = "best-static-in-hindsight"


@dataclass(frozen=True)
class Outcome:
    """How one policy did.

    Parameters
    ----------
    replay : Replay
        Of the jobs that it was asked for, with its own second attempts.
    first_bytes : array of shape (n_jobs,)
        Its first requests, NaN for jobs that were never asked for.
    """

    replay: Replay
    first_bytes: Vector


@dataclass(frozen=True)
class Backtest:
    """How the policies did on the jobs of one tool.

    Parameters
    ----------
    outcomes : dict of str to Outcome
        By the policy's name, in the order in which they were given.
    unavailable : dict of str to str
        Why a policy could not be asked.
    """

    outcomes: dict[str, Outcome]
    unavailable: dict[str, str]


def ours(settings: Settings) -> Policy:
    """Return the project's own policy.

    Parameters
    ----------
    settings : Settings
        The failure cap and what else an administrator decides.

    Notes
    -----
    Where there are too few past jobs for any model the rule keeps the destination's own memory. Records do not tell
    how much that is: the largest peak of the past stands for it.
    """
    return Policy(OURS, lambda past: _our_requester(past, settings))


def comparisons(asked: History) -> dict[str, Policy]:
    """Return the peers by name, where hindsight is one constant for all jobs that a backtest asks for.

    The peer itself looks at the jobs of one division at a time: where they arrive one by one it would be the oracle.

    Parameters
    ----------
    asked : History, of at least one job
        The jobs of all divisions.
    """
    best_bytes = least_wastage_bytes(asked)
    hindsight = Policy(_HINDSIGHT, lambda past: lambda jobs: Requests(np.full(len(jobs), best_bytes)))
    return {**peers(), _HINDSIGHT: hindsight}


def backtest(history: History, policies: Sequence[Policy], divisions: Sequence[Division]) -> Backtest:
    """Let every policy learn from the past jobs of each division and replay what it requests for the others.

    Parameters
    ----------
    history : History, of n_jobs
        Recorded jobs of one tool.
    policies : sequence of Policy
        Each with a name of its own.
    divisions : sequence of Division
        At least one; no job is asked for twice.

    Returns
    -------
    Backtest
        A policy that raises an error of ours at any division is unavailable, and the others are done.
    """
    trials = [_Trial(policy, len(history)) for policy in policies]
    for division in divisions:
        # the same object for all policies: the means share what they fit on it
        past, asked = history.part(division.past_rows), history.part(division.asked_rows)
        for trial in trials:
            trial.ask(past, asked, division.asked_rows)
    return Backtest(
        {trial.policy.name: trial.outcome(history) for trial in trials if not trial.refusal},
        {trial.policy.name: trial.refusal for trial in trials if trial.refusal},
    )


class _Trial:
    """A policy on its way through the divisions, until it refuses."""

    def __init__(self, policy: Policy, n_jobs: int) -> None:
        self.policy = policy
        self.first_bytes = np.full(n_jobs, np.nan)
        # replay takes the double of the first request where that is more
        self.then_bytes = np.zeros(n_jobs)
        self.refusal = ""

    def ask(self, past: History, asked: History, rows: Rows) -> None:
        if self.refusal:
            return
        try:
            requests = self.policy.learn(past)(asked)
        except MemoryRulesError as error:
            self.refusal = str(error)
            return
        self.first_bytes[rows] = requests.first_bytes
        if requests.then_bytes is not None:
            self.then_bytes[rows] = requests.then_bytes

    def outcome(self, history: History) -> Outcome:
        rows = np.isfinite(self.first_bytes)
        peaks_bytes, hours = history.peaks_bytes[rows], history.run_hours[rows]
        return Outcome(replay(self.first_bytes[rows], peaks_bytes, hours, self.then_bytes[rows]), self.first_bytes)


def _our_requester(past: History, settings: Settings) -> Requester:
    learned = learn(past, settings)
    if learned is None:
        return peers()["max-ever"].learn(past)

    def request(jobs: History) -> Requests:
        first_bytes = _memory_bytes(learned.requests(jobs))
        return Requests(first_bytes, _memory_bytes(learned.requests(jobs, first_bytes)))

    return request


def _memory_bytes(requests: Sequence[Request]) -> Vector:
    return np.array([request.memory_bytes for request in requests], dtype=np.float64)
