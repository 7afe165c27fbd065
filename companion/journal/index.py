"""The index of words in the journal's database: what is asked of it, as jobs for the writer thread."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.journal import query as asking, ranking
from companion.journal.passages import MARKS, Span, found_in
from companion.journal.query import Query
from companion.journal.rows import where
from companion.records import Selection

if TYPE_CHECKING:
    from sqlite3 import Connection

_LOOKED_AT = 300
_FEW = 20
"""In so few entries any word is telling."""
_ANSWER_WEIGHT = 0.4
"""Of a word in an answer, beside one of the person's own."""
_ALL = Selection()
_VISIBLE = "session.deleted_at IS NULL AND session.merged_into IS NULL"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, as far as finding needs it."""

    id: int
    session_id: int
    at: float
    offset_s: int | None
    words: str
    answer: str


class Words:
    """One per open journal; remembers which words are frequent. On the writer thread only."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._entries = 0

    def find(
        self, connection: Connection, query: Query, selection: Selection = _ALL, *, is_own: bool = False
    ) -> dict[int, float]:
        """Turns with any of the words and how well each fits; `is_own`: only what the person said."""
        if query.literal:
            return self._literally(connection, query.literal, selection)
        entries = self._count(connection)
        counts = {word: self.count(connection, word) for word in query.telling}
        most = max(entries // ranking.FREQUENT_SHARE, _FEW)
        frequent = {word for word, count in counts.items() if count > most}
        words = asking.without(query.telling, frequent)
        is_plain = bool(frequent) and frequent.issuperset(words)
        match = query.match(words, is_every=is_plain)
        found = self._ask(connection, match, selection, is_own=is_own, in_order_of_time=is_plain)
        for by in (1, 2):
            if found or not query.beginning:
                break
            match = asking.shorter(query, by).match(words)
            found = self._ask(connection, match, selection, is_own=is_own, in_order_of_time=False)
        return found

    def count(self, connection: Connection, word: str) -> int:
        """Turns with a word, counted no further than it takes to call it frequent."""
        if word not in self._counts:
            sql = "SELECT count(*) FROM (SELECT 1 FROM turn_index WHERE turn_index MATCH ? LIMIT ?)"
            most = max(self._entries // ranking.FREQUENT_SHARE, _FEW) + 1
            self._counts[word] = connection.execute(sql, (f'"{word}"', most)).fetchone()[0]
        return self._counts[word]

    def rarities(self, connection: Connection, query: Query) -> dict[str, float]:
        """How much each telling word says, without the frequent ones where there are others."""
        entries = self._count(connection)
        counts = {word: self.count(connection, word) for word in query.telling}
        most = max(entries // ranking.FREQUENT_SHARE, _FEW)
        words = [word for word in counts if counts[word] <= most]
        return {word: ranking.rarity(entries, counts[word]) for word in words}

    def _count(self, connection: Connection) -> int:
        """About how many turns there are."""
        entries = connection.execute("SELECT count(*) FROM (SELECT 1 FROM turn LIMIT 2000)").fetchone()[0]
        if entries == 2000:
            entries = connection.execute("SELECT max(id) FROM turn").fetchone()[0]
        if not self._entries * 0.8 <= entries <= self._entries * 1.2:
            self._counts.clear()
            self._entries = entries
        return int(entries)

    def _ask(
        self,
        connection: Connection,
        match: str,
        selection: Selection,
        *,
        is_own: bool,
        in_order_of_time: bool,
    ) -> dict[int, float]:
        if not match:
            return {}
        sql = "SELECT rowid, -rank FROM turn_index WHERE turn_index MATCH ?"
        values: list[object] = [f"{{user_text}} : ({match})" if is_own else match]
        if selection != _ALL:
            condition, more = where(selection)
            sql += (
                " AND rowid IN (SELECT turn.id FROM turn JOIN session ON session.id = turn.session_id"
                f" WHERE {condition})"
            )
            values += more
        if in_order_of_time:
            sql = sql.replace("-rank", "0.0") + " ORDER BY rowid DESC LIMIT ?"
        else:
            sql += f" AND rank MATCH 'bm25(1.0, {_ANSWER_WEIGHT})' ORDER BY rank LIMIT ?"
        found = connection.execute(sql, (*values, _LOOKED_AT)).fetchall()
        if in_order_of_time:  # the newest first
            return {turn_id: 1 - place / (2 * _LOOKED_AT) for place, (turn_id, _) in enumerate(found)}
        return dict(found)

    def _literally(self, connection: Connection, text: str, selection: Selection) -> dict[int, float]:
        condition, values = where(selection)
        sql = f"""
            SELECT turn.id FROM turn JOIN session ON session.id = turn.session_id
            WHERE (instr(user_text, ?) OR instr(reply_text, ?)) AND {condition} ORDER BY turn.id DESC LIMIT ?
        """
        rows = connection.execute(sql, (text, text, *values, _LOOKED_AT)).fetchall()
        return {row[0]: 1 - place / (2 * _LOOKED_AT) for place, row in enumerate(rows)}


def titles(connection: Connection, query: Query, selection: Selection = _ALL) -> list[tuple[int, str]]:
    """Sessions whose own title holds all of the words, with the title as the index marks it, newest first."""
    match = query.match(query.telling, is_every=True)
    if not match:
        return []
    condition, values = where(selection)
    sql = f"""
        SELECT session.id, highlight(session_index, 0, ?, ?) FROM session_index
        JOIN session ON session.id = session_index.rowid
        WHERE session_index MATCH ? AND {condition} ORDER BY session.started_at DESC LIMIT 20
    """
    found: list[tuple[int, str]] = connection.execute(sql, (*MARKS, match, *values)).fetchall()
    return found


def turns_of(connection: Connection, ids: Collection[int], selection: Selection = _ALL) -> dict[int, Turn]:
    """Those of the turns that may be seen and fit the selection."""
    condition, values = (_VISIBLE, []) if selection == _ALL else where(selection)
    sql = f"""
        SELECT turn.id, session_id, at, turn.offset_s, user_text, reply_text
        FROM turn JOIN session ON session.id = turn.session_id
        WHERE turn.id IN (SELECT value FROM json_each(?)) AND {condition}
    """
    rows = connection.execute(sql, (json.dumps(list(ids)), *values))
    return {row[0]: Turn(*row) for row in rows}


def turns_in(connection: Connection, selection: Selection) -> list[int]:
    """The turns of a selection."""
    condition, values = where(selection)
    sql = f"SELECT turn.id FROM turn JOIN session ON session.id = turn.session_id WHERE {condition}"
    return [row[0] for row in connection.execute(sql, values)]


def marked(
    connection: Connection, query: Query, turns: Sequence[Turn]
) -> dict[int, tuple[list[Span], list[Span]]]:
    """Where the words stand in each turn: in what was said, and in the answer."""
    if query.literal:
        return {
            turn.id: (_all(query.literal, turn.words), _all(query.literal, turn.answer)) for turn in turns
        }
    match = query.match(query.telling) if not query.exact else query.match(())
    if not match or not turns:
        return {}
    sql = """
        SELECT rowid, highlight(turn_index, 0, ?, ?), highlight(turn_index, 1, ?, ?) FROM turn_index
        WHERE turn_index MATCH ? AND rowid IN (SELECT value FROM json_each(?))
    """
    ids = json.dumps([turn.id for turn in turns])
    rows = {row[0]: row[1:] for row in connection.execute(sql, (*MARKS, *MARKS, match, ids))}
    return {
        turn.id: (found_in(rows[turn.id][0], turn.words), found_in(rows[turn.id][1], turn.answer))
        for turn in turns
        if turn.id in rows
    }


def _all(text: str, inside: str) -> list[Span]:
    spans: list[Span] = []
    at = inside.find(text)
    while at >= 0 and len(spans) < 100:
        spans.append((at, at + len(text)))
        at = inside.find(text, at + len(text))
    return spans
