"""What the guide says to a message, and whether it asks. Messages in, an answer out. Pure, any thread."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from companion.practices import Practice, find_practice, steps_done
from companion.providers.here.guide.danger import answer_to_danger
from companion.providers.here.guide.foreign import in_their_language
from companion.providers.here.guide.lexicon import HARD
from companion.providers.here.guide.noticing import (
    Felt,
    Noticed,
    notice,
    wishes_of,
)
from companion.providers.here.guide.occasions import BRIEF
from companion.providers.here.guide.told import is_told
from companion.providers.here.guide.topics import Topic
from companion.providers.here.guide.translated import (
    CLOSES_WITHIN,
    FREE,
    LETS_GO,
    NEVER_ASKED,
    REACHES,
    WORD_OR_TWO,
)
from companion.providers.here.guide.turning import (
    happened,
    is_event,
    is_of_somebody,
    needs_quotes,
    sounds_like_an_order,
)
from companion.providers.here.guide.wording import (
    SENTENCE_END,
    Wording,
    is_one_question,
    load_wordings,
    say_again,
    say_alone,
    say_only,
)

_ENOUGH_WORDS = 20
"""Who said so much without anything that can be said back is asked, not only waited for."""
_LONG_WORDS = 45
"""A message of this length has said enough to be answered without a question."""
_SOME_WORDS, _MANY_WORDS = 9, 25
"""In a message of this length a thing named in passing is not what it is about."""
_QUIET_SHARE, _SILENT_SHARE = 0.38, 0.1
"""How many of the other answers end without a question; and of those that say nothing back."""
_MOMENT_SHARE = 0.85
"""How many questions are about the moment that was told, where there is one."""
_ANSWERS = (*BRIEF, "", "unsure", "skip")
"""What may be the answer to a practice's last question."""
_FIRST_GENERAL = 3
"""Of the general questions, written with those that fit nearly anything first, one of so many."""
_LIVING = frozenset({"people", "animals"})
_HALF_A_THOUGHT = re.compile(
    r"you (?:went|came|got|drove|walked) (?:home|back|there|out|in|up|off|away|upstairs|downstairs|inside|"
    r"outside)(?: again)?$|you (?:also |just |really )?(?:know|"
    r"think|guess|mean|suppose|said|say|thought) (?:it|that|this|he|she|"
    r"they|it's|soon|so)\b"
)
_POINTS = frozenset({"it", "that", "this", "them", "him", "her", "they", "there"})
"""Words that say nothing without what was said before them."""
_OF_THE_PAST = re.compile(r"\b(?:was|did|happened)\b")
_OF_SEVERAL = re.compile(r"^Which part|say more about")
"""Asked of a sentence or two, these sound as if nobody had listened."""
_TOPIC_LINE = re.compile(r"(?:You speak of|We can stay with|Some of this is about) ")
"""What is left out before a question about the same."""


def answer(said: Sequence[str], wording: Wording, practice_name: str, chance: random.Random) -> str:
    """The answer to the last of `said`, the person's messages."""
    noticed = notice(said[-1])
    pools = load_wordings()
    in_danger = answer_to_danger(said, wording, pools, lets_go=noticed.occasion in LETS_GO)
    if in_danger:
        return in_danger
    if noticed.language is not None and (found := in_their_language(noticed, said[-1], wording)):
        return found
    if noticed.occasion == "language":
        return say_alone("no english", wording, pools)
    if noticed.occasion in LETS_GO:
        return say_alone(noticed.occasion, wording, pools)
    if noticed.occasion == "private":
        return " ".join(filter(wording.is_new, pools["private"])) or say_alone("open", wording, pools)
    if noticed.occasion in NEVER_ASKED:
        return say_only(noticed.occasion, wording, pools)
    if noticed.occasion == "repeat":
        return say_again(wording, pools)
    return _answer_told(noticed, said, wording, practice_name, chance)


