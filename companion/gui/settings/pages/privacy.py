"""Privacy: the offline switch, what leaves this computer as things are chosen, and what the gate counted today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout

from companion.app.region import system_region
from companion.care.help import countries, load
from companion.days import When
from companion.events import DataSent
from companion.gui.boxes import in_column
from companion.gui.labels import dress, text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import DeclaredPage, PageInfo
from companion.gui.theme import Look
from companion.gui.wrapping import WrappingCheckBox
from companion.hosts import host_of, is_this_computer
from companion.kinds import TURN_ROLES, Role
from companion.language import mark, tr, trn
from companion.ledger import Cargo, Destination, Traffic
from companion.net import environment_proxy
from companion.settings import Page
from companion.settings.field import Value

_CARRIES = {
    Role.THINKS: mark("Your words and this reflection's earlier turns"),
    Role.HEARS: mark("The sound of your voice"),
    Role.SPEAKS: mark("The companion's answers"),
}
_KINDS = {
    Cargo.VOICE: mark("your voice"),
    Cargo.WORDS: mark("your words"),
    Cargo.MEMORY: mark("excerpts of earlier reflections"),
    Cargo.JOURNAL: mark("your journal, to find it by meaning"),
    Cargo.ANSWERS: mark("answers to be spoken"),
    Cargo.OTHER: mark("tests and lists"),
}
_LOOK_MS = 1000
_MOST_LINES = 12
_NOTHING = mark("Nothing has left this computer today.")
_FRAMING = mark("Content is counted; addresses and headers add a few hundred bytes to each request.")


def size_of(count: int) -> str:
    """Bytes for a person: "812 bytes", "3.2 kB", "1.4 MB"."""
    if count < 1000:
        return trn("{n} byte", "{n} bytes", count)
    if count < 1_000_000:
        return tr("{size:.1f} kB", size=count / 1000)
    return tr("{size:.1f} MB", size=count / 1_000_000)


class PrivacyPage(DeclaredPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Privacy"), Page.PRIVACY)
        self.goes = {role: text_label("", "small") for role in TURN_ROLES}
        self.today = Today()
        place = self.column.indexOf(self.rows[0]) + 1
        for offset, card in enumerate((self._build_chosen(), self.today)):
            self.column.insertWidget(place + offset, card)
        self.proxy = text_label("", "caption")
        use_proxy = next(row for row in self.rows if row.field.name == "network.use_proxy")
        self.column.insertWidget(self.column.indexOf(use_proxy) + 1, self.proxy)
        if isinstance(use_proxy.control, WrappingCheckBox):
            use_proxy.control.explained_by(self.proxy)
        self._clock = QTimer(self)
        self._clock.setInterval(_LOOK_MS)
        self._clock.timeout.connect(self._show_today)
        self.refresh()

    def offered(self, name: str) -> Mapping[Value, str]:
        return _countries() if name == "care.region" else super().offered(name)

    def refresh(self) -> None:
        super().refresh()
        for role, label in getattr(self, "goes", {}).items():
            host = self._host_of(role)
            label.setText(tr("goes to {host}", host=host) if host else tr("stays on this computer"))
            dress(label, type="warm" if host else "good")

    def appeared(self) -> None:
        super().appeared()
        found = environment_proxy()
        self.proxy.setText(
            tr("There is one: {found}", found=found) if found else tr("There is none at the moment.")
        )
        self._show_today()
        self._clock.start()

    def vanished(self) -> None:
        self._clock.stop()

    def _show_today(self) -> None:
        self.today.show_sent(self.host.destinations(), self.host.receipts())

    def _build_chosen(self) -> QFrame:
        box = _card()
        box.setObjectName("chosen")
        grid = QGridLayout()
        grid.setVerticalSpacing(8)
        grid.setHorizontalSpacing(14)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        for line, (role, what) in enumerate(_CARRIES.items()):
            grid.addWidget(text_label(tr(what), "soft"), line, 0)
            grid.addWidget(self.goes[role], line, 1)
        column = box.layout()
        assert isinstance(column, QVBoxLayout)
        column.addWidget(text_label(tr("With what you have chosen now"), "strong"))
        column.addLayout(grid)
        note = tr("The journal itself is encrypted here and goes nowhere. Nothing is reported to anybody.")
        column.addWidget(text_label(note, "caption"))
        return box

    def _host_of(self, role: Role) -> str:
        choice = self.host.settings.role(role)
        specs = self.host.provider_specs(role)
        spec = next((each for each in specs if choice.active in (each.name, *each.aliases)), None)
        address = choice.block(choice.active).base_url or (spec.base_url if spec else "")
        if self.host.settings.network.offline or not address or is_this_computer(address):
            return ""
        elsewhere = [each for each in address.split() if not is_this_computer(each)]
        return ", ".join(host_of(each) for each in elsewhere)


class Today(QFrame):
    """What left this computer since midnight: one line per provider and host, and the latest requests below."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self.setObjectName("today")
        self.setAccessibleName(tr("What left this computer today"))
        column = in_column(inside=self, spacing=10, margins=(18, 14, 18, 16))
        top = FlowLayout()
        top.addWidget(text_label(tr("What left this computer today"), "strong", fills=True))
        self.total = text_label("", "small")
        top.addWidget(self.total)
        column.addLayout(top)
        self._lines = QGridLayout()
        self._lines.setVerticalSpacing(2)
        self._lines.setHorizontalSpacing(14)
        self._lines.setColumnStretch(0, 1)
        column.addLayout(self._lines)
        self._latest = text_label("", "caption")
        self._latest.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._latest.setAccessibleName(tr("The latest requests"))
        column.addWidget(self._latest)
        column.addWidget(text_label(tr(_FRAMING), "caption"))
        self._shown: object = None
        self.show_sent((), ())

    def show_sent(self, destinations: Sequence[Destination], receipts: Sequence[DataSent]) -> None:
        """Shows what was booked; what has not changed is left alone."""
        facts = [(d.who, d.host, d.total.sent, d.total.received) for d in destinations], len(receipts)
        if facts == self._shown:
            return
        self._shown = facts
        while (item := self._lines.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        if not destinations:
            self._lines.addWidget(text_label(tr(_NOTHING), "good"), 0, 0)
        for number, destination in enumerate(destinations):
            self._add(number * 2, destination)
        sent = sum(destination.total.sent for destination in destinations)
        self.total.setText(tr("{size_of} sent", size_of=size_of(sent)) if destinations else "")
        newest = list(receipts)[-_MOST_LINES:][::-1]
        self._latest.setText("\n".join(_line(receipt) for receipt in newest))
        self._latest.setVisible(bool(newest))

    def _add(self, line: int, destination: Destination) -> None:
        who = destination.who or destination.host
        name = text_label(f"{who} · {destination.host}" if destination.who else who, "small")
        when = text_label(tr("last at {clock}", clock=When.of(destination.total.last_at).clock), "small")
        when.setWordWrap(False)
        for label in (name, when):
            label.setContentsMargins(0, 6 if line else 0, 0, 0)
        kinds = sorted(destination.kinds.items(), key=lambda item: -item[1].sent)
        carried = text_label(" · ".join(_carried(kind, traffic) for kind, traffic in kinds), "caption")
        came = text_label(tr("{size_of} came back", size_of=size_of(destination.total.received)), "caption")
        came.setWordWrap(False)
        for label, row, column in (
            (name, line, 0),
            (when, line, 1),
            (carried, line + 1, 0),
            (came, line + 1, 1),
        ):
            self._lines.addWidget(
                label, row, column, _TOP if column == 0 else _TOP | Qt.AlignmentFlag.AlignRight
            )
        dress(name, type="warm")


_TOP = Qt.AlignmentFlag.AlignTop


def _countries() -> Mapping[Value, str]:
    """Code -> country: those with a line that answers day and night before those with an emergency number only."""
    known = load()
    here = known.get(system_region())
    usual = tr("As the system: {country}", country=tr(here.country)) if here else tr("As the system")
    lines: dict[Value, str] = {}
    numbers: dict[Value, str] = {}
    for code, name in countries().items():
        if known[code].line is not None:
            lines[code] = name
        else:
            numbers[code] = tr("{country}: emergency number only", country=name)
    return {"": usual, **lines, **numbers}


def _card() -> QFrame:
    box = QFrame()
    box.setProperty("card", "true")
    in_column(inside=box, spacing=10, margins=(18, 14, 18, 16))
    return box


def _carried(kind: Cargo, traffic: Traffic) -> str:
    return f"{tr(_KINDS[kind])} {size_of(traffic.sent)}"


def _line(receipt: DataSent) -> str:
    return f"{When.of(receipt.at).clock}  {receipt.what} → {receipt.host} ({receipt.who}), {size_of(receipt.sent_bytes)}"


PAGE = PageInfo(
    name=Page.PRIVACY,
    title="Privacy",
    order=75,
    build=PrivacyPage,
)
