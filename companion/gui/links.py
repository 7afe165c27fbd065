"""A link somebody wants to follow: what it really points to, and the question that comes before it is opened."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QUrl

from companion.gui.notices import Notice
from companion.language import tr

_SCHEMES = frozenset({"http", "https", "mailto"})


@dataclass(frozen=True, slots=True)
class Link:
    """An address that may be opened, once the person says so."""

    address: str
    """Without name and password."""
    where: str
    """The real host, or the mail address; a host in other letters is followed by its plain form."""
    is_mail: bool


def read_link(address: str) -> Link | None:
    """What `address` is; None for anything but a web or mail address."""
    url = QUrl(address, QUrl.ParsingMode.StrictMode)
    if not url.isValid() or url.scheme().lower() not in _SCHEMES:
        return None
    if url.scheme().lower() == "mailto":
        return Link(url.toString(), url.path(), True) if "@" in url.path() else None
    plain = url.host(QUrl.ComponentFormattingOption.FullyEncoded)
    seen = url.host(QUrl.ComponentFormattingOption.FullyDecoded)
    if not plain:
        return None
    url.setAuthority(plain if url.port() < 0 else f"{plain}:{url.port()}")
    where = plain if plain == seen else f"{seen} ({plain})"
    return Link(url.toString(QUrl.ComponentFormattingOption.FullyEncoded), where, False)


def ask(address: str) -> Notice:
    """The question that comes before an address is opened, or that it is not."""
    link = read_link(address)
    if link is None:
        return Notice(
            kind="link",
            sentence=tr("This link is not opened."),
            hint=tr("Only web and mail addresses are."),
            tone="plain",
            icon="link",
        )
    return Notice(
        kind="link",
        sentence=(
            tr("Write to {where}?", where=link.where)
            if link.is_mail
            else tr("Open {where}?", where=link.where)
        ),
        hint=tr("The link is in the companion's answer."),
        buttons=((tr("Open"), lambda: _open(link)), (tr("Copy address"), lambda: _copy(link))),
        tone="plain",
        icon="link",
    )


def _open(link: Link) -> None:
    from PySide6.QtGui import QDesktopServices

    QDesktopServices.openUrl(QUrl(link.address))


def _copy(link: Link) -> None:
    from PySide6.QtGui import QGuiApplication

    QGuiApplication.clipboard().setText(link.address)
