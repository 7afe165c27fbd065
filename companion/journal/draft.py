"""Words that were written and not sent, kept for the next start: one sealed file beside the recordings.

File: nonce + AES-256-GCM ciphertext + tag. Runs on the journal's writer thread.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from companion.paths import sync_folder, write_atomically
from companion.places import read_regular

_NONCE_BYTES = 12
_MOST_BYTES = 64 << 20
_BOUND_TO = b"companion draft 1"


class SealedDraft:
    """One text; the next one takes its place."""

    def __init__(self, path: Path, key: bytes) -> None:
        """`key`: 32 bytes, used for nothing else."""
        self._path, self._key = path, key

    def write(self, text: str) -> None:
        """Empty: there is none any more. Raises OSError."""
        if not text:
            with suppress(FileNotFoundError):
                self._path.unlink()
                sync_folder(self._path.parent)
            return
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._key).encrypt(nonce, text.encode("utf-8", "surrogatepass"), _BOUND_TO)
        write_atomically(self._path, nonce + sealed)

    def read(self) -> str:
        """Empty where there is none, or where it is damaged: nothing is worth a card here. Raises OSError."""
        try:
            kept = read_regular(self._path, most_bytes=_MOST_BYTES) or b""
            text = AESGCM(self._key).decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], _BOUND_TO)
        except (InvalidTag, ValueError):
            return ""
        return text.decode("utf-8", "surrogatepass")
