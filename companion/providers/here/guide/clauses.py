"""What somebody said, cut into clauses: text in, `Clause` values out. Plain rules, pure, any thread.

Recognised speech has no full stops, starts anew in the middle, and tells what others said. A clause says of itself whether
the person stated it (`is_told`): only then may it be turned back to them. When in doubt it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from companion.providers.here.guide.lexicon import Lexicon

_TOKEN = re.compile(
    r"[£$€]?\d+(?:[.,:]\d+)*(?:%|[ap]m\b|st\b|nd\b|rd\b|th\b)?|[^\W\d_]+(?:['-][^\W\d_]+)*|[,:;()\n–—]|"
    r"[.!?…]+|[^\s\w]|\w+"
)
_ENDS = re.compile(r"[.!?…\n]+")
_PAUSES = frozenset({",", ";", ":", "–", "—", "(", ")"})
WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
NUMBER = re.compile(r"[£$€]?\d+(?:[.,:]\d+)*(?:%|[ap]m|st|nd|rd|th)?")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


SUBJECTS = _set("i i'm i've i'd i'll we we're we've we'd we'll he she they he's she's they're they've")
_MORE_SUBJECTS = SUBJECTS | _set("it it's there there's")
OWNERS = _set("my our")
_NAMES = _set("my our the his her their")
"""A clause may begin with one of these and a noun."""
_BEFORE_A_NOUN = _set(
    "over under behind across near through past around against towards toward beside above below until till "
    "during like "
    "along off up down out inside outside that than"
)
_FILLERS = _set("um uh er erm hm hmm mhm uhm ehm haha hahaha lol")
OPENERS = _set(
    "and so well yeah yes no ok okay oh like just actually basically then anyway maybe today honestly "
    "right but also because "
    "although though cause cos now sometimes lately recently yesterday tomorrow tonight"
)
_STATED = _set("and but because although though so then cause cos yet or")
"""After these a clause still states something."""
_UNSTATED = _set(
    "if when whenever while unless until till before after since once as that what how where who which "
    "whether than whatever "
    "why every"
)
_OPENS_A_CONDITION = _set("if when whenever unless every")
_TAKES_A_CLAUSE = _UNSTATED | _set(
    "think thought thinks know knew knows feel felt guess believe believed hope hoped wish wished wonder "
    "suppose said realise "
    "realised realize realized understand see saw mean like sure afraid glad sorry happy because "
    "although though and but so or then "
    "all thing things way time day moment reason everything person people place one much more pretend pretended pretends "
    "imagine imagined dream dreamed dreamt decide decided promise promised notice noticed wondered heard remember "
    "remembered forgot worried scared proud surprised relieved grateful doubt suppose reckon bet told whom whose"
)
_REPORTS = re.compile(
    r"\b(?:said|say|says|saying|told|tell|tells|telling|asked|asks|replied|wrote|writes|texted|texts|shouted|"
    r"yelled|screamed|"
    r"insists|claims|goes|according to|thinks|reckons|believes|(?:was|were|is|are|be) like|keeps? telling|"
    r"used to say)\b"
)
_OWN_REPORT = re.compile(
    r"\bi(?: \w+n't| \w+ly| just| have| never| also| still)? (?:told|tell|asked|wrote|say|said|texted)\b"
)
_REPAIR = re.compile(
    r"(?:, (?:no|sorry|wait|no wait|or rather|i mean|well actually|actually)(?=[ ,]|$)|(?<=\S) (?:i mean|"
    r"i meant|or rather|scratch that|no wait|"
    r"no sorry|well actually)(?=[ ,]|$))"
)
_TAKEN_BACK = re.compile(r"(?:scratch that|no|no wait|i mean|i meant|correction|wait)\b")


_RELATIVE = _set("whose which whom")
_MAY_BE = _set("would wouldn't could couldn't can can't will won't might i'd he'd she'd they'd we'd")
_GOES_ON = re.compile(
    r"(?:but|so|and then|and now|and so|then|now|but then|so then|and just|so now|and anyway) (?:i|we|i'm|"
    r"i've|we're|we've)\b"
    r"|and (?:i|we) (?:just|said|told|thought|felt|stood|sat|went|drove|walked|ran|cried|laughed|put|took|made)\b"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of words without its pauses."""

    words: tuple[str, ...]
    is_told: bool
    """The person states it of the world, in their own name."""
    is_reported: bool = False
    is_taken_back: bool = False
    """Put right afterwards, as in "on Monday, no, on Tuesday"."""

    @property
    def lower(self) -> tuple[str, ...]:
        return tuple(word.lower() for word in self.words)


