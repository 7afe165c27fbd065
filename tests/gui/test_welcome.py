"""The first minute by keyboard alone: going on, back, skipping, resuming; ears fetched or not; a key that works or not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QRadioButton, QWidget

from companion import language
from companion.app.welcome import PAGES, Welcome
from companion.audio.devices import DeviceList
from companion.errors import CompanionError, Kind
from companion.events import Event, Note, Trouble
from companion.gui.welcome.engines import EnginesPage
from companion.gui.welcome.journal import JournalPage
from companion.gui.welcome.microphone import MicrophonePage
from companion.gui.welcome.thinker import ThinkerPage
from companion.kinds import Role
from companion.log import Secret
from companion.paths import Home
from companion.providers.here.mind.library import Pace, look_at
from companion.vault import EnvironmentKey, MemoryVault
from tests.gui.newcomer import Desk
from tests.gui.settings_host import GOOD_KEYS
from tests.own_servers.tiny_gguf import U64, write

NO_NETWORK = CompanionError(Kind.DOWNLOAD_FAILED, who="Whisper base")


@pytest.fixture
async def desk(home: Home, qapp: QApplication) -> AsyncIterator[Desk]:
    made = Desk(home)
    made.open()
    await made.until(made.window.isActiveWindow)
    yield made
    await made.close()


# -- turning ------------------------------------------------------------------------------------------------


async def test_enter_leads_from_page_to_page_and_to_the_first_reflection(desk: Desk) -> None:
    steps = []
    for page in PAGES:
        assert desk.view.page is not None
        assert desk.view.page.name == page
        steps.append(desk.view.step.text())
        if page == "microphone":  # there Enter would try it
            await desk.tab_to("Continue")
        await desk.enter()
    assert steps == [f"{n} of 5" for n in range(1, 6)]
    assert desk.window.shows_talk
    assert desk.window.page.area.button.hasFocus()
    assert not desk.window.rail.isHidden()
    assert desk.welcome.done == list(PAGES)
    asked = {entry[0] for entry in desk.settings_backend.log}
    assert not asked & {"fetch", "change"}, "nothing is fetched or chosen without being asked"


async def test_the_first_page_says_what_this_is_and_what_leaves(desk: Desk) -> None:
    assert "a program, not a person, and no therapy" in desk.said
    assert "Nothing leaves this computer unless you choose a provider" in desk.said
    assert desk.focus == "Stay on this computer"
    assert isinstance(QApplication.focusWidget(), QRadioButton)
    await desk.press(Qt.Key.Key_Right)
    assert desk.focus == "Use a provider"
    await desk.enter()
    assert desk.welcome.uses_provider


async def test_back_shows_the_page_before(desk: Desk) -> None:
    await desk.turn_to("microphone")
    await desk.tab_to("Back")
    await desk.enter()
    assert desk.view.page is not None
    assert desk.view.page.name == "sound"


@pytest.mark.parametrize("left_at", ["microphone", "journal"])
def test_whoever_closed_the_window_half_way_can_go_on_at_the_next_start(left_at: str, home: Home) -> None:
    progress = Welcome(home)
    progress.done = list(PAGES[: PAGES.index(left_at)])
    progress.begin()
    command = [sys.executable, "-m", "companion", "-D", "events"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as app:
        assert app.stderr is not None
        is_open = any("PhaseChanged" in line or "JournalOpened" in line for line in app.stderr)
        app.terminate()
        rest = app.stderr.read()
    assert is_open
    assert app.returncode == 0, rest
    assert Welcome(home).page == left_at


@pytest.mark.parametrize("way", ["skip", "escape"])
async def test_it_can_be_left_and_seen_again_where_it_was_left(desk: Desk, way: str) -> None:
    await desk.enter()
    if way == "skip":
        await desk.tab_to("Skip")
        await desk.press(Qt.Key.Key_Space)
    else:
        await desk.press(Qt.Key.Key_Escape)
    assert desk.window.shows_talk
    desk.open()
    assert desk.view.page is not None
    assert desk.view.page.name == "sound"
    assert desk.window.rail.isHidden()


async def test_every_control_has_a_name_and_a_way_to_it(desk: Desk) -> None:
    for page in PAGES:
        await desk.turn_to(page)
        await asyncio.sleep(0.02)
        controls = [
            each
            for each in desk.view.findChildren(QWidget)
            if each.isVisible() and each.isEnabled() and each.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        named = [each.accessibleName() or getattr(each, "text", lambda: "")() for each in controls]
        assert all(named), page
        reached = set()
        for _ in range(len(controls) + 2):
            reached.add(QApplication.focusWidget())
            await desk.press(Qt.Key.Key_Tab)
        groups = [each for each in controls if isinstance(each, QRadioButton)]
        assert set(controls) - set(groups) <= reached, page
        assert not groups or reached & set(groups)


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("size", [(900, 600), (1600, 1000)])
async def test_every_word_has_room_and_the_buttons_stay_in_sight(
    desk: Desk, scale: float, size: tuple[int, int]
) -> None:
    desk.window.look.choose(theme="light", font_scale=scale, reduced_motion=True)
    desk.window.resize(*size)
    desk.archive.asks = "choose"
    for page in PAGES:
        await desk.turn_to(page)
        await asyncio.sleep(0.02)
        for _ in range(4):
            QApplication.processEvents()
        for label in desk.view.findChildren(QLabel):
            if label.isVisible() and label.text():
                needed = (
                    label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
                )
                assert label.height() >= needed, (page, label.text())
        corner = desk.view.go_on.mapTo(desk.window, desk.view.go_on.rect().bottomRight())
        assert desk.window.rect().contains(corner), page


# -- ears and a voice ---------------------------------------------------------------------------------------


async def test_both_are_fetched_when_asked_while_one_goes_on(desk: Desk) -> None:
    page = await desk.turn_to("sound")
    assert isinstance(page, EnginesPage)
    await desk.until(page.both.isVisible)
    assert "They come from huggingface.co." in desk.said
    await desk.tab_to("Fetch both · 211 MB")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: "50 of 145 MB" in desk.said)
    assert page.both.isHidden()
    await desk.turn_to("thinking")
    desk.settings_backend.may_finish.set()
    await desk.until(lambda: not page.is_fetching)
    await desk.tab_to("Back")
    await desk.enter()
    await desk.tab_to("Back")
    await desk.enter()
    await desk.until(lambda: "Nothing needs to be fetched" in desk.said)
    assert desk.said.count("in use") == 2


@pytest.mark.parametrize(
    ("window", "offers"),
    [("en", "Joe"), ("de", "Thorsten"), ("hi", "There is no natural one in this language yet.")],
)
async def test_a_voice_in_the_language_of_the_window_is_offered(
    window: str, offers: str, home: Home, qapp: QApplication
) -> None:
    language.use(language.Catalogue(window))
    made = Desk(home)
    try:
        made.open()
        await made.until(made.window.isActiveWindow)
        await made.turn_to("sound")
        await made.until(lambda: "Whisper base" in made.said)
        assert offers in made.said
        assert sum(name in made.said for name in ("Joe", "Thorsten", "There is no natural")) == 1
    finally:
        language.use(None)
        await made.close()


async def test_fetching_can_be_cancelled_and_gone_on_with(desk: Desk) -> None:
    page = await desk.turn_to("sound")
    await desk.until(lambda: desk.view.page is page and "Whisper base" in desk.said)
    await desk.tab_to("Fetch Whisper base")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: "50 of 145 MB" in desk.said)
    await desk.tab_to("Cancel Whisper base")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: not desk.settings_backend.fetching.is_set())
    assert "What was fetched is kept" in desk.said
    row = page.findChildren(QPushButton)
    assert any(each.text() == "Go on" and each.isVisible() for each in row)


async def test_without_a_network_it_says_so_in_a_sentence(desk: Desk) -> None:
    desk.settings_backend.network_fault = NO_NETWORK
    page = await desk.turn_to("sound")
    assert isinstance(page, EnginesPage)
    await desk.until(page.both.isVisible)
    await desk.tab_to("Fetch Whisper base")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: "Whisper base could not be fetched. Check the network" in desk.said)
    assert "Joe" in desk.said


@pytest.mark.parametrize("works", [True, False])
async def test_what_goes_on_in_the_background_is_told_in_the_window(desk: Desk, works: bool) -> None:
    host, told = desk.settings_backend, list[Event]()
    host.events.watch(told.append)
    page = await desk.turn_to("sound")
    assert isinstance(page, EnginesPage)
    await desk.until(page.both.isVisible)
    await desk.tab_to("Fetch Whisper base")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(host.fetching.is_set)
    await desk.press(Qt.Key.Key_Escape)
    assert desk.window.shows_talk
    host.late_fault = None if works else NO_NETWORK
    host.may_finish.set()
    await desk.until(lambda: not page.is_fetching)
    notes = [each.text for each in told if isinstance(each, Note)]
    assert notes == (["Whisper base is on this computer now"] if works else [])
    assert [each.error for each in told if isinstance(each, Trouble)] == ([] if works else [NO_NETWORK])


# -- the microphone and the voice ---------------------------------------------------------------------------


async def test_the_words_it_heard_are_shown(desk: Desk) -> None:
    page = await desk.turn_to("microphone")
    assert isinstance(page, MicrophonePage)
    assert desk.settings_backend.open_meters == [], "it opens only when it is tried"
    assert desk.focus == "Try it"
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: "“I had”" in desk.said)
    assert page.level.level_db == -20.0
    desk.settings_backend.may_finish.set()
    await desk.until(lambda: "“I had porridge.”" in desk.said)
    assert "This computer heard it." in desk.said
    assert "stays on this computer" in desk.said
    assert desk.settings_backend.open_meters == []


@pytest.mark.parametrize("way", ["enter", "escape", "stop"])
async def test_whatever_comes_next_closes_the_microphone(desk: Desk, way: str) -> None:
    await desk.turn_to("microphone")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: desk.settings_backend.open_meters)
    if way == "enter":
        desk.view.go_on.setFocus()
        await desk.enter()
    else:
        await desk.press(Qt.Key.Key_Escape if way == "escape" else Qt.Key.Key_Space)
        assert desk.window.shows_welcome
    await desk.until(lambda: not desk.settings_backend.open_meters)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Kind.MICROPHONE_SILENT, "The microphone is silent."),
        (Kind.MICROPHONE_DENIED, "does not let Companion use the microphone"),
        (Kind.NO_MICROPHONE, "No microphone was found"),
        (Kind.HEARD_NOTHING, "I heard nothing."),
    ],
)
async def test_what_is_wrong_with_the_microphone_is_a_sentence(desk: Desk, kind: Kind, says: str) -> None:
    desk.settings_backend.microphone_fault = CompanionError(kind)
    await desk.turn_to("microphone")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: says in desk.said)
    assert desk.focus == "Try it again"


async def test_a_computer_without_a_microphone_says_so_at_once(desk: Desk) -> None:
    desk.settings_backend.inputs = ()
    await desk.turn_to("microphone")
    await desk.until(lambda: "No microphone was found" in desk.said)
    assert isinstance(await desk.settings_backend.devices(), DeviceList)


async def test_the_voice_can_be_heard_stopped_and_chosen(desk: Desk) -> None:
    page = await desk.turn_to("microphone")
    assert isinstance(page, MicrophonePage)
    await desk.until(lambda: page.voice.count() > 1)
    await desk.tab_to("Listen to the voice")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: desk.settings_backend.previews == [""])
    assert desk.focus == "Stop the voice"
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: not desk.settings_backend.previews)
    page.voice.setFocus()
    await desk.press(Qt.Key.Key_Down)
    chosen = page.voice.currentData()
    await desk.until(
        lambda: desk.settings_backend.settings.role(Role.SPEAKS).block("builtin").voice == chosen
    )


# -- who thinks ---------------------------------------------------------------------------------------------


async def provider_page(desk: Desk) -> ThinkerPage:
    desk.welcome.uses_provider = True
    desk.view.turn_to("thinking")
    page = desk.view.page
    assert isinstance(page, ThinkerPage)
    await desk.until(lambda: page.key is not None and page.key.isVisible())
    return page


async def test_a_key_that_works_is_kept_and_its_provider_thinks(desk: Desk) -> None:
    await provider_page(desk)
    await desk.tab_to("Key for Anthropic")
    await desk.press(Qt.Key.Key_A, GOOD_KEYS["anthropic"])
    await desk.enter()
    await desk.until(lambda: "Key works · 212 ms" in desk.said)
    await desk.until(lambda: desk.settings_backend.settings.providers.llm.active == "anthropic")
    assert desk.view.page is not None
    assert desk.view.page.name == "thinking", "one reads that it works before one goes on"


async def test_going_on_with_a_key_in_the_field_tests_it_first(desk: Desk) -> None:
    page = await provider_page(desk)
    assert page.key is not None
    page.key.field.setText("sk-ant-wrongwrongwrongwrongwrong0000")
    desk.view.go_on.setFocus()
    await desk.enter()
    await desk.until(lambda: "did not accept the key" in desk.said)
    assert desk.view.page is page
    assert desk.settings_backend.settings.providers.llm.active == "guide"
    page.key.field.setText(GOOD_KEYS["anthropic"])
    desk.view.go_on.setFocus()
    await desk.enter()
    await desk.until(lambda: desk.view.page is not page)
    assert desk.settings_backend.settings.providers.llm.active == "anthropic"


async def test_who_does_not_wait_for_the_answer_about_a_key_stays_on_the_page(desk: Desk) -> None:
    page = await provider_page(desk)
    desk.settings_backend.answers_never = True
    assert page.key is not None
    page.key.field.setText(GOOD_KEYS["anthropic"])
    desk.view.go_on.setFocus()
    await desk.enter()
    await desk.tab_to("Cancel")
    await desk.enter()
    desk.settings_backend.answers_never = False
    page.key.field.setFocus()
    await desk.enter()
    await desk.until(lambda: desk.settings_backend.settings.providers.llm.active == "anthropic")
    assert desk.view.page is page


async def test_a_key_in_the_environment_is_offered_and_stored_nowhere(desk: Desk) -> None:
    key = EnvironmentKey(
        secret=Secret(GOOD_KEYS["openai"]), origin="https://api.openai.com:443", variable="OPENAI_API_KEY"
    )
    vault = desk.settings_backend.vault = MemoryVault(environment={"openai": key})
    await desk.turn_to("thinking")
    await desk.until(lambda: "a key for OpenAI in the environment (OPENAI_API_KEY)" in desk.said)
    assert desk.settings_backend.settings.providers.llm.active == "guide"
    await desk.tab_to("Use OpenAI")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: "Key works · 212 ms" in desk.said)
    await desk.until(lambda: desk.settings_backend.settings.providers.llm.active == "openai")
    assert (await vault.describe("openai")).where == "environment"


async def test_going_on_with_a_key_of_the_environment_tests_and_uses_it(desk: Desk) -> None:
    def holds(text: str) -> None:
        origin = "https://api.anthropic.com:443"
        key = EnvironmentKey(secret=Secret(text), origin=origin, variable="ANTHROPIC_API_KEY")
        desk.settings_backend.vault = MemoryVault(environment={"anthropic": key})

    holds("sk-ant-wrongwrongwrongwrongwrong0000")
    page = await provider_page(desk)
    assert "Until a key works, the offline guide answers." in desk.said
    await desk.until(lambda: page.key is not None and page.key.has_key)
    desk.view.go_on.setFocus()
    await desk.enter()
    await desk.until(lambda: "did not accept the key" in desk.said)
    assert desk.view.page is page
    desk.view.go_on.setFocus()
    await desk.enter()
    assert desk.view.page is not page, "who has read it may go on all the same"
    assert desk.settings_backend.settings.providers.llm.active == "guide"

    holds(GOOD_KEYS["anthropic"])
    desk.view.turn_to("thinking")
    await desk.until(lambda: page.key is not None and page.key.has_key)
    desk.view.go_on.setFocus()
    await desk.enter()
    await desk.until(lambda: desk.view.page is not page)
    assert desk.settings_backend.settings.providers.llm.active == "anthropic"


async def test_a_model_on_this_computer_is_tried_before_it_thinks(desk: Desk, tmp_path: Path) -> None:
    host = desk.settings_backend
    file = write(tmp_path / "qwen3.gguf", general__parameter_count=(U64, 1_700_000_000))
    host.pace_found = Pace(look_at("qwen3-1.7b", file), 20.0)
    host.may_finish.set()
    page = await desk.turn_to("thinking")
    assert isinstance(page, ThinkerPage)
    await desk.press(Qt.Key.Key_Down)
    await desk.until(lambda: page.models.isVisible() and "Qwen3 1.7B" in desk.said)
    await desk.tab_to("Fetch Qwen3 1.7B")
    await desk.press(Qt.Key.Key_Space)
    await desk.until(lambda: not page.models.is_fetching and ("fetch", "qwen3-1.7b") in host.log)
    await desk.until(lambda: "on this computer" in desk.said)
    desk.view.go_on.setFocus()
    await desk.enter()
    await desk.until(lambda: desk.view.page is not page)
    assert host.settings.providers.llm.active == "mind"
    assert ("pace", "mind", "") in host.log


async def test_without_the_engine_of_a_model_here_it_says_how_to_get_it(desk: Desk) -> None:
    from companion.flow import Health

    detail = "llama.cpp is not installed. pip install 'reflection-companion[mind]'"
    desk.settings_backend.healths["mind"] = Health(ok=False, detail=detail, kind=Kind.ENGINE_MISSING)
    page = await desk.turn_to("thinking")
    await desk.press(Qt.Key.Key_Down)
    await desk.until(lambda: detail in desk.said)
    desk.view.go_on.setFocus()
    await desk.enter()
    assert desk.view.page is not page, "nobody is kept here"
    assert desk.settings_backend.settings.providers.llm.active == "guide"


# -- the journal --------------------------------------------------------------------------------------------


async def test_with_a_keyring_the_journal_is_one_sentence(desk: Desk) -> None:
    page = await desk.turn_to("journal")
    await desk.until(lambda: "this computer's keyring" in desk.said)
    assert isinstance(page, JournalPage)
    assert page.form is None


async def test_without_one_a_passphrase_is_chosen_before_one_begins(desk: Desk) -> None:
    desk.archive.storage, desk.archive.asks = "memory", "choose"
    page = await desk.turn_to("journal")
    assert isinstance(page, JournalPage)
    await desk.until(lambda: page.form is not None and page.form.isVisible())
    assert "Nobody can recover it" in desk.said
    await desk.tab_to("Passphrase")
    await desk.press(Qt.Key.Key_A, "four unrelated words")
    await desk.enter()
    assert "do not match" in desk.said
    await desk.tab_to("Type it again")
    await desk.press(Qt.Key.Key_A, "four unrelated words")
    await desk.enter()
    await desk.until(lambda: desk.window.shows_talk)
    assert desk.archive.storage == "passphrase"


async def test_who_wants_nothing_kept_is_told_what_that_means(desk: Desk) -> None:
    desk.archive.storage, desk.archive.asks = "memory", "choose"
    await desk.turn_to("journal")
    await desk.press(Qt.Key.Key_Down)
    assert desk.focus == "Keep nothing"
    assert "forgotten when the window closes" in desk.said
    await desk.enter()
    await desk.until(lambda: desk.window.shows_talk)
    await desk.until(lambda: not desk.settings_backend.settings.journal.keep)