def _answer_told(
    noticed: Noticed, said: Sequence[str], wording: Wording, practice_name: str, chance: random.Random
) -> str:
    """The answer to what was told, in the practice or freely."""
    pools = load_wordings()
    practice = find_practice(practice_name)
    step = steps_done(said) - 1
    if not practice_name:  # a question from a program: no practice, so none that ends
        step = min(step, len(practice.steps) - 1)
    is_over = practice.is_over(step)
    if (
        is_over
        and step < len(practice.steps) + CLOSES_WITHIN
        and _may_close(noticed, practice)
        and wording.is_new(SENTENCE_END.split(_closing_of(practice))[0])
    ):
        return _close(practice, said, noticed, wording)
    if noticed.occasion in BRIEF and practice.name != FREE and not is_over:
        noticed = Noticed()  # a few words are a whole answer there
    elif noticed.occasion == "skip" and practice.name == FREE:
        noticed = replace(noticed, occasion="another")  # there is nothing to leave out
    elif noticed.occasion in WORD_OR_TWO and (belongs_to := _told_before(said)):
        noticed = replace(noticed, occasion=f"{belongs_to} little")
    wants = wishes_of(said)
    is_plain = not (wants.no_echo and not noticed.occasion)
    statements = _statements(noticed, wording, said[-1]) if is_plain else []
    if is_over and practice.name != FREE and not statements:
        return say_alone("after", wording, pools)
    if wants.no_questions or _may_be_quiet(noticed, statements, practice, step, chance):
        pool = (
            "loss" if noticed.is_loss else "joy stay" if noticed.is_joy else "room" if statements else "open"
        )
        return " ".join([*statements, wording.say_any(pools[pool], pools["again"])])
    moment = (
        _moment(noticed) if practice.name == FREE and is_plain and chance.random() < _MOMENT_SHARE else ""
    )
    if moment:
        statements = _statements(noticed, wording, said[-1], moment)
    asked = _question(noticed, wording, _Place(practice, step, said), moment)
    if not noticed.occasion:
        asks_of_it = any(topic.words in asked for topic in noticed.topics)
        statements = [line for line in statements if not (asks_of_it and _TOPIC_LINE.match(line))]
    if practice.pace == "slow" and practice_name and not statements:
        statements = [wording.say_any(pools["slow"], pools["again"])]
    return " ".join([*statements, asked])


def _may_close(noticed: Noticed, practice: Practice) -> bool:
    """Whether a practice may end with this answer; an open talk only where they say so themselves."""
    if noticed.occasion not in _ANSWERS or noticed.is_loss or noticed.asks or noticed.wants:
        return False
    return practice.name != FREE or noticed.winds_down


def _may_be_quiet(
    noticed: Noticed, statements: Sequence[str], practice: Practice, step: int, chance: random.Random
) -> bool:
    """Whether what was said back is enough. A practice with steps of its own goes on asking until it is over."""
    if noticed.occasion == "hard little":
        return chance.random() < _QUIET_SHARE
    if (
        noticed.occasion
        or noticed.asks
        or noticed.wants
        or (practice.name != FREE and not practice.is_over(step))
    ):
        return False
    is_heavy = noticed.is_loss or any(felt.kind.name == HARD and felt.degree for felt in noticed.felt)
    is_said_back = any(
        line not in load_wordings()["much"] and not _TOPIC_LINE.match(line) for line in statements
    )
    if noticed.situation and not noticed.is_loss:
        return chance.random() < _QUIET_SHARE / 2  # its questions fit
    is_over = practice.is_over(step) and practice.name != FREE
    is_enough = is_heavy or is_over or (noticed.length >= _LONG_WORDS and is_said_back)
    if not is_said_back:
        is_short = noticed.length < _ENOUGH_WORDS
        return not statements and (is_heavy or (is_short and chance.random() < _SILENT_SHARE))
    return is_enough or chance.random() < _QUIET_SHARE


def _told_before(said: Sequence[str]) -> str:
    """`hard` or `joy`: what the last message is the rest of; empty: neither."""
    for text in reversed(said[-1 - REACHES : -1]):
        before = notice(text)
        if before.is_loss or before.is_hard or any(felt.kind.name == HARD for felt in before.felt):
            return "hard"
        if before.is_joy:
            return "joy"
    return ""


