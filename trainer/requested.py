"""What was requested for a recorded job, and at which attempt: of the places that may tell, the one that tells best."""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Optional

from galaxy_memory_rules.destinations import ATTEMPT, REQUEST_BYTES, own_memory_of
from galaxy_memory_rules.memory import GIB, MIB
from galaxy_memory_rules.messages import MAX_ATTEMPT, MAX_SIZE_BYTES

from .amounts import amount_bytes

DESTINATION_PARAMS = "destination_params"
# What Galaxy told the job, what our rule asked, what TPV asked, and what an export has worked out; TPV's GB are 2^30.
# After these, the destination's own words, as the rule reads them: native specifications first.
COLUMNS: Mapping[str, Callable[[str], Optional[int]]] = {
    "galaxy_memory_mb": partial(amount_bytes, unit_bytes=MIB),
    REQUEST_BYTES: amount_bytes,
    "tpv_mem": partial(amount_bytes, unit_bytes=GIB),
    "requested_bytes": amount_bytes,
    "requested_memory_bytes": amount_bytes,
    "requested_mb": partial(amount_bytes, unit_bytes=MIB),
    "requested_memory_mb": partial(amount_bytes, unit_bytes=MIB),
}
_WORDS = re.compile(r"native_?specification$|mem(ory)?$|--mem", re.IGNORECASE)


def requested_bytes(told: Mapping[str, str]) -> Optional[int]:
    r"""Return what was requested for a job, or None where nobody says.

    Parameters
    ----------
    told : mapping of str to str
        Metrics and columns of the job by name; `DESTINATION_PARAMS`, where it is there, is JSON as Galaxy's database
        keeps it, or PostgreSQL's ``\x`` text of it.
    """
    known = {**_parsed(told.get(DESTINATION_PARAMS, "")), **told}
    found = (reader(str(known[column])) for column, reader in COLUMNS.items() if column in known)
    best = next((value for value in found if value is not None), None)
    # reading a destination's words costs more than all else of a row, and most rows have none
    own_bytes = own_memory_of(known) if best is None and any(map(_is_word, known)) else best
    return own_bytes if own_bytes and own_bytes <= MAX_SIZE_BYTES else None


def attempt(told: Mapping[str, str]) -> int:
    """Return which attempt our rule sized last, 1 where it tells of none: only Galaxy's database has more to say."""
    noted = str(_parsed(told.get(DESTINATION_PARAMS, "")).get(ATTEMPT, ""))
    return min(max(int(noted), 1), MAX_ATTEMPT) if noted.isdecimal() and len(noted) < len(str(MAX_SIZE_BYTES)) else 1


@lru_cache(maxsize=10_000)
def _is_word(name: str) -> bool:
    """Whether a name may be a destination's word for memory; the metrics of cgroups end otherwise."""
    return _WORDS.search(name) is not None


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        params = json.loads(bytes.fromhex(text[2:]) if text.startswith("\\x") else text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return params if isinstance(params, dict) else {}
