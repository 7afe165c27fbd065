"""What the guide says to a message, and whether it asks. Messages in, an answer out. Pure, any thread."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from companion.practices import Practice, find_practice, steps_done
from companion.providers.here.guide.lexicon import HARD
from companion.providers.here.guide.noticing import Felt, Noticed, find_emergency, is_taken_back, notice
from companion.providers.here.guide.told import is_told
from companion.providers.here.guide.topics import Topic
from companion.providers.here.guide.turning import needs_quotes
from companion.providers.here.guide.wording import SENTENCE_END, Wording, load_wordings

_EMERGENCY_ECHO = 3
"""For so many messages after an emergency was spoken of, the guide keeps pointing to people."""
_LONG_WORDS = 45
"""A message of this length has said enough to be answered without a question."""
_QUIET_SHARE = 0.28
"""How many of the other answers end without a question."""
_LETS_GO = ("goodbye", "good night", "thanks")
_ANSWERS = ("", "short", "unsure", "skip")
"""What may be the answer to a practice's last question."""
_CLOSES_WITHIN = 6
"""Answers after the last step in which a practice is closed; later, its closing may only not be sent along any more."""
_FREE = "open-reflection"
"""The practice whose questions follow what was said."""


def answer(said: Sequence[str], wording: Wording, practice_name: str, chance: random.Random) -> str:
    """The answer to the last of `said`, the person's messages."""
    noticed = notice(said[-1])
    if noticed.occasion in {"crisis", "danger"}:
        return _answer_emergency(noticed.occasion, wording)
    if any(map(find_emergency, earlier := said[-1 - _EMERGENCY_ECHO : -1])):
        if is_taken_back(said[-1]):
            return _answer_safe(wording)
        if not any(map(is_taken_back, earlier)) and noticed.occasion not in _LETS_GO:
            return _answer_after_emergency(wording)
    pools = load_wordings()
    if noticed.occasion in _LETS_GO:
        return _say_alone(noticed.occasion, wording)
    if noticed.occasion == "language":
        return _answer_language(noticed, wording)
    practice = find_practice(practice_name)
    step = steps_done(said) - 1
    if not practice_name:  # a question from a program: no practice, so none that ends
        step = min(step, len(practice.steps) - 1)
    is_over = practice.is_over(step)
    if (
        is_over
        and step < len(practice.steps) + _CLOSES_WITHIN
        and noticed.occasion in _ANSWERS
        and wording.is_new(SENTENCE_END.split(_closing_of(practice))[0])
    ):
        return _close(practice, said, noticed, wording)
    if noticed.occasion == "short" and practice.name != _FREE and not is_over:
        noticed = Noticed()  # a few words are a whole answer there
    statements = _statements(noticed, wording)
    if is_over and not statements:
        return _say_alone("after", wording)
    if _may_be_quiet(noticed, statements, practice, step, chance):
        pool = "loss" if noticed.is_loss else "room" if statements else "open"
        return " ".join([*statements, wording.say_any(pools[pool], pools["again"])])
    asked = _question(noticed, wording, practice, step, said)
    if practice.pace == "slow" and practice_name and not statements:
        statements = [wording.say_any(pools["slow"], pools["again"])]
    return " ".join([*statements, asked])


def _may_be_quiet(
    noticed: Noticed, statements: Sequence[str], practice: Practice, step: int, chance: random.Random
) -> bool:
    """Whether what was said back is enough. A practice with steps of its own goes on asking until it is over."""
    if noticed.occasion or noticed.asks or (practice.name != _FREE and not practice.is_over(step)):
        return False
    is_heavy = noticed.is_loss or any(felt.kind.name == HARD and felt.degree for felt in noticed.felt)
    is_enough = is_heavy or noticed.length >= _LONG_WORDS or practice.is_over(step)
    return (is_enough and bool(statements)) or chance.random() < _QUIET_SHARE