def _moment(noticed: Noticed) -> str:
    """The last thing they told that happened, as it may stand after "when"; empty: there is none."""
    if noticed.occasion or noticed.is_loss or noticed.asks or noticed.wants or noticed.situation:
        return ""
    events = (clause for clause in reversed(noticed.told) if is_event(clause))
    return next((clause for clause in events if not is_of_somebody(clause) or _knows_who(noticed)), "")


def _knows_who(noticed: Noticed) -> bool:
    """Whether "he" or "she" is somebody they named."""
    return len([topic for topic in noticed.topics if topic.is_own and topic.kind.name in _LIVING]) == 1


def _statements(noticed: Noticed, wording: Wording, said: str, moment: str = "") -> list[str]:
    """What was said, said back in one or two sentences; nothing where that might go wrong.

    Args:
        moment: the clause that the question is about, not said twice.
    """
    pools = load_wordings()
    if noticed.occasion == "identity":
        lines = pools["identity"]
        if re.search(r"\b(?:remember|memory|feelings?|what did i|thing i)\b", said.lower()):
            lines = (lines[2], *lines)
        plain = list(dict.fromkeys(filter(wording.is_new, lines)))[:2]  # the plainest are written first
        return plain or [wording.say_any(pools["open"], pools["again"])]
    if noticed.occasion == "help":
        return list(filter(wording.is_new, pools["help"]))[:2]
    if noticed.occasion in {"retraction", "put right"} and noticed.topics:
        meant = wording.say(pools["meant"], {"topic": noticed.topics[0].words})
        return list(filter(None, [wording.say(pools["retraction"]), meant]))
    if noticed.occasion == "put right":
        return list(filter(None, [wording.say(pools["retraction"])]))
    if noticed.occasion == "hard little" and noticed.numbers:
        return list(filter(None, [wording.say(pools["number"][:1], {"number": noticed.numbers[0]})]))
    if noticed.occasion == "short" and (word := _one_word(said)):
        return list(filter(None, [wording.say(pools["word"], {"word": word})]))
    if noticed.occasion:
        return list(filter(None, [wording.say(pools[noticed.occasion])]))
    if noticed.wants or noticed.asks:
        return list(filter(None, [wording.say(pools[noticed.wants or "self-question"])]))
    found = list(dict.fromkeys(filter(None, _reflections(noticed, wording, moment))))
    if noticed.is_joy:
        return list(
            filter(
                None, [wording.say(pools["joy"]), *(found[:1] if not moment and noticed.length < 14 else ())]
            )
        )
    if noticed.situation and not noticed.told and not noticed.is_loss:
        return list(filter(None, [wording.say(noticed.situation.statements)]))
    if noticed.is_hard and not noticed.told:
        return list(filter(None, [wording.say(pools["hard"])]))
    if not found and not moment and noticed.length >= _MANY_WORDS:
        return list(filter(None, [wording.say(pools["much"])]))
    return found[: 2 if noticed.length >= 12 and not moment else 1]


def _one_word(said: str) -> str:
    """The only word of a message that was written with care."""
    word = said.strip().rstrip(".!")
    return word if word.isalpha() and word.istitle() and said.strip() != word else ""


def _reflections(noticed: Noticed, wording: Wording, moment: str) -> Iterator[str]:
    """Sentences that say back what was said, the most telling first; none repeats the words of another."""
    pools = load_wordings()
    used = moment
    if noticed.contrast and moment not in noticed.contrast:
        left, right = noticed.contrast
        used += f" {left} {right}"
        if needs_quotes(used) or sounds_like_an_order(left):
            yield wording.say(pools["said"], {"echo": f"{left}, but {right}"})
        else:
            yield wording.say(pools["contrast"], {"left": left, "right": right})
    felt = next(iter(noticed.felt), None)
    ranked = sorted(
        [each for each in noticed.told if noticed.length < _MANY_WORDS or not _says_little(each, noticed)],
        key=lambda clause: (not _holds(clause, felt), is_of_somebody(clause), *_lightness(clause, noticed)),
    )
    best = [clause for clause in ranked if clause not in used and not (used and needs_quotes(clause))][:2]
    for clause in sorted(best, key=noticed.told.index):  # in the order it was told
        is_bare = bool(used) or " so " in clause or noticed.is_loss
        told = pools["told"][1:] if sounds_like_an_order(clause) else pools["told"][: 1 if is_bare else None]
        yield wording.say(pools["said"] if needs_quotes(clause) else told, {"echo": clause})
        used += f" {clause}"  # a second one is said plainly, without a frame
    if felt is not None and felt.word not in used:
        yield _say_feeling(felt, wording)
    for number in noticed.numbers if noticed.length < _MANY_WORDS else ():
        if number not in used:
            yield wording.say(pools["number"][: 1 if used else None], {"number": number})
    if noticed.length >= _MANY_WORDS or moment:
        return
    new = [topic.words for topic in _weighty(noticed) if topic.words.split()[-1] not in used]
    if new:
        yield wording.say(pools["topic"], {"topic": " and ".join(new[:2])})


