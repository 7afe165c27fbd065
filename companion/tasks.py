"""Background work on the loop: one way to start it, one place where its errors arrive.

`asyncio.create_task` alone keeps no reference and lets an exception leave by whatever door the loop has; `spawn` keeps
the task until it is done and hands what it raised to the one reporter.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from companion.log import describe

if TYPE_CHECKING:
    import asyncio  # at run time only where there is a loop already: the window is painted before it
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")
FAIR_S = 0.008
"""Half a frame of a window."""
_log = logging.getLogger(__name__)
_alive: set[asyncio.Task[Any]] = set()


def _log_error(error: BaseException) -> None:
    _log.error("unhandled: %s", describe(error))


_reporter: Callable[[BaseException], None] = _log_error


def report_to(reporter: Callable[[BaseException], None] | None) -> None:
    """Where unhandled errors of tasks, callbacks and threads go; None: the log."""
    global _reporter  # noqa: PLW0603 - one process has one reporter, like sys.excepthook
    _reporter = reporter or _log_error


def report(error: BaseException) -> None:
    """The one road for errors nobody caught."""
    _reporter(error)


def spawn(work: Coroutine[Any, Any, T], *, name: str, is_awaited: bool = False) -> asyncio.Task[T]:
    """Starts `work` in the background. Its exception goes to the reporter, or to who awaits it where somebody does."""
    import asyncio

    task = asyncio.get_running_loop().create_task(work, name=name)
    _alive.add(task)
    task.add_done_callback(_alive.discard if is_awaited else _finished)
    return task


@contextmanager
def generators_closed(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Within the block, an answer that nobody reads to its end is closed on `loop`.

    `asyncio.run` does that by itself; a window's loop does not, and Python then ends the generator wherever it is.
    """

    def close(generator: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: spawn(generator.aclose(), name="close a generator"))

    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(finalizer=close)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*before)


def _finished(task: asyncio.Task[Any]) -> None:
    _alive.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        report(error)


class Fairness:
    """For a loop over what may be there already: `if fairness.is_due(): await asyncio.sleep(0)` lets others have a turn.

    Awaiting what is ready does not: a server that sends ten thousand pieces at once would hold everything else meanwhile.
    """

    __slots__ = ("_since_s",)

    def __init__(self) -> None:
        self._since_s = 0.0

    def is_due(self) -> bool:
        """Whether it has gone on for some milliseconds; the time begins anew then."""
        now_s = monotonic()
        if now_s - self._since_s < FAIR_S:
            return False
        self._since_s = now_s
        return True


class Wait:
    """The waits of whoever has it, one after the other; `break_off` ends the one under way, if there is one.

    What `asyncio.timeout` does around one wait, without a new object and two coroutines for each: an answer has hundreds.
    """

    __slots__ = ("_before", "_is_broken_off", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._before = 0
        """How often that task had been asked to end when it began to wait."""
        self._is_broken_off = False

    @property
    def is_on(self) -> bool:
        return self._task is not None

    def begin(self) -> None:
        """The task that runs now waits."""
        import asyncio

        self._task = task = asyncio.current_task()
        self._before = task.cancelling() if task is not None else 0

    def end(self) -> bool:
        """It waits no longer; whether it was cancelled by `break_off`, and by nobody else. Idempotent."""
        task, self._task = self._task, None
        if not self._is_broken_off or task is None:
            return False
        self._is_broken_off = False
        return task.uncancel() <= self._before

    def break_off(self) -> None:
        """Cancels who waits."""
        if self._task is not None and not self._is_broken_off:
            self._is_broken_off = True
            self._task.cancel()


async def stop(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancels and waits until all are gone; None is allowed. What they raise while ending goes to the reporter."""
    import asyncio

    waiting = [task for task in tasks if task is not None and not task.done()]
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.wait(waiting)


async def detached(work: Coroutine[Any, Any, T], *, name: str) -> T:
    """What `work` returns. A caller that is cancelled leaves it running; the reporter then hears what it raises."""
    import asyncio

    task = spawn(work, name=name, is_awaited=True)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.add_done_callback(_finished)
        raise
    return task.result()


async def unbroken(work: Coroutine[Any, Any, T], *, name: str) -> T:
    """What `work` returns. It runs to its end even where the caller is cancelled, who hears of that afterwards."""
    import asyncio

    task, is_cancelled = spawn(work, name=name, is_awaited=True), False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        if not task.cancelled():
            task.exception()  # seen; the cancellation is what the caller hears
        raise asyncio.CancelledError
    return task.result()


def alive() -> tuple[asyncio.Task[Any], ...]:
    """What runs now, for the devtools and for leak checks."""
    return tuple(_alive)
