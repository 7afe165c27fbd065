"""A server address as a person types or pastes it, made plain: pure text in, the address and what was noticed out.

The host that is shown and kept is the host a connection would reach, whatever the text tries to look like.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from companion.errors import CompanionError, Kind
from companion.hosts import is_own_network, is_this_host
from companion.language import mark, tr

_INVISIBLE = re.compile(r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*)://")
_ENDPOINTS = (
    "/chat/completions",
    "/responses",
    "/messages",
    "/audio/speech",
    "/audio/transcriptions",
    "/api/chat",
)
_TCP_HINT = mark("Write it like tcp://attic.local:10300; nothing was changed.")
_HINT = mark("Write it like https://api.example.com/v1; nothing was changed.")


class Address(NamedTuple):
    """A normalised address and what a person should know about it."""

    url: str
    notice: str
    """Empty: nothing to remark."""


def normalise_base_url(text: str, *, with_key: bool = False, trusts_own_network: bool = False) -> Address:
    """The address `text` means; empty text means the provider's own.

    Args:
        text: what was typed or pasted.
        with_key: a key will be sent there, so plain http is refused beyond this computer.
        trusts_own_network: a key may also go to the same private network without encryption.

    Raises:
        CompanionError: UNSAFE_ADDRESS when it is no address of a server, or a key would travel in clear.
    """
    notices: list[str] = []
    plain = _INVISIBLE.sub("", text.strip().strip("\"'<>`"))
    if not plain:
        return Address("", "")
    if plain != text.strip():
        notices.append(tr("Spaces and quotes were removed."))
    plain = _with_scheme(plain, notices)
    if "\\" in plain or any(ord(char) < 33 for char in plain):
        raise _refused(tr("That is not a server address."))
    try:
        parts = urlsplit(plain)
        port = parts.port
    except ValueError as error:
        raise _refused(tr("That is not a server address.")) from error
    host = _host(parts.hostname or "", notices)
    if "@" in parts.netloc:
        notices.append(tr("A name or password in the address was removed. The server is {host}.", host=host))
    if parts.query or parts.fragment:
        notices.append(tr("What stood after ? or # was removed."))
    scheme = parts.scheme.lower()
    may_be_read = with_key and not (trusts_own_network and is_own_network(host))
    _check_encryption(scheme, host, notices, may_be_read=may_be_read)
    shown_host = f"[{host}]" if ":" in host else host
    standard = {"https": 443, "http": 80}[scheme]
    where = shown_host if port in (None, standard) else f"{shown_host}:{port}"
    return Address(f"{scheme}://{where}{_path(parts.path, notices)}", " ".join(notices))


def normalise_tcp_address(text: str) -> Address:
    """The address of a server that speaks a protocol of its own over one plain connection, as `tcp://host:port`.

    The port may be missing; the protocol then knows its own.

    Raises:
        CompanionError: UNSAFE_ADDRESS when it is no address of a server.
    """
    plain = _INVISIBLE.sub("", text.strip().strip("\"'<>`"))
    if not plain:
        return Address("", "")
    found = _SCHEME.match(plain)
    if found and found[1].lower() not in ("tcp", "http", "wyoming"):
        raise CompanionError(
            Kind.UNSAFE_ADDRESS, tr("A Wyoming server's address begins with tcp://."), hint=tr(_TCP_HINT)
        )
    notices: list[str] = []
    try:
        parts = urlsplit(f"tcp://{plain[found.end() :] if found else plain}")
        port = parts.port
        host = _host(parts.hostname or "", notices)
    except (ValueError, CompanionError) as error:
        raise CompanionError(
            Kind.UNSAFE_ADDRESS, tr("That is not a server address."), hint=tr(_TCP_HINT)
        ) from error
    if not is_this_host(host):
        notices.append(_unencrypted(host))
    shown = f"[{host}]" if ":" in host else host
    return Address(f"tcp://{shown}:{port}" if port else f"tcp://{shown}", " ".join(notices))


def _with_scheme(text: str, notices: list[str]) -> str:
    found = _SCHEME.match(text)
    if found:
        if found[1].lower() not in ("http", "https"):
            raise _refused("A server address begins with https://.")
        return text
    text = text.lstrip("/")
    try:
        host = urlsplit(f"//{text}").hostname or ""
    except ValueError as error:
        raise _refused(tr("That is not a server address.")) from error
    scheme = "http" if is_own_network(host) else "https"
    notices.append(tr("{scheme}:// was added.", scheme=scheme))
    return f"{scheme}://{text}"


def _host(host: str, notices: list[str]) -> str:
    host = host.rstrip(".")
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _refused(tr("That is not a server address.")) from error
    shown = _unicode(ascii_host)
    if ascii_host != host or shown != ascii_host:
        notices.append(
            tr(
                "Look twice: “{shown}” is {ascii_host}. It may only look like a name you know.",
                shown=shown,
                ascii_host=ascii_host,
            )
        )
    is_number = ascii_host.rsplit(".", 1)[-1].isdigit() or ascii_host.startswith("0x") or ":" in ascii_host
    try:
        if is_number:
            ipaddress.ip_address(ascii_host)
    except ValueError as error:
        raise _refused(tr("That is not a server address.")) from error
    allowed = is_number or re.fullmatch(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?", ascii_host)
    if not allowed or ".." in ascii_host:
        raise _refused(tr("That is not a server address."))
    return ascii_host


def _unicode(host: str) -> str:
    if "xn--" not in host:
        return host
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host


def _check_encryption(scheme: str, host: str, notices: list[str], *, may_be_read: bool) -> None:
    if scheme == "https" or is_this_host(host):
        return
    if may_be_read:
        raise CompanionError(Kind.UNSAFE_ADDRESS, who=host)
    notices.append(_unencrypted(host))


def _unencrypted(host: str) -> str:
    if is_own_network(host):
        return tr("What you say travels unencrypted through your own network.")
    return tr("What you say travels unencrypted through the internet.")


def _path(path: str, notices: list[str]) -> str:
    plain = re.sub(r"/{2,}", "/", path).rstrip("/")
    for ending in _ENDPOINTS:
        plain = plain.removesuffix(ending)
    once = re.sub(r"(/v\d+(?:beta)?)(?:\1)+(?=/|$)", r"\1", plain)
    if once != path.rstrip("/"):
        notices.append(tr("The path was shortened."))
    return once


def _refused(message: str) -> CompanionError:
    return CompanionError(Kind.UNSAFE_ADDRESS, message, hint=tr(_HINT))
