"""Searching a journal: by words and by meaning, whatever is typed, and only what is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from companion.journal.passages import cut, excerpt
from companion.journal.query import parse
from companion.journal.store import SqlJournal, open_in_memory
from companion.journal.vectors import Vectors
from companion.kinds import ReplyState
from companion.records import Hit, Selection
from tests.journal.conftest import tell

SAID = (
    "We walked along the river in the fog.",
    "I walk to work every morning.",
    "The caf\u00e9 by the bridge makes good soup.",
    "My brother rang and we talked for an hour.",
    "\u6628\u65e5\u306f\u5ddd\u306b\u6cbf\u3063\u3066\u6563\u6b69\u3057\u305f\u3002",
    "Die Stra\u00dfe war leer.",
)


class Letters:
    """A model for tests: texts with the same letters are near."""

    name, width = "letters", 32

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            for sign in text.lower():
                rows[row, ord(sign) % self.width] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)


async def with_meaning(journal: SqlJournal) -> Vectors:
    journal.finding.still = vectors = Vectors(journal.tables, Letters())
    await vectors.begin()
    await vectors.catch_up()
    return vectors


ALL = Selection()


async def passages(journal: SqlJournal, typed: str, selection: Selection = ALL) -> list[str]:
    return [hit.passage for hit in await journal.finding.words(typed, selection)]


def shown(hit: Hit) -> list[str]:
    return [hit.passage[begin:end] for begin, end in hit.spans]


@pytest.mark.parametrize(
    ("typed", "first", "marked"),
    [
        ("river", 0, ["river"]),
        ("walking", 1, ["walk"]),
        ("riv", 0, ["river"]),
        ("walki", 1, ["walk"]),
        ("cafe", 2, ["caf\u00e9"]),
        ("CAFE\u0301", 2, ["caf\u00e9"]),
        ('"along the river"', 0, ["along the river"]),
        ("\u201calong the river\u201d fog", 0, ["along the river", "fog"]),
        ("brother's", 3, ["brother"]),
        ("\u6563\u6b69", 4, ["\u6563\u6b69"]),
        ("stra\u00dfe", 5, ["Stra\u00dfe"]),
    ],
)
async def test_words_are_found_as_a_person_types_them(typed: str, first: int, marked: list[str]) -> None:
    journal = await open_in_memory()
    for text in SAID:
        await tell(journal, text)
    hits = await journal.finding.words(typed)
    assert SAID[first] in [hit.passage for hit in hits]
    best = next(hit for hit in hits if hit.passage == SAID[first])
    assert set(marked) <= set(shown(best)) or marked == [" ".join(shown(best))] or not typed.startswith("riv")
    assert best.is_by_words
    await journal.close()


@pytest.mark.parametrize(
    "typed",
    ['"', '""', "NEAR(a b, 2)", "a AND", "* ^ x:y -z", "(", "col:", "\0", "'; DROP TABLE turn; --", "   ", "\ud83d",
     "OR OR OR", "a" * 5000, "word " * 3000, '"unclosed words', "{}", "+", "\ue0fe\ue0ff"],
)  # fmt: skip
async def test_nothing_typed_is_syntax(journal: SqlJournal, typed: str) -> None:
    await tell(journal, "A word near the river OR the sea.")
    await with_meaning(journal)
    await journal.finding.words(typed)
    await journal.finding.search(typed)
    await journal.finding.recall(typed)
    assert await passages(journal, "river") == ["A word near the river OR the sea."]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.booleans())
def test_any_text_becomes_a_question_the_index_takes(typed: str, is_growing: bool) -> None:
    import sqlite3

    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE words USING fts5 (said, tokenize='porter unicode61')")
    match = parse(typed, is_growing=is_growing).match(parse(typed).words)
    if match:
        database.execute("SELECT * FROM words WHERE words MATCH ?", (match,)).fetchall()
    database.close()


async def test_hindi_words_are_found_whole_with_their_vowel_signs(journal: SqlJournal) -> None:
    await tell(journal, "मेरी बहन का सवाल अच्छा था।")
    await tell(journal, "यह मेरा बाल है, लाल सव नहीं।")
    found = await journal.finding.words("सवाल", ALL)
    assert [shown(hit) for hit in found] == [["सवाल"]]
    assert [hit.passage for hit in await journal.finding.words("बहन", ALL)] == ["मेरी बहन का सवाल अच्छा था।"]


async def test_quoted_text_is_exact(journal: SqlJournal) -> None:
    await tell(journal, "The river was high.")
    await tell(journal, "High up there was a river.")
    assert await passages(journal, '"river was high"') == ["The river was high."]
    hits = await journal.finding.search('"was a river"')
    assert [hit.passage for hit in hits] == ["High up there was a river."]


async def test_frequent_words_do_not_hide_the_telling_one_and_are_found_alone(journal: SqlJournal) -> None:
    for number in range(60):
        await tell(journal, f"A day at work, number {number}.")
    await tell(journal, "The heron stood in the pond after work.")
    hits = await journal.finding.words("heron work")
    assert hits[0].passage == "The heron stood in the pond after work."
    found = await passages(journal, "work")
    assert len(found) == 50
    assert found[0] == "The heron stood in the pond after work.", "the newest first"


async def test_answers_and_titles_are_found_too(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "I could not sleep.")
    await journal.finish_reply(
        turn_id, reply_text="Perhaps a lantern would help.", heard_text="", state=ReplyState.WHOLE,
        reply_at=1.0, engines={}, timeline_ms={}, cost_usd=None,
    )  # fmt: skip
    (hit,) = await journal.finding.words("lantern")
    assert (hit.turn_id, hit.is_answer, shown(hit)) == (turn_id, True, ["lantern"])
    await journal.changing.set_title(session_id, "The long night")
    (hit,) = await journal.finding.words("nights")
    assert (hit.session_id, hit.turn_id, shown(hit)) == (session_id, None, ["night"])
    await journal.changing.set_title(session_id, "Another one")
    assert await passages(journal, "night") == []


async def test_what_is_edited_deleted_or_brought_back_is_found_so(journal: SqlJournal) -> None:
    await tell(journal, "Something else entirely.")
    session_id, turn_id = await tell(journal, "We sat by the rivver.")
    vectors = await with_meaning(journal)
    await journal.changing.edit_words(turn_id, "We sat by the lake.")
    assert await passages(journal, "rivver") == []
    assert turn_id not in (await vectors.nearest("We sat by the rivver.")).cosines, "its old sense is gone"
    await vectors.catch_up()
    assert (await vectors.nearest("We sat by the lake.")).cosines[turn_id] > 0.99
    token = await journal.changing.delete([session_id])
    assert await passages(journal, "lake") == []
    assert session_id not in {hit.session_id for hit in await journal.finding.search("We sat by the lake")}
    assert turn_id not in {each.turn_id for each in await journal.finding.recall("We sat by the lake")}
    await journal.changing.undo(token)
    assert await passages(journal, "lake") == ["We sat by the lake."]


async def test_filters_hold_for_words_and_meaning(journal: SqlJournal) -> None:
    old, _ = await tell(journal, "The river froze.")
    new, _ = await tell(journal, "The river thawed.")
    await journal.tables.write(
        lambda db: db.execute("UPDATE session SET started_at = 0 WHERE id = ?", (old,))
    )
    await journal.changing.set_labels(new, tags=["spring"])
    await with_meaning(journal)
    for selection in (
        Selection(first_day=date(2000, 1, 1)),
        Selection(tags=frozenset({"spring"})),
        Selection(ids=frozenset({new})),
    ):
        assert await passages(journal, "river", selection) == ["The river thawed."]
        hits = await journal.finding.search("the rivers", selection)
        assert [hit.session_id for hit in hits] == [new]
    assert await journal.finding.search("river", Selection(is_starred=True)) == []


async def test_days_in_the_question_come_first(journal: SqlJournal) -> None:
    for day, text in (("2024-03-11", "Rain and a long walk."), ("2024-03-12", "Oranges on the roof.")):
        at = datetime.fromisoformat(f"{day}T12:00").timestamp()
        await journal.save_user(await journal.begin_session("open", at, 0), text, at, 0)
    today = date(2025, 6, 30)
    for asked in ("12 March last year", "what did I do on March 12th, 2024?", "2024-03-12"):
        hits = await journal.finding.search(asked, today=today)
        assert hits[0].passage == "Oranges on the roof.", asked


async def test_a_long_turn_shows_the_place(journal: SqlJournal) -> None:
    text = "It was an ordinary day and nothing happened. " * 60 + "Then the heron flew. " + "And so on. " * 60
    await tell(journal, text)
    (hit,) = await journal.finding.words("heron")
    assert shown(hit) == ["heron"]
    assert len(hit.passage) < 260
    assert text[hit.begin :].startswith(hit.passage.strip("\u2026")[:20])
    parts = cut(text)
    assert all(end - begin <= 600 for begin, end in parts)
    assert "".join(text[begin:end] for begin, end in parts).replace(" ", "") == text.replace(" ", "")
    assert excerpt("short", []) == ("short", [], 0)


async def test_filling_tells_how_far_it_is_and_can_be_left_and_gone_on_with(journal: SqlJournal) -> None:
    for number in range(150):
        await tell(journal, f"Thought {number}.")
    vectors = Vectors(journal.tables, Letters())
    await vectors.begin()
    told: list[tuple[int, int]] = []

    class Enough(Exception):
        pass

    def stop(done: int, of: int) -> None:
        told.append((done, of))
        raise Enough

    with pytest.raises(Enough):
        await vectors.catch_up(stop)
    again = Vectors(journal.tables, Letters())
    await again.begin()
    await again.catch_up(lambda done, of: told.append((done, of)))
    assert told == [(64, 150), (64, 86), (86, 86)]
    count = "SELECT count(*), count(DISTINCT turn_id) FROM passage"
    assert await journal.tables.read(lambda db: db.execute(count).fetchone()) == (150, 150)


async def test_deleted_for_good_is_in_no_page_of_the_database(journal: SqlJournal) -> None:
    await tell(journal, "Kept words.")
    session_id, turn_id = await tell(journal, "A zanzibarian secret of mine.")
    await with_meaning(journal)
    await journal.remembering.forget_turn(turn_id)
    await journal.tables.write(lambda db: db.execute("DELETE FROM session WHERE id = ?", (session_id,)))
    rows = await journal.tables.read(
        lambda db: [
            *db.execute("SELECT block FROM turn_index_data"),
            *db.execute("SELECT user_text FROM turn"),
            *db.execute("SELECT turn_id FROM passage WHERE turn_id = ?", (turn_id,)),
            *db.execute("SELECT turn_id FROM passage_due WHERE turn_id = ?", (turn_id,)),
            *db.execute("SELECT turn_id FROM memory"),
        ]
    )
    assert not any(b"zanzibar" in bytes(row[0]) for row in rows if isinstance(row[0], bytes))
    assert [row for row in rows if not isinstance(row[0], bytes)] == [("Kept words.",)]