def _statements(noticed: Noticed, wording: Wording) -> list[str]:
    """What was said, said back in one or two sentences; nothing where that might go wrong."""
    pools = load_wordings()
    if noticed.occasion == "identity":
        plain = list(filter(wording.is_new, pools["identity"]))[
            :2
        ]  # in the order they are written, the plainest first
        return plain or [wording.say_any(pools["open"], pools["again"])]
    if noticed.occasion == "retraction" and noticed.topics:
        return list(filter(None, [wording.say(pools["retraction"]), _say_topic(noticed.topics[0], wording)]))
    if noticed.occasion:
        return list(filter(None, [wording.say(pools[noticed.occasion])]))
    if noticed.asks:
        return list(filter(None, [wording.say(pools["self-question"])]))
    found = list(dict.fromkeys(filter(None, _reflections(noticed, wording))))
    return found[: 2 if noticed.length >= 14 else 1]


def _reflections(noticed: Noticed, wording: Wording) -> Iterator[str]:
    """Sentences that say back what was said, the most telling first; none repeats the words of another."""
    pools = load_wordings()
    used = ""
    if noticed.contrast:
        left, right = noticed.contrast
        used = f"{left} {right}"
        if needs_quotes(used):
            yield wording.say(pools["said"], {"echo": f"{left}, but {right}"})
        else:
            yield wording.say(pools["contrast"], {"left": left, "right": right})
    felt = next(iter(noticed.felt), None)
    best = sorted(
        noticed.told, key=lambda clause: (not _holds(clause, felt), _lightness(clause, noticed.topics))
    )
    for clause in best[:3]:
        if clause not in used and not (used and needs_quotes(clause)):
            yield wording.say(
                pools["said"] if needs_quotes(clause) else pools["told"][: 1 if used else None],
                {"echo": clause},
            )
            used += f" {clause}"  # a second one is said plainly, without a frame
    if felt is not None and felt.word not in used:
        yield _say_feeling(felt, wording)
    for number in noticed.numbers:
        if number not in used:
            yield wording.say(pools["number"], {"number": number})
    new = [topic.words for topic in noticed.topics if topic.words.split()[-1] not in used]
    if new:
        yield wording.say(pools["topic"], {"topic": " and ".join(new[:2])})


def _holds(clause: str, felt: Felt | None) -> bool:
    return felt is not None and felt.word in clause


def _lightness(clause: str, topics: Sequence[Topic]) -> tuple[int, int]:
    """Clauses that speak of a person or a thing come before others, longer ones before short ones."""
    return -sum(topic.words in clause for topic in topics), -min(len(clause), 60)


def _say_alone(pool: str, wording: Wording) -> str:
    """A sentence that is a whole answer, so that there has to be one."""
    pools = load_wordings()
    return wording.say(pools[pool]) or wording.say_any([*pools[pool], *pools["open"]], pools["again"])


def _say_topic(topic: Topic, wording: Wording) -> str:
    return wording.say(load_wordings()["topic"], {"topic": topic.words})


def _say_feeling(felt: Felt, wording: Wording) -> str:
    pool = load_wordings()["feeling"]
    lines = [line for line in pool if felt.be or "{be}" not in line]
    return wording.say(lines, {"be": felt.be, "word": f"{felt.degree} {felt.word}".strip()})


def _question(noticed: Noticed, wording: Wording, practice: Practice, step: int, said: Sequence[str]) -> str:
    """The one question: taken from what was said, else the practice step's, else a general one; never for what was told."""

    def say(lines: Sequence[str], slots: Mapping[str, str] | None = None) -> str:
        return wording.say([line for line in lines if not is_told(line, said)], slots or {})

    pools = load_wordings()
    if noticed.occasion and not (noticed.occasion == "retraction" and noticed.topics):
        asked = say(pools.get(f"{noticed.occasion} asked", ()))
        if asked:
            return asked
    own = () if practice.is_over(step) else practice.steps[practice.step_index(step)].questions
    plain = [question for question in own if _is_one_question(question)]
    linked = [question for question in own if "{topic}" in question and question.count("?") == 1]
    is_free = practice.name == _FREE or practice.is_over(step)
    for topic in noticed.topics[:1]:
        asked = say(linked, {"topic": topic.words}) if linked else ""
        if asked:
            return asked
    for lines, slots in _linked_questions(noticed) if is_free else ():
        asked = say(lines, slots)
        if asked:
            return asked
    asked = say(plain)
    if asked:
        return asked
    for pool in _fitting_pools(noticed):
        asked = say(pools[pool])
        if asked:
            return asked
    return wording.say_any(pools["general asked"], pools["again asked"])


