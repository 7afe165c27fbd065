"""The interface in other languages: every sentence can be translated, catalogues agree with the program, numbers fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from companion import language
from companion.app import interface
from companion.errors import CARDS, CompanionError, Kind
from companion.exchange import importing
from companion.language import tr, trc, trn
from companion.paths import Home, resources
from companion.practices import find_faults, load_practices
from companion.settings import find_field, load_settings
from tests.catalogues import catalogue, missing, texts, translated_into
from tests.unmarked import unmarked

_SMALL = """msgid ""
msgstr ""
"Language: de\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

#: gui/x.py
msgid "Delete {name}?"
msgstr "{name} löschen?"

msgctxt "a state"
msgid "Open"
msgstr "Geöffnet"

msgid "Open"
msgstr "Öffnen"

msgid "{n:,} reflection"
msgid_plural "{n:,} reflections"
msgstr[0] "{n:,} Reflexion"
msgstr[1] "{n:,} Reflexionen"

msgid "It is {size:.1f} of {whole:,} MB."
msgstr ""
"Es sind {size:.1f} "
"von {whole:,} MB."

msgid "The microphone is silent."
msgstr "Das Mikrofon ist still."

msgid "Longest recording"
msgstr "Längste Aufnahme"

msgid "5 minutes"
msgstr "5 Minuten"
"""


@pytest.fixture
def german() -> Iterator[None]:
    language.use(language.read(_SMALL, "de"))
    yield
    language.use(None)


def test_every_sentence_that_a_person_reads_is_marked_for_the_catalogues() -> None:
    assert unmarked() == []


@pytest.mark.parametrize("code", translated_into())
def test_a_catalogue_has_every_text_of_the_program_and_no_other(code: str) -> None:
    said = set(texts())
    has = set(catalogue(code)) - {""}
    assert has == said, "python -m tests.catalogues brings it up to date"


@pytest.mark.parametrize("code", translated_into())
def test_a_catalogue_is_complete(code: str) -> None:
    assert missing(code) == []


@pytest.mark.parametrize("code", translated_into())
def test_what_is_translated_keeps_its_values_marks_and_forms(code: str) -> None:
    wrong = []
    for text, entry in catalogue(code).items():
        wanted = _values(entry.text.rpartition("\x04")[2]) | _values(entry.plural)
        for said in filter(None, entry.translations) if text else ():
            lacks_only_the_number = bool(entry.plural) and wanted - _values(said) <= {"n"}
            if not (_values(said) == wanted or (lacks_only_the_number and _values(said) < wanted)):
                wrong.append(f"{text!r} has {sorted(wanted)}, {said!r} has not")
            if text.endswith((" ", "\n")) != said.endswith((" ", "\n")):
                wrong.append(f"{said!r} ends differently")
        if entry.plural and len(entry.translations) != 2:
            wrong.append(f"{text!r} has {len(entry.translations)} forms")
        if any("fuzzy" in line for line in entry.comments):
            wrong.append(f"{text!r} is fuzzy")
    assert not wrong, "\n".join(wrong)


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(re.sub(r"^.*\x04", "", text)) if name}


def test_english_is_said_as_it_is_written() -> None:
    assert tr("Delete {name}?", name="it") == "Delete it?"
    assert tr("{ stays as it is") == "{ stays as it is"
    assert (trn("{n} day", "{n} days", 1), trn("{n} day", "{n} days", 0)) == ("1 day", "0 days")
    assert trc("a state", "Open") == "Open"
    assert tr("{n:,} words", n=1234567) == "1,234,567 words"


@pytest.mark.usefixtures("german")
def test_another_language_says_it_counts_it_and_writes_its_numbers() -> None:
    assert tr("Delete {name}?", name="{it}") == "{it} löschen?"
    assert (tr("Open"), trc("a state", "Open"), trc("elsewhere", "Open")) == ("Öffnen", "Geöffnet", "Open")
    assert trn("{n:,} reflection", "{n:,} reflections", 1) == "1 Reflexion"
    assert trn("{n:,} reflection", "{n:,} reflections", 12345) == "12.345 Reflexionen"
    assert tr("It is {size:.1f} of {whole:,} MB.", size=1.5, whole=2000) == "Es sind 1,5 von 2.000 MB."
    assert tr("Nobody translated this.") == "Nobody translated this."
    assert trn("{n} other", "{n} others", 2) == "2 others"
    assert tr("") == "", "the catalogue's header is no translation of nothing"


def test_hindi_groups_digits_by_lakhs_and_ends_its_sentences() -> None:
    language.use(language.Catalogue("hi"))
    try:
        said = [tr("{n:,}", n=n) for n in (999, 1234, 123456, 12345678)]
        assert said == ["999", "1,234", "1,23,456", "1,23,45,678"]
        assert language.sentence("ठीक") == "ठीक।"
    finally:
        language.use(None)


@pytest.mark.usefixtures("german")
def test_tables_made_before_are_read_in_the_language_of_now() -> None:
    field = find_field("talk.longest_take_s")
    assert field is not None
    assert field.declared.label == "Längste Aufnahme"
    assert field.declared.suggestions[300] == "5 Minuten"
    assert CompanionError(Kind.MICROPHONE_SILENT).message == "Das Mikrofon ist still."
    language.use(None)
    assert CARDS[Kind.MICROPHONE_SILENT].sentence == "The microphone is silent."
    assert field.declared.label == "Longest recording"


@pytest.mark.parametrize(
    "code", [each.name for each in (resources() / "practices").iterdir() if each.is_dir()]
)
def test_a_translated_practice_is_whole_and_takes_the_place_of_the_english_one(code: str) -> None:
    english = {each.name: each for each in load_practices()}
    for path in (resources() / "practices" / code).glob("*.md"):
        assert list(find_faults(path.read_text("utf-8"))) == [], path.name
    language.use(language.Catalogue(code))
    try:
        translated = {each.name: each for each in load_practices()}
    finally:
        language.use(None)
    assert translated.keys() == english.keys()
    for name, practice in translated.items():
        ours = english[name]
        assert practice.title != ours.title
        assert practice.openings.keys() == ours.openings.keys()
        assert [bool(step.questions) for step in practice.steps] == [
            bool(step.questions) for step in ours.steps
        ]


@pytest.mark.parametrize(
    ("environment", "desktop", "code"),
    [
        ({"LANG": "de_AT.UTF-8"}, "", "de"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "hi_IN"}, "", "hi"),
        ({"LC_ALL": "C.UTF-8", "LANG": "de_DE"}, "de", "en"),
        ({"LANG": ""}, "hi-IN", "hi"),
        ({"LANG": "fr_FR.UTF-8"}, "", "en"),
        ({}, "", "en"),
    ],
)
def test_the_language_of_the_computer_is_taken_where_it_is_one_of_ours(
    environment: dict[str, str], desktop: str, code: str
) -> None:
    assert interface.of_computer(environment, desktop) == code


@pytest.mark.usefixtures("expected_warnings")
def test_a_choice_counts_more_than_the_computer_and_what_cannot_be_read_is_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    try:
        assert [interface.speak(chosen) for chosen in ("system", "hi", "en", "tlh")] == [
            "de",
            "hi",
            "en",
            "en",
        ]
    finally:
        language.use(None)


@pytest.fixture
def whole_german() -> Iterator[None]:
    language.use(interface.load("de"))
    yield
    language.use(None)


@pytest.mark.usefixtures("whole_german")
@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("care:\n  region: [1]\n", "Text"),
        ("talk:\n  longest_take_s: viele\n", "Zahl"),
        ("talk:\n  longest_take_s: 999999\n", "möglich ist"),
        ("journal:\n  keep: vielleicht\n", "ja oder nein"),
        ("general:\n  language: tlh\n", ""),
        ("a: [1\n", "kein YAML"),
        ("   \n", "leer"),
        ("- 1\n", "Namen mit Werten"),
        ("talk: 1\n", "Namen mit Werten"),
        ("talk:\n  longest_take_s: 5\ntalk:\n  longest_take_s: 6\n", "zweimal"),
        ("openai_api_key: abc\n", "Schlüssel gehören nicht"),
    ],
)
def test_what_is_wrong_in_the_settings_file_is_told_in_german(home: Home, written: str, told: str) -> None:
    home.settings.parent.mkdir(parents=True, exist_ok=True)
    home.settings.write_text(written, "utf-8")
    trouble = load_settings(home, {}).trouble
    if not told:
        assert trouble is None
        return
    assert trouble is not None
    assert told in trouble.message
    assert not _ENGLISH.search(f"{trouble.message} {trouble.hint}".replace(str(home.settings), ""))


_ENGLISH = re.compile(r"\b(?:the|is|are|not|needed|in use|file|this|here|of|and|possible|nothing)\b")


@pytest.mark.usefixtures("whole_german")
async def test_a_child_process_tells_what_is_wrong_in_the_language_of_the_window(tmp_path: Path) -> None:
    (path := tmp_path / "Journal.json").write_text('{"entries": [1, 2,, 3]}', "utf-8")
    with pytest.raises(CompanionError, match=r"Ist kein JSON: Zeile 1, Spalte"):
        await importing.read(path)
