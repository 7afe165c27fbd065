"""Servers of one's own: each with a name, one address or several, and perhaps a key; added, tested, changed, removed.

A server that is here can be chosen on the pages Thinking, Hearing and Voice, for what it was found to be able to do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QLineEdit,
    QPushButton,
)

from companion.app import servers
from companion.errors import CompanionError, Kind
from companion.gui.boxes import in_column
from companion.gui.labels import text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.form import labelled, narrow
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import Answers, Notice, PageInfo, SettingsPage
from companion.gui.theme import Look
from companion.kinds import Role
from companion.language import mark, tr
from companion.log import Secret
from companion.settings.declared import Server
from companion.settings.tree import server_fields

if TYPE_CHECKING:
    from companion.providers.servers import OwnServer

_ABOUT = mark(
    "Programs you run yourself, on this computer or elsewhere in your household. Companion finds out what they can "
    "do, and then lists them with the others under Thinking, Hearing and Voice."
)
_EMPTY = mark("There are none yet. With a server of your own, your words need not leave your own computers.")
_ROLE_WORDS = {
    Role.THINKS: mark("thinks"),
    Role.HEARS: mark("hears"),
    Role.SPEAKS: mark("speaks"),
    Role.EMBEDS: mark("compares texts"),
}
_KIND = next(each for each in server_fields() if each.name == "kind").declared
_NO_KEYRING = (Kind.NO_KEYRING, Kind.KEYRING_TIMEOUT, Kind.KEYRING_FAILED)


class ServerCard(QFrame):
    """One server: what it is, and what can be done with it."""

    def __init__(self, page: ServersPage, name: str) -> None:
        super().__init__()
        self.name = name
        self._page = page
        self.setProperty("card", "true")
        column = in_column(inside=self, spacing=6, margins=(18, 13, 18, 14))
        self._label = text_label("", "strong")
        self._about = text_label("", "small")
        self._where = text_label("", "caption")
        self._where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notice = Notice()
        self.test, self.change, self.remove = (
            QPushButton(words) for words in (tr("Test"), tr("Change …"), tr("Remove"))
        )
        line = FlowLayout()
        for button in (self.test, self.change, self.remove):
            line.addWidget(button)
        for label in (self._label, self._about, self._where):
            column.addWidget(label)
        column.addSpacing(4)
        column.addLayout(line)
        column.addWidget(self.notice)
        self.test.clicked.connect(lambda: page.work.start(page.test(self), f"server {name}"))
        self.change.clicked.connect(lambda: page.edit(name))
        self.remove.clicked.connect(self._ask)

    def show_server(self, server: Server) -> None:
        """Shows it as it is declared now."""
        label = server.label or self.name
        self._label.setText(label)
        roles = [tr(words) for role, words in _ROLE_WORDS.items() if role.value in server.does.split()]
        kind = "Wyoming" if server.kind == "wyoming" else tr("Like OpenAI")
        self._about.setText(" · ".join([kind, ", ".join(roles) or tr("may do all that its kind can")]))
        count = len(server.address.replace(",", " ").split())
        self._where.setText(
            f"{server.address}\n{tr('The first that answers is asked.')}" if count > 1 else server.address
        )
        self.test.setAccessibleName(tr("Test {label}", label=label))
        self.change.setAccessibleName(tr("Change {label}", label=label))
        self.remove.setAccessibleName(tr("Remove {label}", label=label))

    def _ask(self) -> None:
        answers = [
            (tr("Remove it"), lambda: self._page.start_removing(self.name)),
            (tr("Keep it"), lambda: None),
        ]
        self.notice.tell(self._page.farewell(self.name), answers)


class ServerForm(QFrame):
    """Name, address, kind and key of a server that is added or changed."""

    def __init__(self, page: ServersPage) -> None:
        super().__init__()
        self._page = page
        self._name = ""
        """Of the server that is changed; empty: a new one."""
        self.setProperty("card", "true")
        column = in_column(inside=self, spacing=12, margins=(18, 15, 18, 16))
        self.title = text_label("", "strong")
        self.label, self.address, self.key = QLineEdit(), QLineEdit(), QLineEdit()
        self.label.setPlaceholderText("workshop")
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.kind = narrow(QComboBox())
        for value, words in _KIND.choices.items():
            self.kind.addItem(words, value)
        several = tr("Several, separated by commas, work as one: if one does not answer, the next is asked.")
        self._key_box = labelled(
            tr("Key"), self.key, tr("Only if it asks for one. Kept in the system's keyring.")
        )
        column.addWidget(self.title)
        column.addWidget(labelled(tr("Name"), self.label, tr("Whatever you like to call it.")))
        column.addWidget(labelled(tr("What it speaks"), self.kind))
        column.addWidget(labelled(tr("Address"), self.address, several))
        column.addWidget(self._key_box)
        self.test, self.keep, self.cancel = (
            QPushButton(tr("Test")),
            QPushButton(tr("Add")),
            QPushButton(tr("Cancel")),
        )
        self.keep.setProperty("tone", "primary")
        line = FlowLayout()
        for button in (self.keep, self.test, self.cancel):
            line.addWidget(button)
        column.addLayout(line)
        self.notice = Notice()
        column.addWidget(self.notice)
        self.kind.currentIndexChanged.connect(lambda _: self._show_kind())
        for field in (self.label, self.address, self.key):
            field.returnPressed.connect(self._keep_pressed)
        self.test.clicked.connect(lambda: page.work.start(self._test(), "server"))
        self.keep.clicked.connect(self._keep_pressed)
        self.cancel.clicked.connect(self._cancelled)

    def show_server(self, name: str, server: Server) -> None:
        """Opens for a server, or for a new one (empty name)."""
        self._name = name
        label = server.label or name
        self.title.setText(tr("Change {label}", label=label) if name else tr("Add a server"))
        self.keep.setText(tr("Save") if name else tr("Add"))
        self.label.setText(label)
        self.address.setText(server.address)
        self.kind.setCurrentIndex(self.kind.findData(server.kind))
        self.key.clear()
        self.key.setPlaceholderText(tr("Only to replace the one that is kept") if name else "")
        self.notice.tell("")
        self._show_kind()
        self.show()
        self.label.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_kind(self) -> None:
        is_wyoming = self.kind.currentData() == "wyoming"
        self._key_box.setVisible(not is_wyoming)
        self.address.setPlaceholderText(
            "tcp://attic.local:10300" if is_wyoming else "http://192.168.1.20:8000/v1"
        )

    def _say(self, text: str, answers: Answers = (), *, kind: str = "warn") -> None:
        self.notice.tell(text, answers, kind=kind)
        self._page.reveal(self.notice)

    def _cancelled(self) -> None:
        self._page.work.end("server")
        self._page.close_form()

    def _keep_pressed(self) -> None:
        self._page.work.start(self._keep(), "server")

    def _read(self) -> tuple[OwnServer, Secret | None] | None:
        """What stands in the fields; None: something is wrong with it, and that was told."""
        settings = self._page.host.settings
        key = self.key.text() if self.kind.currentData() == "openai" else ""
        try:
            key = _clean_key(key)
            addresses, remark = servers.read_addresses(
                self.address.text(),
                self.kind.currentData(),
                with_key=bool(key),
                trusts_own_network=settings.network.keys_in_own_network,
            )
            kind = self.kind.currentData()
            server = servers.drafted(settings, self.label.text(), addresses, kind, self._name)
        except CompanionError as error:
            self._say(f"{error.message} {error.hint}".strip())
            return None
        self.address.setText(", ".join(addresses))
        self._say(f"{remark} {tr('Asking {who} …', who=server.called)}".strip(), kind="small")
        return server, Secret(key) if key else None

    async def _test(self) -> None:
        if (read := self._read()) is not None:
            found = await self._page.host.discover(*read)
            self._say(found.sentence, kind="good" if found.health.ok else "warn")

    async def _keep(self) -> None:
        read = self._read()
        if read is None:
            return
        server, key = read
        found = await self._page.host.discover(server, key)
        if found.health.ok:
            await self._store(server, found.roles, key, found.sentence)
            return

        def anyway() -> None:
            later = tr("It is asked when you choose it.")
            self._page.work.start(self._store(server, frozenset(), key, later), "server")

        words = tr("Save it anyway") if self._name else tr("Add it anyway")
        refused = tr("It was not changed.") if self._name else tr("It was not added.")
        self._say(f"{found.sentence} {refused}", [(words, anyway)])

    async def _store(
        self, server: OwnServer, roles: frozenset[Role], key: Secret | None, remark: str
    ) -> None:
        try:
            await self._page.host.add_server(replace(server, roles=roles), roles, key)
        except CompanionError as error:
            self._page.refresh()
            answers = []
            if key is not None and error.kind in _NO_KEYRING:
                held = key
                answers = [
                    (tr("Keep its key for this run only"), lambda: self._start_keeping(server.name, held))
                ]
            self._say(f"{error.message} {error.hint}".strip(), answers)
            return
        self._page.stored(server.name, f"{tr('{who} is there.', who=server.called)} {remark}")

    def _start_keeping(self, name: str, key: Secret) -> None:
        self._page.work.start(self._keep_key(name, key), "server")

    async def _keep_key(self, name: str, key: Secret) -> None:
        await self._page.host.save_key(name, key, this_run_only=True)
        self._page.stored(name, tr("Its key is kept until the window closes."))


def _clean_key(text: str) -> str:
    """The key a person pasted; empty: none.

    Raises:
        CompanionError: KEY_MALFORMED.
    """
    from companion.providers.validator import inspect_key
    from companion.providers.vendors.compatible import specs

    if not text.strip():
        return ""
    verdict = inspect_key(text, specs()["compatible"], ())
    if not verdict.is_ready:
        raise CompanionError(
            Kind.KEY_MALFORMED, tr("That does not look like a key."), hint=tr("Paste it again.")
        )
    return verdict.clean


class ServersPage(SettingsPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Your servers"))
        self.column.addWidget(text_label(tr(_ABOUT), "soft"))
        self.nothing = text_label(tr(_EMPTY), "small")
        self.column.addWidget(self.nothing)
        self._list = in_column(spacing=14)
        self.column.addLayout(self._list)
        self.cards: dict[str, ServerCard] = {}
        self.add = QPushButton(tr("Add a server …"))
        self.add.setObjectName("add")
        self.add.clicked.connect(lambda: self.edit(""))
        self.column.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self.form = ServerForm(self)
        self.form.hide()
        self.column.addWidget(self.form)
        self.column.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        super().refresh()
        declared = self.host.settings.servers.by_name
        for name in tuple(self.cards):
            if name not in declared:
                card = self.cards.pop(name)
                card.hide()
                card.deleteLater()
        for name, server in declared.items():
            if name not in self.cards:
                self.cards[name] = ServerCard(self, name)
                self._list.addWidget(self.cards[name])
            self.cards[name].show_server(server)
        self.nothing.setVisible(not declared and self.form.isHidden())

    # -- what the cards and the form ask for ----------------------------------------------------------------

    def edit(self, name: str) -> None:
        """Opens the form for a server, or for a new one (empty name)."""
        self.notice.tell("")
        self.form.show_server(name, self.host.settings.servers.server(name))
        self.add.hide()
        self.refresh()
        self.reveal(self.form)

    def close_form(self) -> None:
        self.form.hide()
        self.add.show()
        self.refresh()
        self.add.setFocus(Qt.FocusReason.OtherFocusReason)

    def stored(self, name: str, remark: str) -> None:
        """A server was added or changed."""
        self.close_form()
        self.cards[name].notice.tell(remark, kind="good")
        self.cards[name].test.setFocus(Qt.FocusReason.OtherFocusReason)

    async def test(self, card: ServerCard) -> None:
        """What a server can do now; what it is used for follows that."""
        try:
            server = servers.own_server(self.host.settings, card.name)
        except CompanionError as error:
            card.notice.tell(f"{error.message} {error.hint}".strip())
            return
        card.notice.tell(tr("Asking {who} …", who=server.called), kind="small")
        found = await self.host.discover(server, None)
        if found.health.ok and found.roles != server.roles:
            self.save(servers.changes_for(server, found.roles))
        card.notice.tell(found.sentence, kind="good" if found.health.ok else "warn")

    def farewell(self, name: str) -> str:
        """What it means to remove a server."""
        server = self.host.settings.servers.server(name)
        used = [role for role, is_active in servers.uses(self.host.settings, name).items() if is_active]
        told = [tr("Remove {name}?", name=server.label or name)]
        told += [tr("Its key is forgotten.")] if server.kind == "openai" else []
        told += [tr("Whatever it did for you goes back to what comes with Companion.")] if used else []
        return " ".join(told)

    def start_removing(self, name: str) -> None:
        self.work.start(self._remove(name), f"server {name}")  # and is not tested any more

    async def _remove(self, name: str) -> None:
        label = self.host.settings.servers.server(name).label or name
        try:
            await self.host.remove_server(name)
        except CompanionError as error:
            self.tell_error(error)
        else:
            self.notice.tell(tr("{label} was removed.", label=label), kind="small")
        self.close_form()


PAGE = PageInfo(
    name="servers",
    title="Your servers",
    order=45,
    build=ServersPage,
)
