"""The long runs behind make soak: a service that is tortured, row by row of the issue's table."""

import sys

from goals import main
from soak_corrupt import corrupt
from soak_drift import drift
from soak_hostile import hostile
from soak_overload import overload
from soak_reload import reload
from soak_sigterm import sigterm
from soak_slow import slow

PARTS = {
    "drift": drift,
    "reload": reload,
    "corrupt": corrupt,
    "hostile": hostile,
    "slow": slow,
    "overload": overload,
    "sigterm": sigterm,
}

if __name__ == "__main__":
    sys.exit(main(PARTS, sys.argv[1:]))
