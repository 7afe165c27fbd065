"""The journal's thread keeps order, passes on what goes wrong, and never holds up the end of the program."""

from __future__ import annotations

import asyncio
import errno
import threading

import pytest

from companion.errors import CompanionError, Kind
from companion.journal.writer import Writer


async def test_jobs_run_in_order_on_one_thread_and_the_last_one_last() -> None:
    writer = Writer()
    seen: list[object] = []
    waiting = [asyncio.ensure_future(writer.run(lambda n=n: seen.append(n))) for n in range(100)]  # type: ignore[misc]
    threads = {await writer.run(threading.get_ident) for _ in range(3)}
    await writer.close(lambda: seen.append("last"))
    await asyncio.gather(*waiting)
    assert seen == [*range(100), "last"]
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "full"), Kind.DISK_FULL),
        (OSError(errno.EDQUOT, "quota"), Kind.DISK_FULL),
        (OSError(errno.EFBIG, "too large"), Kind.DISK_FULL),
        (OSError(errno.EIO, "broken"), Kind.JOURNAL_UNSAVED),
        (PermissionError(errno.EACCES, "not allowed"), Kind.JOURNAL_UNSAVED),
    ],
)
async def test_what_the_disk_says_reaches_a_person(error: OSError, kind: Kind) -> None:
    def fail() -> None:
        raise error

    writer = Writer()
    with pytest.raises(CompanionError) as caught:
        await writer.run(fail)
    assert caught.value.kind is kind
    assert caught.value.cause is error
    assert await writer.run(lambda: "goes on") == "goes on"
    await writer.close(lambda: None)


async def test_a_fault_of_the_program_is_not_called_a_disk_fault() -> None:
    writer = Writer()
    with pytest.raises(ZeroDivisionError):
        await writer.run(lambda: 1 // 0)
    await writer.close(lambda: None)


async def test_closing_gives_up_on_a_disk_that_does_not_answer(
    expected_warnings: pytest.LogCaptureFixture,
) -> None:
    writer = Writer()
    answers = threading.Event()
    writer.submit(answers.wait)
    await writer.close(lambda: None, limit_s=0.05)
    assert "did not close" in expected_warnings.text
    answers.set()
    await writer.close(lambda: None)
