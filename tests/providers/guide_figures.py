"""How the offline guide answers the messages of `tests/data/guide/messages.txt`, in figures.

    python -m tests.providers.guide_figures            both parts
    python -m tests.providers.guide_figures --show     every fault of the part that may be looked at

A third of the messages is kept apart: no rule was written from it, and of its failures only totals are printed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from companion.flow import ChatRequest, Message, Speaker
from companion.practices import load_practices
from companion.providers.here.guide.lexicon import load_lexicon
from companion.providers.here.guide.provider import write_answer
from companion.providers.here.guide.wording import load_wordings

MESSAGES = Path(__file__).parent.parent / "data" / "guide" / "messages.txt"
LETS_GO = ("farewell", "thanks")


@dataclass(frozen=True, slots=True)
class Case:
    """A message, with what would fit and what not."""

    kind: str
    said: str
    fit: str
    unfit: tuple[str, ...]
    is_apart: bool


def read_cases() -> list[Case]:
    lines = [line for line in MESSAGES.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [_case(line) for line in lines]


def _case(line: str) -> Case:
    kind, said, fit, unfit = (part.strip() for part in line.lstrip("* ").split("|"))
    return Case(kind, said, fit, tuple(filter(None, map(str.strip, unfit.split(";")))), line.startswith("*"))


def answer(*said: str, practice: str = "open-reflection") -> str:
    """The guide's answer to the last of `said`, after it answered the others."""
    return talk(*said, practice=practice)[-1]


def talk(*said: str, practice: str = "open-reflection") -> list[str]:
    messages = [Message(Speaker.SYSTEM, "unused")]
    answers = []
    for text in said:
        messages.append(Message(Speaker.USER, text))
        answers.append(write_answer(ChatRequest(messages=tuple(messages), practice=practice)))
        messages.append(Message(Speaker.ASSISTANT, answers[-1]))
    return answers


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text.strip())


# -- what is wrong with a sentence, found by machine ----------------------------------------------------------

_FAULTS = {
    "agreement": re.compile(
        r"\b(?:you|we|they|people|children|kids|parents|friends|hands|knees) (?:is|was|has|does|am|isn't|"
        r"wasn't|hasn't|doesn't)\b"
        r"|(?<!if )(?<!did )(?<!does )(?<!could )(?<!would )\b(?:he|she|it) (?:are|were|have|am|don't|aren't|do(?! you))\b"
        r"|\byour \w+ (?:am)\b|\byou \w+s me\b"
    ),
    "pronoun": re.compile(r"\b(?:i|me|my|mine|myself|i'm|i've|i'd|i'll|we're|our|ours|us)\b"),
    "doubled word": re.compile(r"\b(\w+) \1\b"),
    "dangling end": re.compile(
        r"\b(?:the|a|an|and|or|but|because|of|to|from|my|your|his|their|who|which|i|is|are|was|were)[.?]$"
    ),
    "number dropped": re.compile(
        r"\b(?:slept|waited|walked|for|have|owe|answered|of|turned) (?:years|hours|kilometres|pounds|"
        r"dollars|emails|jobs|kids|minutes|days|months)\b"
    ),
    "slot left": re.compile(r"[{}<>]|\bnone\b"),
    "two marks": re.compile(r"[.?!,]{2,}|\s[.?!,]|,[^\s\d]"),
}
_QUOTED = re.compile("“[^”]*”")
_FEELINGS = re.compile(
    r"\b(?:sad\w*|lonel\w*|angr\w*|anger|calm\w*|fear\w*|afraid|scared|anxi\w*|worr\w*|happ(?:y|iness)|glad\w*|grie\w*|guilt\w*|asham\w*|shame"
    r"|jealous\w*|env\w+|proud|pride|hopeless\w*|frustrat\w*|overwhelm\w*|exhaust\w*|tired\w*|numb\w*|hurt|relie\w*|embarrass\w*|nervous\w*"
    r"|excite\w*|grateful\w*|gratitude|depress\w*|despair\w*|upset|stressed|homesick\w*|nostalg\w*|longing)\b"
)
_LINKS_NOTHING = (
    "you your yours yourself that this what with for have has had are were was the and but not from about "
    "when where which would like more most first just now say said tell speak mention moment stay time "
    "some does did will can could should who how why there here they them their she her his him its it's "
    "one than then into out all any been being feel think know want need come came comes goes going"
)
_STOP = frozenset(_LINKS_NOTHING.split())


def language_faults(reply: str, said: str) -> Iterator[str]:
    """Names of what is wrong with the English of `reply`."""
    told = _numbers(said)
    for sentence in sentences(_QUOTED.sub("", reply)):
        lower = sentence.lower()
        yield from (f"{name}: {sentence}" for name, fault in _FAULTS.items() if fault.search(lower))
        if not (sentence[:1].isupper() or sentence[:1].isdigit()) or sentence[-1] not in ".?!":
            yield f"form: {sentence}"
        for number, counted in told.items():
            if (
                re.search(rf"(?<![\w'])(?<!{re.escape(number)} ){re.escape(counted)}\b", lower)
                and number not in lower
            ):
                yield f"number dropped: {sentence}"
        yield from (
            f"non-word {word}: {sentence}"
            for word in re.findall(r"[a-z]+(?:'[a-z]+)?", lower)
            if not (english_words() & {word, word.removesuffix("'s")} or _is_name(word, said))
        )