def is_rough(text: str) -> bool:
    """Whether `text` looks like a rough recogniser's: a request carries no confidence, so its form has to tell."""
    return not (re.search(r"[.!?,]", text) and re.search(r"\b[A-Z]", text))


def cut_clauses(text: str, lexicon: Lexicon) -> list[Clause]:
    """All clauses in the order they were said."""
    clauses: list[Clause] = []
    for sentence, is_question in _sentences(text):
        plain = _plain(sentence)
        if clauses and _TAKEN_BACK.match(plain) and len(sentence) <= 8:
            clauses[-1] = replace(clauses[-1], is_told=False, is_taken_back=True)
        found = list(_cut_sentence(sentence, lexicon))
        clauses += [replace(clause, is_told=False) for clause in found] if is_question else found
    return clauses


def _sentences(text: str) -> Iterator[tuple[list[str], bool]]:
    """Tokens of each sentence, and whether it is a question."""
    text = re.sub(r"[“”«»„]", '"', text.replace("’", "'"))
    sentence: list[str] = []
    for token in (*_TOKEN.findall(text), "."):
        if not _ENDS.fullmatch(token):
            sentence.append(token)
        elif sentence:
            yield sentence, "?" in token
            sentence = []


def _plain(tokens: Sequence[str]) -> str:
    return " ".join(tokens).lower().replace(" ,", ",")


def _cut_sentence(tokens: Sequence[str], lexicon: Lexicon) -> Iterator[Clause]:
    tokens = _without_stumbling(tokens)
    parts = _split_repairs(tokens)
    for n, part in enumerate(parts):
        clauses = list(_cut_part(part, lexicon))
        for at, clause in enumerate(clauses):
            is_mended = n < len(parts) - 1 and at == len(clauses) - 1
            mends = n > 0 and at == 0
            yield replace(
                clause, is_told=clause.is_told and not (is_mended or mends), is_taken_back=is_mended
            )


def _without_stumbling(tokens: Sequence[str]) -> list[str]:
    """Without fillers, and without the first of "I I", "my my mum" and "i have to i need to"."""
    kept: list[str] = []
    for token in tokens:
        if token.lower() in _FILLERS or (kept and token == "," == kept[-1]):
            continue
        if (
            kept
            and WORD.fullmatch(token)
            and kept[-1].lower() == token.lower()
            and token.lower() not in {"had", "very", "so", "really"}
        ):
            continue
        kept.append(token)
    text = re.sub(
        r",? ?\byou know\b,?(?! (?:what|how|that|when|me|my|who|the|i|it))",
        " ",
        " ".join(kept),
        flags=re.IGNORECASE,
    )
    return text.split()


def _split_repairs(tokens: Sequence[str]) -> list[list[str]]:
    """The sentence at each "I mean" or ", no,"; one part where nothing was put right."""
    text = " ".join(tokens).replace(" ,", ",")
    parts = re.split(_REPAIR.pattern, text, flags=re.IGNORECASE)
    return [_TOKEN.findall(part) for part in parts if part.strip(" ,")]


def _cut_part(tokens: Sequence[str], lexicon: Lexicon) -> Iterator[Clause]:
    is_reported = has_condition = '"' in tokens
    for words, is_fragment in _pieces(tokens, lexicon):
        lower = [word.lower() for word in words]
        first = next((word for word in lower if word not in OPENERS or word in _UNSTATED), "")
        plain = " ".join(lower)
        if _GOES_ON.match(plain):  # "but i": what they said is over, the person speaks again
            is_reported = has_condition = False
        reports = bool(_REPORTS.search(plain))
        is_own = bool(_OWN_REPORT.search(plain)) and not is_reported
        is_purpose = lower[0] == "so" and not _MAY_BE.isdisjoint(lower[1:4])  # "so I wouldn't see it"
        is_told = not (
            is_purpose
            or is_reported
            or has_condition
            or first in _UNSTATED
            or is_fragment
            or (reports and not is_own)
        )
        yield Clause(tuple(words), is_told, is_reported=is_reported or (reports and not is_own))
        is_reported = is_reported or reports
        has_condition = has_condition or first in _OPENS_A_CONDITION or is_fragment


