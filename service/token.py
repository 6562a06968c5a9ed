"""The token that requests have to bear, from the administrator's file."""

import os
import re
import stat
from pathlib import Path

from galaxy_memory_rules.errors import ConfigError

# What may stand in the header Authorization (RFC 6750), long enough not to be guessed.
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]{16,4096}=*")
_MOST_BYTES = 8192


def read_token(path: Path) -> bytes:
    """Read the token; space around it is left out.

    Raises
    ------
    ConfigError
        If the file cannot be read, is open to others, or holds no token.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            token = file.read(_MOST_BYTES).strip()
    except OSError as error:
        raise ConfigError(f"{path}: the token cannot be read ({error})") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(f"{path}: every user may read or write the token; chmod o-rw it, and make a new one")
    if not _TOKEN.fullmatch(token):
        raise ConfigError(f"{path}: expected one token of 16 or more letters, digits or ._~+/- (openssl rand -hex 32)")
    return token
