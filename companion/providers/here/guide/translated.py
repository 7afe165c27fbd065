"""What the guide says in a language besides English. It understands less there: the kind of a short message, whom it is
about, and a plain sentence that can be turned. Messages in, an answer out. Pure, any thread.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from companion.practices import Practice, Wish, find_practice, steps_done, wish_in
from companion.providers.here.guide.danger import Pools, answer_to_danger
from companion.providers.here.guide.tongues import Tongue
from companion.providers.here.guide.wording import (
    SENTENCE_END,
    Wording,
    is_one_question,
    load_wordings,
    say_again,
    say_alone,
    say_only,
)

FREE = "open-reflection"
"""The practice whose questions follow what was said."""
LETS_GO = ("goodbye", "good night", "thanks")
NEVER_ASKED = frozenset({"no questions", "leave it", "pause", "lead in", "rambling", "complaint", "private"})
"""These are answered without a question."""
_BRIEF = frozenset({"short", "little", "flat", "well", "pause"})
"""A few words, which are a whole answer in a practice with steps of its own."""
CLOSES_WITHIN = 6
"""Answers after the last step in which a practice is closed; later, its closing may only not be sent along any more."""
REACHES = 3
"""For so many messages a word or two belong to what was told before them."""
WORD_OR_TWO = frozenset({"short", "little"})
_LONG_WORDS, _MANY_WORDS, _QUOTED_WORDS = 45, 25, 10
_QUIET_SHARE, _TURNED_SHARE, _QUOTED_SHARE = 0.25, 0.8, 0.4


@dataclass(frozen=True, slots=True)
class _Talk:
    tongue: Tongue
    said: Sequence[str]
    wording: Wording
    chance: random.Random
    pools: Pools
    practice: Practice
    step: int

    @property
    def is_free(self) -> bool:
        return self.practice.name == FREE

    @property
    def is_over(self) -> bool:
        return self.practice.is_over(self.step)


def answer_in(
    tongue: Tongue, said: Sequence[str], wording: Wording, practice_name: str, chance: random.Random
) -> str:
    """The answer to the last of `said`, the person's messages, in their language."""
    kind, pools = tongue.kind_of(said[-1]), load_wordings(tongue.code)
    in_danger = answer_to_danger(said, wording, pools, lets_go=kind in LETS_GO)
    if in_danger:
        return in_danger
    if kind in LETS_GO:
        return say_alone(kind, wording, pools)
    if kind == "private":
        return " ".join(filter(wording.is_new, pools[kind])) or say_alone("open", wording, pools)
    practice = find_practice(practice_name, code=tongue.code)
    step = steps_done(said) - 1
    if not practice_name:  # a question from a program: no practice, so none that ends
        step = min(step, len(practice.steps) - 1)
    talk = _Talk(tongue, said, wording, chance, pools, practice, step)
    if kind in _BRIEF and not talk.is_free and not talk.is_over:
        kind = ""
    if kind in NEVER_ASKED:
        return say_only(kind, wording, pools)
    if kind == "repeat":
        return say_again(wording, pools)
    return _answer_told(talk, kind)


def _answer_told(talk: _Talk, kind: str) -> str:
    """The answer to what was told, in the practice or freely."""
    pools, wording, text = talk.pools, talk.wording, talk.said[-1]
    length = len(text.split())
    if _closes(talk, kind):
        return _close(talk)
    if not kind and text.rstrip().endswith("?") and len(SENTENCE_END.split(text.strip())) == 1:
        kind = "self-question"
    elif not kind and talk.is_free and length <= 2 and not talk.tongue.topic_in(text):
        kind = "short"
    if kind in WORD_OR_TWO and talk.is_free and any(map(talk.tongue.is_heavy, talk.said[-1 - REACHES : -1])):
        kind = "hard little"
    is_heavy = not kind and talk.tongue.is_heavy(text)
    statements = [*_statements(talk, kind)]
    if talk.is_over and not talk.is_free and not kind and not is_heavy:
        return " ".join([*statements[:1], wording.say_any(pools["after"], pools["again"])])
    if is_heavy:
        statements.append(wording.say_any(pools["loss"], pools["again"]))
    goes_on = not talk.is_free and not talk.is_over
    is_enough = is_heavy or (not kind and (length >= _LONG_WORDS or talk.chance.random() < _QUIET_SHARE))
    is_said_back = any(line not in pools["heard"] for line in statements)
    if _wants_no_questions(talk) or (is_enough and is_said_back and not goes_on):
        more = "" if is_heavy else wording.say_any(pools["room" if statements else "open"], pools["again"])
        return " ".join(filter(None, [*statements, more]))
    if talk.practice.pace == "slow" and not talk.is_free and not statements:
        statements = [wording.say_any(pools["slow"], pools["again"])]
    return " ".join([*statements, _question(talk, kind)])


