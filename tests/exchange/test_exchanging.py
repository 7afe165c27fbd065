"""Imports are whole or not at all, can be taken back and come only once; exports are complete and read back the same."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings, strategies as st

from companion.app.archive import Place
from companion.app.exchange import Exchange
from companion.entries import Entry, EntryTurn
from companion.errors import CompanionError, Kind
from companion.exchange import child
from companion.exchange.lines import from_document, to_document, to_line
from companion.journal.keys import Argon2Cost
from companion.journal.store import SqlJournal, open_in_memory, open_journal
from companion.kinds import ReplyState
from companion.paths import Home, find_home
from companion.records import Selection
from tests.exchange import samples

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)
KEY = bytes(range(32))


def exchange_of(journal: SqlJournal) -> Exchange:
    @asynccontextmanager
    async def using() -> AsyncIterator[SqlJournal]:
        yield journal

    return Exchange(journal=using, place=lambda: Place.OPEN)


@pytest.fixture
async def journal(home: Home) -> AsyncIterator[SqlJournal]:
    journal = await open_journal(home, wrapping_key=KEY, cost=CHEAP)
    yield journal
    await journal.close()


async def taken(journal: SqlJournal, path: Path) -> tuple[int, int]:
    exchange = exchange_of(journal)
    batch = await exchange.take(await exchange.look(path))
    return batch.id, batch.kept


async def all_of(journal: SqlJournal) -> list[Entry]:
    return [entry async for entry in journal.exchange.entries()]


# -- in -----------------------------------------------------------------------------------------------------


async def test_an_import_comes_in_once_can_be_undone_and_come_again(
    journal: SqlJournal, tmp_path: Path
) -> None:
    own = await journal.begin_session("open-reflection", 1_000.0, 0)
    await journal.save_user(own, "Said here.", 1_000.0, 0)
    path = samples.dayone(tmp_path)
    batch_id, kept = await taken(journal, path)
    assert kept == 4
    listed = await journal.list.page()
    assert [session.title for session in listed][1] == "The whole day belongs to 18 April in London."
    assert {"walks", "spring"} == set((await journal.list.page(selection=Selection(is_starred=True)))[0].tags)
    again = (await exchange_of(journal).look(path)).preview
    assert (again.new, again.here) == (0, 4)
    assert (await taken(journal, path))[1] == 0
    assert await exchange_of(journal).undo(batch_id) == 4
    assert [session.title for session in await journal.list.page()] == ["Said here."]
    assert (await taken(journal, path))[1] == 4
    assert len(await journal.list.page()) == 5


async def test_the_days_of_what_came_in_stay_wherever_it_is_read(
    journal: SqlJournal, tmp_path: Path, travel: Callable[[str], None]
) -> None:
    await taken(journal, samples.jrnl_json(tmp_path))
    await taken(journal, samples.dayone(tmp_path))
    travel("NZDT-13")
    days = [day.isoformat() for day, _ in await journal.list.days()]
    assert days == ["2019-10-27", "2020-03-29", "2020-03-30", "2024-03-10", "2024-04-18", "2024-04-20"]


async def test_odd_entries_are_left_out_by_choice(journal: SqlJournal, tmp_path: Path) -> None:
    entries = [
        {"uuid": name, "creationDate": at, "text": name}
        for name, at in (
            ("a", "2024-01-01T00:00:00Z"),
            ("b", "2999-01-01T00:00:00Z"),
            ("c", "1789-07-14T00:00:00Z"),
        )
    ]
    exchange = exchange_of(journal)
    incoming = await exchange.look(samples.written(tmp_path / "Journal.json", samples.journal(*entries)))
    assert dict(incoming.preview.odd) == {"future": 1, "early": 1}
    assert incoming.preview.coming(frozenset(("future",))) == 2
    assert (await exchange.take(incoming, frozenset(("future",)))).kept == 2
    assert sorted(entry.words for entry in await all_of(journal)) == ["a", "c"]


async def test_tags_are_spelt_as_they_were(journal: SqlJournal, tmp_path: Path) -> None:
    own = await journal.begin_session("open-reflection", 1_000.0, 0)
    await journal.save_user(own, "x", 1_000.0, 0)
    await journal.changing.set_labels(own, tags=["Walks"])
    await taken(journal, samples.dayone(tmp_path))
    assert await journal.list.labels("tag") == [("Walks", 2), ("spring", 1)]


async def test_a_journal_that_keeps_nothing_takes_nothing_in(tmp_path: Path) -> None:
    journal = await open_in_memory()
    exchange = exchange_of(journal)
    incoming = await exchange.look(samples.jrnl_text(tmp_path))
    with pytest.raises(CompanionError) as caught:
        await exchange.take(incoming)
    assert caught.value.kind is Kind.JOURNAL_LOCKED
    await journal.close()


async def test_what_is_said_during_an_import_does_not_wait_for_it(journal: SqlJournal) -> None:
    entries = [
        Entry(began=1e9 + n, offset_s=0, source=f"x:{n}", turns=(EntryTurn(at=1e9 + n, words="word " * 50),))
        for n in range(1_000)
    ]
    task = asyncio.ensure_future(journal.exchange.take("x", "x", entries))
    session = await journal.begin_session("open-reflection", 1_000.0, 0)
    await journal.save_user(session, "Said meanwhile.", 1_000.0, 0)
    assert not task.done()
    assert [each.title for each in await journal.list.page()] == ["Said meanwhile."]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await journal.list.count() == 1  # cancelled before the end: nothing came in
    assert (await journal.exchange.take("x", "x", entries)).kept == 1_000


KILLED = """
import asyncio, os, sys
from companion.journal import staging
from companion.journal.keys import Argon2Cost
from companion.journal.store import open_journal
from companion.entries import Entry, EntryTurn
from companion.paths import find_home

