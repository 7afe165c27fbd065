"""The insights page over 100,000 turns of ten years: from the click to the first picture, and to all of them.

    python -m tests.benchmarks.insights [TURNS]

Prints figures and asserts nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from companion.app.insight_desk import InsightDesk
from companion.gui.insights import InsightsPage
from companion.gui.staged_insights import SAID
from companion.gui.theme import Look
from companion.insights.rows import Choice
from companion.journal.store import SqlJournal, open_journal
from companion.paths import find_home

TURNS, TURNS_EACH, YEARS = 100_000, 5, 10


async def main(turns: int) -> None:
    app = QApplication.instance() or QApplication(["benchmark"])
    with TemporaryDirectory() as folder:
        journal = await open_journal(find_home(Path(folder)), wrapping_key=bytes(32))
        await fill(journal, turns)

        @asynccontextmanager
        async def using() -> AsyncIterator[SqlJournal]:
            yield journal

        desk = InsightDesk(using, titles=dict)
        await desk.figures(Choice.WEEKS)  # the first statement of a process compiles and reads the schema
        desk.forget()
        for choice in Choice:
            look = Look(theme="dark")
            look.wear()
            page = InsightsPage(look, desk)
            page.resize(1090, 780)
            page._choice = choice
            began, busy = time.perf_counter(), time.process_time()
            page.show()
            page.refresh()
            first = None
            while page._reading is not None and not page._reading.done():
                app.processEvents()
                if first is None and page.calendar.isVisible():
                    first = time.perf_counter() - began
                await asyncio.sleep(0.001)
            app.processEvents()
            whole = time.perf_counter() - began
            print(
                f"insights_page turns={turns} days={choice.value} pictures_ms={1000 * (first or whole):.0f} "
                f"all_ms={1000 * whole:.0f} processor_ms={1000 * (time.process_time() - busy):.0f}"
            )
            page.close()
        await journal.close()


async def fill(journal: SqlJournal, turns: int) -> None:
    """Straight into the tables: this measures reading."""
    random, now, sessions = Random(5), time.time(), turns // TURNS_EACH
    step = YEARS * 365 * 86_400 / sessions

    def write(connection: object) -> None:
        execute = connection.executemany  # type: ignore[attr-defined]
        began = [now - (sessions - n) * step for n in range(sessions)]
        execute(
            "INSERT INTO session (id, started_at, offset_s, practice, mood_before, mood_after, uid) "
            "VALUES (?, ?, 0, 'gratitude', ?, ?, hex(randomblob(16)))",
            [(n + 1, at, random.randint(-2, 2), random.randint(-2, 3)) for n, at in enumerate(began)],
        )
        execute(
            "INSERT INTO turn (session_id, at, offset_s, user_text, reply_text, heard_text, reply_state, reply_at, uid) "
            "VALUES (?, ?, 0, ?, ?, '', 'whole', ?, hex(randomblob(16)))",
            (
                (
                    n + 1,
                    at + 60 * k,
                    " ".join(random.choices(SAID, k=3)),
                    random.choice(SAID) * 3,
                    at + 60 * k + 50,
                )
                for n, at in enumerate(began)
                for k in range(TURNS_EACH)
            ),
        )
        execute(
            "INSERT INTO label (session_id, kind, name) VALUES (?, 'tag', ?)",
            [(n + 1, random.choice(("river", "work", "sister"))) for n in range(sessions)],
        )

    await journal.tables.write(write)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS))