def _pieces(tokens: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[list[str], bool]]:
    """Stretches between pauses and beginnings of clauses; and whether one hangs on a piece without a verb."""
    piece: list[str] = []
    hangs = False
    for n, token in enumerate(tokens):
        word = token.lower()
        rest = [each.lower() for each in tokens[n + 1 : n + 4]]
        if word == "and" and _is_pair([each.lower() for each in piece], rest):
            piece.append(token)
            continue
        begins = (
            token in _PAUSES
            or (word in _STATED - {"so", "or", "then", "yet"} and _begins_clause(rest, lexicon))
            or word in {"but", "because", "although", "though"}
            or (word == "and" and rest[:1] and rest[0] in _OPENS_A_CONDITION)
            or (word in {"so", "then"} and bool(rest) and rest[0] in SUBJECTS)
        )
        if begins:
            if piece:
                yield piece, hangs
            piece, hangs = ([] if token in _PAUSES else [token]), False
        elif (
            piece
            and _begins_clause([word, *rest], lexicon)
            and _may_end(piece, word, lexicon)
            and "and" not in piece[-1:]
        ):
            yield piece, hangs
            hangs = not _has_verb(piece, lexicon)
            piece = [token]
        else:
            piece.append(token)
    if piece:
        yield piece, hangs


def _is_pair(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether this "and" stands within "my wife and I" or "me and my cousin"."""
    names = [word for word in before if word not in OPENERS]
    return (len(names) in {2, 3} and names[0] in OWNERS and after[:1] in (["i"], ["me"])) or names in (
        ["me"],
        ["i"],
    )


def _begins_clause(words: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether a subject stands here with its verb."""
    if not words:
        return False
    if words[0] in SUBJECTS | {"it's", "there's"}:
        return True
    if words[0] in {"it", "there"}:
        return len(words) > 1 and words[1] in lexicon.thirds
    return (
        words[0] in _NAMES
        and len(words) > 2
        and words[1] in lexicon.nouns
        and (is_verb(words[2], lexicon) or (words[2] == "and" and words[0] in OWNERS))
    )


def _may_end(piece: Sequence[str], following: str, lexicon: Lexicon) -> bool:
    """Whether a clause may be over here, so that `following` begins a new one without a mark."""
    last_word = piece[-1].lower()
    if following in _NAMES and last_word not in lexicon.nouns and is_verb(last_word, lexicon):
        return False  # "I miss my sister": what follows is what the verb is about
    if following in _NAMES and last_word in _BEFORE_A_NOUN:
        return False
    if last_word == "out" and piece[-2:][0].lower() in {"find", "found", "finds", "finding"}:
        return False
    if not _RELATIVE.isdisjoint(word.lower() for word in piece[-3:]):
        return False  # "a woman whose work I love"
    last = [word.lower() for word in piece if word.lower() not in OPENERS]
    return bool(last) and piece[-1].lower() not in _TAKES_A_CLAUSE | lexicon.endings | OWNERS


def _has_verb(piece: Sequence[str], lexicon: Lexicon) -> bool:
    lower = [word.lower() for word in piece]
    subjects = [n for n, word in enumerate(lower) if word in _MORE_SUBJECTS]
    if lower[0] in {"all", "what", "every", "the"} and len(lower) <= 3:
        return False
    if any(word.endswith("'s") and after.endswith(("ing", "ed", "not")) for word, after in pairwise(lower)):
        return True  # "my dad's taking me"
    return bool(subjects) or any(is_verb(word, lexicon) for word in lower[1:])


def is_verb(word: str, lexicon: Lexicon) -> bool:
    """A verb the guide knows, in any person."""
    return word in lexicon.verbs or word in lexicon.thirds
