"""The journal's one thread: callables in, their results out as futures, strictly in order.

SQLite connections and recordings' files belong to this thread, so no lock is held while a disk is slow. A future is done
when its job has returned, which for a write means after COMMIT and fsync. The queue is bounded: what does not fit is
refused at once with JOURNAL_UNSAVED, and the caller keeps the words.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from sqlcipher3 import dbapi2

from companion.errors import CompanionError, Kind
from companion.language import tr
from companion.places import FULL

T = TypeVar("T")
_log = logging.getLogger(__name__)


def unsaved(error: BaseException) -> CompanionError:
    """What a failed write of the disk or the database means to a person."""
    full = getattr(error, "sqlite_errorname", "") == "SQLITE_FULL" or getattr(error, "errno", None) in FULL
    return CompanionError(Kind.DISK_FULL if full else Kind.JOURNAL_UNSAVED, cause=error)


def _pass_on(done: Future[T], waiting: asyncio.Future[T]) -> None:
    if waiting.done():  # nobody waits any more
        return
    if (error := done.exception()) is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(done.result())


class Writer:
    """A thread that runs jobs one after the other until it is closed. A daemon: a stuck disk cannot keep the app alive."""

    def __init__(self, *, queue_limit: int = 256) -> None:
        self.make_room: Callable[[], bool] = lambda: False
        """Called there when a job found the disk full; True: there is some now, and the job runs once more."""
        self._queue_limit = queue_limit
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._closing: Future[None] | None = None
        threading.Thread(target=self._work, name="journal", daemon=True).start()

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queues `job` from any thread. Disk and database errors arrive as DISK_FULL or JOURNAL_UNSAVED.

        Raises:
            CompanionError: JOURNAL_LOCKED after `close`; JOURNAL_UNSAVED when the queue is full.
        """
        with self._wake:
            if self._closing is not None:
                raise CompanionError(Kind.JOURNAL_LOCKED)
            if len(self._jobs) >= self._queue_limit:
                raise CompanionError(
                    Kind.JOURNAL_UNSAVED, tr("The disk is too slow for the journal at the moment.")
                )
            return self._queue(job)

    async def run(self, job: Callable[[], T]) -> T:
        """Waits for `job`. Cancelling the wait does not undo it: a queued write still happens."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()

        def tell(done: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop has ended, and whoever waited with it
                loop.call_soon_threadsafe(_pass_on, done, waiting)

        self.submit(job).add_done_callback(tell)
        return await waiting

    async def close(self, last: Callable[[], None], *, limit_s: float = 5.0) -> None:
        """Runs what is queued, then `last`, and ends. Idempotent; gives up waiting after `limit_s`."""
        with self._wake:
            if self._closing is None:
                self._closing = self._queue(last)
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._closing)), limit_s)
        except TimeoutError:
            _log.warning("the journal did not close within %.0f s; the disk does not answer", limit_s)

    def _queue(self, job: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._jobs.append((job, future))
        self._wake.notify()
        return future

    def _work(self) -> None:
        ended = False
        while not ended:
            with self._wake:
                self._wake.wait_for(lambda: self._jobs)
                job, future = self._jobs.popleft()
                ended = future is self._closing
            self._run(job, future)

    def _run(self, job: Callable[[], T], future: Future[T], *, is_again: bool = False) -> None:
        try:
            result = job()
        except (OSError, dbapi2.Error) as error:
            told = unsaved(error)
            if told.kind is Kind.DISK_FULL and not is_again and self.make_room():
                self._run(job, future, is_again=True)
            else:
                future.set_exception(told)
        except BaseException as error:  # noqa: BLE001 - belongs to whoever awaits the job; the thread goes on
            future.set_exception(error)
        else:
            future.set_result(result)
