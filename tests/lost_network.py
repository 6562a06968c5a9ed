"""Asks the service in a network that loses everything; run by test_rules_network.py in a namespace of its own."""

import json
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from wire_faults import miss

DEADLINE_SECONDS = 0.25
CALLS = 3


def silent_name_server(stack: ExitStack) -> str:
    """Listen where /etc/resolv.conf of this namespace points, and never answer."""
    listener = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    listener.bind(("127.0.0.1", 53))
    return "http://slow.example:8765"


def full_backlog(stack: ExitStack) -> str:
    """Listen, and let so many wait that the next ones' first packets are dropped."""
    listener, *waiting = (stack.enter_context(socket.socket()) for _ in range(3))
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


LOSSES: dict[str, Callable[[ExitStack], str]] = {
    "no name server": lambda stack: "http://nobody.example:8765",
    "silent name server": silent_name_server,
    "full backlog": full_backlog,
    "no route": lambda stack: "http://192.0.2.1:8765",
}


def main(loss: str) -> None:
    """Print the seconds of a few calls."""
    with ExitStack() as stack:
        url = LOSSES[loss](stack)
        print(json.dumps([miss(url, None, DEADLINE_SECONDS) for _ in range(CALLS)]))


if __name__ == "__main__":
    main(sys.argv[1])