def _is_name(word: str, said: str) -> bool:
    return f" {word.capitalize()}" in f" {said}"


def _numbers(said: str) -> dict[str, str]:
    return dict(re.findall(r"(\d[\d,.:]*)\s+([a-z]+s)\b", said.lower()))


@lru_cache(maxsize=1)
def english_words() -> frozenset[str]:
    """Of the recogniser's dictionary and of the guide's own sentences."""
    import pocketsphinx

    path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    spoken = {line.split()[0] for line in path.read_text("utf-8").splitlines() if line[:1].isalpha()}
    own = " ".join(line for pool in load_wordings().values() for line in pool)
    own += " ".join(q for each in (*load_lexicon().topics, *load_lexicon().feelings) for q in each.questions)
    own += " ".join(q for practice in load_practices() for step in practice.steps for q in step.questions)
    return frozenset(spoken | set(re.findall(r"[a-z']+", own.lower())) | load_lexicon().known)


def wrong_feelings(reply: str, said: str) -> list[str]:
    """Feelings in the reply that the person did not name."""
    named = {word[:4] for word in _FEELINGS.findall(said.lower())}
    return [word for word in _FEELINGS.findall(reply.lower()) if word[:4] not in named]


def unfit(reply: str, case: Case) -> list[str]:
    """What the case calls unfit; a term with a capital is looked for as it is written."""
    return [term for term in case.unfit if _holds(term, reply)]


def _holds(term: str, reply: str) -> bool:
    text, wanted = (reply, term) if term[0].isupper() else (reply.lower(), term.lower())
    return bool(re.search(rf"(?<![\w']){re.escape(wanted)}", text))


def content(text: str) -> frozenset[str]:
    words = re.findall(r"\d[\d.,:]*\d|\d|[a-z]+(?:'[a-z]+)?", text.lower().replace("’", "'"))
    return frozenset(
        word[:6].rstrip("s") for word in words if word[0].isdigit() or (len(word) > 2 and word not in _STOP)
    )


@dataclass(slots=True)
class Figures:
    """Totals over a part of the messages. The foreign greetings are not English, and count only as replies."""

    replies: int = 0
    with_question: int = 0
    many_questions: int = 0
    linked: int = 0
    reflections: int = 0
    language_faults: int = 0
    wrong_feelings: int = 0
    unfit: int = 0
    held_up: int = 0
    to_hold_up: int = 0
    leave_with_question: int = 0

    @property
    def shares(self) -> dict[str, float]:
        return {
            "replies with a question": self.with_question / self.replies,
            "questions linked to the message": self.linked / self.with_question,
            "reflections per question": self.reflections / self.with_question,
            "what should be held up is": self.held_up / max(1, self.to_hold_up),
        }


def measure(cases: Sequence[Case], show: bool = False) -> Figures:
    figures = Figures()
    for case in cases:
        reply = answer(case.said)
        figures.replies += 1
        questions = reply.count("?")
        figures.with_question += questions > 0
        figures.many_questions += questions > 1
        figures.leave_with_question += questions > 0 and case.kind in LETS_GO
        found = unfit(reply, case)
        figures.unfit += bool(found)
        faults = []
        if case.kind != "language":
            faults = list(language_faults(reply, case.said))
            feelings = wrong_feelings(reply, case.said)
            figures.language_faults += len(faults)
            figures.wrong_feelings += len(feelings)
            for sentence in sentences(reply):
                shares = bool(content(sentence) & content(case.said))
                figures.linked += shares and sentence.endswith("?")
                figures.reflections += shares and not sentence.endswith("?")
            faults += feelings
            if case.fit:
                figures.to_hold_up += 1
                figures.held_up += case.fit.lower() in reply.lower()
        if show and (faults or found):
            print(f"{case.said}\n   {reply}\n   {faults} {found}")
    return figures


def main(show: bool) -> None:
    cases = read_cases()
    for title, is_apart in (("the rules' own two thirds", False), ("kept apart", True)):
        figures = measure([case for case in cases if case.is_apart is is_apart], show and not is_apart)
        print(f"{title}: {figures.replies} messages")
        for name, share in figures.shares.items():
            print(f"   {name:36} {share:6.2f}")
        for name in ("many_questions", "language_faults", "wrong_feelings", "unfit", "leave_with_question"):
            print(f"   {name.replace('_', ' '):36} {getattr(figures, name):6d}")


if __name__ == "__main__":
    main("--show" in sys.argv)
