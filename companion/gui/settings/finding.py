"""What a search of the settings leads to: pages, and on each the places that are meant. Main thread.

A place is a widget of its page by its name: a declared setting by its dotted one, others as `_WORDS` has them. It is found
by the words it is called by, by what it explains itself with, and by what other people call the same thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from companion.gui.settings.host import SettingsHost
from companion.kinds import TURN_ROLES, Role
from companion.language import language, mark, tr
from companion.settings import Page, all_fields

KEY, PROVIDERS, MODEL, MODELS = "key", "providers", "model", "models"
"""Places of the pages Thinking, Hearing and Voice; `PROVIDERS` with a name behind it is one of them."""
_PAGE_OF = {Role.THINKS: Page.THINKING, Role.HEARS: Page.HEARING, Role.SPEAKS: Page.VOICE}
_WORDS: Mapping[str, str] = {
    "general starts with the system": mark("autostart start startup login boot launch"),
    "general updates": mark("update updates upgrade upgrading version newer"),
    "general welcome": mark("welcome introduction tutorial tour first onboarding"),
    "general reset": mark("reset factory defaults"),
    "general appearance.theme": mark("theme dark light night mode colour colours color colors"),
    "general general.interface_language": mark("language translation locale english german"),
    "general general.tray": mark("tray systray indicator icon background minimise minimize"),
    "general general.close_to_tray": mark("close quit exit background"),
    "general general.tell_answers": mark("notification notifications notify alert alerts popup"),
    "general practice.ask_mood": mark("mood feeling emotion"),
    f"thinking {KEY}": mark("key api token credential secret subscription account sign"),
    f"thinking {PROVIDERS}": mark("provider providers ai llm brain local gpu graphics cuda chatgpt claude"),
    f"thinking {MODEL}": mark("model models gpt"),
    "thinking reply.longest_answer": mark("length long short brief answer answers tokens"),
    "thinking reply.monthly_budget_usd": mark(
        "budget money cost costs price prices pay spend spending limit dollar dollars euro bill billing"
    ),
    "thinking providers.llm.stand_ins": mark("fallback fails fail instead stand"),
    "thinking talk.engine": mark("realtime speech to live conversation"),
    f"hearing {PROVIDERS}": mark(
        "recogniser recognizer recognition dictation transcription transcript stt ears"
    ),
    f"hearing {MODELS}": mark("accuracy model models download install"),
    "hearing talk.language": mark("spoken dialect language english german"),
    f"voice {PROVIDERS}": mark("tts speech synthesis synthesizer"),
    "voice voice": mark("voice voices accent male female preview man woman sound"),
    "voice speed": mark("speed fast faster slow slower pace rate tempo"),
    f"voice {MODELS}": mark("download piper natural install"),
    "voice sound.speak_answers": mark("mute silent silence read aloud text only"),
    "talking talk.mode": mark(
        "hands-free handsfree push talk hands free wake word hold tap toggle continuous activation"
    ),
    "talking talk.headphones": mark("headphones earphones echo interrupt barge"),
    "talking talk.review_before_sending": mark("review check edit correct before send"),
    "talking talk.longest_take_s": mark("maximum minutes duration length recording timeout"),
    "servers add": mark("server servers host localhost network homelab selfhosted docker url"),
    "sound sound.microphone": mark("mic mike microphone input headset device audio recording"),
    "sound sound.speaker": mark("speaker speakers loudspeaker output headphones audio device"),
    "sound sound.volume": mark("volume loud louder loudness quiet quieter mute"),
    "sound sound.cues": mark("beep beeps cue chime click noise sounds"),
    "shortcuts talk.key": mark("hotkey hotkeys shortcut shortcuts keyboard key push talk space keybinding"),
    "shortcuts talk.everywhere": mark("global anywhere background hotkey everywhere other"),
    "journal journal.keep": mark("history save keep store delete erase forget private incognito diary"),
    "journal journal.keep_sound": mark("recording recordings audio sound delete days keep"),
    "journal journal.meaning_by": mark("search meaning semantic embeddings find"),
    "journal journal.lock_after_min": mark("lock idle away timeout autolock password pin"),
    "journal backups": mark("backup backups restore copy sync synchronise synchronize cloud recover"),
    "journal import": mark("import bring migrate dayone obsidian"),
    "journal export": mark("export markdown json download save copy"),
    "journal spare key": mark("password passphrase recovery recover words encryption encrypted keyring"),
    "memory journal.recall": mark("remember memory memories recall context earlier"),
    "memory own": mark("remember fact always note"),
    "privacy network.offline": mark("offline internet network disconnect airplane flight"),
    "privacy today": mark(
        "telemetry tracking analytics sent send data bytes upload uploads traffic gdpr cloud"
    ),
    "privacy chosen": mark("privacy private leaves share shared"),
    "privacy network.use_proxy": mark("proxy vpn firewall"),
    "privacy network.certificates": mark("certificate ssl tls https"),
    "privacy care.region": mark("country region nation help line helpline hotline crisis emergency suicide"),
    "privacy care.trusted_person": mark("contact person friend emergency trusted"),
    "appearance appearance.font_scale": mark(
        "font text size big bigger large larger small smaller zoom scale letters"
    ),
    "appearance appearance.reduced_motion": mark("animation animations motion move effects"),
    "appearance appearance.large_captions": mark("captions subtitles large"),
    "advanced network.timeout_s": mark("timeout wait slow patience deadline latency"),
    "advanced network.max_retries": mark("retry retries attempts again"),
    "advanced network.requests_per_min": mark("rate limit requests"),
    "about ": mark("about licence license credits therapy doctor danger care safety legal imprint"),
}
"""What people call the places of a page: "page place" -> words, those first that mean nothing else."""
_SAID, _CALLED, _CHOSEN, _EXPLAINED = 8, 6, 3, 1
"""What a word of `_WORDS`, of a label, of a choice and of a help text is worth."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page, and what on it is meant, in its own order; none: the page itself."""

    page: str
    places: tuple[str, ...]
    worth: float