def _says_little(clause: str, noticed: Noticed) -> bool:
    """Whether it is no more than half of a thought: of somebody who may not be known here, or "you know it's late"."""
    is_vague = is_of_somebody(clause) and not (clause.startswith(("he ", "she ")) and _knows_who(noticed))
    return is_vague or bool(_HALF_A_THOUGHT.match(clause))


def _weighty(noticed: Noticed) -> list[Topic]:
    """Topics that the message is about, and not only named in."""
    if noticed.length < _SOME_WORDS:
        return list(noticed.topics)
    most = {"things", "body", "places", "matters"} if noticed.length < _MANY_WORDS else None
    return [
        topic
        for topic in noticed.topics
        if (topic.kind.name in _LIVING and topic.is_own)
        or (most is not None and (topic.is_own or topic.kind.name not in most))
    ]


def _holds(clause: str, felt: Felt | None) -> bool:
    return felt is not None and felt.word in clause


def _lightness(clause: str, noticed: Noticed) -> tuple[int, int]:
    """Clauses that speak of a person or a thing come before others, longer ones before short ones."""
    return -sum(topic.words in clause for topic in noticed.topics), -min(len(clause), 60)


def _say_feeling(felt: Felt, wording: Wording) -> str:
    pool = load_wordings()["feeling" if felt.be else "feeling alone"]
    return wording.say(pool, {"be": felt.be, "word": f"{felt.degree} {felt.word}".strip()})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a practice an answer is given."""

    practice: Practice
    step: int
    said: Sequence[str]


def _question(noticed: Noticed, wording: Wording, place: _Place, moment: str) -> str:
    """The one question: taken from what was said, else the practice step's, else a general one; never for what was told."""
    practice, step, said = place.practice, place.step, place.said

    def say(lines: Sequence[str], slots: Mapping[str, str] | None = None) -> str:
        return wording.say([line for line in lines if not is_told(line, said)], slots or {})

    pools = load_wordings()
    if noticed.occasion and not (noticed.occasion in {"retraction", "put right"} and noticed.topics):
        pool = "word" if noticed.occasion == "short" and _one_word(said[-1]) else noticed.occasion
        asked = say(pools.get(f"{pool} asked", ()))
        if asked:
            return asked
    own = () if practice.is_over(step) else practice.steps[practice.step_index(step)].questions
    plain = [question for question in own if is_one_question(question)]
    linked = [question for question in own if "{topic}" in question and question.count("?") == 1]
    for topic in noticed.topics[:1]:
        asked = say(linked, {"topic": topic.words}) if linked else ""
        if asked:
            return asked
    if practice.name == FREE or practice.is_over(step):
        asked = next(filter(None, (say(*each) for each in _linked_questions(noticed, moment, said))), "")
        if asked:
            return asked
        plain = []  # the questions of a step know nothing of what was told
    asked = say(plain)
    if asked:
        return asked
    for pool in _fitting_pools(noticed):
        asked = say(pools[pool])
        if asked:
            return asked
    new = [
        line
        for line in pools["general asked"]
        if wording.is_new(line) and bool(_OF_THE_PAST.search(line)) <= noticed.has_happened
    ]
    if noticed.length < _MANY_WORDS:
        new = [line for line in new if not _OF_SEVERAL.search(line)]
    if noticed.has_happened:
        new = [line for line in new if not line.startswith("What is that like")]
    return say(new[:_FIRST_GENERAL]) or wording.say_any(pools["general asked"], pools["again asked"])


