"""The whole error tree of the project.

::

    MemoryRulesError                    every error of ours; its message says what was expected and what to do
    ├── ConfigError                     a configuration file or option is wrong (names file, key, expected)
    │   └── FaultySetting               a setting of a YAML file is wrong (names file, line, key)
    ├── InvalidMessage                  a JobDescription or MemoryRecommendation is wrong (names the field)
    ├── PredictionUnavailable           the service could not be asked, or its answer could not be used
    │   ├── UnknownTool                 the service answers, but has no bundle for this tool
    │   ├── BundleRefused           the service answers, but this tool's bundle is damaged or not to be trusted
    │   ├── JobRefused                  the service answers, but found a field of this job wrong
    │   └── ServiceBusy                 the service asks to be left alone for a while
    ├── DestinationError                a request could not be written into a destination
    ├── SourceError                     Galaxy's database or API cannot be read (names the address)
    ├── RecordsError                    a file of recorded jobs cannot be used (names file, row, column)
    │   └── TooFewJobs                  too few usable records for any model: the tool gets none
    └── BundleError                     a bundle cannot be written, read or trusted (names folder, file)
        └── BundleLocked                another trainer is publishing into the same folder
"""

from pathlib import Path
from typing import Optional


class MemoryRulesError(Exception):
    """Every error of this project; the message names the place, what was expected and what to do."""


class ConfigError(MemoryRulesError):
    """A configuration file or an option is wrong."""


class FaultySetting(ConfigError):
    """A setting of a YAML file is wrong, or the file itself.

    Parameters
    ----------
    file : Path
        The file.
    line : int or None
        Where it is wrong; None for what is missing.
    key : str
        The setting by its full path, ``tools.bowtie2.floor``; empty where it is the file.
    why : str
        What was found or expected, and what to do.
    """

    def __init__(self, file: Path, line: Optional[int], key: str, why: str) -> None:
        self.file, self.line, self.key, self.why = file, line, key, why
        super().__init__(f"{file}{f', line {line}' if line else ''}: {f'{key}: ' if key else ''}{why}")


class InvalidMessage(MemoryRulesError):
    """A field of a message is missing, of the wrong type or out of range.

    Parameters
    ----------
    path : str
        Where the field stands, for example ``inputs[0].size_bytes``.
    expected : str
        What should have been there.
    """

    def __init__(self, path: str, expected: str) -> None:
        self.path = path
        self.expected = expected
        super().__init__(f"{path or 'message'}: {expected}")


class PredictionUnavailable(MemoryRulesError):
    """The service could not be asked in time, or its answer could not be used."""


class UnknownTool(PredictionUnavailable):
    """The service answers, but has no bundle for this tool."""


class BundleRefused(PredictionUnavailable):
    """The service answers, but this tool's bundle is damaged or not to be trusted."""


class JobRefused(PredictionUnavailable):
    """The service answers, but found a field of this job wrong."""


class ServiceBusy(PredictionUnavailable):
    """The service asks to be left alone for a while.

    Parameters
    ----------
    message : str
        What it answered.
    retry_after_seconds : float
        For how long.
    """

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class DestinationError(MemoryRulesError):
    """A memory request could not be written into a destination."""


class SourceError(MemoryRulesError):
    """Galaxy's database or API cannot be read, or takes too long to answer."""


class RecordsError(MemoryRulesError):
    """A file of recorded jobs cannot be used."""


class TooFewJobs(RecordsError):
    """A tool has too few usable records for any model: it gets none, and the rule keeps the destination's memory."""


class BundleError(MemoryRulesError):
    """A bundle cannot be written, read or trusted."""


class BundleLocked(BundleError):
    """Another trainer is publishing into the same folder."""
