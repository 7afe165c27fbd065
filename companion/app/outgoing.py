"""What left this computer today, as the egress gate booked it, kept from one start to the next of the same day.

In: the ledger of the gate and the receipts of single requests. Out: what the privacy page shows. The file holds hosts and
numbers of today, no content. Belongs to the loop's thread.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from companion.events import DataSent, Event, Events
from companion.ledger import Account, Cargo, Destination, Ledger, Traffic, day_of, destinations
from companion.paths import Home, write_atomically
from companion.places import read_notes

_log = logging.getLogger(__name__)
MOST_RECEIPTS = 100


class Outgoing:
    """One per app."""

    def __init__(
        self,
        home: Home,
        events: Events,
        *,
        is_kept: Callable[[], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`is_kept`: False while a person wants nothing of this run on disk."""
        self._file = home.state / "sent-today.json"
        self._is_kept = is_kept
        self._now = now
        self.ledger = Ledger(_read(self._file, day_of(now())), now=now)
        self.receipts: deque[DataSent] = deque(maxlen=MOST_RECEIPTS)
        """The latest things sent, newest last."""
        events.watch(self._watch)

    def destinations(self) -> Sequence[Destination]:
        """Who got something today, the latest first."""
        return destinations(self.ledger.today)

    def save(self) -> None:
        """Keeps today's sums for the next start. Blocks for a moment; never raises."""
        accounts = [
            [account.who, account.host, account.cargo, each.sent, each.received, each.requests, each.last_at]
            for account, each in self.ledger.today.items()
        ]
        if not self._is_kept() or not accounts:
            return
        try:
            content = json.dumps({"day": day_of(self._now()), "accounts": accounts})
            write_atomically(self._file, content.encode())
        except OSError as error:
            _log.info("today's sums could not be kept: %s", error.strerror)

    def _watch(self, event: Event) -> None:
        if isinstance(event, DataSent):
            self.receipts.append(event)


def _read(file: Path, day: str) -> dict[Account, Traffic]:
    """What earlier runs of this day have kept; nothing where the file is of another day or no such file."""
    try:
        kept = read_notes(file)
        if kept["day"] != day:
            return {}
        return {
            Account(str(who), str(host), Cargo(cargo)): Traffic(
                int(sent), int(received), int(requests), float(last_at)
            )
            for who, host, cargo, sent, received, requests, last_at in kept["accounts"]
        }
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