def _linked_questions(noticed: Noticed) -> Iterator[tuple[Sequence[str], dict[str, str]]]:
    """Questions that hold a word of the message, with what to fill in."""
    for felt in noticed.felt:
        yield felt.kind.questions, {"word": felt.word}
    for topic in noticed.topics[:2]:
        yield topic.kind.questions, {"topic": topic.words}


def _fitting_pools(noticed: Noticed) -> Iterator[str]:
    """Names of pools for what was noticed, the nearest first."""
    if noticed.contrast:
        yield "contrast asked"
    if noticed.asks:
        yield "self-question asked"
    if noticed.wish:
        yield "wish asked"
    if noticed.duty:
        yield "duty asked"
    if noticed.has_happened and noticed.told:
        yield "happened asked"


def _close(practice: Practice, said: Sequence[str], noticed: Noticed, wording: Wording) -> str:
    """The end of a practice: what was told from first to last, the practice's closing, and a title to take or leave."""
    pools = load_wordings()
    topics = list(_all_topics(said))
    parts = []
    if len(topics) > 1:
        parts.append(wording.say(pools["closing"], {"first": topics[0].words, "last": topics[-1].words}))
    elif topics:
        parts.append(wording.say(pools["closing one"], {"first": topics[0].words}))
    elif noticed.told:
        parts.append(wording.say(pools["said"], {"echo": noticed.told[0]}))
    parts.append(_closing_of(practice))
    title = " and ".join(dict.fromkeys(topic.own for topic in (topics[:1] + topics[-1:]))) or _short_words(
        said
    )
    if title:
        parts.append(wording.say(pools["title"], {"title": title[0].upper() + title[1:]}))
    return " ".join(filter(None, parts))


def _closing_of(practice: Practice) -> str:
    return practice.closing or load_wordings()["closed"][0]


def _short_words(said: Sequence[str]) -> str:
    """The first message that is short enough to be a title."""
    plain = (text.strip().rstrip(".!,;") for text in said)
    return next(
        (
            text
            for text in plain
            if 2 <= len(text.split()) <= 6 and text.isprintable() and not notice(text).occasion
        ),
        "",
    )


def _all_topics(said: Sequence[str]) -> Iterator[Topic]:
    """The most telling topic of each message, each once."""
    seen: set[str] = set()
    for text in said:
        for topic in notice(text).topics[:1]:
            if topic.words not in seen:
                seen.add(topic.words)
                yield topic


def _answer_language(noticed: Noticed, wording: Wording) -> str:
    """Once in their language; after that in the only one the guide has."""
    greeting = noticed.language
    first = SENTENCE_END.split(greeting)[0] if greeting else ""
    if greeting and wording.is_new(first):
        return greeting
    return _say_alone("no english", wording)


def _answer_emergency(occasion: str, wording: Wording) -> str:
    """Says what it is and who can help, each time; in the same words only when there are no others left."""
    pools = load_wordings()
    parts = (occasion, f"{occasion} help", "emergency asked")
    first = [pools[part][0] for part in parts]
    if all(map(wording.is_new, first)):
        return " ".join(first)
    leads = pools["again"], pools["again"], pools["again asked"]
    return " ".join(wording.say_any(pools[part], lead) for part, lead in zip(parts, leads, strict=True))


def _answer_after_emergency(wording: Wording) -> str:
    pools = load_wordings()
    statement = wording.say(pools["emergency after"]) or wording.say_any(pools["open"], pools["again"])
    return f"{statement} {wording.say_any(pools['emergency asked'], pools['again asked'])}"


def _answer_safe(wording: Wording) -> str:
    """They are safe, or it was not meant so: that is believed, and not spoken of again."""
    pools = load_wordings()
    asked = wording.say_any([*pools["safe asked"], *pools["general asked"]], pools["again asked"])
    return f"{_say_alone('safe', wording)} {asked}"


def _is_one_question(text: str) -> bool:
    """Whether a practice's question, which a person may have written, is fit to end an answer."""
    return text.endswith("?") and text.count("?") == 1 and "{" not in text and not SENTENCE_END.search(text)
