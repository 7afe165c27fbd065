"""A language model of this computer is tried before it is chosen: how fast it writes here is in no list. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from companion.errors import CompanionError
from companion.gui.settings.page import SettingsPage
from companion.language import tr
from companion.providers.here.models.listing import ModelKind

if TYPE_CHECKING:
    from companion.providers.here.mind.library import Pace

MIND = ModelKind.MIND.provider
"""Thinks with a model that lies here."""


class Trial:
    """On one page; what it finds is told in the page's notice."""

    def __init__(self, page: SettingsPage) -> None:
        self._page = page
        self.pace: Pace | None = None
        """Of the model that was tried last."""

    def use(self, name: str, then: Callable[[], None] = lambda: None) -> None:
        """It thinks from the next turn on, unless something should be known first. `then` follows when it does."""
        self._page.work.start(self._use(name, then), "choose")

    async def _use(self, name: str, then: Callable[[], None]) -> None:
        objection = await self.objection(name)

        def use() -> None:
            self._page.save({f"providers.llm.{MIND}.model": name or None, "providers.llm.active": MIND})
            then()

        if objection:
            self._page.notice.tell(objection, [(tr("Use it anyway"), use)])
        else:
            self._page.notice.tell("")
            use()

    async def objection(self, name: str) -> str:
        """Tries a model, empty: the usual one. What speaks against it; empty: nothing."""
        self._page.notice.tell(tr("Trying how fast it writes on this computer …"), kind="small")
        self.pace = None
        try:
            self.pace = await self._page.host.pace(MIND, name)
        except CompanionError as error:
            return f"{error.message} {error.hint}"
        return self.pace.objection
