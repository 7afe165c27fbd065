"""The journal's key and the slots that wrap it: secrets in, the data key out; `keyslots.json` beside the database.

One random 256-bit data key seals the database and the recordings. Each slot holds that key wrapped with AES-256-GCM: the
keyring slot under a secret the system's keyring keeps (the caller fetches it), the passphrase slot under Argon2id
(RFC 9106). A key check tells a wrong key from a damaged file before the database is touched. Blocking, but for the
passphrase, which runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from companion.errors import CompanionError, Kind
from companion.journal.passphrases import spellings
from companion.language import mark, tr
from companion.log import Secret
from companion.paths import write_atomically
from companion.places import read_regular

_FORMAT = 1
_MAX_FILE_BYTES = 65_536
_NONCE_BYTES = 12
_KEY_BYTES = 32
_NEWER = mark("A newer Companion wrote this journal. Install the newer version to open it.")


class SlotKind(StrEnum):
    """Where the secret of a slot lives."""

    KEYRING = "keyring"
    PASSPHRASE = "passphrase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Cost:
    """What one guess at the passphrase costs; kept in the slot, so that it can rise later."""

    memory_kib: int = 262_144
    passes: int = 3
    lanes: int = 4

    def is_sane(self) -> bool:
        """Whether a slot that asks for it can be believed: a damaged file must not take all memory."""
        return (
            8 * self.lanes <= self.memory_kib <= 4_194_304
            and 1 <= self.passes <= 64
            and 1 <= self.lanes <= 64
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The data key under one secret."""

    kind: SlotKind
    wrapped: bytes
    """Nonce, sealed key, tag."""
    salt: bytes = b""
    cost: Argon2Cost | None = None
    """Of a passphrase slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlots:
    """What `keyslots.json` says."""

    journal_id: str
    check: bytes
    """Tells whether an unwrapped key is this journal's."""
    slots: tuple[Slot, ...] = ()
    """Two passphrase slots while one replaces the other."""
    has_entries: bool = False
    """Something was kept: from then on an absent database is missing, not new."""
    last_turn: int | None = None
    """The highest id of a turn that the database holds, or is about to; None: an older version did not say."""
    is_intact: bool = True
    """Whether the file's own sum was right; a slot that does not open is otherwise damage, not a wrong secret."""

    @property
    def kinds(self) -> frozenset[SlotKind]:
        return frozenset(slot.kind for slot in self.slots)

    def unlock_with_wrapping_key(self, wrapping_key: bytes) -> Secret:
        """The data key, 64 hexadecimal digits.

        Raises:
            CompanionError: JOURNAL_LOCKED when the keyring's secret is not this journal's; JOURNAL_DAMAGED.
        """
        secret = _keyring_secret(wrapping_key)
        for slot in self.slots:
            if slot.kind is SlotKind.KEYRING and (key := self._unwrap(slot, secret)):
                return key
        raise self._refused(self._locked())

    async def unlock_with_passphrase(self, passphrase: str) -> Secret:
        """The data key, 64 hexadecimal digits; about a second's work in a thread.

        Raises:
            CompanionError: WRONG_PASSPHRASE; JOURNAL_DAMAGED.
        """
        for text in spellings(passphrase):
            for slot in self.slots:
                if slot.kind is SlotKind.PASSPHRASE:
                    secret = await asyncio.to_thread(_stretch, text, slot.salt, slot.cost or Argon2Cost())
                    if key := self._unwrap(slot, secret):
                        return key
        raise self._refused(CompanionError(Kind.WRONG_PASSPHRASE))

    async def unlock(self, *, wrapping_key: bytes | None, passphrase: str | None) -> tuple[Secret, SlotKind]:
        """The data key and the slot that gave it: the keyring's if it fits, else the passphrase's.

        Raises:
            CompanionError: JOURNAL_LOCKED when no secret fits or none was given; WRONG_PASSPHRASE; JOURNAL_DAMAGED.
        """
        if wrapping_key and SlotKind.KEYRING in self.kinds:
            try:
                return self.unlock_with_wrapping_key(wrapping_key), SlotKind.KEYRING
            except CompanionError as error:
                if error.kind is not Kind.JOURNAL_LOCKED or not passphrase:
                    raise
        if passphrase and SlotKind.PASSPHRASE in self.kinds:
            return await self.unlock_with_passphrase(passphrase), SlotKind.PASSPHRASE
        raise self._locked()

    def with_slot(self, slot: Slot) -> KeySlots:
        """The new slot first; a passphrase slot already there stays until `only_newest`."""
        others = tuple(s for s in self.slots if not (s.kind is slot.kind is SlotKind.KEYRING))
        return replace(self, slots=(slot, *others))

    def told_of(self, *, has_entries: bool, last_turn: int) -> KeySlots:
        """The same keys for another database."""
        return replace(self, has_entries=has_entries, last_turn=last_turn)

    def only_newest(self) -> KeySlots:
        """One slot of each kind, the newest."""
        newest = {slot.kind: slot for slot in reversed(self.slots)}
        return replace(self, slots=tuple(newest.values()))

    def keyring_slot(self, data_key: Secret, wrapping_key: bytes) -> Slot:
        return Slot(
            kind=SlotKind.KEYRING,
            wrapped=_seal(_keyring_secret(wrapping_key), data_key, self._bound_to(SlotKind.KEYRING)),
        )

    async def passphrase_slot(self, data_key: Secret, passphrase: str, cost: Argon2Cost) -> Slot:
        salt = secrets.token_bytes(16)
        secret = await asyncio.to_thread(_stretch, spellings(passphrase)[0], salt, cost)
        wrapped = _seal(secret, data_key, self._bound_to(SlotKind.PASSPHRASE))
        return Slot(kind=SlotKind.PASSPHRASE, wrapped=wrapped, salt=salt, cost=cost)

    def _bound_to(self, kind: SlotKind) -> bytes:
        return f"companion journal {self.journal_id} {kind}".encode()

    def _unwrap(self, slot: Slot, secret: bytes) -> Secret | None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, sealed = slot.wrapped[:_NONCE_BYTES], slot.wrapped[_NONCE_BYTES:]
        try:
            key = AESGCM(secret).decrypt(nonce, sealed, self._bound_to(slot.kind))
        except (InvalidTag, ValueError):
            return None
        if not hmac.compare_digest(_check_value(key, self.journal_id), self.check):
            raise _slots_damaged()
        return Secret(key.hex())

    def _refused(self, otherwise: CompanionError) -> CompanionError:
        return otherwise if self.is_intact else _slots_damaged()

    def _locked(self) -> CompanionError:
        if self.kinds == {SlotKind.PASSPHRASE}:
            return CompanionError(Kind.JOURNAL_LOCKED)
        if SlotKind.PASSPHRASE in self.kinds:
            return CompanionError(
                Kind.JOURNAL_LOCKED,
                tr("The journal's key is not in the system's keyring."),
                hint=tr("Its passphrase (or the eight words) opens it, and gives the keyring a new key."),
            )
        return CompanionError(
            Kind.JOURNAL_LOCKED,
            tr("The journal's key is not in the system's keyring."),
            hint=tr("The journal is left as it is. It opens again with the keyring it was made with."),
        )


