"""Which addresses are this computer, which its own network, and what a key is bound to. Pure text, no look-ups.

Several addresses with spaces between them are a cluster: all of them are meant.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit


def is_this_computer(url: str) -> bool:
    """Whether an address can only be this machine: `localhost` or a loopback number in its usual spelling.

    Spellings that some connectors read as loopback and others do not ("127.1", "localhost.") count as elsewhere.
    """
    return bool(url.strip()) and all(is_this_host(host_of(each)) for each in url.split())


@lru_cache(maxsize=64)
def is_this_host(host: str) -> bool:
    """The same for the host of an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_own_network(host: str) -> bool:
    """Whether a host is this computer or one of the same private network."""
    if host == "localhost" or host.endswith((".local", ".lan", ".home.arpa")):
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    return number.is_loopback or number.is_private or number.is_link_local


def origin(url: str) -> str:
    """Scheme, host and port of an address, which is what a key is bound to; empty for what is no address."""
    if len(several := url.split()) > 1:
        found = [origin(each) for each in several]
        return " ".join(found) if all(found) else ""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80, "wss": 443, "ws": 80}[parts.scheme]
    except (ValueError, KeyError):
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else ""


def host_of(url: str) -> str:
    """The host of an address; empty for what is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
