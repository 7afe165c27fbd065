"""A cluster of one's own: two llama.cpp servers under one name, of which one dies while it is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.own_servers.running import companion
from tests.own_servers.test_llama_cpp import KEY, model, serving

pytestmark = pytest.mark.long
__all__ = ["model"]


def test_a_server_that_dies_is_replaced_by_the_other(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_KEY_WORKSHOP", KEY)
    with serving(model, key=KEY) as stays:
        with serving(model, key=KEY) as dies:
            added = companion("servers", "add", "workshop", dies, stays)
            assert "2 of 2 servers answer." in added
            assert "think (tiny)" in added
            assert "2 of 2 servers answer." in companion("providers", "workshop", "--check")
            assert companion("ask", "How was it?", "--system", "Be brief.", "--provider", "workshop").strip()
        answer = json.loads(
            companion("ask", "And now?", "--system", "Be brief.", "--provider", "workshop", "--json")
        )
        assert answer["answer"].strip()
        assert answer["notices"] == [f"Answered by workshop ({stays.split('/')[2]})."]
        assert "1 of 2 servers answer." in companion("providers", "workshop", "--check")
