"""A provider's key: pasted and cleaned, tested with the vendor, then kept; or tested and removed. Main thread.

A key that the vendor refuses is not kept unless the person insists, and what was pasted stays in the field until it is
kept. Where no keyring takes it, the honest choice is offered: for this run only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from companion.errors import CompanionError, Kind
from companion.flow import Health
from companion.gui.boxes import NONE, in_column
from companion.gui.focus import give
from companion.gui.labels import text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.form import name_control
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import Notice, Work
from companion.kinds import TURN_ROLES, Role
from companion.language import tr
from companion.log import Secret
from companion.providers.provider import Spec
from companion.vault import KeyState

_KEYRING_FAULTS = (Kind.NO_KEYRING, Kind.KEYRING_TIMEOUT, Kind.KEYRING_FAILED)
_DOTS = "•" * 16


def works(health: Health, *, has_key: bool = True) -> str:
    """What a test that went well is told with: "Key works · 212 ms"."""
    latency = (
        tr(" · {latency_ms:.0f} ms", latency_ms=health.latency_ms) if health.latency_ms is not None else ""
    )
    return f"{tr('Key works') if has_key else tr('Works')}{latency}"


class KeyRow(QWidget):
    """The key of one provider."""

    checked = Signal(object)
    """A `Health` came back from the vendor."""
    changed = Signal(str)
    """The key of this provider (its name) was kept or removed."""
    stopped = Signal()
    """The person did not want to wait for the vendor."""

    def __init__(self, host: SettingsHost, spec: Spec, role: Role, work: Work) -> None:
        super().__init__()
        self.setObjectName("key")
        self._host, self._spec, self._role, self._work = host, spec, role, work
        column = in_column(inside=self, spacing=5, margins=NONE)
        label = text_label(tr("Key"), "small")
        column.addWidget(label)
        line = FlowLayout()
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setMaxLength(100_000)  # refused with its length rather than cut
        name_control(self.field, tr("Key for {display_name}", display_name=spec.display_name))
        label.setBuddy(self.field)
        self.keep = QPushButton(tr("Test and keep"))
        self.keep.setProperty("tone", "primary")
        self.test = QPushButton(tr("Test"))
        self.remove = QPushButton(tr("Remove"))
        for widget in (self.field, self.keep, self.test, self.remove):
            line.addWidget(widget)
        column.addLayout(line)
        self.where = text_label("", "caption")
        column.addWidget(self.where)
        self.get_key = QPushButton(tr("Get a key from {display_name}", display_name=spec.display_name))
        self.get_key.setProperty("tone", "link")
        self.get_key.setToolTip(spec.key_page)
        column.addWidget(self.get_key, 0, Qt.AlignmentFlag.AlignLeft)
        self.notice = Notice()
        column.addWidget(self.notice)
        self.keep.clicked.connect(self._keep_pressed)
        self.field.returnPressed.connect(self._keep_pressed)
        self.field.textChanged.connect(lambda _: self._show_buttons())
        self.test.clicked.connect(lambda: self._work.start(self._test(), "key"))
        self.remove.clicked.connect(lambda: self._work.start(self._remove(), "key"))
        self.get_key.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(spec.key_page)))
        self._state = KeyState(present=False)
        self.show_state(self._state)

    @property
    def has_key(self) -> bool:
        """There is one, wherever it is kept."""
        return self._state.present

    def show_state(self, state: KeyState) -> None:
        """Shows which key there is, never the key."""
        self._state = state
        places = {
            "keyring": tr("In the system keyring."),
            "memory": tr("For this run only."),
            "environment": tr(
                "From the environment variable {variable}, which comes before any other key.",
                variable=state.variable,
            ),
        }
        self.where.setText(places.get(state.where, "") if state.present else "")
        self.where.setVisible(bool(self.where.text()))
        self.field.setPlaceholderText(f"{_DOTS}{state.ending}" if state.present else tr("Paste the key here"))
        self.field.setEnabled(state.where != "environment")
        self.get_key.setVisible(not state.present and bool(self._spec.key_page))
        self._show_buttons()

    def _show_buttons(self) -> None:
        is_typed = bool(self.field.text())
        self.keep.setVisible(is_typed)
        self.test.setVisible(self._state.present and not is_typed)
        self.remove.setVisible(self._state.present and not is_typed and self._state.where != "environment")

    # -- keeping --------------------------------------------------------------------------------------------

    def _keep_pressed(self) -> None:
        if self.field.text():
            self._work.start(self._keep(self.field.text()), "key")

    async def _keep(self, text: str) -> None:
        from companion.providers.validator import inspect_key

        specs = {spec.name: spec for role in TURN_ROLES for spec in self._host.provider_specs(role)}
        verdict = inspect_key(text, self._spec, specs.values())
        other = specs.get(verdict.belongs_to)
        if other is not None:
            key = Secret(verdict.clean)
            answer = (
                tr("Keep it for {display_name}", display_name=other.display_name),
                lambda: self._start_storing(key, other),
            )
            self.notice.tell(verdict.problem, [answer])
            return
        if not verdict.is_ready:
            self.notice.tell(verdict.problem)
            return
        await self._test_and_store(Secret(verdict.clean), verdict.notice)

    async def _test_and_store(self, key: Secret, remark: str) -> None:
        self._tell_asking(remark)
        health = await self._host.check(self._spec.name, self._role, key)
        if health.ok:
            self.checked.emit(health)
            await self._store(key, self._spec)
        else:
            answer = (tr("Keep it anyway"), lambda: self._start_storing(key, self._spec))
            self.notice.tell(f"{health.detail} {tr('The key was not kept.')}", [answer])

    def _start_storing(self, key: Secret, spec: Spec, *, this_run_only: bool = False) -> None:
        self._work.start(self._store(key, spec, this_run_only=this_run_only), "key")

    async def _store(self, key: Secret, spec: Spec, *, this_run_only: bool = False) -> None:
        self.notice.tell("")  # from here on there is nothing to stop
        try:
            await self._host.save_key(spec.name, key, this_run_only=this_run_only)
        except CompanionError as error:
            answers = []
            if error.kind in _KEYRING_FAULTS:
                answers = [
                    (
                        tr("Keep for this run only"),
                        lambda: self._start_storing(key, spec, this_run_only=True),
                    ),
                    (tr("Try again"), lambda: self._start_storing(key, spec)),
                ]
            self.notice.tell(
                f"{error.message} {tr('The key is still in the field, kept nowhere else.')}", answers
            )
            return
        self.field.setText("")  # and with it the field's undo history
        elsewhere = spec is not self._spec
        self.notice.tell(
            tr("Kept for {display_name}.", display_name=spec.display_name) if elsewhere else "", kind="good"
        )
        self.changed.emit(spec.name)

    # -- a kept key -----------------------------------------------------------------------------------------

    async def _test(self) -> None:
        self._tell_asking()
        health = await self._host.check(self._spec.name, self._role, None)
        self.tell(health)
        self.checked.emit(health)

    def _tell_asking(self, remark: str = "") -> None:
        asking = tr("Asking {who} …", who=self._spec.display_name)
        self.notice.tell(f"{remark} {asking}".strip(), [(tr("Cancel"), self._cancel)], kind="small")

    def _cancel(self) -> None:
        self._work.end("key")
        self.notice.tell(tr("Stopped. Nothing was changed."), kind="small")
        give(self.field if self.field.text() else self.test)
        self.stopped.emit()

    def tell(self, health: Health) -> None:
        self.notice.tell(health.detail, kind="good" if health.ok else "warn")

    async def _remove(self) -> None:
        try:
            bring_back = await self._host.remove_key(self._spec.name)
        except CompanionError as error:
            self.notice.tell(f"{error.message} {error.hint}")
            return
        undo = (tr("Undo"), lambda: self._work.start(self._bring_back(bring_back), "key"))
        self.notice.tell(tr("The key was removed from this computer."), [undo], kind="small")
        self.changed.emit(self._spec.name)

    async def _bring_back(self, bring_back: Callable[[], Awaitable[None]]) -> None:
        try:
            await bring_back()
        except CompanionError as error:
            self.notice.tell(f"{error.message} {error.hint}")
            return
        self.changed.emit(self._spec.name)
        give(self.test)