def keep(self, connection, batch_id):
    count = whole(self, connection, batch_id)
    os._exit(9)

whole, staging.Stage.keep = staging.Stage.keep, keep

async def main():
    journal = await open_journal(find_home(sys.argv[1]), wrapping_key=bytes(range(32)),
        cost=Argon2Cost(memory_kib=64, passes=1, lanes=1))
    session = await journal.begin_session("open-reflection", 1000.0, 0)
    await journal.save_user(session, "Acknowledged.", 1000.0, 0)
    entries = [Entry(began=2e9 + n, source=f"x:{n}", turns=(EntryTurn(at=2e9, words="x"),)) for n in range(300)]
    await journal.exchange.take("x", "x", entries)

asyncio.run(main())
"""


async def test_killed_at_the_last_moment_nothing_came_in_and_it_can_be_repeated(tmp_path: Path) -> None:
    code = await asyncio.to_thread(
        lambda: subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "h")], check=False).returncode
    )
    assert code == 9
    journal = await open_journal(find_home(tmp_path / "h"), wrapping_key=KEY, cost=CHEAP)
    assert [entry.words for entry in await all_of(journal)] == ["Acknowledged."]
    assert (await taken(journal, samples.daylio(tmp_path)))[1] == 3
    await journal.close()


# -- out ----------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
lines = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=12)
moments = st.floats(-2e10, 2e11, allow_nan=False)
offsets = st.none() | st.integers(-14 * 3600, 14 * 3600)
moods = st.none() | st.integers(-3, 3)
turns = st.builds(
    EntryTurn,
    at=moments,
    offset_s=offsets,
    words=texts,
    said=st.none() | texts,
    edited_at=st.none() | moments,
    answer=texts,
    heard=texts,
    state=st.sampled_from(ReplyState),
    answered_at=st.none() | moments,
    engines=st.dictionaries(lines, lines, max_size=2),
    timeline_ms=st.dictionaries(lines, st.floats(0, 1e9), max_size=2),
    cost_usd=st.none() | st.floats(0, 10),
)
some_entries = st.lists(
    st.builds(
        Entry,
        began=moments,
        offset_s=offsets,
        title=lines,
        summary=texts,
        practice=st.sampled_from(["open-reflection", "gratitude"]),
        mood_before=moods,
        mood_after=moods,
        mood_word=lines,
        is_starred=st.booleans(),
        tags=st.lists(lines, max_size=3).map(tuple),
        people=st.lists(lines, max_size=2).map(tuple),
        turns=st.lists(turns, min_size=1, max_size=3).map(tuple),
    ),
    max_size=4,
)


@given(entries=some_entries)
@settings(max_examples=40, deadline=None, phases=[Phase.generate])
def test_an_export_read_back_and_exported_again_is_the_same(entries: list[Entry]) -> None:
    async def there_and_back() -> None:
        first, second = await open_in_memory(), await open_in_memory()
        await first.exchange.take("x", "x", entries)
        out = [to_line(to_document(entry)) for entry in await all_of(first)]
        back = [entry for line in out if (entry := from_document(json.loads(line))) is not None]
        assert len(back) == len(entries)
        await second.exchange.take("companion", "x", back)
        assert [to_line(to_document(entry)) for entry in await all_of(second)] == out
        await second.exchange.take("companion", "x", back)
        assert await second.list.count() == await first.list.count()
        await first.close()
        await second.close()

    asyncio.run(there_and_back())


async def filled(journal: SqlJournal, tmp_path: Path) -> None:
    """Something of everything."""
    for make in samples.ALL:
        out = io.BytesIO()
        child.read(make(tmp_path), out)
        said = (json.loads(line).get("entry") for line in out.getvalue().splitlines())
        await journal.exchange.take("x", "x", [e for each in said if each and (e := from_document(each))])
    own = await journal.begin_session("gratitude", 1_700_000_000.5, 19_800)
    turn = await journal.save_user(own, "Back\\slash. *not bold*\r\nsecond line", 1_700_000_000.5, 19_800)
    await journal.finish_reply(
        turn,
        reply_text="An answer.\n\nIn two parts.",
        heard_text="An answer.",
        state=ReplyState.INTERRUPTED,
        reply_at=1_700_000_010.0,
        engines={"llm": "a/b"},
        timeline_ms={"first_token": 12.5},
        cost_usd=0.0,
    )
    await journal.changing.set_mood(own, before=0, after=2, word="lighter")
    await journal.changing.set_title(own, "The walk: and the emails")


async def test_a_whole_journal_there_and_back_is_the_same_file(
    journal: SqlJournal, tmp_path: Path, home: Home
) -> None:
    await filled(journal, tmp_path)
    told: list[tuple[int, int]] = []
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    done = await exchange_of(journal).export(one, "jsonl", told=lambda *far: told.append(far))
    assert done.reflections == await journal.list.count() == told[-1][0] == told[-1][1]
    second = await open_journal(find_home(tmp_path / "second"), wrapping_key=KEY, cost=CHEAP)
    assert (await taken(second, one))[1] == done.reflections
    assert (await taken(second, one))[1] == 0
    await exchange_of(second).export(other, "jsonl")
    assert one.read_bytes() == other.read_bytes()
    assert (await taken(journal, other))[1] == 0  # what is here already stays as it is
    await second.close()


async def test_day_one_gets_back_what_it_gave(journal: SqlJournal, tmp_path: Path) -> None:
    await filled(journal, tmp_path)
    await exchange_of(journal).export(tmp_path / "out.zip", "dayone")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        written = {entry["uuid"]: entry for entry in json.loads(archive.read("Journal.json"))["entries"]}
    assert "A0000000000000000000000000000001" in written
    second = await open_in_memory()
    incoming = await exchange_of(second).look(tmp_path / "out.zip")
    back = {entry.source: entry for entry in incoming.entries()}
    for entry in await all_of(journal):
        name = entry.source if entry.source.startswith("dayone:") else f"dayone:{entry.uid.upper()}"
        if entry.words or entry.tags or entry.title or entry.is_starred or entry.mood_word:
            same = back[name]
            assert (same.when.local.replace(microsecond=0), same.tags) == (
                entry.when.local.replace(microsecond=0),
                entry.tags,
            )
            assert entry.words.replace("\r\n", "\n").strip() in same.words
            assert same.title == entry.title
    await second.close()


async def test_markdown_is_a_file_a_day_that_other_programs_read(journal: SqlJournal, tmp_path: Path) -> None:
    await filled(journal, tmp_path)
    await exchange_of(journal).export(tmp_path / "notes", "markdown")
    names = sorted(
        path.relative_to(tmp_path / "notes").as_posix() for path in (tmp_path / "notes").rglob("*.md")
    )
    assert "2021/2021-09-28.md" in names
    assert len(names) == len(await journal.list.days())
    text = (tmp_path / "notes" / "2023" / "2023-11-15.md").read_text("utf-8")
    assert text.startswith(
        '---\ndate: 2023-11-15\nmood: ["neutral → pleasant (lighter)"]\n---\n# Wednesday 15 November 2023\n'
    )
    assert "## 03:43 The walk: and the emails" in text
    assert "**Companion**\n\n> An answer.\n>\n> In two parts." in text
    read_back = (await exchange_of(journal).look(tmp_path / "notes")).preview
    assert read_back.entries == len(names)


async def test_a_selection_is_exported_with_its_sound(journal: SqlJournal, tmp_path: Path) -> None:
    import soundfile

    session = await journal.begin_session("open-reflection", 1_700_000_000.0, 0)
    turn = await journal.save_user(session, "Heard.", 1_700_000_000.0, 0)
    other = await journal.begin_session("open-reflection", 1_800_000_000.0, 0)
    await journal.save_user(other, "Not chosen.", 1_800_000_000.0, 0)
    pcm = b"".join(int(n % 200 - 100).to_bytes(2, "little", signed=True) for n in range(16_000))
    take = journal.spool()
    take.write(pcm)
    await take.finish()
    await journal.sounds.keep(turn, [take.id])
    chosen = Selection(last_day=date(2024, 1, 1))
    done = await exchange_of(journal).export(tmp_path / "out.zip", "jsonl", selection=chosen, with_sound=True)
    assert (done.reflections, done.recordings) == (1, 1)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        (line,) = [line for line in archive.read("journal.jsonl").splitlines() if b"turns" in line]
        sound = json.loads(line)["turns"][0]["sounds"][0]
        archive.extract(sound["file"], tmp_path)
    samples_read, rate = soundfile.read(tmp_path / sound["file"], dtype="int16")
    assert (samples_read.tobytes(), rate) == (pcm, 16_000)
    second = await open_journal(find_home(tmp_path / "second"), wrapping_key=KEY, cost=CHEAP)
    preview = (await exchange_of(second).look(tmp_path / "out.zip")).preview
    assert (preview.sounds, preview.missing, dict(preview.unkept)) == (1, 0, {})
    for _ in range(2):  # twice adds nothing
        await taken(second, tmp_path / "out.zip")
    (back,) = [entry async for entry in second.exchange.entries()]
    assert await second.read_take(back.turns[0].sounds[0].take_id) == pcm
    assert not await second.waiting_takes()
    await exchange_of(second).export(tmp_path / "again.zip", "jsonl", with_sound=True)
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "out.zip").read_bytes()
    await second.close()
    await exchange_of(journal).export(tmp_path / "notes", "markdown", selection=chosen, with_sound=True)
    assert sound["file"] in (tmp_path / "notes" / "2023" / "2023-11-14.md").read_text()
    assert (tmp_path / "notes" / sound["file"]).exists()


@pytest.mark.parametrize("format_name", ["markdown", "jsonl", "dayone"])
async def test_an_export_that_ends_early_leaves_nothing(
    journal: SqlJournal, tmp_path: Path, format_name: str
) -> None:
    await filled(journal, tmp_path)
    target = tmp_path / "target"
    target.mkdir()

    def stop(done: int, _of: int) -> None:
        if done:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await exchange_of(journal).export(target / "out", format_name, told=stop)
    assert list(target.iterdir()) == []
    (target / "out").touch()
    with pytest.raises(CompanionError, match="is there already"):
        await exchange_of(journal).export(target / "out", format_name)
    with pytest.raises(CompanionError, match="could not be written"):
        await exchange_of(journal).export(target / "nowhere" / "out", format_name)
