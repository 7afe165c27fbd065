"""What a turn sent stands in its details: as the gate counted it, for this turn only."""

from __future__ import annotations

from companion.events import DataSent
from companion.gui.staged import StagedHost, speaking
from companion.gui.window import Window
from companion.kinds import Role


def sent(what: str, host: str, role: Role = Role.THINKS) -> DataSent:
    return DataSent(role=role, who="Vendor", host=host, what=what, sent_bytes=1, at=0.0)


def test_a_turn_has_its_receipts(window: Window, host: StagedHost) -> None:
    speaking(host)
    host.emit(
        sent("8.2 s of your voice", "api.deepgram.com", Role.HEARS), sent("412 words", "api.openai.com")
    )
    lines = window.status.note.toolTip().splitlines()
    assert lines[-2:] == ["8.2 s of your voice → api.deepgram.com", "412 words → api.openai.com"]
    host.say("The next turn.", turn=2)
    assert "→" not in window.status.note.toolTip()
