"""Tools that are done at the same time, in processes of joblib that end with the one that started them."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from joblib import Parallel

_LOOK_SECONDS = 1.0


def at_the_same_time(calls: Iterable[Any], workers: int) -> Iterator[Any]:
    """Make calls in as many processes, or in this one where there is one worker.

    Parameters
    ----------
    calls : iterable
        Made with `joblib.delayed`.
    workers : int
        Processes.

    Returns
    -------
    iterator
        The results, in the order of the calls and each as soon as it and those before it are there.
    """
    in_processes = Parallel(workers, return_as="generator", initializer=_end_with, initargs=(os.getpid(),))
    results: Iterator[Any] = in_processes(calls)
    return results


def _end_with(parent: int) -> None:
    """Let a worker end when its parent was killed, for its memory or by kill -9.

    It would go on with its tool, and then wait for ever to hand over a result that nobody reads.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
