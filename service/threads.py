"""Work that takes long, in a thread of its own: others get their turn, and the process may end before it does."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


async def in_thread(name: str, work: Callable[[], _T]) -> _T:
    """Return what `work` returns, or raise what it raises.

    Parameters
    ----------
    name : str
        What the thread is called.
    work : callable
        It may be cut off when the process ends, as a pool's threads are not.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(work)
        except Exception as error:
            tell(done.set_exception, error)
        else:
            tell(done.set_result, result)

    def tell(how: Callable[[_T], None] | Callable[[Exception], None], what: object) -> None:
        # nobody listens any more where the loop is closed
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, done, how, what)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done


def _tell(done: "asyncio.Future[_T]", how: Callable[..., None], what: object) -> None:
    # who waited may have gone
    if not done.done():
        how(what)
