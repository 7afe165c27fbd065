"""The help card: at once, silent, for the person's country, and gone when they say so."""

from __future__ import annotations

from companion.care.help import find
from companion.events import CareEased, CareOffered, ProgramNoted
from companion.gui.staged import StagedHost
from companion.gui.window import Window
from companion.kinds import Concern, Severity


def offered(code: str) -> CareOffered:
    return CareOffered(turn=1, concern=Concern.SUICIDE, severity=Severity.HIGH, help=find(code))


def test_the_card_shows_who_can_be_reached_and_goes_when_they_are_safe(
    window: Window, host: StagedHost
) -> None:
    assert window.above.isHidden()
    host.events.emit(offered("GB"))
    assert window.care.isVisible()
    assert window.care.emergency.text() == "Emergency: 999"
    assert "116 123" in window.care.line.text()
    assert "85258" in window.care.line.text()
    host.events.emit(CareEased(turn=2))
    assert window.above.isHidden()


def test_a_line_that_was_not_checked_is_not_shown(window: Window, host: StagedHost) -> None:
    host.events.emit(offered("IT"))
    assert window.care.emergency.text() == "Emergency: 112"
    assert window.care.line.text() == "Lines in your country: findahelpline.com"
    host.events.emit(offered("XX"))
    assert "your local number" in window.care.emergency.text()


def test_another_country_can_be_chosen_in_the_card_and_is_remembered(
    window: Window, host: StagedHost
) -> None:
    chosen: list[str] = []
    window.care.region_chosen.connect(chosen.append)
    host.events.emit(offered("US"))
    index = window.care.region.findData("NZ")
    window.care.region.setCurrentIndex(index)
    window.care.region.activated.emit(index)
    assert "1737" in window.care.line.text()
    assert chosen == ["NZ"]


def test_it_stays_until_it_is_closed_and_esc_does_not_take_it_away(window: Window, host: StagedHost) -> None:
    host.events.emit(offered("US"))
    window._keyboard.escape()
    assert window.care.isVisible()
    window.care.close_button.click()
    assert window.above.isHidden()


def test_what_is_due_is_told_as_a_quiet_notice(window: Window, host: StagedHost) -> None:
    host.events.emit(ProgramNoted(text="You are talking with a program."))
    assert window.notices.current is not None
    assert window.notices.current.tone == "plain"
