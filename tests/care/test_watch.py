"""A conversation: what weighs, what takes an alarm back, what is never repeated."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest

from companion.care import help as lines
from companion.care.recognise import Finding
from companion.care.watch import Response, Watch
from companion.care.wording import LANGUAGES, load, wordings, written
from companion.flow import Help
from companion.kinds import Concern, Severity
from companion.paths import resources

US = lines.find("US")


def heard(watch: Watch, *texts: str) -> list[Response | None]:
    return [watch.hear(text, US) for text in texts]


def test_an_unclear_word_is_asked_about_and_yes_raises_it() -> None:
    first, second = heard(Watch(), "I'm so tired of living", "yes")
    assert first is not None
    assert first.severity is Severity.UNCLEAR
    assert "are you thinking about killing yourself?" in first.beginning
    assert second is not None
    assert (second.severity, second.is_alarm) == (Severity.HIGH, True)


def test_an_unclear_word_after_a_worry_weighs_more() -> None:
    watch = Watch()
    first, second = heard(watch, "I want to kill myself", "I can't go on")
    assert second is not None
    assert second.severity is Severity.HIGH
    assert first is not None
    assert first.beginning != second.beginning


@pytest.mark.parametrize(
    "correction",
    ["no, I am safe, my sister is here", "I was joking", "I didn't mean it like that", "no",
     "I'm okay now, I called the line",
     "you misunderstood me", "I would never do that", "my friend is with me"],
)  # fmt: skip
def test_a_correction_takes_the_alarm_back_at_once(correction: str) -> None:
    watch = Watch()
    heard(watch, "what's the point of living")
    (back,) = heard(watch, correction)
    assert back is not None
    assert (back.takes_back, back.is_alarm, back.beginning) == (True, False, "")
    assert all(
        each is None or not each.is_alarm
        for each in heard(watch, "I see no way out", "I can't go on", "I feel low")
    )


def test_a_correction_does_not_outweigh_what_is_said_plainly() -> None:
    watch = Watch()
    heard(watch, "I want to die")
    (again,) = heard(watch, "I am fine, I will kill myself tonight and nobody can stop me")
    assert again is not None
    assert again.is_alarm


def test_a_plain_statement_after_a_correction_counts() -> None:
    watch = Watch()
    heard(watch, "I'm so tired of living", "no, I am fine")
    (again,) = heard(watch, "I want to kill myself")
    assert again is not None
    assert again.is_alarm


def test_no_wording_is_said_twice_and_the_worry_is_told_to_whoever_thinks() -> None:
    watch = Watch()
    said = [
        each.beginning for each in heard(watch, *["I want to die"] * 5) if each is not None and each.beginning
    ]
    assert len(said) == len(set(said)) == 2
    (after,) = heard(watch, "the soup was good")
    assert after is not None
    assert not after.is_alarm
    assert "suicide" in after.instruction


def test_a_loss_is_no_alarm() -> None:
    (response,) = heard(Watch(), "my mother died in March")
    assert response is not None
    assert (response.is_alarm, response.beginning) == (False, "")
    assert "gentle" in response.instruction


def test_what_did_not_reach_them_is_said_next() -> None:
    watch = Watch()
    (first,) = heard(watch, "I want to die")
    assert first is not None
    watch.owe(first)
    assert watch.hear("hello?", US) == first


@pytest.mark.parametrize("concern", [each for each in Concern if each is not Concern.BEREAVEMENT])
@pytest.mark.parametrize("severity", [Severity.UNCLEAR, Severity.HIGH, Severity.IMMINENT])
@pytest.mark.parametrize("is_of_other", [False, True])
def test_every_alarm_has_written_words(concern: Concern, severity: Severity, is_of_other: bool) -> None:
    for template in wordings(Finding(concern=concern, severity=severity, is_of_other=is_of_other)):
        for shown in (US, lines.find("IT"), lines.find("")):
            text = written(template, shown, "Maria")
            assert "{" not in text
            assert "goodbye" not in text.lower()
    assert wordings(Finding(concern=concern, severity=severity))


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_words_in_every_language(language: str) -> None:
    for severity in (Severity.HIGH, Severity.IMMINENT):
        found = Finding(concern=Concern.SUICIDE, severity=severity, language=language)
        (template,) = wordings(found)
        assert template in load()[f"suicide {severity.name.lower()} {language}"]
        assert "988" in written(template, US, "", language)


def test_imminent_words_name_company_distance_and_the_emergency_number() -> None:
    (response,) = heard(Watch(), "I have the pills in my hand and I want to die")
    assert response is not None
    for part in ("911", "come and sit beside you", "go away from what you could hurt yourself with"):
        assert part in response.beginning


def test_help_is_known_for_many_countries_and_nothing_unchecked_is_shown() -> None:
    eu = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
    known = lines.load()
    assert len(known) >= 30
    for code in (*eu, "GB", "US", "CA", "AU", "NZ", "IN", "BR", "MX", "JP", "ZA"):
        shown = known[code]
        assert shown.emergency
        assert shown.directory == "findahelpline.com"
        assert (shown.line is not None) == (shown.checked is not None)
        if shown.line is not None:
            assert shown.line.page.startswith("https://")
            assert any(char.isdigit() for char in shown.line.call)


def test_an_unknown_country_gets_what_holds_everywhere() -> None:
    nowhere: Help = lines.find("XX")
    assert (nowhere.line, nowhere.directory) == (None, "findahelpline.com")
    assert "local emergency number" in lines.in_a_sentence(nowhere)
    (response,) = [Watch().hear("I want to die", nowhere)]
    assert response is not None
    assert "your local emergency number" in response.beginning
    assert "findahelpline.com" in response.beginning


ALARMS = {
    "de": "ich will sterben", "fr": "je veux mourir", "es": "quiero morir", "it": "voglio morire",
    "pt": "quero morrer", "nl": "ik wil dood", "hi": "मैं मरना चाहता हूँ",
}  # fmt: skip
SAFE = {
    "de": ("nein, ich bin in Sicherheit, meine Schwester ist hier", "das war nicht so gemeint",
           "mir geht es besser", "nein, keine Sorge, nur ein Scherz"),
    "fr": ("non, je suis en sécurité, ma sœur est là", "je plaisantais", "ça va mieux, ne t'inquiète pas",
           "ce n'est pas ce que je voulais dire"),
    "es": ("no, estoy a salvo, mi hermana está aquí", "era una broma", "ya estoy mejor", "no lo dije en serio"),
    "it": ("no, sono al sicuro, mia sorella è qui", "stavo scherzando", "sto meglio adesso", "hai capito male"),
    "pt": ("não, estou em segurança, minha irmã está aqui", "era brincadeira", "já estou melhor",
           "não quis dizer isso"),
    "nl": ("nee, ik ben veilig, mijn zus is hier", "het was maar een grapje", "het gaat beter",
           "zo bedoelde ik het niet"),
    "hi": ("नहीं, मैं सुरक्षित हूँ, मेरी बहन यहाँ है", "main theek hoon, meri behen yahan hai", "मैं मज़ाक कर रहा था",
           "chinta mat karo"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "words"), [(language, words) for language, said in SAFE.items() for words in said]
)
def test_a_correction_is_understood_in_every_language(language: str, words: str) -> None:
    watch = Watch()
    first, back = heard(watch, ALARMS[language], words)
    assert first is not None
    assert first.is_alarm
    assert back is not None
    assert (back.takes_back, back.is_alarm, back.beginning) == (True, False, "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("concern", ["selfharm", "violence", "threat", "eating", "medical", "child"])
def test_every_concern_has_words_in_every_language(language: str, concern: str) -> None:
    severity = Severity.IMMINENT if concern == "medical" else Severity.HIGH
    (template,) = wordings(Finding(concern=Concern(concern), severity=severity, language=language))
    assert template in load()[f"{concern} {severity.name.lower()} {language}"]
    assert "112" in written(template, lines.find("DE"), "", language)


LATIN = re.compile(r"[A-Za-z]{3,}")
EN_WORDS = re.compile(
    r"\b(?:or|your|local|emergency|number|ambulance|police|someone|you trust|from|mobile|Dutch)\b"
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ["", "BR", "BE", "ZA", "DE", "NO", "IE"])
def test_no_english_stands_in_the_words_of_another_language(language: str, code: str) -> None:
    shown = lines.find(code)
    names = shown.line.name if shown.line is not None else ""
    for head in load():
        concern, *rest = head.split()
        if rest[-1:] == [language] and concern in {each.value for each in Concern}:
            for template in load()[head]:
                text = written(template, shown, "Maria", language).replace(names or "-", "")
                assert not EN_WORDS.search(text), text
                assert "{" not in text


def test_every_row_of_the_help_that_is_shown_is_plausible() -> None:
    text = (resources() / "care" / "help.yaml").read_text(encoding="utf-8")
    assert "nobody dialled a number" in text
    rows = json.loads("\n".join(line for line in text.splitlines() if not line.startswith("#")))
    assert len(rows) >= 44
    assert [row["code"] for row in rows] == sorted({row["code"] for row in rows})
    for row in rows:
        assert re.fullmatch(r"[A-Z]{2}", row["code"])
        assert re.search(r"\b(?:\d{3}|10177)\b", row["emergency"]), row
        assert re.fullmatch(r"[0-9a-z(), ]+", row["emergency"]), row
        assert (row["line"] is None) == (row["checked"] is None) == (row["seen"] is None), row
        if (line := row["line"]) is None:
            continue
        assert date.fromisoformat(row["checked"]).year >= 2026
        for number in re.findall(r"\d[\d -]*\d|\d", line["call"]):
            assert 3 <= sum(char.isdigit() for char in number) <= 12, row
        assert not LATIN.search(re.sub(r"\((?:Dutch|French)\)", "", line["call"])), row
        for page in (line["page"], row["seen"]):
            assert re.fullmatch(r"https?://[\w.-]+\.[a-z]{2,}(?:[/?].*)?", page), row
        assert line["name"].strip()
    same = [row["line"]["call"] for row in rows if row["line"] and row["line"]["call"] != "116 123"]
    shared = {call for call in same if same.count(call) > 1}
    assert shared <= {"988"}, "two countries have one line of their own"