def _statements(talk: _Talk, kind: str) -> list[str]:
    """What was said, said back; where that is not sure, that it was heard."""
    pools, wording, text = talk.pools, talk.wording, talk.said[-1]
    if kind == "identity":
        return list(filter(wording.is_new, pools[kind]))[:2] or [
            wording.say_any(pools["open"], pools["again"])
        ]
    if kind == "help":
        return list(filter(wording.is_new, pools[kind]))[:2]
    if kind:
        return list(filter(None, [wording.say(pools[kind])]))
    length = len(text.split())
    turned = talk.tongue.turn(text)
    if (
        turned
        and talk.chance.random() < _TURNED_SHARE
        and (told := wording.say(pools["told"], {"echo": turned}))
    ):
        return [told]
    if length >= _MANY_WORDS and (much := wording.say(pools["much"])):
        return [much]
    topic = talk.tongue.topic_in(text)
    if topic and (about := wording.say(pools["topic"], {"topic": topic})):
        return [about]
    quote = text.strip().rstrip(".!। ")
    if (
        3 <= length <= _QUOTED_WORDS
        and not set('?"“”„\n') & set(quote)
        and len(SENTENCE_END.split(quote)) == 1
        and talk.chance.random() < _QUOTED_SHARE
        and (said := wording.say(pools["said"], {"quote": quote}))
    ):
        return [said]
    return list(filter(None, [wording.say(pools["heard"])]))


def _question(talk: _Talk, kind: str) -> str:
    """The one question: by the kind of the message, else the step's, else about whom they name, else a general one."""
    pools, wording, text = talk.pools, talk.wording, talk.said[-1]
    topic = talk.tongue.topic_in(text)
    pool = pools.get(f"{kind} asked", ()) if kind else ()
    own: list[str] = []
    if not talk.is_free and not talk.is_over:
        questions = talk.practice.steps[talk.practice.step_index(talk.step)].questions
        own = [
            question.replace("{topic}", topic) for question in questions if topic or "{topic}" not in question
        ]
    asked = wording.say(pool) or wording.say(list(filter(is_one_question, own)))
    if not asked and not kind and topic:
        asked = wording.say(pools["topic asked"], {"topic": topic})
    if not asked and len(text.split()) >= _MANY_WORDS:
        asked = wording.say(pools["long asked"])
    general = pools["general asked"]
    new = list(filter(wording.is_new, general))
    return asked or wording.say(new[:3]) or wording.say_any(general, pools["again asked"])


def _wants_no_questions(talk: _Talk) -> bool:
    """They asked for none, and for no other one since."""
    wants = False
    for text in talk.said:
        wants = (wants or talk.tongue.kind_of(text) == "no questions") and wish_in(text) is not Wish.ANOTHER
    return wants


def _closes(talk: _Talk, kind: str) -> bool:
    steps = len(talk.practice.steps)
    return (
        talk.is_over
        and not talk.is_free
        and talk.step < steps + CLOSES_WITHIN
        and kind in (*_BRIEF, "", "unsure", "skip")
        and talk.wording.is_new(SENTENCE_END.split(_closing_of(talk))[0])
    )


def _close(talk: _Talk) -> str:
    """The end of a practice: what was said last, its closing, and a title to take or leave."""
    title = next(filter(None, map(_title_in, talk.said)), "")
    parts = [
        *_statements(talk, "")[:1],
        _closing_of(talk),
        talk.wording.say(talk.pools["title"], {"title": f"{title[:1].upper()}{title[1:]}"}) if title else "",
    ]
    return " ".join(filter(None, parts))


def _closing_of(talk: _Talk) -> str:
    return talk.practice.closing or talk.pools["closed"][0]


def _title_in(text: str) -> str:
    """A message that is short enough to be a title."""
    plain = text.strip().rstrip(".!,;। ")
    is_plain = plain.isprintable() and not set('.?!:"“„”') & set(plain) and not wish_in(text)
    return plain if is_plain and 2 <= len(plain.split()) <= 6 else ""
