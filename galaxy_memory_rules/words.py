"""The words in which destinations say how much memory a job gets: one entry for each, to read it and to write it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional, Protocol

from .amounts import BATCH, DOCKER, HTCONDOR, KUBERNETES, SLURM, Amount
from .errors import DestinationError
from .memory import ceil_div
from .specifications import SGE_FLAGS, SLURM_FLAGS, Flags, count

Params = Mapping[str, Any]
Changes = dict[str, str]


class Word(Protocol):
    """One word for memory in the params of a destination."""

    @property
    def family(self) -> str:
        """How memory_rules.yml calls the scheduler; the first word of a family is the one that is added."""

    @property
    def told(self) -> bool:
        """Whether the runner tells the job's tools by itself how much memory they have."""

    def read(self, params: Params) -> Optional[int]:
        """Return the bytes that the params request by this word."""

    def replaced(self, params: Params, request_bytes: int) -> Changes:
        """Return the params to change; none where the destination does not use this word."""

    def added(self, params: Params, request_bytes: int) -> Changes:
        """Return the params to change or to add where the destination does not use this word yet."""


@dataclass(frozen=True)
class Specified:
    """Flags in a native specification; of several params that may hold it, the first one that is there wins."""

    family: str
    told: bool
    keys: tuple[str, ...]
    flags: Flags

    def read(self, params: Params) -> Optional[int]:
        """Return the bytes that the params request by this word."""
        return self.flags.read(_text(params.get(self._key(params))))

    def replaced(self, params: Params, request_bytes: int) -> Changes:
        """Return the specification with the request in place."""
        key = self._key(params)
        text = self.flags.replaced(_text(params.get(key)), request_bytes)
        return {} if text is None else {key: text}

    def added(self, params: Params, request_bytes: int) -> Changes:
        """Return the specification with the request behind it."""
        key = self._key(params)
        return {key: self.flags.added(_text(params.get(key)), request_bytes)}

    def _key(self, params: Params) -> str:
        return next((key for key in self.keys if params.get(key) is not None), self.keys[-1])


@dataclass(frozen=True)
class Whole:
    """A param that is nothing but the amount."""

    family: str
    told: bool
    key: str
    amount: Amount

    def read(self, params: Params) -> Optional[int]:
        """Return the bytes that the params request by this word."""
        return next((self.amount.read(params[key]) for key in self._spelled(params)), None)

    def replaced(self, params: Params, request_bytes: int) -> Changes:
        """Return the param with the request."""
        return {key: self.amount.write(request_bytes, str(params[key])) for key in self._spelled(params)}

    def added(self, params: Params, request_bytes: int) -> Changes:
        """Return the param with the request."""
        return {self.key: self.amount.write(request_bytes)}

    def _spelled(self, params: Params) -> list[str]:
        """Return the key as the destination has it: Galaxy writes all keys of HTCondor in small letters."""
        return [key for key in params if str(key).lower() == self.key and params[key] is not None]


@dataclass(frozen=True)
class BySlurmCli:
    """``job_--mem`` and ``job_--mem-per-cpu``: what the cli runner writes as ``#SBATCH`` lines."""

    family: str = "cli"
    told: bool = True

    def read(self, params: Params) -> Optional[int]:
        """Return the bytes that the params request by this word."""
        for key, shares in self._shares(params).items():
            found_bytes = SLURM.read(params[key])
            return None if found_bytes is None else found_bytes * shares
        return None

    def replaced(self, params: Params, request_bytes: int) -> Changes:
        """Return the params with the request, or each cpu's part of it."""
        shares = self._shares(params).items()
        return {key: SLURM.write(ceil_div(request_bytes, parts), str(params[key])) for key, parts in shares}

    def added(self, params: Params, request_bytes: int) -> Changes:
        """Return ``job_--mem`` with the request."""
        if params.get("job_--mem-per-gpu") is not None:
            raise DestinationError(
                "job_--mem-per-gpu allows no job_--mem beside it: write params into memory_rules.yml"
            )
        return {"job_--mem": SLURM.write(request_bytes)}

    @staticmethod
    def _shares(params: Params) -> dict[str, int]:
        """Return how many times the job gets what each param says."""
        cpus = [count(str(params[key])) for key in ("job_--cpus-per-task", "job_-c", "job_ncpus") if key in params]
        tasks = [count(str(params[key])) for key in ("job_--ntasks", "job_-n") if key in params]
        known = {"job_--mem": 1, "job_--mem-per-cpu": (cpus or [1])[0] * (tasks or [1])[0]}
        return {key: shares for key, shares in known.items() if params.get(key) is not None}


@dataclass(frozen=True)
class RequestAndLimit:
    """Kubernetes: what a pod is given a node for, and where it is killed."""

    family: str = "kubernetes"
    told: bool = True

    def read(self, params: Params) -> Optional[int]:
        """Return the bytes requested; Kubernetes requests the limit where there is nothing else."""
        return KUBERNETES.read(params.get("requests_memory")) or KUBERNETES.read(params.get("limits_memory"))

    def replaced(self, params: Params, request_bytes: int) -> Changes:
        """Return the params with the request and, where there is a limit, one in its old ratio to the request.

        The ratio is the administrator's: jobs may use what their neighbours leave. A limit moved down to the request
        would kill jobs that run today. A limit below the request is refused by Kubernetes, so there the two are equal.
        """
        wanted_bytes = {"requests_memory": request_bytes, "limits_memory": self._limit_bytes(params, request_bytes)}
        return {key: KUBERNETES.write(wanted) for key, wanted in wanted_bytes.items() if params.get(key) is not None}

    def added(self, params: Params, request_bytes: int) -> Changes:
        """Return both: without a limit of its own a pod gets the namespace's, which may be below the request."""
        return dict.fromkeys(("requests_memory", "limits_memory"), KUBERNETES.write(request_bytes))

    @staticmethod
    def _limit_bytes(params: Params, request_bytes: int) -> int:
        own_bytes = KUBERNETES.read(params.get("requests_memory"))
        limit_bytes = KUBERNETES.read(params.get("limits_memory"))
        if own_bytes is None or limit_bytes is None or limit_bytes < own_bytes:
            return request_bytes
        return ceil_div(limit_bytes * request_bytes, own_bytes)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


_NATIVE = ("nativeSpecification", "native_specification")
_REMOTE = ("submit_native_specification",)

# The room for one more scheduler is one more entry. What is told is set by Galaxy's job script (Slurm, Grid Engine)
# or by the runner (Kubernetes); of HTCondor's two runners only the newer one does it, and saying it twice is harmless.
WORDS: tuple[Word, ...] = (
    Specified("slurm", True, _NATIVE, SLURM_FLAGS),
    Specified("sge", True, _NATIVE, SGE_FLAGS),
    BySlurmCli(),
    Whole("cli", False, "job_memory", BATCH),
    Whole("cli", False, "job_mem", BATCH),
    Whole("htcondor", False, "request_memory", HTCONDOR),
    RequestAndLimit(),
    Specified("pulsar_slurm", False, _REMOTE, SLURM_FLAGS),
    Specified("pulsar_sge", False, _REMOTE, SGE_FLAGS),
    Whole("pulsar_htcondor", False, "submit_request_memory", HTCONDOR),
    Whole("docker", False, "docker_memory", DOCKER),
)
# by how memory_rules.yml calls it, the word that is added where there is none
ADDED: Mapping[str, Word] = {word.family: word for word in reversed(WORDS)}
FAMILIES = tuple(dict.fromkeys(word.family for word in WORDS))
# a limit of the container: the scheduler knows nothing of it
CONTAINER = "docker"
