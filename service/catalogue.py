"""What could be served: one small entry for each tool, read from its manifest alone."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from galaxy_memory_rules.errors import BundleError
from galaxy_memory_rules.names import tool_names
from trainer import publishing
from trainer.manifest import MANIFEST, read_manifest

# Ids as jobs tell them, which are at most 1 kB each.
_MOST_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool's build as it is listed, without its model.

    Parameters
    ----------
    tool : str
        The tool's id, or its name where no id is known.
    home : str
        The name of the tool's folder.
    folder : Path
        The build, ``<root>/<home>/<build>``.
    name : str
        ``<tool>/<build>``, as answers name it; a build's name is the hash of all that is in it.
    needs_scikit_learn : bool
        Whether its model is an estimator of models.json.
    source, model : str
        The rung that answers, and the name of its model.
    rows : int
        Recorded jobs behind it.
    published_seconds : float
        When it was published, since the epoch.
    promised_failure_rate, achieved_failure_rate, test_rel, test_r2, test_median_ape : float or None
        What was promised, and what came of it on jobs held out.
    achieved_failure_interval : sequence of float or None
        Where the true failure rate lies.
    wastage_unit : str
        ``GB·h``, or ``GB·job`` where not every recorded job tells how long it ran.
    wastage_gbh, constant_wastage_gbh : float or None
        What was wasted on the jobs held out, and what one request for all of them would have wasted under the same cap.
    wastage_saved_share : float or None
        Share of the latter that is saved, below 0 where more is wasted.
    censored_share : float
        Share of the recorded jobs whose peak is that of a memory limit.
    limit_bytes : int or None
        The memory limit that the recorded jobs had.
    """

    tool: str
    home: str
    folder: Path
    name: str
    needs_scikit_learn: bool
    source: str
    model: str
    rows: int
    published_seconds: float
    promised_failure_rate: float | None
    achieved_failure_rate: float | None
    achieved_failure_interval: tuple[float, ...] | None
    test_rel: float | None
    test_r2: float | None
    test_median_ape: float | None
    wastage_unit: str
    wastage_gbh: float | None
    constant_wastage_gbh: float | None
    wastage_saved_share: float | None
    censored_share: float
    limit_bytes: int | None

    @classmethod
    def of(cls, folder: Path, manifest: Mapping[str, Any]) -> "Entry":
        """Pick what is listed from a manifest."""
        facts, sizing = manifest["facts"], manifest["sizing"]
        held_out, scores = facts["held_out"] or {}, (facts["scores"] or {}).get("test", {})
        constant, rows = facts["constant"] or {}, facts["rows"]
        interval = held_out.get("failure_interval")
        return cls(
            tool=manifest["tool"],
            home=folder.parent.name,
            folder=folder,
            name=f"{manifest['tool']}/{folder.name}",
            needs_scikit_learn=manifest["model"]["kind"] == "estimator",
            source=str(facts["model"]["source"]),
            model=str(facts["model"]["name"]),
            rows=int(sizing["rows"]),
            published_seconds=folder.stat().st_mtime,
            promised_failure_rate=sizing["failure_cap"],
            achieved_failure_rate=held_out.get("failure_rate"),
            achieved_failure_interval=tuple(interval) if interval else None,
            test_rel=held_out.get("rel"),
            test_r2=scores.get("r2"),
            test_median_ape=scores.get("median_ape"),
            wastage_unit=str(facts["unit"]),
            wastage_gbh=held_out.get("wastage_gbh"),
            constant_wastage_gbh=constant.get("wastage_gbh"),
            wastage_saved_share=_saved_share(held_out.get("wastage_gbh"), constant.get("wastage_gbh")),
            censored_share=rows["censored"] / (rows["used"] + sum(rows["dropped"].values())),
            limit_bytes=facts["limit_bytes"],
        )


def _saved_share(wastage_gbh: float | None, constant_gbh: float | None) -> float | None:
    if wastage_gbh is None or not constant_gbh:
        return None
    share = 1 - wastage_gbh / constant_gbh
    if not math.isfinite(share):
        raise ValueError(f"wastage {wastage_gbh} of {constant_gbh}")
    return share


@dataclass(frozen=True)
class Catalogue:
    """All tools that could be served, by every name that a live job may call them; never changed.

    Parameters
    ----------
    entries : mapping of str to Entry
        By tool.
    refused : mapping of str to str
        Folders whose bundle is not served, and why.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    _by_name: Mapping[str, Entry] = field(init=False, repr=False, compare=False)
    _remembered: Callable[[str, str | None], Entry | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = dict(self.entries)
        # where several are known by the same family or bare name, the one with the most records answers for it
        for entry in sorted(self.entries.values(), key=lambda entry: -entry.rows):
            for name in tool_names(entry.tool):
                by_name.setdefault(name, entry)
        object.__setattr__(self, "_by_name", by_name)
        # taking an id apart costs more than all else that finds a bundle
        object.__setattr__(self, "_remembered", lru_cache(_MOST_REMEMBERED)(self._find))

    def find(self, tool_id: str, tool_version: str | None = None) -> Entry | None:
        """Return the entry for a tool: by its exact version, then by its family, then by its bare name."""
        return self._remembered(tool_id, tool_version)

    def _find(self, tool_id: str, tool_version: str | None) -> Entry | None:
        for name in tool_names(tool_id, tool_version):
            if name in self._by_name:
                return self._by_name[name]
        return None

    @property
    def by_home(self) -> dict[str, Entry]:
        """The entries by the names of their folders."""
        return {entry.home: entry for entry in self.entries.values()}


def scan(root: Path, key: bytes | None = None, known: Catalogue | None = None) -> Catalogue:
    """List the bundles below the folder of all bundles; what is refused is told in its place.

    Parameters
    ----------
    root : Path
        The folder; where it is a link, what it names now is read throughout.
    key : bytes, optional
        What manifests must be signed with.
    known : Catalogue, optional
        What was listed before; the entries of builds that are still the ones to serve are kept as they are.

    Raises
    ------
    BundleError
        If there is no such folder.
    """
    listed = known.by_home if known else {}
    entries: dict[str, Entry] = {}
    refused: dict[str, str] = {}
    for home in _homes(root, listed):
        try:
            entry = _entry_of(home, key, listed.get(home.name))
        except BundleError as error:
            refused[home.name] = str(error)
        else:
            entries[entry.tool] = entry
    return Catalogue(entries, refused)


def _homes(root: Path, listed: Iterable[str]) -> list[Path]:
    try:
        root = root.resolve(strict=True)
        found = publishing.homes(root)
    except OSError as error:
        raise BundleError(f"{root}: cannot be read ({error}); name the folder of bundles with --models") from error
    # a tool's folder that was there and has lost its current build is half copied, not gone
    return sorted({*found, *(root / name for name in listed if (root / name).is_dir())})


def _entry_of(home: Path, key: bytes | None, before: Entry | None) -> Entry:
    folder = publishing.served_build(home)
    if before is not None and before.folder == folder:
        return before
    with _complaints_of(folder):
        manifest = read_manifest(folder, key)
        entry = Entry.of(folder, manifest)
    # else a copy of a tool's folder would be served beside it, or in its place
    if publishing.folder_name(entry.tool) != home.name:
        raise BundleError(f"{home}: holds a bundle of {entry.tool}, whose folder is another; remove this one")
    return entry


@contextmanager
def _complaints_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
        raise BundleError(f"{folder / MANIFEST}: incomplete ({error!r}); train this tool again") from error
