"""The offline guide: answers from written rules, on this computer, without any model. Request in, words streamed out.

It holds up what was said (`noticing`), follows the chosen practice and asks one open question. What it has said before it
reads from the request's own messages, so it keeps no state, never repeats a sentence within a session, and the same
messages give the same answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from companion.flow import ChatDelta, ChatRequest, Role, Speaker
from companion.paths import resources
from companion.practices import find_practice
from companion.providers.provider import AIProvider, Spec

if TYPE_CHECKING:
    from companion.providers.here.guide.noticing import Felt, Noticed

SPEC = Spec(
    name="guide",
    display_name="Offline guide",
    roles=frozenset({Role.THINKS}),
    aliases=("offline",),
    default_models={Role.THINKS: "guide"},
    summary="Written rules on this computer that reflect back and ask; no AI model, and nothing leaves this computer.",
)
_CANNOT = ("tools", "schema", "images", "sounds")
_NO_USE_FOR = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
    "reasoning_effort",
)
_NO_SLOTS: Mapping[str, str] = MappingProxyType({})
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SLOT = re.compile(r"\{(\w+)\}")
_EMERGENCY_ECHO = 3
"""For so many messages after an emergency was spoken of, the guide keeps pointing to people."""


class Guide(AIProvider):
    """Thinks by rules. Needs no key, no network, no model."""

    spec = SPEC

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        import asyncio  # the window asks this file who the guide is before it has a loop

        notices = _require_a_plain_question(request)
        answer = write_answer(request)
        for word in re.findall(r"\S+\s*", answer):
            yield ChatDelta(text=word)
            await asyncio.sleep(0)
        yield ChatDelta(finish_reason="stop", model="guide", notices=notices)

    async def warm(self) -> None:
        from companion.providers.here.guide.noticing import load_lexicon

        load_lexicon()
        load_wordings()


PROVIDER = Guide


def _require_a_plain_question(request: ChatRequest) -> tuple[str, ...]:
    """Notices of the numbers that mean nothing to rules.

    Raises:
        AIProviderNotSupportedError: tools, a form, pictures or sound are asked for.
    """
    from companion.calls import JsonSchema
    from companion.providers.fitting import left_out, notice, require_abilities

    form = JsonSchema(schema={}) if request.json else None
    require_abilities(replace(request, schema=request.schema or form), SPEC, None, _CANNOT)
    return tuple(notice(SPEC.display_name, name) for name in left_out(request, None, _NO_USE_FOR))


def write_answer(request: ChatRequest) -> str:
    """Two to four sentences, the last of them the only question."""
    from hashlib import blake2b

    from companion.providers.here.guide.noticing import find_emergency, notice

    said_by_user = [message.content for message in request.messages if message.role is Speaker.USER] or [""]
    answers = [message.content for message in request.messages if message.role is Speaker.ASSISTANT]
    seed = "\x1f".join([request.practice, *said_by_user, *answers]).encode("utf-8", "replace")
    wording = Wording(answers, random.Random(int.from_bytes(blake2b(seed, digest_size=8).digest(), "big")))
    noticed = notice(said_by_user[-1])
    if noticed.occasion in {"crisis", "danger"}:
        return _answer_emergency(noticed.occasion, wording)
    if any(map(find_emergency, said_by_user[-1 - _EMERGENCY_ECHO : -1])):
        return _answer_after_emergency(wording)
    statements = _statements(noticed, wording)
    return " ".join([*statements, _question(noticed, wording, request.practice, len(said_by_user) - 1)])


class Wording:
    """Chooses sentences nobody has heard in this session.

    Args:
        answers: what the guide said so far; the last sentence of each may be cut.
        chance: decides among equals.
    """

    def __init__(self, answers: Sequence[str], chance: random.Random) -> None:
        sentences = [
            sentence for answer in answers for sentence in _SENTENCE_END.split(answer.strip()) if sentence
        ]
        self._said = {_bare(sentence) for sentence in sentences}
        self._sentences = sentences
        self._cut = tuple(
            _bare(answer.strip())
            for answer in map(_last_sentence, answers)
            if answer and answer[-1] not in ".!?"
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


@lru_cache(maxsize=1)
def load_wordings() -> Mapping[str, tuple[str, ...]]:
    """Occasion -> the sentences for it."""
    from companion.providers.here.guide.noticing import read_sections

    sections = read_sections(resources() / "guide" / "wordings.md")
    return {
        title: tuple(line[1:].strip() for line in lines if line.startswith("-")) for title, lines in sections
    }


def _statements(noticed: Noticed, wording: Wording) -> list[str]:
    """One or two sentences about what was said; a general one where there is nothing to hold up."""
    pools = load_wordings()
    if noticed.occasion == "identity":
        chosen = list(filter(wording.is_new, pools["identity"]))[
            :2
        ]  # in the order they are written, the plainest first
    elif noticed.occasion:
        chosen = [wording.say(pools[noticed.occasion])]
    else:
        chosen = [
            next(filter(None, _echoes(noticed, wording)), ""),
            next(filter(None, _findings(noticed, wording)), ""),
        ]
    found = list(dict.fromkeys(filter(None, chosen)))
    return found or [wording.say_any(pools["general"], pools["again"])]


def _echoes(noticed: Noticed, wording: Wording) -> Iterator[str]:
    """Sentences that turn a clause back to the person, the most telling first."""
    pools = load_wordings()
    if noticed.contrast:
        left, right = noticed.contrast
        yield wording.say(pools["contrast"], {"left": left, "right": right})
    if noticed.wish:
        yield wording.say(pools["wish"], {"wish": noticed.wish})
    if noticed.duty:
        yield wording.say(pools["duty"], {"duty": noticed.duty})
    for clause in sorted(noticed.told, key=len, reverse=True):
        yield wording.say(pools["told"], {"echo": clause})
    if noticed.has_but:
        yield wording.say(pools["but"])


def _findings(noticed: Noticed, wording: Wording) -> Iterator[str]:
    """Sentences that name a feeling, a theme or a word."""
    pools = load_wordings()
    own = [felt for felt in noticed.felt if felt.is_own and not felt.is_negated]
    if len(own) > 1:
        yield wording.say(
            pools["two feelings"], {"feeling": own[0].subject.name, "other": own[1].subject.name}
        )
    for felt in sorted(noticed.felt, key=lambda each: not each.is_own):
        yield wording.say(
            pools[_feeling_pool(felt)],
            {"feeling": felt.subject.name, "word": felt.word, "degree": felt.degree},
        )
    if noticed.repeated:
        yield wording.say(pools["repeated"], {"word": noticed.repeated})
    if noticed.asks:
        yield wording.say(pools["self-question"])
    for theme in noticed.themes:
        yield wording.say(pools["theme"], {"theme": theme.name})
    if noticed.says_always:
        yield wording.say(pools["always"])
    if noticed.looks:
        yield wording.say(pools[noticed.looks])


def _feeling_pool(felt: Felt) -> str:
    if not felt.is_own:
        return "mentioned feeling"
    if felt.is_negated:
        return "absent feeling"
    if felt.is_slight:
        return "slight feeling"
    return "strong feeling" if felt.degree else "feeling"


def _question(noticed: Noticed, wording: Wording, practice: str, turns_before: int) -> str:
    """The one question: the occasion's, the practice step's, one about what was noticed, or a general one."""
    pools = load_wordings()
    if noticed.occasion:
        asked = wording.say(pools.get(f"{noticed.occasion} asked", ()))
        if asked:
            return asked
    steps = find_practice(practice).steps
    if turns_before < len(steps):
        asked = wording.say(
            [question for question in steps[turns_before].questions if _is_one_question(question)]
        )
        if asked:
            return asked
    for pool in _fitting_questions(noticed):
        asked = wording.say(pool)
        if asked:
            return asked
    return wording.say_any(pools["general asked"], pools["again asked"])


def _fitting_questions(noticed: Noticed) -> Iterator[Sequence[str]]:
    """Pools of questions for what was noticed, the nearest first."""
    pools = load_wordings()
    if noticed.has_but:
        yield pools["contrast asked"]
    for felt in noticed.felt:
        if felt.is_own and not felt.is_negated:
            yield felt.subject.questions
    if noticed.asks:
        yield pools["self-question asked"]
    if noticed.wish:
        yield pools["wish asked"]
    if noticed.duty:
        yield pools["duty asked"]
    for theme in noticed.themes:
        yield theme.questions
    if noticed.repeated:
        yield pools["repeated asked"]
    if noticed.says_always:
        yield pools["always asked"]
    if noticed.looks:
        yield pools[f"{noticed.looks} asked"]


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
    statement = wording.say(pools["emergency after"]) or wording.say_any(pools["general"], pools["again"])
    return f"{statement} {wording.say_any(pools['emergency asked'], pools['again asked'])}"


def _is_one_question(text: str) -> bool:
    """Whether a practice's question, which a person may have written, is fit to end an answer."""
    return text.endswith("?") and text.count("?") == 1 and "{" not in text and not _SENTENCE_END.search(text)


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
    return _SENTENCE_END.split(answer.strip())[-1]
