"""What the server and the application of one process tell each other."""

from collections import Counter
from collections.abc import Callable


def _nothing() -> None:
    """Stand in until there are bundles to load anew."""


class Lifecycle:
    """What becomes of this process; the class itself holds it, as there is one for each process.

    Attributes
    ----------
    stopping : bool
        It was asked to stop: it is not ready any more, and answers what has come and comes.
    reload : callable
        Loads new bundles; the application sets it, SIGHUP calls it in a thread of its own.
    refused : Counter
        Requests that never reached the application, by reason: ``overload``, ``slow``, ``malformed``, ``too_large``;
        and ``connections`` that were closed for newer ones.
    """

    stopping: bool = False
    reload: Callable[[], object] = staticmethod(_nothing)
    refused: Counter[str] = Counter()