@dataclass(frozen=True, slots=True)
class _Place:
    page: str
    name: str
    words: Mapping[str, float]


def find(text: str, titles: Mapping[str, str], host: SettingsHost) -> list[Found]:
    """The pages that have to do with `text`, best first. `titles`: of all pages, by name and in order."""
    wanted = _split(text)
    wanted = [word for word in wanted if len(word) > 2] or wanted
    if not wanted:
        return []
    people = tuple(
        (_PAGE_OF[role], spec.name, " ".join((spec.name, spec.display_name, *spec.aliases)))
        for role in TURN_ROLES
        for spec in host.provider_specs(role)
    )
    places = _places(language(), tuple(titles.items()), people)
    found = [_on_page(page, wanted, [each for each in places if each.page == page]) for page in titles]
    return sorted(filter(None, found), key=lambda each: -each.worth)


def _on_page(page: str, wanted: list[str], places: Iterable[_Place]) -> Found | None:
    worths = [(place, [_worth(word, place.words) for word in wanted]) for place in places]
    if not all(any(each[number] for _, each in worths) for number in range(len(wanted))):
        return None
    sums = [(place, sum(each)) for place, each in worths]
    best = max(worth for _, worth in sums)
    return Found(page, tuple(place.name for place, worth in sums if worth == best and place.name), best)


def _worth(word: str, words: Mapping[str, float]) -> float:
    def of(known: str, worth: float) -> float:
        if known == word:
            return worth
        if known.startswith(word):
            return worth * 0.8
        return worth * 0.5 if len(word) > 3 and word in known else 0

    return max((of(known, worth) for known, worth in words.items()), default=0)


@lru_cache(maxsize=4)
def _places(
    _language: str, titles: tuple[tuple[str, str], ...], people: tuple[tuple[str, str, str], ...]
) -> tuple[_Place, ...]:
    """Every place there is, as the language has it."""
    made: dict[tuple[str, str], dict[str, float]] = {}

    def add(page: str, name: str, texts: Iterable[str], worth: float) -> None:
        words = made.setdefault((page, name), {})
        for text in texts:
            for place, word in enumerate(_split(text)):
                words[word] = max(words.get(word, 0), worth - place / 100)

    for key, words in _WORDS.items():
        page, _, name = key.partition(" ")
        add(page, name, (words, tr(words)), _SAID)
    for field in all_fields():
        said = field.declared
        for page in [said.page] if said.page else []:
            add(page, field.name, (said.label,), _CALLED)
            add(page, field.name, (*said.choices.values(), *said.suggestions.values()), _CHOSEN)
            add(page, field.name, (said.help,), _EXPLAINED)
    for page, name, called in people:
        add(page, f"{PROVIDERS} {name}", (called,), _SAID - 1)
    for page, title in titles:
        add(page, "", (title,), _SAID + 1)
    return tuple(_Place(page, name, words) for (page, name), words in made.items())


def _split(text: str) -> list[str]:
    return list(_each(text.casefold()))


def _each(text: str) -> Iterator[str]:
    for word in re.findall(r"[^\s,.;:/()“”\"…·]+", text):
        yield word
        if "-" in word:
            yield from word.split("-")
