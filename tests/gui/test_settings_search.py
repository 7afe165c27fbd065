"""The search of the settings leads to the setting that is meant, by whatever word a person has for it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea, QWidget

from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.finding import find
from companion.gui.settings.page import find_pages
from companion.gui.tongue import speak
from companion.language import ENGLISH
from tests.gui.settings_host import StagedHost, dialog, host, settle

__all__ = ["dialog", "host"]

BUDGET, MICROPHONE, VOLUME = (
    "thinking reply.monthly_budget_usd",
    "sound sound.microphone",
    "sound sound.volume",
)
TEXT, COLOURS, KEY = "appearance appearance.font_scale", "general appearance.theme", "thinking key"
MODE, KEYS, SPOKEN = "talking talk.mode", "shortcuts talk.key", "hearing talk.language"
WINDOW, WORDS, BACKUPS, SENT = (
    "general general.interface_language",
    "journal spare key",
    "journal backups",
    "privacy today",
)
OFFLINE, REGION, WAIT = "privacy network.offline", "privacy care.region", "advanced network.timeout_s"
MEANT = {
    ENGLISH: {
        BUDGET: "budget, money, cost, price, euro, spending limit",
        MICROPHONE: "mic, mike, microphone, input",
        VOLUME: "loud, quiet, volume",
        WINDOW: "language, translation",
        SPOKEN: "dialect, spoken language",
        COLOURS: "dark, theme, night mode",
        TEXT: "font, bigger, zoom, large text, text size",
        KEY: "key, api, api key, token",
        WORDS: "password, passphrase, recovery",
        BACKUPS: "backup, sync, restore",
        "journal journal.keep": "delete, history, incognito",
        "journal export": "export",
        "journal import": "import",
        "thinking providers": "gpu, llm, provider",
        "thinking providers ollama": "ollama",
        "thinking providers openai": "openai",
        "hearing providers whisper": "whisper",
        "hearing providers deepgram": "deepgram",
        "privacy network.use_proxy": "proxy, vpn",
        "privacy network.certificates": "certificate, ssl",
        SENT: "telemetry, tracking",
        OFFLINE: "offline, internet, offline mode",
        MODE: "hands-free, handsfree, hands free, push to talk, wake word",
        KEYS: "hotkey, keyboard, shortcut",
        "voice voice": "accent, female",
        "voice ": "voice",
        "voice speed": "speed, slower",
        "general reset": "reset, factory",
        "general starts with the system": "autostart, startup, login",
        "general general.tray": "tray, icon",
        "general general.tell_answers": "notification, notify",
        "general updates": "update, version",
        REGION: "country, region, helpline, help line, crisis",
        WAIT: "timeout",
        "appearance appearance.reduced_motion": "animation",
        "memory ": "memory",
        "sound sound.cues": "beep",
        "servers add": "localhost, docker",
        "privacy ": "privacy",
        "about ": "licence",
    },
    "de": {
        BUDGET: "Budget, Geld, Kosten, Preis, Guthaben",
        MICROPHONE: "Mikro, Mikrofon, Headset",
        VOLUME: "laut, leise, Lautstärke",
        WINDOW: "Sprache, Übersetzung, language",
        COLOURS: "dunkel, Design, dark",
        TEXT: "Schrift, größer, Schriftgröße, zoom",
        KEY: "Schlüssel, API",
        WORDS: "Passwort, Kennwort",
        BACKUPS: "Sicherung, Backup, wiederherstellen",
        "journal journal.keep": "löschen, Verlauf",
        "journal export": "Export, exportieren",
        "thinking providers": "Grafikkarte, Anbieter",
        "thinking providers ollama": "Ollama",
        "privacy network.use_proxy": "Proxy",
        SENT: "Telemetrie, Überwachung",
        OFFLINE: "offline, Internet, Flugmodus",
        MODE: "freihändig, Aktivierungswort, freisprechen",
        KEYS: "Sprechtaste, Tastatur, Hotkey",
        "voice voice": "Akzent, Frau",
        "voice speed": "Geschwindigkeit, Tempo, langsamer",
        "general reset": "zurücksetzen",
        "general starts with the system": "Autostart, Anmeldung",
        "general general.tray": "Infobereich, Symbol",
        "general general.tell_answers": "Benachrichtigung, Mitteilung",
        "general updates": "Update, Aktualisierung",
        REGION: "Land, Notruf, Krisentelefon",
        WAIT: "Zeitlimit, Wartezeit, timeout",
        "appearance appearance.reduced_motion": "Animation, Bewegung",
    },
    "hi": {
        BUDGET: "बजट, पैसे, खर्च",
        MICROPHONE: "माइक, माइक्रोफ़ोन",
        WINDOW: "भाषा",
        COLOURS: "गहरा, थीम",
        KEY: "कुंजी, api",
        BACKUPS: "बैकअप",
        REGION: "देश, हेल्पलाइन",
    },
}


@pytest.mark.parametrize("language", MEANT)
def test_a_setting_is_found_by_the_word_a_person_has_for_it(
    language: str, host: StagedHost, qapp: QApplication
) -> None:
    speak(qapp, language)
    try:
        titles = {info.name: info.title for info in find_pages()}
        wrong = {}
        for place, words in MEANT[language].items():
            page, _, name = place.partition(" ")
            for word in words.split(", "):
                first = next(iter(find(word, titles, host)), None)
                if first is None or first.page != page or (name or None) not in (*first.places, None):
                    wrong[word] = first
    finally:
        speak(qapp, ENGLISH)
    assert not wrong


def test_a_page_is_not_found_by_what_it_does_not_hold(host: StagedHost) -> None:
    titles = {info.name: info.title for info in find_pages()}
    for words, page in (
        ("budget", "appearance"),
        ("password", "sound"),
        ("dark", "journal"),
        ("age", "general"),
    ):
        assert page not in [each.page for each in find(words, titles, host)], words


@pytest.mark.parametrize(
    ("words", "page", "place"),
    [
        ("budget", "thinking", "reply.monthly_budget_usd"),
        ("certificate", "privacy", "network.certificates"),
        ("export", "journal", "export"),
        ("mic", "sound", "sound.microphone"),
        ("api key", "thinking", "key"),
        ("ollama", "thinking", "providers ollama"),
        ("licence", "about", ""),
    ],
)
async def test_what_is_found_is_marked_in_view_and_has_the_keyboard_with_enter(
    dialog: SettingsDialog, words: str, page: str, place: str
) -> None:
    dialog.resize(dialog.minimumSize())
    dialog.search.setFocus()
    QTest.keyClicks(dialog.search, words)
    await settle()
    assert dialog.page is not None
    assert dialog.list.currentItem().data(Qt.ItemDataRole.UserRole) == page
    assert dialog.focusWidget() is dialog.search, "one can go on typing"
    spot = dialog.page.spot(place) if place else dialog.page
    assert spot is not None
    named = dialog.page.findChild(QWidget, place) if place else None
    if named is not None and named.property("labelled") is None and named.accessibleName():
        words = [label.text() for label in spot.findChildren(QLabel)]
        assert named.accessibleName() in [*words, named.property("text")], "the label is marked, too"
    area = dialog.page.parentWidget()
    assert area is not None
    seen = QRect(spot.mapTo(area, QPoint(0, 0)), spot.size())
    assert not place or area.rect().contains(seen), f"{seen} in {area.rect()}"
    before = dialog.grab().toImage()
    QTest.keyClick(dialog.search, Qt.Key.Key_Return)
    await settle()
    focused = dialog.focusWidget()
    assert focused is not None
    assert not place or focused is spot or spot.isAncestorOf(focused)
    QTest.keyClick(dialog.search, Qt.Key.Key_Escape)
    await settle()
    assert dialog.search.text() == ""
    assert not any(dialog.list.item(place).isHidden() for place in range(dialog.list.count()))
    assert not place or dialog.grab().toImage() != before


async def test_a_search_without_a_result_says_what_to_do(dialog: SettingsDialog) -> None:
    QTest.keyClicks(dialog.search, "xylophone")
    await settle()
    said = dialog._nothing
    assert said.isVisible()
    assert "xylophone" in said.text()
    assert "Esc" in said.text()
    QTest.keyClick(dialog.search, Qt.Key.Key_Escape)
    await settle()
    assert dialog.isVisible()
    assert not said.isVisible()
    assert dialog.page is not None
    assert dialog.page.isVisible()
    assert isinstance(dialog.page.parentWidget().parentWidget(), QScrollArea)