def _slots_damaged(cause: BaseException | None = None) -> CompanionError:
    return CompanionError(Kind.JOURNAL_DAMAGED, tr("The journal's key file is damaged."), cause=cause)


class SlotsFile:
    """`keyslots.json` of an open journal. The one place that rewrites it; all but `verify` runs on the writer thread."""

    def __init__(self, path: Path, slots: KeySlots, data_key: Secret) -> None:
        self._path = path
        self.slots = slots
        self.data_key = data_key
        self._is_settled = True

    def expect(self, turn_id: int) -> None:
        """Notes, before words are kept, that the database is to hold this turn, and that without it it is not whole.

        Once after each `settle`: later turns stand in the same log as this one. Raises OSError.
        """
        if not self.slots.has_entries or (self._is_settled and (self.slots.last_turn or 0) < turn_id):
            self._write(replace(self.slots, has_entries=True, last_turn=turn_id))
        self._is_settled = False

    def settle(self, turn_id: int) -> None:
        """Notes the last turn of a database that is whole without its log. Raises OSError."""
        if self.slots.has_entries and self.slots.last_turn != turn_id:
            self._write(replace(self.slots, last_turn=turn_id))
        self._is_settled = True

    def put(self, slot: Slot) -> None:
        """Adds a slot; an older passphrase slot goes on working until `drop_older`. Raises OSError."""
        self._write(self.slots.with_slot(slot))

    def drop_older(self) -> None:
        """Ends what a new slot replaces. Raises OSError."""
        self._write(self.slots.only_newest())

    async def verify_passphrase(self, passphrase: str) -> None:
        """Reads the file back and opens it as the next start will.

        Raises:
            CompanionError: WRONG_PASSPHRASE, JOURNAL_DAMAGED.
        """
        slots = await asyncio.to_thread(read_slots, self._path)
        if slots is None or await slots.unlock_with_passphrase(passphrase) != self.data_key:
            raise _slots_damaged()

    def _write(self, slots: KeySlots) -> None:
        write_slots(self._path, slots)
        self.slots = slots


