"""Which sentence is said: the guide's written ones, and a choice among them that says none twice in a session. Pure."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from companion.language import tr
from companion.paths import resources
from companion.providers.here.guide.lexicon import read_sections

_NO_SLOTS: Mapping[str, str] = MappingProxyType({})
SENTENCE_END = re.compile(r"(?<=[.!?。।])\s+")
_SLOT = re.compile(r"\{(\w+)\}")


class Wording:
    """Chooses sentences nobody has heard in this session.

    Args:
        answers: what the guide said so far; the last sentence of each may be cut.
        chance: decides among equals.
    """

    def __init__(self, answers: Sequence[str], chance: random.Random) -> None:
        sentences = [
            sentence for answer in answers for sentence in SENTENCE_END.split(answer.strip()) if sentence
        ]
        self._said = {_bare(sentence) for sentence in sentences}
        self._sentences = sentences
        self._cut = tuple(
            _bare(answer.strip())
            for answer in map(_last_sentence, answers)
            if answer and answer[-1] not in ".!?।"
        )
        self._chance = chance

    def say(self, pool: Sequence[str], slots: Mapping[str, str] = _NO_SLOTS) -> str:
        """A new sentence from `pool`, or empty when all of it has been said. Wordings not heard yet come first."""
        lines = self._shuffled(pool)
        if slots:
            lines.sort(key=self._times_used)
        return next(filter(self.is_new, (_fill(line, slots) for line in lines)), "")

    def say_any(self, pool: Sequence[str], leads: Sequence[str]) -> str:
        """Like `say`, but goes on with "Once more, ..." when the pool is used up, and is never empty."""
        combined = (
            f"{lead} {line[0].lower()}{line[1:]}"
            for line in self._shuffled(pool)
            for lead in self._shuffled(leads)
        )
        return self.say(pool) or next(filter(self.is_new, combined), pool[0])

    @property
    def last_sentence(self) -> str:
        """What the last answer ended with; empty: nothing was said yet."""
        return self._sentences[-1] if self._sentences else ""

    def _shuffled(self, pool: Sequence[str]) -> list[str]:
        lines = list(pool)
        self._chance.shuffle(lines)
        return lines

    def _times_used(self, line: str) -> int:
        shape = _shape(line)
        return sum(bool(shape.fullmatch(sentence)) for sentence in self._sentences)

    def is_new(self, sentence: str) -> bool:
        """Whether `sentence` was not said, in whole or up to where an answer was cut."""
        bare = _bare(sentence)
        return bare not in self._said and not any(cut and bare.startswith(cut) for cut in self._cut)


def say_alone(pool: str, wording: Wording, pools: Mapping[str, tuple[str, ...]]) -> str:
    """A sentence that is a whole answer, so that there has to be one."""
    return wording.say(pools[pool]) or wording.say_any([*pools[pool], *pools["open"]], pools["again"])


def say_only(pool: str, wording: Wording, pools: Mapping[str, tuple[str, ...]]) -> str:
    """A sentence and perhaps what follows from it, without a question."""
    after = wording.say(pools.get(f"{pool} after", ()))
    return f"{say_alone(pool, wording, pools)} {after}".strip()


def say_again(wording: Wording, pools: Mapping[str, tuple[str, ...]]) -> str:
    """The last sentence once more, for who did not hear or understand it; what is quoted already is not quoted again."""
    last = wording.last_sentence
    if last and last not in pools["repeat after"] and not set("“„") & set(last):
        if not last.endswith("?"):
            return wording.say(pools["repeat said"], {"quote": last.rstrip(".।")})
        if asked := wording.say(pools["repeat"], {"quote": last}):
            return f"{asked} {wording.say(pools['repeat after'])}".strip()
    return say_alone("open", wording, pools)


def is_one_question(text: str) -> bool:
    """Whether a practice's question, which a person may have written, is fit to end an answer."""
    return text.endswith("?") and text.count("?") == 1 and "{" not in text and not SENTENCE_END.search(text)


def load_wordings(code: str = "") -> Mapping[str, tuple[str, ...]]:
    """Occasion -> the sentences for it, in English or the language of `code`; pages are called as the window calls them."""
    return _load_wordings(code, tr("Thinking"), tr("Privacy"))


@lru_cache(maxsize=4)
def _load_wordings(code: str, thinking: str, privacy: str) -> Mapping[str, tuple[str, ...]]:
    sections = read_sections(resources() / "guide" / code / "wordings.md")
    return {
        title: tuple(
            line[1:].strip().replace("{thinking}", thinking).replace("{privacy}", privacy)
            for line in lines
            if line.startswith("-")
        )
        for title, lines in sections
    }


def _fill(line: str, slots: Mapping[str, str]) -> str:
    """`line` with its slots; a capital slot begins with a capital."""

    def value(slot: re.Match[str]) -> str:
        text = slots[slot[1].lower()]
        return text[0].upper() + text[1:] if slot[1][0].isupper() else text

    filled = _SLOT.sub(value, line)
    return filled[0].upper() + filled[1:]


@lru_cache(maxsize=1024)
def _shape(line: str) -> re.Pattern[str]:
    """What any filling of `line` looks like."""
    return re.compile(".+".join(map(re.escape, re.split(r"\{\w+\}", line))), re.IGNORECASE)


def _bare(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.casefold()))


def _last_sentence(answer: str) -> str:
    return SENTENCE_END.split(answer.strip())[-1]