def _linked_questions(
    noticed: Noticed, moment: str, said: Sequence[str]
) -> Iterator[tuple[Sequence[str], dict[str, str]]]:
    """Questions that hold a word of the message, or that its kind calls for, with what to fill in."""
    pools = load_wordings()
    if noticed.wants == "advice" and noticed.is_to_be_said:
        for topic in noticed.topics[:1]:
            yield pools["telling asked"], {"topic": topic.words}
    if noticed.wants:
        yield pools[f"{noticed.wants} asked"], {}
    for felt in noticed.felt:
        yield felt.kind.questions, {"word": felt.word}
    if noticed.is_loss:
        yield pools["loss asked"], {}
    elif noticed.situation and not noticed.is_joy:
        yield noticed.situation.questions, {}
    if moment:
        yield pools["moment asked"], {"echo": moment}
    if noticed.is_hard:
        yield pools["hard asked"], {}
    if noticed.is_joy:
        yield pools["joy asked"], {}
    topics = _weighty(noticed)[:2]
    for topic in topics:
        if topic.kind.name in _LIVING:
            if noticed.is_of_then or topic.words.endswith("baby"):
                lines = pools["then asked"]
            elif topic.kind.name == "people" and noticed.length >= _MANY_WORDS:
                lines = pools["people asked"]
            else:
                lines = topic.kind.questions
            yield lines, {"topic": topic.words}
    if not noticed.contrast:
        yield _asked_before(said), {}
    for topic in topics:
        yield topic.kind.questions, {"topic": topic.words}


def _asked_before(said: Sequence[str]) -> Sequence[str]:
    """The questions of what they spoke of just before: what says little by itself belongs to it."""
    before = (notice(text) for text in reversed(said[-REACHES:-1]))
    return next((each.situation.questions for each in before if each.situation and not each.is_loss), ())


def _fitting_pools(noticed: Noticed) -> Iterator[str]:
    """Names of pools for what was noticed, the nearest first."""
    if noticed.contrast:
        yield "contrast asked"
    if noticed.wants or noticed.asks:
        yield "self-question asked"
    if noticed.wish:
        yield "wish asked"
    if noticed.duty:
        yield "duty asked"
    if noticed.length >= _MANY_WORDS:
        yield "long asked"
    if (
        noticed.has_happened
        and noticed.length < _SOME_WORDS
        and not (noticed.is_hard or noticed.felt or noticed.is_loss)
    ):
        yield "plain asked"
    if any(map(happened, noticed.told)):
        yield "happened asked"


def _close(practice: Practice, said: Sequence[str], noticed: Noticed, wording: Wording) -> str:
    """The end of a practice: what was told from first to last, the practice's closing, and a title to take or leave."""
    pools = load_wordings()
    topics = _first_and_last(said)
    parts = []
    if len(topics) > 1:
        parts.append(wording.say(pools["closing"], {"first": topics[0].words, "last": topics[1].words}))
    elif topics:
        parts.append(wording.say(pools["closing one"], {"first": topics[0].words}))
    elif noticed.told:
        parts.append(wording.say(pools["told"], {"echo": noticed.told[0]}))
    parts.append(_closing_of(practice))
    title = " and ".join(topic.own for topic in topics) or _short_words(said)
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
            if 2 <= len(text.split()) <= 6
            and text.isprintable()
            and not notice(text).occasion
            and _POINTS.isdisjoint(text.lower().split())
        ),
        "",
    )


def _first_and_last(said: Sequence[str]) -> list[Topic]:
    """What the talk began with and what it came to, of what is theirs or lives; one where that is the same."""
    found = []
    for text in said:
        topics = notice(text).topics
        found += [topic for topic in topics if topic.is_own or topic.kind.name in _LIVING][:1]
    return found[:1] + [topic for topic in found[-1:] if topic.words != found[0].words]
