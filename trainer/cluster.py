"""Tools that are done at the same time on a Dask cluster, one task for each tool."""

import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import sklearn
from joblib import Parallel

from galaxy_memory_rules import __version__
from galaxy_memory_rules.errors import ConfigError

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE_SECONDS = 30.0


@contextmanager
def connected(address: str) -> "Iterator[Client]":
    """Stay connected to a scheduler whose workers can do what this machine does.

    Parameters
    ----------
    address : str
        As the scheduler tells it, for example ``tcp://192.0.2.1:8786``. Scheduler and workers run what they are sent:
        they are as trusted as this machine.

    Raises
    ------
    ConfigError
        If the scheduler does not answer, has no workers, or one of them has other versions than this machine: models
        would depend on where they were trained.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError("--cluster: needs the package distributed; pip install distributed") from error
    try:
        client = Client(address, timeout=_PATIENCE_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"--cluster: no Dask scheduler answers at {address} ({error})") from error
    with client:
        _require_workers(client, address)
        yield client


def on_cluster(calls: Iterable[Any], client: "Client") -> Iterator[Any]:
    """Make calls on the workers.

    Parameters
    ----------
    calls : iterable
        Made with `joblib.delayed`.
    client : distributed.Client
        See `connected`.

    Returns
    -------
    iterator
        The results, in the order of the calls and each as soon as it and those before it are there.

    Raises
    ------
    ConfigError
        While the results are waited for, if workers are lost time and again, or the scheduler is.
    """
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    with joblib.parallel_config(backend="dask", client=client):
        # a batch of two tools would let a worker wait for the other's
        parallel = Parallel(n_jobs=-1, return_as="generator", batch_size=1)
    try:
        yield from parallel(calls)
    except (KilledWorker, CancelledError, CommClosedError) as error:
        raise ConfigError(f"--cluster: workers were lost ({error}); what was published before stays in use") from error


def _require_workers(client: "Client", address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_SECONDS)
    except TimeoutError as error:
        raise ConfigError(f"--cluster: {address} has no workers; start some with `dask worker {address}`") from error
    # a function without a name travels as it is, and is there where the trainer is not
    theirs = client.run(lambda: import_module("trainer.cluster").versions(), on_error="return")
    for worker, found in theirs.items():
        if isinstance(found, Exception):
            raise ConfigError(
                f"--cluster: {worker} cannot import the trainer ({found}); start it in a checkout of this version, "
                "with the packages of its [trainer]"
            )
        for what, version in versions().items():
            if found[what] != version:
                raise ConfigError(f"--cluster: {worker} has {what} {found[what]}, and this machine {version}")


def versions() -> dict[str, str]:
    """Return what a model depends on."""
    return {
        "galaxy_memory_rules": __version__,
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }
