"""What a guess at a passphrase costs is tested with the keys; here it costs nothing."""

from __future__ import annotations

import pytest

from companion.journal import store
from tests.journal.conftest import CHEAP


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "Argon2Cost", lambda: CHEAP)
