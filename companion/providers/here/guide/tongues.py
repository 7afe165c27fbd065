"""What the guide knows of a language besides English, from `resources/guide/<code>`: kinds of messages, what people speak
of, and how their words are turned to them. Files in; pure after that, any thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from companion.language import ENGLISH, language
from companion.paths import resources
from companion.phrases import MOST_WORDS, anywhere, folded, listed, pairs, patterns, read_lines
from companion.practices import wish_in
from companion.providers.here.guide.lexicon import Language, load_lexicon
from companion.providers.here.guide.noticing import language_of
from companion.providers.here.guide.wording import SENTENCE_END

_IN = "in "
_FEWEST_TURNED, _MOST_TURNED = 3, 12
"""Words of a sentence that is turned."""
_MARKS = re.compile(r"[,;:()\"“”„«»?…–]|\d\.")
"""In a sentence with one of these it is not sure what belongs to what."""
_NOT_KINDS = frozenset({"heavy", "turned", "verbs", "be", "states", "quoted", "mine"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """A language that the guide speaks as well as its translators wrote it."""

    code: str
    whole: Mapping[str, re.Pattern[str]]
    """Kind of message -> what it is as a whole."""
    within: Mapping[str, re.Pattern[str]]
    """Kind of message -> what stands somewhere in it."""
    heavy: re.Pattern[str]
    topic: re.Pattern[str]
    topics: Mapping[str, str]
    """"schwester" -> "deine Schwester"."""
    turned: Mapping[str, str]
    """The first is who speaks."""
    verbs: Mapping[str, str]
    be: frozenset[str]
    states: re.Pattern[str]
    quoted: re.Pattern[str]

    def kind_of(self, text: str) -> str:
        """What the whole message is, by the names of `wordings.md`; empty: it tells something."""
        plain = folded(text)
        if not plain:
            return "pause"
        if plain.count(" ") >= MOST_WORDS:
            return ""
        if wish := wish_in(text):
            return wish.value
        kinds = (
            *(kind for kind, pattern in self.whole.items() if pattern.fullmatch(plain)),
            *(kind for kind, pattern in self.within.items() if pattern.search(plain)),
        )
        return next(iter(kinds), "")

    def topic_in(self, text: str) -> str:
        """Whom or what of theirs they name last, turned to them; empty: nothing that is known."""
        found = self.topic.findall(folded(text))
        return self.topics[found[-1]] if found else ""

    def is_heavy(self, text: str) -> bool:
        return self.heavy.search(folded(text)) is not None

    def turn(self, text: str) -> str:
        """Their last sentence said to them, "Heute hattest du Streit"; empty where that might go wrong."""
        return self._turned(SENTENCE_END.split(text.strip())[-1].rstrip(".!। ")) if self.turned else ""

    def _turned(self, sentence: str) -> str:
        words = sentence.split()
        plain = [folded(word) for word in words]
        together = " ".join(plain)
        if not _FEWEST_TURNED <= len(words) <= _MOST_TURNED or _MARKS.search(sentence):
            return ""
        if self.quoted.search(together) or not all(plain):
            return ""
        speaker = next(iter(self.turned))
        verb = self._verb_of(plain, plain.index(speaker)) if speaker in plain else None
        if plain.count(speaker) > 1 or (speaker in plain) == (verb is None):
            return ""
        if verb is None and plain[0] in self.verbs:
            return ""  # who speaks is left out
        if verb is not None and plain[verb] in self.be and not self.states.search(together):
            return ""
        turned = [self.turned.get(word, words[at]) for at, word in enumerate(plain)]
        if verb is not None:
            turned[verb] = self.verbs[plain[verb]]
        return " ".join(turned)

    def _verb_of(self, plain: Sequence[str], speaker: int) -> int | None:
        beside = (speaker - 1, speaker + 1) if speaker else (1,)
        return next((at for at in beside if at < len(plain) and plain[at] in self.verbs), None)


def tongue_of(said: Sequence[str]) -> Tongue | None:
    """The language in which the last of their messages is answered; None: English.

    It is that of the message, of those before it where a word or two do not tell, and at last of the interface.
    """
    for text in reversed(said):
        found = language_of(text, _of_the_interface())
        if found is not None:
            return _known(found.code)
    return _known(language())


def _of_the_interface() -> Language | None:
    return next((each for each in load_lexicon().languages if each.code == language()), None)


def _known(code: str) -> Tongue | None:
    return load_tongue(code) if code in spoken() else None


@lru_cache(maxsize=1)
def spoken() -> frozenset[str]:
    """The codes of the languages that it speaks, without English."""
    return frozenset(path.parent.name for path in (resources() / "guide").glob("*/words.txt")) - {ENGLISH}


@lru_cache(maxsize=4)
def load_tongue(code: str) -> Tongue:
    """What it knows of this language.

    Raises:
        FileNotFoundError: nobody wrote it.
    """
    lines = read_lines((resources() / "guide" / code / "words.txt").read_text("utf-8"))
    topics = {
        noun: f"{key.split()[1]} {said}"
        for key, line in lines.items()
        if key.startswith("topic ")
        for noun, said in pairs(line).items()
    }
    mine, nouns = ("|".join(map(re.escape, each)) for each in (listed(lines["mine"]), topics))
    whole = {
        key: line
        for key, line in lines.items()
        if key not in _NOT_KINDS and not key.startswith((_IN, "topic "))
    }
    return Tongue(
        code=code,
        whole=patterns(whole),
        within={
            key.removeprefix(_IN): anywhere(listed(line))
            for key, line in lines.items()
            if key.startswith(_IN)
        },
        heavy=anywhere(listed(lines["heavy"])),
        topic=re.compile(rf"(?<![^ ])(?:{mine}) ({nouns})(?= |$)"),
        topics=topics,
        turned=pairs(lines.get("turned", "")),
        verbs=pairs(lines.get("verbs", "")),
        be=frozenset(listed(lines.get("be", ""))),
        states=anywhere(listed(lines.get("states", ""))),
        quoted=anywhere(listed(lines["quoted"])),
    )
