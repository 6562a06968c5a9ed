"""Takes up what the trainer publishes while requests go on; where it cannot be trusted, the old build stays."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

from galaxy_memory_rules.errors import BundleError, BundleRefused
from trainer import publishing

from .catalogue import Catalogue, Entry, scan
from .opened import OpenedBundles
from .predictor import Predictor

# What was refused is looked at again when its files change, and this often, as a disk may have been the cause.
RETRY_SECONDS = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReloadOutcome:
    """What a reload has changed.

    Parameters
    ----------
    taken_up : tuple of str
        Bundles that answer from now on, ``<tool>/<build>``.
    gone : tuple of str
        Tools whose folder was removed.
    refused : mapping of str to str
        Folders of tools whose new build is not served, and why; the old one goes on where there is one.
    newly_refused : mapping of str to str
        Those of them that were not refused before, or for another reason.
    """

    taken_up: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    newly_refused: Mapping[str, str] = field(default_factory=dict)


class Reloader:
    """The predictor that answers now, and how it comes to be another.

    Parameters
    ----------
    root : Path
        The folder of all bundles.
    opened : OpenedBundles
        Where they are opened.

    Attributes
    ----------
    predictor : Predictor
        Swapped as a whole by one assignment: a request that holds on to one never mixes two builds of a tool.
    listeners : list of callable
        Told the outcome of each reload; the first one writes it to the log.
    """

    def __init__(self, root: Path, opened: OpenedBundles) -> None:
        self._root, self._opened = root, opened
        self._lock, self._stopped = Lock(), Event()
        self._seen = look(root)
        self.listeners: list[Callable[[ReloadOutcome], None]] = [_log]
        self.predictor = Predictor(Catalogue(), opened)
        self._start()

    def _start(self) -> None:
        """List what is there; nothing is opened yet."""
        try:
            found = scan(self._root, self._opened.key)
        except BundleError as error:
            found = Catalogue(refused={str(self._root): str(error)})
        self.predictor = Predictor(found, self._opened)
        _log(ReloadOutcome(refused=found.refused, newly_refused=found.refused))

    def reload(self) -> ReloadOutcome:
        """Take up every tool's build to serve, after reading and checking in full those that are new.

        Many may ask at once: one after the other reloads.

        Returns
        -------
        ReloadOutcome
            What has changed; nothing has, where the folder cannot be read or has lost every bundle.
        """
        with self._lock:
            before = self.predictor.catalogue
            self._opened.forgive()
            found = self._listed(before)
            after = self._checked(found, before)
            if after != before:
                self.predictor = Predictor(after, self._opened)
                # requests that began with the view before may still ask for its bundles
                asked_for = [*after.entries.values(), *before.entries.values()]
                self._opened.keep_only(asked_for, self._held(after))
            outcome = _outcome(before, after)
        for listener in self.listeners:
            listener(outcome)
        return outcome

    def _listed(self, before: Catalogue) -> Catalogue:
        try:
            found = scan(self._root, self._opened.key, before)
        except BundleError as error:
            return Catalogue(before.entries, {str(self._root): str(error)})
        if before.entries and not found.entries and not found.refused:
            why = f"{self._root}: every bundle is gone; those that were served go on until one is published"
            return Catalogue(before.entries, {str(self._root): why})
        return found

    def _checked(self, found: Catalogue, before: Catalogue) -> Catalogue:
        """Open what is new; where it is refused, the tool's old entry stays."""
        entries: dict[str, Entry] = {}
        refused = dict(found.refused)
        for tool, entry in found.entries.items():
            try:
                if entry is not before.entries.get(tool) or self._opened.failure(entry):
                    self._opened.get(entry)
                entries[tool] = entry
            except BundleRefused as error:
                refused[entry.home] = str(error)
        kept = {entry.tool: entry for home, entry in before.by_home.items() if home in refused}
        return Catalogue({**kept, **entries}, refused)

    @staticmethod
    def _held(after: Catalogue) -> list[Entry]:
        """Return the old entries that go on for a refused one; their files may not be there any more."""
        return [entry for home, entry in after.by_home.items() if home in after.refused]

    def watch(self, interval_seconds: float) -> None:
        """Check all bundles once in the background, and from then on reload when the folder changes.

        Parameters
        ----------
        interval_seconds : float
            How often the folder is looked at; 0 for never.
        """
        Thread(target=self._check_all, name="check bundles", daemon=True).start()
        if interval_seconds > 0:
            Thread(target=self._watch, args=(interval_seconds,), name="watch bundles", daemon=True).start()

    def stop(self) -> None:
        """End what `watch` has begun, as soon as it is between two bundles."""
        self._stopped.set()

    def _check_all(self) -> None:
        """Find what is damaged before it is asked for; half of the time is left to those who ask."""
        for entry in list(self.predictor.entries.values()):
            begin = time.monotonic()
            self._opened.check(entry)
            if self._stopped.wait(time.monotonic() - begin):
                return

    def _watch(self, interval_seconds: float) -> None:
        retry_at = time.monotonic() + RETRY_SECONDS
        while not self._stopped.wait(interval_seconds):
            refused = self._refused()
            seen = look(self._root, refused)
            if seen != self._seen or (refused and time.monotonic() >= retry_at):
                self._reload_safely()
                # what has come between the look and the reload makes one reload too many, none too few
                self._seen, retry_at = seen, time.monotonic() + RETRY_SECONDS

    def _refused(self) -> set[str]:
        """Return the folders of tools whose files may yet become whole."""
        catalogue = self.predictor.catalogue
        return {*catalogue.refused, *(home for home, entry in catalogue.by_home.items() if self._opened.failure(entry))}

    def _reload_safely(self) -> None:
        try:
            self.reload()
        # a thread that ends would take up nothing ever after
        except Exception:
            log.exception("the bundles could not be reloaded; those that were served go on")


def look(root: Path, refused: Iterable[str] = ()) -> tuple[object, ...]:
    """Return what changes when a build is published, pinned or rolled back: two looks at each tool, no file is read.

    Parameters
    ----------
    root : Path
        The folder of all bundles.
    refused : iterable of str
        Folders of tools whose files are looked at too: they may be on their way.
    """
    try:
        base = str(root.resolve(strict=True))
        with os.scandir(base) as found:
            homes = sorted(one.name for one in found)
    except OSError as error:
        return (str(error),)
    names = [f"{base}/{home}/{name}" for home in homes for name in (publishing.CURRENT, publishing.PINNED)]
    return (base, *map(_stamp, names), *(_stamps_below(f"{base}/{home}") for home in sorted(refused)))


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        # five times as fast as by a Path
        told = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return told.st_ino, told.st_mtime_ns, told.st_size


def _stamps_below(home: str) -> tuple[object, ...]:
    return tuple((folder, _stamp(f"{folder}/{name}")) for folder, _, names in os.walk(home) for name in sorted(names))


def _outcome(before: Catalogue, after: Catalogue) -> ReloadOutcome:
    taken_up = [entry.name for tool, entry in after.entries.items() if entry is not before.entries.get(tool)]
    gone = [tool for tool in before.entries if tool not in after.entries]
    newly = {home: why for home, why in after.refused.items() if before.refused.get(home) != why}
    return ReloadOutcome(tuple(taken_up), tuple(gone), after.refused, newly)


def _log(outcome: ReloadOutcome) -> None:
    for name in outcome.taken_up:
        log.info("taken up: %s", name)
    for tool in outcome.gone:
        log.info("gone: %s", tool)
    for home, why in outcome.newly_refused.items():
        log.error("refused: %s: %s", home, why)
