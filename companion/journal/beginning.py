"""The keys of a home's journal before it is opened: those that are there, or new ones, made by one program at a time."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from companion.errors import CompanionError, Kind
from companion.journal.database import check_present
from companion.journal.keys import Argon2Cost, KeySlots, SlotKind, new_slots, read_slots
from companion.language import tr
from companion.log import Secret
from companion.paths import Home, locked

_MAKING_S = 10.0
"""Longest wait for another program that makes the journal."""
_log = logging.getLogger(__name__)


def read_keys(home: Home) -> KeySlots | None:
    slots = read_slots(home.key_slots)
    present = check_present(home.journal, has_entries=slots is not None and slots.has_entries)
    if slots is None and present:
        raise CompanionError(
            Kind.JOURNAL_DAMAGED,
            tr("The journal's key file is missing."),
            hint=tr("Put {name} back beside it. The journal is left as it is.", name=home.key_slots.name),
        )
    return slots


def read_alone(home: Home, making: ExitStack) -> KeySlots | None:
    """The slots; held by `making` where another program may be about to make them, or the file beside them."""
    slots = read_keys(home)
    if slots is not None and slots.has_entries:
        return slots
    try:
        home.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        making.enter_context(locked(home.data / "making.lock", _MAKING_S))
    except TimeoutError:
        raise
    except OSError as error:  # where nothing can be written, nobody can make one
        _log.info("a journal is opened without holding it: %s", error.strerror)
    return read_keys(home)


def needs_passphrase() -> CompanionError:
    """Why no journal is made where no keyring can lock it."""
    return CompanionError(
        Kind.NO_KEYRING,
        tr("Your journal needs a passphrase: there is no safe keyring here."),
        hint=tr("Without one, what you say is kept for this run only."),
    )


async def new_keys(
    journal_id: str | None, wrapping_key: bytes | None, passphrase: str | None, cost: Argon2Cost
) -> tuple[KeySlots, Secret, SlotKind]:
    if not (wrapping_key or passphrase):
        raise needs_passphrase()
    slots, key = new_slots(journal_id)
    if passphrase:
        slots = slots.with_slot(await slots.passphrase_slot(key, passphrase, cost))
    if wrapping_key:
        slots = slots.with_slot(slots.keyring_slot(key, wrapping_key))
    return slots, key, slots.slots[0].kind
