"""A reflection as text and as a PDF: light paper, whatever the window wears. Main thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMarginsF
from PySide6.QtGui import QPageLayout, QPageSize, QPdfWriter, QTextDocument

from companion.errors import CompanionError, Kind
from companion.flow import TurnRecord
from companion.gui.clean import clean_text
from companion.gui.journal.lines import day_of, mood_of, title_of, when_of
from companion.gui.theme import Look
from companion.gui.typesetting import ShownTurn, Typesetter
from companion.language import tr
from companion.records import SessionRecord

_MARGIN_MM = 20
_ALL_PIECES = 1_000


def as_text(session: SessionRecord, turns: Sequence[TurnRecord]) -> str:
    """What the clipboard gets."""
    parts = [title_of(session), f"{day_of(session)}, {when_of(session).clock}"]
    if mood := mood_of(session):
        parts.append(tr("Mood: {mood}", mood=mood))
    for turn in turns:
        for who, words in ((tr("You"), turn.user_text), ("Companion", turn.reply_text)):
            if words.strip():
                parts.append(f"{who}: {clean_text(words).strip()}")
    return "\n\n".join(parts) + "\n"


def print_pdf(path: Path, session: SessionRecord, turns: Sequence[TurnRecord]) -> None:
    """Writes a PDF.

    Raises:
        CompanionError: BAD_FILE.
    """
    look = Look(theme="light", font_scale=1.0, reduced_motion=True)
    document = QTextDocument()
    setter = Typesetter(document, look)
    setter.begin_page()
    setter.heading(title_of(session))
    for turn in map(ShownTurn.of, turns):
        if turn.said:
            setter.caption(tr("You"), turn.said_at)
            setter.begin("said")
            setter.write_long("said", turn.said, _ALL_PIECES, 0)
        if turn.told:
            setter.caption(turn.teller, turn.told_at)
            setter.begin("told")
            setter.write_long("told", turn.told, _ALL_PIECES, 0)
    writer = QPdfWriter(str(path))
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(
        QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM), QPageLayout.Unit.Millimeter
    )
    writer.setTitle(title_of(session))
    document.print_(writer)
    del writer  # the file is complete with it
    look.deleteLater()
    if not path.is_file() or not path.stat().st_size:
        raise CompanionError(
            Kind.BAD_FILE,
            tr("{name} could not be written.", name=path.name),
            hint=tr("Choose another folder."),
        )
