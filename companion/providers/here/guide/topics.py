"""What somebody speaks of, in nouns of theirs: clauses in, `Topic` values out. Pure, any thread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from companion.providers.here.guide.clauses import NUMBER, Clause
from companion.providers.here.guide.lexicon import Lexicon, Subject, third_person
from companion.providers.here.guide.turning import is_known, is_past, with_capitals


@dataclass(frozen=True, slots=True)
class Topic:
    """Something the person spoke of."""

    words: str
    """Turned to them: `your sister`, `the exam`, `work`."""
    own: str
    """As they would write it: `my sister`."""
    kind: Subject
    is_own: bool
    """It is theirs: "my"."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DETERMINERS = {
    "my": "your",
    "our": "your",
    "the": "the",
    "a": "the",
    "an": "the",
    "this": "the",
    "his": "his",
    "her": "her",
    "their": "their",
}
_OWN = _set("my our")
_NOT_HEADS = _set(
    "time times back way change face light present answer kid idea plan question final call visit play move fight"
)
"""Nouns that are often something else; they count only after "my", "the" or "a" ..."""
_ONLY_OWN = _set("time times back face light present kid idea")
"""... or only after "my"."""
_CHANGES_ALL = _set("late former dead no other half not ex")
"""Between "my" and a noun, these cannot be left out or kept without harm."""
_BEFORE_BARE = _set(
    "about of at from with for and love loved hate hated like liked miss missed has have had on after "
    "before during but because through this "
    "new still start started begin began found lost"
)
_MUST_FOLLOW_TO = _set("school college university uni")
_AFTER_VERB = _set("on as in out with hard from for until together late nights there here")
_BEING = _set("am i'm was be been being is as")
_AM = _set("am i'm")
_IRREGULAR = {
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "grandchildren": "grandchild",
    "wives": "wife",
}
_NUMBER_WORDS = _set(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty"
)


def find_topics(clauses: Sequence[Clause], lexicon: Lexicon, *, is_rough: bool) -> list[Topic]:
    """What is theirs first, people before the rest, each in the order it was said.

    Args:
        is_rough: only clauses with hardly a word that is not known are looked at.
    """
    kinds = {word: kind for kind in lexicon.topics for word in kind.words}
    found: dict[str, Topic] = {}
    later = {
        kinds[noun].name for clause in clauses if not clause.is_taken_back for noun in _nouns(clause, kinds)
    }
    for clause in clauses:
        unknown = sum(not (is_known(word, lexicon.known) or NUMBER.fullmatch(word)) for word in clause.lower)
        if is_rough and 6 * unknown > len(clause.lower):
            continue
        for topic in _topics_in(clause, lexicon, kinds):
            if not (clause.is_taken_back and topic.kind.name in later):
                found.setdefault(topic.words, topic)
    order = {"people": 0, "animals": 1}
    return sorted(found.values(), key=lambda topic: (not topic.is_own, order.get(topic.kind.name, 2)))


def find_numbers(clauses: Sequence[Clause], lexicon: Lexicon) -> Iterator[str]:
    """Numbers with what they count: "22 years"."""
    for clause in clauses:
        if clause.is_taken_back or clause.is_reported:
            continue
        for number, counted in pairwise(clause.lower):
            is_number = NUMBER.fullmatch(number) and number[0].isdigit() and number[-1].isdigit()
            is_many = counted in lexicon.units | lexicon.plurals and counted not in lexicon.singulars
            if (is_number or number in _NUMBER_WORDS) and is_many:
                yield f"{number} {counted}"


def _nouns(clause: Clause, kinds: Mapping[str, Subject]) -> Iterator[str]:
    yield from filter(kinds.__contains__, (_singular(word, kinds) for word in clause.lower))


