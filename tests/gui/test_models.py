"""The models of this computer in the settings: facts, fetch with progress, cancel, use, remove, damaged, import."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton

from companion.gui.settings.dialog import SettingsDialog
from companion.gui.settings.models import ModelList, ModelRow, facts, pace
from companion.gui.settings.pages.hearing import HearingPage
from companion.gui.settings.pages.thinking import ThinkingPage
from companion.gui.settings.pages.voice import VoicePage
from companion.kinds import Role
from companion.providers.here.models.listing import ModelKind, find
from companion.providers.here.models.store import Standing, State
from companion.settings import changed
from tests.gui.running import until
from tests.gui.settings_host import StagedHost, dialog, host

__all__ = ["dialog", "host"]


async def opened(dialog: SettingsDialog, host: StagedHost, page: str, provider: str) -> ModelList:
    dialog.show_page(page)
    shown = dialog.page
    assert isinstance(shown, HearingPage | VoicePage)
    await until(lambda: ("check", provider, False) in host.log or provider == "builtin")
    shown.choose(provider)
    await until(lambda: shown.models.rows and shown.models.isVisible())
    return shown.models


@pytest.fixture
async def hearing(dialog: SettingsDialog, host: StagedHost) -> ModelList:
    return await opened(dialog, host, "hearing", "whisper")


def buttons(row: ModelRow) -> list[str]:
    return [each.text() for each in row.findChildren(QPushButton) if each.isVisible()]


def standing(name: str, state: State, here: int = 0) -> Standing:
    model = find(ModelKind.HEARING, name)
    assert model is not None
    return Standing(model, state, here)


def test_the_facts_of_a_model_are_one_line() -> None:
    base = find(ModelKind.HEARING, "base")
    assert base is not None
    assert facts(base) == (
        "148 MB · 270 MB of memory · about a hundred languages · MIT · good for clear speech"
    )


async def test_a_model_is_fetched_with_progress_and_then_hears(hearing: ModelList, host: StagedHost) -> None:
    row = hearing.rows["base"]
    assert buttons(row) == ["Fetch"]
    row.fetch.click()
    await until(host.fetching.is_set)
    assert row.said.text() == "50 of 145 MB"
    assert row.bar.value() == round(50 / 145 * 1000)
    assert buttons(row) == ["Cancel"]
    assert host.settings.role(Role.HEARS).active == "builtin", "the present one stays until then"
    host.may_finish.set()
    await until(lambda: host.settings.role(Role.HEARS).active == "whisper")
    await until(lambda: row.said.text() == "in use")
    assert buttons(row) == ["Remove"]


async def test_fetching_is_cancelled_and_goes_on(hearing: ModelList, host: StagedHost) -> None:
    row = hearing.rows["base"]
    row.fetch.click()
    await until(host.fetching.is_set)
    row.cancel.click()
    await until(lambda: not host.fetching.is_set())
    assert row.said.text() == "Stopped. What was fetched is kept."
    host.standings["base"] = standing("base", State.PARTIAL, 50_000_000)
    hearing.look()
    await until(lambda: row.said.text() == "50 of 148 MB are here")
    assert buttons(row) == ["Go on", "Remove"]


async def test_a_failure_is_told_on_the_page(
    dialog: SettingsDialog, hearing: ModelList, host: StagedHost
) -> None:
    host.may_finish.set()
    hearing.rows["small"].fetch.click()
    await until(lambda: "Whisper small could not be fetched." in dialog.page.notice.text)
    assert hearing.rows["small"].fetch.isVisible()


async def test_a_damaged_model_says_so_and_is_fetched_again(hearing: ModelList, host: StagedHost) -> None:
    host.standings["base"] = standing("base", State.DAMAGED)
    hearing.look()
    row = hearing.rows["base"]
    await until(lambda: row.said.text() == "damaged")
    assert buttons(row) == ["Fetch again", "Remove"]
    host.may_finish.set()
    row.fetch.click()
    await until(lambda: row.standing.is_ready)


async def test_another_model_is_used_with_one_click(hearing: ModelList, host: StagedHost) -> None:
    host.standings["tiny.en"] = standing("tiny.en", State.READY)
    hearing.look()
    row = hearing.rows["tiny.en"]
    await until(lambda: buttons(row) == ["Use", "Remove"])
    assert row.use.accessibleName() == "Use Whisper tiny, English"
    row.use.click()
    await until(lambda: host.settings.role(Role.HEARS).block("whisper").model == "tiny.en")
    assert host.settings.role(Role.HEARS).active == "whisper"
    await until(lambda: row.said.text() == "in use")


@pytest.mark.parametrize(
    ("kind", "name", "figure", "words"),
    [
        (ModelKind.HEARING, "base", 0.07, "0.07 s for a second of speech"),
        (ModelKind.VOICE, "kokoro-82m", 1.64, "1.6 s for a second of speech"),
        (ModelKind.MIND, "qwen3-1.7b", 12.0, "about 9 words a second"),
        (ModelKind.MIND, "qwen3-1.7b", None, ""),
    ],
)
def test_a_model_shows_how_quick_it_was_on_this_machine(
    kind: ModelKind, name: str, figure: float | None, words: str
) -> None:
    model = find(kind, name)
    assert model is not None
    assert pace(Standing(model, State.READY, figure=figure)) == words


async def test_a_model_is_removed_after_a_question(
    dialog: SettingsDialog, hearing: ModelList, host: StagedHost
) -> None:
    host.standings["base"] = standing("base", State.READY)
    hearing.look()
    row = hearing.rows["base"]
    await until(row.remove.isVisible)
    row.remove.click()
    assert dialog.page.notice.text == "Remove Whisper base? It can be fetched again."
    assert ("remove", "base") not in host.log
    yes = next(each for each in dialog.page.notice.findChildren(QPushButton) if each.text() == "Remove")
    yes.click()
    await until(lambda: buttons(row) == ["Fetch"])
    assert ("remove", "base") in host.log


async def test_a_model_is_imported_and_a_bad_one_is_told(
    dialog: SettingsDialog, hearing: ModelList, host: StagedHost
) -> None:
    hearing.take_in(Path("/media/stick/broken.zip"))
    await until(lambda: "The archive is damaged. Use another." in dialog.page.notice.text)
    hearing.take_in(Path("/media/stick/base.zip"))
    await until(lambda: hearing.rows["base"].standing.is_ready)
    await until(lambda: host.settings.role(Role.HEARS).active == "whisper")


async def test_few_are_shown_and_the_others_with_a_click(dialog: SettingsDialog, host: StagedHost) -> None:
    voices = await opened(dialog, host, "voice", "piper")
    shown = [name for name, row in voices.rows.items() if row.isVisible()]
    assert shown[0] == "en_US-joe-medium"
    assert len(shown) == 4
    voices.more.click()
    assert all(row.isVisible() for row in voices.rows.values())
    assert not voices.more.isVisible()
    by_hand = voices.rows["pl_PL-gosia-medium"]
    assert (by_hand.said.text(), buttons(by_hand)) == ("only by hand", [])


async def test_a_voice_is_fetched_and_then_speaks(dialog: SettingsDialog, host: StagedHost) -> None:
    voices = await opened(dialog, host, "voice", "piper")
    voices.rows["en_US-joe-medium"].fetch.click()
    host.may_finish.set()
    await until(lambda: host.settings.role(Role.SPEAKS).active == "piper")
    voices.rows["de_DE-thorsten-medium"].fetch.click()
    await until(voices.rows["de_DE-thorsten-medium"].use.isVisible)
    voices.rows["de_DE-thorsten-medium"].use.click()
    await until(lambda: host.settings.role(Role.SPEAKS).block("piper").voice == "de_DE-thorsten-medium")


async def test_models_are_only_shown_for_who_uses_them(dialog: SettingsDialog, hearing: ModelList) -> None:
    assert isinstance(dialog.page, HearingPage)
    dialog.page.choose("openai")
    await until(lambda: not hearing.isVisible())


@pytest.mark.parametrize(
    ("page", "name", "kind"), [("hearing", "base", "hearing"), ("voice", "en_US-joe-medium", "voice")]
)
async def test_what_this_computer_hears_and_speaks_with_is_fetched_where_it_is_chosen(
    dialog: SettingsDialog, host: StagedHost, page: str, name: str, kind: str
) -> None:
    models = await opened(dialog, host, page, "builtin")
    models.rows[name].fetch.click()
    host.may_finish.set()
    await until(lambda: models.rows[name].said.text() == "in use")
    assert host.settings.role(ModelKind(kind).role).active == "builtin"


async def test_the_mind_that_is_used_where_none_was_chosen_is_marked(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    host.settings = changed(host.settings, {"providers.llm.active": "mind"})
    model = find(ModelKind.MIND, "qwen2.5-1.5b-instruct")
    assert model is not None
    host.standings[model.name] = Standing(model, State.READY)
    dialog.show_page("thinking")
    assert isinstance(dialog.page, ThinkingPage)
    models = dialog.page.models
    await until(lambda: models.rows and models.rows[model.name].said.text() == "in use")


async def test_a_voice_that_is_tried_is_used_where_it_is_quick_and_told_where_it_is_slow(
    dialog: SettingsDialog, host: StagedHost
) -> None:
    kokoro = find(ModelKind.VOICE, "kokoro-82m")
    assert kokoro is not None
    host.standings[kokoro.name] = Standing(kokoro, State.READY)
    voices = await opened(dialog, host, "voice", "piper")
    host.voice_objection_found = "Kokoro is too slow on this computer: it takes 1.1 s for a second of speech."
    voices.rows[kokoro.name].use.click()
    await until(lambda: "1.1 s for a second" in dialog.page.notice.text)
    assert host.settings.role(Role.SPEAKS).block("piper").voice == ""
    host.voice_objection_found = ""
    voices.rows[kokoro.name].use.click()
    await until(lambda: host.settings.role(Role.SPEAKS).block("piper").voice == kokoro.name)
