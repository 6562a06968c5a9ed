"""The bundles that are open: as many as the budget holds, the least recently used are closed first."""

import logging
import time
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from galaxy_memory_rules.errors import BundleError, BundleRefused
from galaxy_memory_rules.memory import MIB
from trainer import bundle
from trainer.bundle import Bundle

from .catalogue import Entry

DEFAULT_BUDGET_BYTES = 200 * MIB
# A bundle that could not be opened is not tried again with every request, but what was wrong may pass.
RETRY_SECONDS = 10.0

log = logging.getLogger(__name__)


class OpenedBundles:
    """Bundles by what their entries name, opened when they are first asked for; any thread may ask.

    Parameters
    ----------
    budget_bytes : int
        What all of them together may take, as they estimate it; the one in use may be larger alone.
    key : bytes, optional
        What manifests must be signed with.
    """

    def __init__(self, budget_bytes: int = DEFAULT_BUDGET_BYTES, key: bytes | None = None) -> None:
        self.budget_bytes, self.key = budget_bytes, key
        self.taken_bytes = 0
        self._lock = Lock()
        self._bundles: OrderedDict[str, Bundle] = OrderedDict()
        self._held: frozenset[str] = frozenset()
        self._failures: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        return len(self._bundles)

    def __contains__(self, entry: Entry) -> bool:
        return entry.name in self._bundles

    def get(self, entry: Entry) -> Bundle:
        """Return the bundle of an entry, from memory or else from its files.

        Raises
        ------
        BundleRefused
            If it is damaged, or was a moment ago.
        """
        with self._lock:
            found = self._bundles.get(entry.name)
            if found is not None:
                self._bundles.move_to_end(entry.name)
                return found
        self._require_not_failed(entry)
        # outside the lock: others go on meanwhile; where two open the same one, both are right
        return self._keep(entry, self._read(entry))

    def check(self, entry: Entry) -> None:
        """Find out whether an entry's files are whole, and remember it where they are not.

        What needs scikit-learn is opened: importing it takes longer than a request may wait.
        """
        try:
            if entry.needs_scikit_learn:
                self.get(entry)
            elif entry not in self:
                bundle.check_build(entry.folder, self.key)
        except BundleRefused:
            return
        except BundleError as error:
            self._refuse(entry, error)

    def failure(self, entry: Entry) -> str | None:
        """Return why an entry could not be opened when it was last tried, or None."""
        failed = self._failures.get(entry.name)
        return failed[0] if failed else None

    def keep_only(self, entries: Iterable[Entry], held: Iterable[Entry]) -> None:
        """Close what is not among `entries`, and what is `held` and open not for want of room.

        What is held may have no files any more.
        """
        wanted = {entry.name for entry in entries}
        with self._lock:
            self._held = frozenset(entry.name for entry in held)
            self._failures = {name: failed for name, failed in self._failures.items() if name in wanted}
            for name in [name for name in self._bundles if name not in wanted]:
                self._close(name)

    def forgive(self) -> None:
        """Try again what could not be opened."""
        with self._lock:
            self._failures = {name: (why, -RETRY_SECONDS) for name, (why, _) in self._failures.items()}

    def _require_not_failed(self, entry: Entry) -> None:
        failed = self._failures.get(entry.name)
        if failed and time.monotonic() < failed[1] + RETRY_SECONDS:
            raise BundleRefused(f"the bundle {entry.name} is not served: {failed[0]}")

    def _read(self, entry: Entry) -> Bundle:
        try:
            return bundle.load_build(entry.folder, self.key)
        except BundleError as error:
            raise self._refuse(entry, error) from error

    def _refuse(self, entry: Entry, error: BundleError) -> BundleRefused:
        with self._lock:
            self._failures[entry.name] = (str(error), time.monotonic())
        log.error("not served: %s: %s", entry.name, error)
        return BundleRefused(f"the bundle {entry.name} is not served: {error}")

    def _keep(self, entry: Entry, found: Bundle) -> Bundle:
        with self._lock:
            self._failures.pop(entry.name, None)
            if entry.name in self._bundles:
                self._close(entry.name)
            self._bundles[entry.name] = found
            self.taken_bytes += found.memory_bytes
            self._make_room(entry.name)
        return found

    def _make_room(self, newest: str) -> None:
        for name in list(self._bundles):
            if self.taken_bytes <= self.budget_bytes:
                return
            if name != newest and name not in self._held:
                self._close(name)

    def _close(self, name: str) -> None:
        self.taken_bytes -= self._bundles.pop(name).memory_bytes
