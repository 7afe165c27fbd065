"""What is said and answered comes back, in order, complete, and unreadable to anybody else."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter

import pytest
from sqlcipher3 import dbapi2

from companion.errors import CompanionError, Kind
from companion.journal.store import SqlJournal, open_in_memory
from companion.kinds import ReplyState
from companion.paths import Home
from tests.journal.conftest import KEYRING, PASSPHRASE, Opener, bytes_on_disk, tell


async def finish(journal: SqlJournal, turn_id: int, text: str, **changes: object) -> None:
    values: dict[str, object] = {
        "reply_text": text,
        "heard_text": text,
        "state": ReplyState.WHOLE,
        "reply_at": 1_010.0,
        "engines": {},
        "timeline_ms": {},
        "cost_usd": None,
    }
    await journal.finish_reply(turn_id, **(values | changes))  # type: ignore[arg-type]


async def test_a_whole_turn_comes_back_as_it_was(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "I keep putting off the letter.")
    await journal.save_sentence(turn_id, "What would it ")
    await finish(
        journal,
        turn_id,
        "What would it say? Take your time.",
        heard_text="What would it say?",
        state=ReplyState.INTERRUPTED,
        reply_at=1_004.5,
        engines={"llm": "guide/open", "stt": "builtin/en-us"},
        timeline_ms={"released": 0.0, "transcript": 812.25},
        cost_usd=0.0031,
    )
    (turn,) = await journal.turns(session_id)
    assert (turn.id, turn.session_id, turn.at) == (turn_id, session_id, 1_000.0)
    assert turn.user_text == "I keep putting off the letter."
    assert turn.reply_text == "What would it say? Take your time."
    assert turn.heard_text == "What would it say?"
    assert turn.reply_state is ReplyState.INTERRUPTED
    assert turn.reply_at == 1_004.5
    assert turn.engines == {"llm": "guide/open", "stt": "builtin/en-us"}
    assert turn.timeline_ms == {"released": 0.0, "transcript": 812.25}
    assert turn.cost_usd == 0.0031


async def test_a_reply_grows_by_sentences_and_stays_partial_until_it_is_finished(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "Hello.")
    for sentence in ("One. ", "Two. ", "Three."):
        await journal.save_sentence(turn_id, sentence)
    (turn,) = await journal.turns(session_id)
    assert (turn.reply_text, turn.reply_state, turn.reply_at) == (
        "One. Two. Three.",
        ReplyState.PARTIAL,
        None,
    )
    await finish(journal, turn_id, "One. Two.")
    await journal.save_sentence(turn_id, "Three.")  # came late
    (turn,) = await journal.turns(session_id)
    assert (turn.reply_text, turn.reply_state) == ("One. Two.", ReplyState.WHOLE)


async def test_sessions_are_listed_newest_first_without_empty_ones(journal: SqlJournal) -> None:
    first, turn_id = await tell(journal, "  The garden\nwas quiet. ", practice="gratitude")
    await finish(journal, turn_id, "Go on.", reply_at=1_042.0)
    await journal.begin_session("never spoken in")
    second, _ = await tell(journal, "Later.")
    await journal.save_user(second, "And later still.", 1_001.0)
    newest, oldest = await journal.sessions()
    assert (newest.id, newest.title, newest.turns, newest.seconds) == (second, "Later.", 2, 1.0)
    assert (oldest.id, oldest.practice, oldest.title) == (first, "gratitude", "The garden was quiet.")
    assert (oldest.turns, oldest.seconds) == (1, 42.0)
    assert oldest.started_at > 1_600_000_000
    assert [session.id for session in await journal.sessions(limit=1)] == [second]


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("", ""),
        ("Short.", "Short."),
        ("a" * 60, "a" * 60),
        ("a" * 200, "a" * 60 + "…"),
        ("word " * 40, ("word " * 12).strip() + "…"),
        ("a" * 29 + " " + "b" * 30 + " and so on", "a" * 29 + " " + "b" * 30 + "…"),
        ("a" * 29 + " " + "b" * 31 + " and so on", "a" * 29 + "…"),
        ("rivers, " * 9, "rivers, " * 6 + "rivers…"),
    ],
)
async def test_a_session_is_titled_by_its_first_words(said: str, title: str) -> None:
    journal = await open_in_memory()
    session_id, _ = await tell(journal, said)
    await journal.save_user(session_id, "something else", 2_000.0)
    assert [session.title for session in await journal.sessions()] == [title]
    await journal.close()


async def test_the_order_is_that_of_saying_whatever_the_clock_does(journal: SqlJournal) -> None:
    session_id = await journal.begin_session("open")
    for number, at in enumerate((5_000.0, 10.0, 9e9, 4_999.0)):
        await journal.save_user(session_id, str(number), at)
    assert [turn.user_text for turn in await journal.turns(session_id)] == ["0", "1", "2", "3"]


async def test_a_clock_that_was_set_back_gives_no_negative_length(journal: SqlJournal) -> None:
    _, turn_id = await tell(journal, "Hello.")
    await finish(journal, turn_id, "Hi.", reply_at=3.0)
    assert [session.seconds for session in await journal.sessions()] == [0.0]


@pytest.mark.parametrize(
    "text",
    ["zero\0byte", "half a pair \ud83d end", "שלום 👩‍👩‍👧 ✍🏽", "'; DROP TABLE turn; --", "x" * 1_000_000],
)
async def test_odd_text_is_kept(journal: SqlJournal, text: str) -> None:
    session_id, turn_id = await tell(journal, text)
    await journal.save_sentence(turn_id, text)
    (turn,) = await journal.turns(session_id)
    assert turn.user_text == turn.reply_text == text.replace("\ud83d", "?")


async def test_a_turn_that_is_not_there_is_told(journal: SqlJournal) -> None:
    for attempt in (
        journal.save_sentence(99, "x"),
        finish(journal, 99, "x"),
        journal.save_user(99, "x", 1.0),
    ):
        with pytest.raises(CompanionError) as caught:
            await attempt
        assert caught.value.kind is Kind.JOURNAL_UNSAVED


async def test_everything_is_there_after_closing_and_opening_again(opened: Opener, home: Home) -> None:
    journal = await opened()
    session_id, turn_id = await tell(journal, "Kept.")
    await journal.save_sentence(turn_id, "Partly answ")
    await journal.close()
    assert not home.journal.with_name("journal.db-wal").exists()
    again = await opened()
    (turn,) = await again.turns(session_id)
    assert (turn.user_text, turn.reply_text, turn.reply_state) == ("Kept.", "Partly answ", ReplyState.PARTIAL)


async def test_nothing_can_be_read_or_written_once_it_is_closed(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "Kept.")
    await journal.close()
    await journal.close()
    for attempt in (journal.turns(session_id), journal.sessions(), journal.save_sentence(turn_id, "x")):
        with pytest.raises(CompanionError) as caught:
            await attempt
        assert caught.value.kind is Kind.JOURNAL_LOCKED


async def test_what_was_queued_before_closing_is_saved(opened: Opener) -> None:
    journal = await opened()
    session_id = await journal.begin_session("open")
    saving = [asyncio.ensure_future(journal.save_user(session_id, str(n), 1.0)) for n in range(50)]
    await asyncio.sleep(0)
    await journal.close()
    await asyncio.gather(*saving)
    again = await opened()
    assert [turn.user_text for turn in await again.turns(session_id)] == [str(n) for n in range(50)]


async def test_a_save_is_not_undone_by_cancelling_who_waits_for_it(journal: SqlJournal) -> None:
    session_id = await journal.begin_session("open")
    saving = asyncio.ensure_future(journal.save_user(session_id, "said before Esc", 1.0))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert [turn.user_text for turn in await journal.turns(session_id)] == ["said before Esc"]


async def test_a_flood_is_refused_instead_of_growing_without_end(journal: SqlJournal) -> None:
    session_id = await journal.begin_session("open")
    results = await asyncio.gather(
        *(journal.save_user(session_id, str(n), 1.0) for n in range(2_000)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, CompanionError)]
    assert {error.kind for error in refused} == {Kind.JOURNAL_UNSAVED}
    kept = [turn.user_text for turn in await journal.turns(session_id)]
    assert kept == [str(n) for n, result in enumerate(results) if isinstance(result, int)]
    assert len(kept) >= 256


async def test_two_thousand_turns_are_listed(journal: SqlJournal) -> None:
    random_ = random.Random(7)
    expected: Counter[int] = Counter()
    ids = [await journal.begin_session("open") for _ in range(100)]
    for number in range(2_000):
        session_id = random_.choice(ids)
        expected[session_id] += 1
        await journal.save_user(session_id, f"Thought {number} " + "and on " * 20, float(number))
    listed = await journal.sessions()
    assert {session.id: session.turns for session in listed} == expected
    assert [session.id for session in listed] == sorted(expected, reverse=True)


async def test_nothing_on_disk_is_readable(opened: Opener, home: Home) -> None:
    sentinel = "the blue lantern by the weir is where it began"
    tone = b"".join(
        int(9_000 * math.sin(n * 440 * math.tau / 16_000)).to_bytes(2, "little", signed=True)
        for n in range(64_000)
    )
    journal = await opened(wrapping_key=KEYRING, passphrase=PASSPHRASE)
    session_id = await journal.begin_session(sentinel)
    for _ in range(40):
        turn_id = await journal.save_user(session_id, sentinel * 30, 1.0)
        await journal.save_sentence(turn_id, sentinel)
        await finish(journal, turn_id, sentinel, engines={sentinel: sentinel})
    take = journal.spool()
    take.write(tone)
    await take.finish()
    while_open = bytes_on_disk(home.data)
    assert home.journal.with_name("journal.db-wal").stat().st_size > 0
    await journal.close()
    closed = bytes_on_disk(home.data)
    for stored in (while_open, closed):
        assert len(stored) > 200_000
        for encoding in ("utf-8", "utf-16-le"):
            assert sentinel.encode(encoding) not in stored
            assert PASSPHRASE.encode(encoding) not in stored
        assert KEYRING not in stored
        assert KEYRING.hex().encode() not in stored
        assert tone[:32] not in stored
    assert _entropy(home.journal.read_bytes()) > 7.9
    assert {path.stat().st_mode & 0o077 for path in home.data.rglob("*")} == {0}


async def test_a_journal_in_memory_leaves_nothing_on_disk(home: Home) -> None:
    journal = await open_in_memory()
    await tell(journal, "Only for now.")
    journal.spool().write(b"\0" * 64_000)
    await journal.close()
    assert journal.storage == "memory"
    assert not home.data.exists()


def test_the_database_engine_is_one_that_keeps_committed_data() -> None:
    # SQLite up to 3.51.2 can lose committed data of its write-ahead log.
    assert dbapi2.sqlite_version_info >= (3, 51, 3)


def _entropy(content: bytes) -> float:
    """Bits per byte."""
    return -sum(n / len(content) * math.log2(n / len(content)) for n in Counter(content).values())
