"""A journal in memory for pictures, the gallery and tests: what the journal page asks for, without a database."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from companion.days import When
from companion.records import Hit, Selection, SessionRecord

if TYPE_CHECKING:
    from companion.flow import TurnRecord
    from companion.gui.staged import StagedHost

_EVERYTHING = Selection()
_AROUND = 60


class StagedJournal:
    """Over what the staged host keeps. Similar is what shares the first letters of a word."""

    def __init__(self, host: StagedHost) -> None:
        self._host = host
        self._undos: dict[int, dict[int, tuple[SessionRecord, tuple[TurnRecord, ...]]]] = {}
        self._tokens = itertools.count(1)
        self.similar: tuple[int, ...] = ()
        """Sessions that every search finds by meaning."""

    async def page(
        self,
        before: tuple[float, int] | None = None,
        limit: int = 100,
        selection: Selection = _EVERYTHING,
    ) -> Sequence[SessionRecord]:
        if self._host.trouble is not None:
            raise self._host.trouble
        found = [session for session, _ in self._host.kept.values() if _fits(session, selection)]
        found.sort(key=lambda session: (-session.started_at, -session.id))
        return [s for s in found if before is None or (s.started_at, s.id) < before][:limit]

    async def turns(self, session_id: int) -> Sequence[TurnRecord]:
        return self._host.kept[session_id][1]

    async def labels(self, kind: str) -> Sequence[str]:
        names = (s.tags if kind == "tag" else s.people for s, _ in self._host.kept.values())
        return sorted({name for each in names for name in each})

    async def words(self, typed: str, selection: Selection) -> Sequence[Hit]:
        found = []
        for session, turns in self._host.kept.values():
            for turn in turns if _fits(session, selection) else ():
                text = turn.user_text
                if match := re.search(re.escape(typed.strip()), text, re.IGNORECASE):
                    begin = max(0, match.start() - _AROUND)
                    span = (match.start() - begin, match.end() - begin)
                    passage = text[begin : match.end() + _AROUND]
                    found.append(_hit(session, turn, passage, span))
                    break
        return found

    async def search(self, typed: str, selection: Selection) -> Sequence[Hit]:
        found = list(await self.words(typed, selection))
        known = {hit.session_id for hit in found}
        for number in self.similar:
            if number not in known:
                session, turns = self._host.kept[number]
                found.append(_hit(session, turns[0], turns[0].user_text[: 2 * _AROUND], None))
        return found

    async def set_marks(
        self,
        session_id: int,
        *,
        title: str,
        tags: Sequence[str],
        people: Sequence[str],
        mood_before: int | None,
        mood_after: int | None,
        mood_word: str,
    ) -> None:
        marks = {
            "tags": tuple(tags),
            "people": tuple(people),
            "mood_before": mood_before,
            "mood_after": mood_after,
        }
        self._put(session_id, **marks, mood_word=mood_word)
        if title:
            self._put(session_id, title=title, has_own_title=True)

    async def star(self, session_id: int, is_starred: bool) -> None:
        self._put(session_id, is_starred=is_starred)

    async def edit_words(self, turn_id: int, text: str) -> None:
        for number, (session, turns) in self._host.kept.items():
            changed = tuple(replace(t, user_text=text) if t.id == turn_id else t for t in turns)
            self._host.kept[number] = (session, changed)

    async def delete(self, session_ids: Collection[int]) -> int:
        def hide() -> None:
            for number in session_ids:
                self._put(number, deleted_at=1.0)

        return self._changed(hide)

    async def delete_turn(self, turn_id: int) -> int:
        def without() -> None:
            for number, (session, turns) in self._host.kept.items():
                self._host.kept[number] = (session, tuple(t for t in turns if t.id != turn_id))

        return self._changed(without)

    async def merge(self, into: int, others: Collection[int]) -> int:
        def join() -> None:
            session, turns = self._host.kept[into]
            for number in others:
                turns += self._host.kept.pop(number)[1]
            self._host.kept[into] = (session, turns)

        return self._changed(join)

    async def undo(self, token: int) -> None:
        self._host.kept = self._undos.pop(token)

    async def restore(self, session_ids: Collection[int]) -> None:
        for number in session_ids:
            self._put(number, deleted_at=None)

    async def delete_for_good(self, session_ids: Collection[int]) -> None:
        for number in session_ids:
            self._host.kept.pop(number)

    async def copies_in_words(self, session_ids: Collection[int]) -> str:
        return "Copies of the journal hold it until 24 December."

    async def go_on(self, session_id: int) -> bool:
        self._host.pressed.append(("go on", session_id))
        return True

    async def read_aloud(self, text: str) -> None:
        self._host.pressed.append(("read", text))

    def _put(self, number: int, **fields: object) -> None:
        session, turns = self._host.kept[number]
        self._host.kept[number] = (replace(session, **fields), turns)  # type: ignore[arg-type]

    def _changed(self, change: Callable[[], object]) -> int:
        token, before = next(self._tokens), dict(self._host.kept)
        change()
        self._undos[token] = before
        return token


def _fits(session: SessionRecord, selection: Selection) -> bool:
    day = When.of(session.started_at, session.offset_s).day
    return (
        (selection.first_day is None or selection.first_day <= day)
        and (selection.last_day is None or day <= selection.last_day)
        and (session.deleted_at is not None) == selection.is_deleted
        and (selection.ids is None or session.id in selection.ids)
        and (not selection.practices or session.practice in selection.practices)
        and selection.tags <= set(session.tags)
        and (session.is_starred or not selection.is_starred)
    )


def _hit(session: SessionRecord, turn: TurnRecord, passage: str, span: tuple[int, int] | None) -> Hit:
    return Hit(
        session_id=session.id,
        turn_id=turn.id,
        at=turn.at,
        offset_s=turn.offset_s,
        passage=passage,
        spans=(span,) if span else (),
        score=0.5,
        is_by_words=span is not None,
    )