def new_slots(journal_id: str | None = None) -> tuple[KeySlots, Secret]:
    """A new journal's id (a UUID) and data key, not yet wrapped by any slot."""
    key = secrets.token_bytes(_KEY_BYTES)
    identity = str(uuid.UUID(journal_id) if journal_id else uuid.uuid4())
    return KeySlots(journal_id=identity, check=_check_value(key, identity)), Secret(key.hex())


def derive(data_key: Secret, purpose: str) -> bytes:
    """A 256-bit key for one purpose, so that no two uses share one (HMAC-SHA256 as the expansion of RFC 5869)."""
    return hmac.digest(bytes.fromhex(data_key.reveal()), f"companion {purpose}".encode() + b"\x01", "sha256")


def read_slots(path: Path) -> KeySlots | None:
    """The key slots, or None where there is no such file.

    Raises:
        CompanionError: JOURNAL_DAMAGED when it is there and makes no sense, JOURNAL_FOREIGN when a newer version wrote it.
        OSError: it cannot be read.
    """
    try:
        content = read_regular(path, most_bytes=_MAX_FILE_BYTES)
        if content is None:
            return None
        return _parse(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(
            error.__cause__, OSError
        ):  # a disk that does not let it be read says nothing of what it holds
            raise error.__cause__ from None
        raise _slots_damaged(error) from error


def write_slots(path: Path, slots: KeySlots) -> None:
    """Replaces the file in one step: old or new, never less. Raises OSError."""
    body = {
        "format": _FORMAT,
        "journal_id": slots.journal_id,
        "check": _text(slots.check),
        "has_entries": slots.has_entries,
        **({} if slots.last_turn is None else {"last_turn": slots.last_turn}),
        "slots": [_slot_fields(slot) for slot in slots.slots],
    }
    write_atomically(path, json.dumps({**body, "sum": _sum(body)}, indent=1).encode() + b"\n", mode=0o600)


def _parse(fields: Any) -> KeySlots:
    body = {name: value for name, value in fields.items() if name != "sum"}
    if int(body["format"]) > _FORMAT:
        raise CompanionError(Kind.JOURNAL_FOREIGN, tr(_NEWER))
    return KeySlots(
        journal_id=str(uuid.UUID(body["journal_id"])),
        check=_bytes(body["check"]),
        has_entries=bool(body["has_entries"]),
        last_turn=None if body.get("last_turn") is None else int(body["last_turn"]),
        slots=tuple(_parse_slot(slot) for slot in body["slots"]),
        is_intact=fields.get("sum") == _sum(body),
    )


def _parse_slot(fields: Any) -> Slot:
    kind, wrapped = SlotKind(fields["kind"]), _bytes(fields["wrapped"])
    if kind is SlotKind.KEYRING:
        return Slot(kind=kind, wrapped=wrapped)
    cost = Argon2Cost(
        memory_kib=int(fields["memory_kib"]), passes=int(fields["passes"]), lanes=int(fields["lanes"])
    )
    if not cost.is_sane():
        raise ValueError("impossible cost")
    return Slot(kind=kind, wrapped=wrapped, salt=_bytes(fields["salt"]), cost=cost)


def _slot_fields(slot: Slot) -> dict[str, Any]:
    fields: dict[str, Any] = {"kind": str(slot.kind), "wrapped": _text(slot.wrapped)}
    if slot.cost:
        fields |= {
            "kdf": "argon2id",
            "salt": _text(slot.salt),
            "memory_kib": slot.cost.memory_kib,
            "passes": slot.cost.passes,
            "lanes": slot.cost.lanes,
        }
    return fields


def _sum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _check_value(key: bytes, journal_id: str) -> bytes:
    return hmac.digest(key, f"companion journal key check {journal_id}".encode(), "sha256")


def _keyring_secret(wrapping_key: bytes) -> bytes:
    return hmac.digest(wrapping_key, b"companion journal keyring slot", "sha256")


def _stretch(passphrase: str, salt: bytes, cost: Argon2Cost) -> bytes:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(
        salt=salt, length=_KEY_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    try:
        return kdf.derive(passphrase.encode("utf-8", "replace"))
    except MemoryError as error:
        raise CompanionError(
            Kind.JOURNAL_LOCKED,
            tr("There is not enough memory free to check the passphrase."),
            hint=tr("Close other programs and try again. Nothing was changed."),
            cause=error,
        ) from error


def _seal(secret: bytes, data_key: Secret, bound_to: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(secret).encrypt(nonce, bytes.fromhex(data_key.reveal()), bound_to)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value, validate=True)
