"""Finding what was said: words at once, meaning added, and the few earlier passages that bear on what is said now.

Nothing here reads all of the journal. What was deleted is never found: every hit is looked up again among what is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from companion.errors import CompanionError
from companion.journal import index, passages, ranking
from companion.journal.asked_days import asked_days, asks_back
from companion.journal.index import Turn, Words
from companion.journal.query import Query, parse
from companion.journal.tables import Tables
from companion.journal.vectors import Vectors
from companion.records import Earlier, Hit, Selection

if TYPE_CHECKING:
    from sqlite3 import Connection

    from companion.journal.meaning.near import Nearest
    from companion.journal.passages import Span

_ALL = Selection()
_FEW_DAYS = 8
"""Who asks about so few days wants what was said on them, whatever it was."""
_SIMILAR = 0.15
"""Below this cosine nothing is called similar."""
_CANDIDATES = 40
_ASKED_S = 3.0
"""Longest wait for a provider's vector of a question."""


@dataclass(slots=True)
class _Found:
    """What one question has found, by turn."""

    words: Mapping[int, float]
    still: Nearest | None = None
    read: Nearest | None = None
    others: Sequence[int] = ()
    """What is found whether it fits or not."""


class Finding:
    """One per open journal. Every method may raise what `Tables.read` raises."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._words = Words()
        self.still: Vectors | None = None
        """Vectors that are made at once; None: words have to do."""
        self.reader: Vectors | None = None
        """Better ones, made in the background; None: their model is not here."""
        self.elsewhere: Vectors | None = None
        """Those of a provider, for searching alone; None: nobody else may make any."""

    # -- searching ------------------------------------------------------------------------------------------

    async def words(self, typed: str, selection: Selection = _ALL, limit: int = 50) -> list[Hit]:
        """By words and titles alone, while the last word may still be growing. Best first."""
        query = parse(typed, is_growing=True)
        return await self._hits(query, selection, limit, _Found({}) if query.is_empty else None)

    async def search(
        self, typed: str, selection: Selection = _ALL, limit: int = 50, *, today: date | None = None
    ) -> list[Hit]:
        """By words and by meaning, best first. Days that are named in the question come before all others."""
        query = parse(typed)
        if query.is_empty:
            return []
        days = None if selection.first_day or selection.last_day else asked_days(typed, today or _today())
        if days is None:
            return await self._search(query, selection, limit)
        on_them = replace(selection, first_day=days[0], last_day=days[1])
        inside = await self._search(query, on_them, limit, is_all=True)
        if len(inside) >= limit:
            return inside
        more = await self._search(query, selection, limit)
        known = {(hit.session_id, hit.turn_id) for hit in inside}
        return [*inside, *(hit for hit in more if (hit.session_id, hit.turn_id) not in known)][:limit]

    async def _search(
        self, query: Query, selection: Selection, limit: int, *, is_all: bool = False
    ) -> list[Hit]:
        """`is_all`: whatever is in the selection is found, the newest last of all."""
        words = await self._tables.read(lambda db: self._words.find(db, query, selection))
        found = _Found(words)
        if is_all:
            found.others = await self._tables.read(lambda db: index.turns_in(db, selection)[-limit:])
        if not query.exact:  # who quotes wants these words
            found.still, found.read = await self._near(query.text, selection, may_ask=True)
        return await self._hits(query, selection, limit, found)

    async def _near(
        self, text: str, selection: Selection, *, may_ask: bool = False
    ) -> tuple[Nearest | None, Nearest | None]:
        """`may_ask`: a provider that the person has chosen for it is asked, too."""
        elsewhere = self.elsewhere if may_ask else None
        if self.still is None and self.reader is None and elsewhere is None:
            return None, None
        turns = (
            None if selection == _ALL else await self._tables.read(lambda db: index.turns_in(db, selection))
        )
        still = await self.still.nearest(text, turns) if self.still is not None else None
        if elsewhere is not None and (asked := await _asked(elsewhere, text, turns)) is not None:
            return still, asked
        return still, await self.reader.nearest(text, turns) if self.reader is not None else None

    async def _hits(self, query: Query, selection: Selection, limit: int, found: _Found | None) -> list[Hit]:
        def job(connection: Connection) -> list[Hit]:
            known = found or _Found(self._words.find(connection, query, selection))
            order, scores = _order(known, limit)
            turns = index.turns_of(connection, order, selection)
            shown = [turns[turn_id] for turn_id in order if turn_id in turns][:limit]
            marked = index.marked(connection, query, [turn for turn in shown if turn.id in known.words])
            hits = [_title_hit(*each) for each in index.titles(connection, query, selection)]
            return [*hits, *(_hit(turn, scores[turn.id], marked.get(turn.id), known) for turn in shown)][
                :limit
            ]

        return await self._tables.read(job)

    # -- recall ---------------------------------------------------------------------------------------------

    async def recall(
        self, said: str, *, without: Collection[int] = (), today: date | None = None, limit: int = 5
    ) -> list[Earlier]:
        """The few earlier passages that bear on what was said now, newest first; usually none.

        Args:
            without: sessions whose turns are known anyway.
        """
        query = replace(parse(said), exact=())
        if query.is_empty:
            return []
        is_back = asks_back(said)
        days = asked_days(said, today or _today()) if is_back else None
        selection = Selection(first_day=days[0], last_day=days[1]) if days else _ALL
        is_few = days is not None and (days[1] - days[0]).days < _FEW_DAYS
        still, read = await self._near(said, selection)

        def job(connection: Connection) -> list[Earlier]:  # all in one: the journal's thread is busy saving
            words = self._words.find(connection, query, selection, is_own=True)
            others = index.turns_in(connection, selection)[-limit:] if is_few else ()
            found = _Found(words, still, read, others)
            return self._strong(connection, query, found, frozenset(without), limit, is_few=is_few)

        return [replace(each, is_asked=is_back) for each in await self._tables.read(job)]

    def _strong(
        self,
        connection: Connection,
        query: Query,
        found: _Found,
        without: frozenset[int],
        limit: int,
        *,
        is_few: bool,
    ) -> list[Earlier]:
        order, _ = _order(found, _CANDIDATES)
        turns = {
            turn.id: turn
            for turn in index.turns_of(connection, order).values()
            if turn.session_id not in without and turn.words.strip()
        }
        rarities = self._words.rarities(connection, query)
        marked = index.marked(connection, query, list(turns.values()))
        strengths = {}
        for turn in turns.values():
            spans = marked.get(turn.id, ([], []))[0]
            told = {_nearest_word(turn.words[begin:end], rarities) for begin, end in spans}
            covered = ranking.shares(told, rarities)
            strengths[turn.id] = ranking.STRONG if is_few else _strength(turn.id, covered, found)
        kept = ranking.worth_telling(strengths, {key: turn.at for key, turn in turns.items()}, limit)
        return [_earlier(turns[key], strengths[key], marked.get(key, ([], []))[0], found) for key in kept]


async def _asked(elsewhere: Vectors, text: str, turns: Collection[int] | None) -> Nearest | None:
    """What a provider finds near; None: it does not answer now, and this computer has to do."""
    try:
        async with asyncio.timeout(_ASKED_S):
            found = await elsewhere.nearest(text, turns)
    except (CompanionError, TimeoutError):
        return None
    return found if found.cosines else None


def _today() -> date:
    from companion import days

    return days.now().day


def _order(found: _Found, limit: int) -> tuple[list[int], dict[int, float]]:
    """The turns in their order, and how well each fits."""
    still = found.still
    least = -1.0 if found.others else _SIMILAR
    near = {key: cosine for key, cosine in still.cosines.items() if cosine >= least} if still else {}
    scores = ranking.fused(found.words, near, still.middle if still else 0.0)
    scores = dict.fromkeys(found.others, 0.0) | scores
    order = ranking.in_order(scores, limit * 2)
    if found.read is not None:
        read = {key: cosine for key, cosine in found.read.cosines.items() if cosine >= least}
        order = ranking.with_reader(order, ranking.in_order(read, limit * 2))
        scores = {**read, **scores}
    return order, scores


def _strength(turn_id: int, covered: float, found: _Found) -> float:
    if found.read is not None:
        return ranking.strength_read(covered, found.read.cosines.get(turn_id, 0.0))
    return ranking.strength(covered, found.still.cosines.get(turn_id, 0.0) if found.still else None)


def _nearest_word(told: str, words: Collection[str]) -> str:
    """Which of the words of the question the index meant when it marked this one."""
    told = told.lower()
    return max(words, key=lambda word: (_shared(word, told), -len(word)), default="")


def _shared(one: str, other: str) -> int:
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _place(turn: Turn, spans: list[Span], found: _Found) -> Span:
    """The passage of a turn that was meant: the one with most of the words, else the nearest."""
    cut = passages.cut(turn.words) or [(0, 0)]
    if spans:
        return max(cut, key=lambda part: sum(part[0] <= begin < part[1] for begin, _ in spans))
    for near in (found.read, found.still):
        if near is not None and near.parts.get(turn.id, len(cut)) < len(cut):
            return cut[near.parts[turn.id]]
    return cut[0]


def _hit(turn: Turn, score: float, marks: tuple[list[Span], list[Span]] | None, found: _Found) -> Hit:
    said, answered = marks or ([], [])
    is_answer = bool(answered) and not said
    text = turn.answer if is_answer else turn.words
    spans = answered if is_answer else said
    if not spans and not is_answer:
        spans = [_place(turn, [], found)]
        passage, _, begin = passages.excerpt(text, [(spans[0][0], spans[0][0])])
        shown: list[Span] = []
    else:
        passage, shown, begin = passages.excerpt(text, spans)
    return Hit(
        session_id=turn.session_id,
        turn_id=turn.id,
        at=turn.at,
        offset_s=turn.offset_s,
        passage=passage,
        spans=tuple(shown),
        begin=begin,
        score=score,
        is_answer=is_answer,
        is_by_words=turn.id in found.words,
    )


def _title_hit(session_id: int, title: str) -> Hit:
    plain = title.replace(passages.MARKS[0], "").replace(passages.MARKS[1], "")
    spans = passages.found_in(title, plain)
    return Hit(session_id=session_id, passage=plain, spans=tuple(spans), score=1.0, is_by_words=True)


def _earlier(turn: Turn, strength: float, spans: list[Span], found: _Found) -> Earlier:
    begin, end = _place(turn, spans, found)
    return Earlier(
        turn_id=turn.id,
        session_id=turn.session_id,
        text=turn.words[begin:end],
        at=turn.at,
        offset_s=turn.offset_s,
        strength=strength,
    )