def _topics_in(clause: Clause, lexicon: Lexicon, kinds: Mapping[str, Subject]) -> Iterator[Topic]:
    words = clause.lower
    for n, word in enumerate(words):
        noun = _singular(word, kinds)
        if noun not in kinds or not _is_noun(words, n, lexicon) or _is_noun(words, n + 1, lexicon):
            continue
        if n + 1 < len(words) and word in lexicon.singulars and _is_compound(words[n + 1], lexicon):
            continue  # "the school run"
        start = _phrase_start(words, n, lexicon)
        modifiers = words[start:n]
        at = start - 1
        if at > 0 and not modifiers and words[at] not in _DETERMINERS and words[at - 1] in _DETERMINERS:
            if kinds[noun].name not in {"people", "animals"}:
                continue  # "the post office" is no office
            if words[at].endswith("'s") or words[at] in _CHANGES_ALL | lexicon.endings | _BEFORE_BARE | {
                "since"
            }:
                continue
            at -= 1  # "my French teacher" is at least a teacher
        before = words[at] if at >= 0 else ""
        if word == "hands" and at > 0 and words[at - 1] in {"in", "of"}:
            continue  # "not in my hands"
        if before in {"a", "an"} and at > 0 and words[at - 1] in _BEING:
            continue  # "I am a nurse" speaks of no nurse
        if at > 1 and ({words[at - 1], words[at - 2]} & _AM) and words[at - 1] in _AM | {"not"}:
            continue  # nor "I'm not the baby" of a baby
        if before in _DETERMINERS:
            if _may_head(word, before) and not _CHANGES_ALL.intersection(modifiers):
                yield _phrase(before, " ".join((*modifiers, word)), kinds[noun])
        elif word in lexicon.bare and not modifiers and _may_stand_alone(words, n):
            yield Topic(with_capitals(word), with_capitals(word), kinds[noun], is_own=False)


def _phrase(determiner: str, rest: str, kind: Subject) -> Topic:
    theirs = _DETERMINERS[determiner]
    own = determiner if determiner in _OWN else theirs
    return Topic(f"{theirs} {rest}", f"{own} {rest}", kind, is_own=determiner in _OWN)


def _phrase_start(words: Sequence[str], n: int, lexicon: Lexicon) -> int:
    """Where the words before the noun begin that belong to it: "driving" of "driving test", "aunt's" of "aunt's house"."""
    start = n
    while start and words[start - 1] not in _DETERMINERS:
        word = words[start - 1]
        if word not in lexicon.ways | lexicon.nouns and word.removesuffix("'s") not in lexicon.nouns:
            break
        start -= 1
    return start


def _may_head(word: str, determiner: str) -> bool:
    if word in _ONLY_OWN:
        return determiner in _OWN
    return word not in _NOT_HEADS or determiner in {"my", "our", "the", "a"}


def _may_stand_alone(words: Sequence[str], n: int) -> bool:
    """Whether a bare noun is one here: "work" after "at", not after "I"."""
    before = words[n - 1] if n else ""
    if n + 1 < len(words) and words[n + 1] in _AFTER_VERB and before not in _BEFORE_BARE:
        return False
    return not before or before in _BEFORE_BARE or (before == "to" and words[n] in _MUST_FOLLOW_TO)


def _is_noun(words: Sequence[str], n: int, lexicon: Lexicon) -> bool:
    """Whether word `n` is a noun here: after another noun, "sleeps" and "plays" are verbs."""
    if n >= len(words) or words[n] not in lexicon.nouns:
        return False
    return not (n and words[n - 1] in lexicon.nouns and words[n] in lexicon.verbs | lexicon.thirds)


def _is_compound(following: str, lexicon: Lexicon) -> bool:
    """Whether a verb's bare form stands where a singular noun would want "runs" or "ran"."""
    return following in lexicon.verbs and third_person(following) in lexicon.thirds and not is_past(following)


def _singular(word: str, kinds: Mapping[str, Subject]) -> str:
    forms = (
        word,
        _IRREGULAR.get(word, word),
        word.removesuffix("s"),
        word.removesuffix("es"),
        re.sub("ies$", "y", word),
    )
    return next((form for form in forms if form in kinds), word)
