"""Backups on the page Journal: the last good one, one more now, and a list to look into and restore. Main thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget

from companion.days import When, now
from companion.errors import CompanionError
from companion.gui.boxes import NONE, in_column
from companion.gui.labels import text_label
from companion.gui.locked import PASSPHRASE_MAY_OPEN
from companion.gui.passphrase import PassphraseForm
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.form import narrow
from companion.gui.settings.host import BackupSource
from companion.gui.settings.page import Notice, Work
from companion.language import mark, tr, trn
from companion.places import shown

if TYPE_CHECKING:
    from companion.app.backing_up import Elsewhere
    from companion.journal.backed_sounds import Held
    from companion.journal.backups import About

WithWords = Callable[[str], Awaitable[None]]
"""What is done with a passphrase, or "" for the keyring."""
_NONE = mark("No backup yet. One is made by itself once there is something to lose.")


class BackupsSection(QWidget):
    def __init__(self, source: BackupSource, work: Work) -> None:
        super().__init__()
        self._source, self._work = source, work
        self.state = text_label("", "hint")
        self.more = text_label("", "hint")
        self.made = narrow(QComboBox())
        self.made.setAccessibleName(tr("Backups, newest first"))
        self.above = text_label(tr("Newest first"), "small")
        self.above.setBuddy(self.made)  # read before the one that is chosen
        self.lines = text_label("", "hint")
        self.notice, self.synced = Notice(), Notice()
        self.make = QPushButton(tr("Back up now"))
        self.look = QPushButton(tr("Look"))
        self.look.setToolTip(tr("How many reflections are in it, and the first words of the newest"))
        self.restore = QPushButton(tr("Restore …"))
        self.make.clicked.connect(lambda: self._start(self._make()))
        self.look.clicked.connect(lambda: self._start(self._open(partial(self._look, self._path))))
        self.restore.clicked.connect(self._ask)
        column = in_column(self.synced, inside=self, margins=NONE)
        heading = text_label(tr("Backups"), "strong")
        heading.setContentsMargins(0, 10, 0, 0)
        column.addWidget(heading)
        column.addWidget(self.state)
        column.addWidget(self.more)
        column.addWidget(self.above)
        column.addWidget(self.made)
        row = FlowLayout()
        for button in (self.look, self.restore, self.make):
            row.addWidget(button)
        column.addLayout(row)
        column.addWidget(self.lines)
        column.addWidget(self.notice)
        column.addWidget(self._build_words())
        for hidden in (self.lines, self.more, self.above, self.made, self.look, self.restore):
            hidden.hide()  # until the list is read

    def refresh(self) -> None:
        """Reads the list anew, beside what goes on."""
        self._work.start(self._told(self._list()), "list of backups")

    def _start(self, doing: Coroutine[Any, Any, None]) -> None:
        self._work.start(self._told(doing), "backups")

    async def _told(self, doing: Coroutine[Any, Any, None]) -> None:
        try:
            await doing
        except CompanionError as error:
            self.notice.tell(f"{error.message} {error.hint}".strip())

    async def _list(self) -> None:
        await self._look_for_copies()
        made = await self._source.list()
        self.made.clear()
        for each in made:
            text = tr("{in_words} · {bytes:,.1f} MB", in_words=in_words(each.made_at), bytes=each.bytes / 1e6)
            if each.is_other:
                text = tr("{backup} · of another journal", backup=text)
            self.made.addItem(text, (each.made_at, str(each.path)))
        for shown_with_one in (self.above, self.made, self.look, self.restore):
            shown_with_one.setVisible(bool(made))
        own = [each for each in made if not each.is_other]
        self.state.setText(
            tr("Last good backup: {when}", when=in_words(own[0].made_at)) if own else tr(_NONE)
        )
        here, beside = await self._source.recordings()
        said = [_recordings(here, beside)] if here.count or beside.count else []
        self.more.setText("\n".join([*said, *map(_elsewhere, await self._source.elsewhere())]))
        self.more.setVisible(bool(self.more.text()))
        if (failed := self._source.standing.failed) is not None:
            self.notice.tell(f"{tr('The last try failed.')} {failed.message} {failed.hint}".strip())

    async def _look_for_copies(self) -> None:
        """Says where another program copies the journal, and offers to join what went apart."""
        program, copies = await self._source.synced()
        if copies:
            self.synced.tell(
                tr(
                    "{who} left a copy of the journal that went apart: {name}. Joining adds what it holds, and puts "
                    "it aside.",
                    who=program or tr("Another program"),
                    name=copies[0].name,
                ),
                ((tr("Join it"), lambda: self._start(self._join(copies[0]))),),
            )
        elif program:
            self.synced.tell(
                tr(
                    "{program} copies the journal while Companion writes to it. Where two computers use "
                    "it at once there are two journals. Start with another folder (companion --home "
                    "FOLDER), and let {program} copy the backups instead.",
                    program=program,
                ),
                kind="hint",
            )
        else:
            self.synced.tell("")

    async def _join(self, copy: Path) -> None:
        joined = await self._source.join(copy)
        await self._look_for_copies()
        self.notice.tell(
            trn("Joined: {n:,} turn came.", "Joined: {n:,} turns came.", joined.turns), kind="hint"
        )

    async def _make(self) -> None:
        self.notice.tell("")
        await self._source.make()
        await self._list()

    def _build_words(self) -> QWidget:
        """Where the passphrase is typed that opens the chosen backup."""
        self.asks = QWidget()
        self._with_words: WithWords | None = None
        self.words = PassphraseForm("enter", self._use)
        self.words.opened.connect(self.asks.hide)
        self.open_it = QPushButton(tr("Open"))
        self.open_it.clicked.connect(self.words.try_it)
        column = in_column(
            text_label(tr("Your passphrase opens this backup."), "hint"),
            self.words,
            inside=self.asks,
            margins=NONE,
        )
        column.addWidget(self.open_it, 0, Qt.AlignmentFlag.AlignLeft)
        self.asks.hide()
        return self.asks

    async def _open(self, doing: WithWords) -> None:
        """With what the keyring gives; where that opens nothing, the passphrase is asked for here."""
        self.asks.hide()
        try:
            await doing("")
        except CompanionError as error:
            if error.kind not in PASSPHRASE_MAY_OPEN:
                raise
            self._with_words = doing
            self.words.field.clear()
            self.words.fault.hide()
            self.asks.show()
            self.words.field.setFocus(Qt.FocusReason.OtherFocusReason)

    async def _use(self, passphrase: str) -> None:
        if self._with_words is not None:
            await self._with_words(passphrase)

    async def _look(self, path: Path, passphrase: str) -> None:
        self._show(await self._source.look(path, passphrase))

    def _show(self, about: About) -> None:
        count = trn("{n:,} reflection", "{n:,} reflections", about.reflections)
        turns = trn("{n:,} turn", "{n:,} turns", about.turns)
        lines = [f"{in_words(at)}: {text or tr('without words')}" for at, text in about.lines]
        self.lines.setText("\n".join([tr("{count}, {turns}. The newest:", count=count, turns=turns), *lines]))
        self.lines.show()

    def _ask(self) -> None:
        path = self._path
        self.asks.hide()
        self.notice.tell(
            tr(
                "Make the backup of {in_words} your journal? The file of now is kept beside, and "
                "what was said since comes along.",
                in_words=in_words(self.made.currentData()[0]),
            ),
            (
                (tr("Restore"), lambda: self._start(self._open(partial(self._restore, path)))),
                (tr("Leave it"), lambda: None),
            ),
            kind="hint",
        )

    async def _restore(self, path: Path, passphrase: str) -> None:
        joined = await self._source.restore(path, passphrase)
        await self._list()
        told = [
            trn(
                "Restored, with {n:,} newer turn of the file before.",
                "Restored, with {n:,} newer turns of the file before.",
                joined.turns,
            )
        ]
        if joined.recordings:
            sound = joined.recordings
            told.append(trn("{n:,} recording came back too.", "{n:,} recordings came back too.", sound))
        self.notice.tell(" ".join(told), kind="hint")

    @property
    def _path(self) -> Path:
        return Path(self.made.currentData()[1])


def _recordings(here: Held, beside: Held) -> str:
    return tr(
        "Recordings: {here:,} here, {here_mb:,.1f} MB; {beside:,} beside the backups, {beside_mb:,.1f} MB.",
        here=here.count,
        here_mb=here.bytes / 1e6,
        beside=beside.count,
        beside_mb=beside.bytes / 1e6,
    )


def _elsewhere(each: Elsewhere) -> str:
    until = tr("the newest of {in_words}", in_words=in_words(each.newest_at))
    if each.is_there:
        return tr(
            "Backups of before lie in {shown}, {until}. What you delete leaves them too.",
            shown=shown(each.path),
            until=until,
        )
    said = tr("Backups lie in {shown}, which is not connected, {until}.", shown=shown(each.path), until=until)
    return f"{said} {tr('They hold what you deleted since, until it is connected.')}" if each.owes else said


def in_words(at: float) -> str:
    """A day and a minute: "today 14:02"."""
    when = When.of(at, None)
    today = now().day
    return f"{tr('today') if when.day == today else when.day_in_words(today)} {when.local:%H:%M}"
