"""A clause turned from "I" to "you", or nothing where that might come out wrong. Words in, words out. Pure, any thread.

Only a few forms are turned, the ones that surely come out right: "I" or "we" with a known verb, "my brother and I", and
somebody else as the subject where subject and verb agree. Numbers are kept as they were said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from companion.providers.here.guide.clauses import NUMBER, OPENERS, WORD, Clause
from companion.providers.here.guide.lexicon import Lexicon

_LONGEST, _LONGEST_ROUGH, _LONGEST_ECHO = 16, 13, 18


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SWAP = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "we": "you",
    "us": "you",
    "our": "your",
    "ours": "yours",
    "i'm": "you're",
    "i've": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
    "we're": "you're",
    "we've": "you've",
    "we'd": "you'd",
    "we'll": "you'll",
}
_I, _CONTRACTED = _set("i we"), _set("i'm i've i'd i'll we're we've we'd we'll")
_DOUBTFUL = _set(
    "you your yours yourself you're you've you'd you'll ourselves ourself gonna wanna gotta ain't"
)
_OTHERS = {
    "he": False,
    "she": False,
    "they": True,
    "everyone": False,
    "everybody": False,
    "nobody": False,
    "somebody": False,
    "someone": False,
}
_SINGULAR = _set("is isn't was wasn't has hasn't does doesn't")
_PLURAL = _set("are aren't were weren't have haven't do don't")
_TIMES_AND_PLACES = _set("in at on this that then last next every after before now today tomorrow yesterday")
_ADVERBS = _set(
    "really just still also never always often sometimes only even almost finally usually already "
    "probably actually both all not"
)
_ADVICE = re.compile(r"\b(?:should|shouldn't|must|mustn't|ought|supposed to|you'd better|wrong)\b")
_ORDER = re.compile(r"(?:you|your \w+)(?: (?:really|just|still|also|probably))? (?:need to|have to|need)\b")
_ALWAYS = re.compile(r"^(?:he|she|they|your \w+)\b.*\b(?:never|always|nobody|everything|nothing)\b")
_HARSH = _set(  # nobody is told these of themselves, or that they would like them
    "hate hated stupid worthless useless pathetic failure loser ugly fat disgusting idiot blame kill "
    "kills killed hit hits punch stab shoot "
    "beat hurt rape murder die dead drunk lazy boring burden weak coward liar fool selfish crazy dumb "
    "lied lie cheated cheat stole steal ruin "
    "ruined evil monster mad cross thin freak suicide cut trust fault blamed deserve deserved shout shouted "
    "slapped afford"
)
_TO_BE = _set("am was i'm we're were")
_HANGING_REPORT = re.compile(r"\b(?:said|told|asked|wrote|texted)(?: (?:him|her|them|you|it))?$")
_VERDICT = re.compile(r"\b(?:good|strong|smart|nice|pretty|clever) enough\b|\bnot (?:good|worth|normal)\b")
_NOTHING_SAID = re.compile(
    r"^(?:you're|you are) (?:afraid|sorry) (?:you|that|we|he|she)|^(?:you|he|she|they) (?:mean|know|think|"
    r"guess|see|do|did|don't|didn't|say|said|like|want)(?: (?:so|that|it|this|not))?$"
)
_NO_SENSE = re.compile(
    r"\b(?:(?:a|an|the|my|your|his|her|their) (?:a|an|the|my|your|his|of|to|in|on|at|by|and|but|or|is|are|"
    r"was|were|see|go|i|you|he|she|we|they)"
    r"|to (?:of|and|in|on|at|is|was|are|i|he|she|we|they|late)|too (?:the|a|my|your|late the)|(?:i|"
    r"you) (?:no|shut|of|in|on|the|a|my|your)"
    r"|two (?:go|be|do|see|get|have|come|the|my|your|a)|can (?:knot|not)|(?:was|were|is) hear|of of|"
    r"there (?:dog|cat|car|house|kids)"
    r"|(?:hole|whole) (?:thing|lot) (?:thing|lot)|(?:barks|all) knight|by (?:a|the) (?:of|and))\b"
)
_RUNS_ON = re.compile(
    r"\b(?:a|an|the|your|his|her|their) \w+ (?:an?|the|your|his|their) \w+"
    r"|\b(?:her|him|them|it|you) (?:out|up|off|down|away|back|in) (?:an?|the|your|his|their) \w+"
)
"""What a recogniser writes without the mark between: "behind a van a grown man"."""
_GIVES = re.compile(
    r"\b(?:gave|give|sent|send|bought|buy|made|told|showed|show|cost|lent|owe|offered|taught|brought|when|if|"
    r"while)\b"
)
_REPEATED = re.compile(r"\b(\w+) \1\b")
_MANY = re.compile(
    r"\b(?:\d+|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty) ([a-z']+)"
)


def turn_clause(clause: Clause, lexicon: Lexicon, *, is_rough: bool) -> str:
    """`clause` turned to the person without a stop, or empty.

    Args:
        is_rough: the words come without marks, perhaps from a rough recogniser: only what is wholly known is turned.
    """
    if not clause.is_told:
        return ""
    words = _without_hanging_end(_without_openers(clause.words))
    lower = [word.lower() for word in words]
    longest = _LONGEST_ROUGH if is_rough else _LONGEST
    if not 3 <= len(words) <= longest or _DOUBTFUL.intersection(lower) or _HARSH.intersection(lower):
        return ""
    if lower[-1] in lexicon.endings or not _is_readable(words, lexicon, is_rough=is_rough):
        return ""
    turned = _turn_pair(words, lexicon) or _turn_own(words, lexicon) or _turn_other(words, lexicon)
    if is_rough and _RUNS_ON.search(turned) and not _GIVES.search(turned):
        return ""
    return turned if turned and not _is_odd(turned, lexicon) else ""


def needs_quotes(turned: str) -> bool:
    """Whether a bare "{Echo}." would sound like advice or a verdict, as in "You should call her"."""
    return bool(_ADVICE.search(turned) or _ALWAYS.search(turned))


def sounds_like_an_order(turned: str) -> bool:
    """Whether it needs a "So" before it, as "So you have to finish the report"."""
    return bool(_ORDER.match(turned))


def is_event(turned: str) -> bool:
    """Whether a turned clause tells of something that happened once, so that one may ask about the moment."""
    found = _EVENT.match(turned)
    return (
        found is not None
        and found[1] in _EVENTS
        and not _LASTS.search(turned)
        and 4 <= len(turned.split()) <= 11
    )


def happened(turned: str) -> bool:
    """Whether it is told of what is over."""
    found = _EVENT.match(turned)
    return found is not None and (found[1] in _STRONG_PAST or found[1].endswith("ed"))


def is_of_somebody(turned: str) -> bool:
    """Whether it tells of "him" or "them", who may not be known here."""
    return turned.split(maxsplit=1)[0] in _OTHERS


def _without_openers(words: Sequence[str]) -> list[str]:
    kept = list(words)
    while kept and kept[0].lower() in OPENERS:
        kept.pop(0)
    return kept


def _without_hanging_end(words: Sequence[str]) -> list[str]:
    """Without "... and this morning", which belongs to what comes next."""
    lower = [word.lower() for word in words]
    ends = [
        n
        for n, word in enumerate(lower[:-1])
        if n > 2 and word == "and" and lower[n + 1] in _TIMES_AND_PLACES
    ]
    return list(words[: ends[-1]]) if ends else list(words)


def _is_readable(words: Sequence[str], lexicon: Lexicon, *, is_rough: bool) -> bool:
    """Whether the words are ones the guide knows, or names and a few others, fewer where they may be misheard."""
    unknown = 0
    for n, word in enumerate(words):
        if NUMBER.fullmatch(word):
            continue
        if not WORD.fullmatch(word):
            return False
        is_name = not is_rough and n > 0 and word[0].isupper() and len(word) > 2
        unknown += not (is_name or is_known(word.lower(), lexicon.known))
    return unknown <= (len(words) // 6 if is_rough else len(words) // 4)


def is_known(word: str, known: frozenset[str]) -> bool:
    if word in known or word in _SWAP or len(word) == 1:
        return word in known or word in _SWAP
    if re.search(r"([bdglmnprt])\1(?:ing|ed)$", word) and re.sub(r".(?:ing|ed)$", "", word) in known:
        return True  # "getting"
    for ending, instead in (
        ("'s", ""), ("s", ""), ("es", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", ""), ("ies", "y"),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) > len(ending) + 1 and word[: -len(ending)] + instead in known:
            return True
    return False


def _turn_own(words: Sequence[str], lexicon: Lexicon) -> str:
    """ "I" or "we" as the subject."""
    lower = [word.lower() for word in words]
    if lower[0] not in _I | _CONTRACTED:
        return ""
    rest = lower[1:]
    verb = next((word for word in rest if word not in _ADVERBS), "")
    if lower[0] in _I and verb not in lexicon.verbs and verb != "are":
        return ""
    if lower[0] in _CONTRACTED and (verb in _I or (lower[0].endswith("'d") and verb in {"the", "a"})):
        return ""
    if not _is_plain_being(lower, lexicon):
        return ""
    return _swap(words)


def _is_plain_being(lower: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether "I am ..." goes on with a feeling, a place or something else that is no verdict on oneself."""
    for n, word in enumerate(lower[:-1]):
        follows_i = (
            n == 0 or lower[n - 1] in _I or (lower[n - 1] in _ADVERBS and n > 1 and lower[n - 2] in _I)
        )
        if word not in _TO_BE or not follows_i:
            continue
        after = [
            each
            for each in lower[n + 1 :]
            if each not in _ADVERBS and each not in {"so", "very", "quite", "pretty", "too", "a", "bit"}
        ]
        if not after:
            return False
        said = after[0]
        feelings = {part for each in lexicon.feelings for part in each.words}
        harmless = feelings | lexicon.plain | lexicon.units | lexicon.nouns
        if not (said in harmless or said.endswith(("ing", "ed")) or NUMBER.fullmatch(said)):
            return False
    return True


def _turn_pair(words: Sequence[str], lexicon: Lexicon) -> str:
    """ "My wife and I" and "me and my cousin": "you and your wife"."""
    lower = [word.lower() for word in words]
    if len(lower) > 4 and lower[0] in {"my", "our"} and lower[2] == "and" and lower[3] in {"i", "me"}:
        noun, rest = words[1], list(words[4:])
    elif len(lower) > 4 and lower[:3] in (["me", "and", "my"], ["i", "and", "my"]):
        noun, rest = words[3], list(words[4:])
    else:
        return ""
    verb = next((word.lower() for word in rest if word.lower() not in _ADVERBS), "")
    if (
        noun.lower() not in lexicon.nouns
        or verb not in lexicon.verbs | {"are", "were"}
        or verb in {"am", "was"}
    ):
        return ""
    return f"you and your {noun} {_swap(rest)}"


def _turn_other(words: Sequence[str], lexicon: Lexicon) -> str:
    """Somebody else as the subject, where it agrees with its verb."""
    lower = [word.lower() for word in words]
    is_many: bool | None = _OTHERS.get(lower[0])
    at = 1
    if is_many is None and lower[0] in {"my", "our", "the", "his", "her", "other", "some"}:
        at = 2
        while (
            at < len(lower) - 1
            and lower[at - 1] in lexicon.ways
            and lower[at] in lexicon.ways | lexicon.nouns
        ):
            at += 1
        noun = lower[at - 1]
        if (
            noun not in lexicon.nouns
            or (noun in lexicon.singulars and noun in lexicon.plurals)
            or lower[at] in lexicon.nouns - lexicon.verbs
        ):
            return ""
        is_many = noun in lexicon.plurals
    if is_many is None:
        return ""
    while at < len(lower) and lower[at] in _ADVERBS:
        at += 1
    if at >= len(lower) or not _agrees(lower[at], lexicon, is_many=is_many) or {"am", "i'm"} & set(lower):
        return ""
    return _swap(words)


def _agrees(verb: str, lexicon: Lexicon, *, is_many: bool) -> bool:
    if verb in _SINGULAR | _PLURAL:
        return (verb in _PLURAL) == is_many
    if verb in _set(
        "had will won't can can't could couldn't would wouldn't should did didn't hadn't might may must"
    ):
        return True
    if verb in lexicon.thirds and verb not in lexicon.verbs:
        return not is_many
    if verb not in lexicon.verbs:
        return False
    return is_past(verb) or is_many


_SAME_IN_PAST = _set("put let hit hurt cut read set cost quit")
_STRONG_PAST = _set(
    "was felt had thought knew saw went came got made took gave said told spoke heard wrote met found "
    "kept left brought held began lost won "
    "ran sat stood slept woke dreamed ate drank bought paid spent grew taught chose became drove flew "
    "built broke sang drew forgave sent understood "
    "fell lent threw wore swam fed hid rang shook rode blew hung lay caught swore bent knelt dug lit stuck "
    "swept sank "
    "froze burnt learnt dreamt led fled slid spun swung clung struck tore bore sold meant dealt crept wept "
    "rose chose"
)


_NAMES_OF_DAYS = re.compile(
    r"\b(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|april|june|july|august|"
    r"september|october|"
    r"november|december|christmas|easter|ramadan|diwali|god|english|french|german|spanish|italian)(?:s?)\b"
)
_EVENT = re.compile(
    r"(?:you and your \w+|you|he|she|(?:your|the|his|her)(?: \w+){1,2}?) (?:(?:just|finally|really|then|suddenly|"
    r"even|also|only) )?(\w+)\b"
)
_LASTS = re.compile(
    r"\b(?:always|never|every|often|sometimes|usually|not|for (?:[\w-]+ )?(?:years|months|weeks)|all (?:day|"
    r"night|week|morning)|"
    r"each|once|ago|since|last|today|yesterday|tomorrow|again|any|nothing|nobody|you think|if|got home|got up|"
    r"went home|went to bed|went to sleep|got there|in general)\b|n't\b"
)
_EVENTS = _set(
    "saw told heard wrote met found left lost won gave said asked called sent bought broke sang forgave fell "
    "swam ran chose "
    "decided cried laughed smiled argued opened closed shouted promised passed apologised apologized joined "
    "finished stopped "
    "leaned held helped paid drank ate wore built drew flew stole tripped slipped spilled texted phoned rang "
    "emailed "
    "took drove sat stood went came rang got made put lined messed started began noticed realised realized "
    "fixed quit cut read showed moved kissed hugged looked visited "
    "dropped knocked "
    "burnt burned cooked danced answered refused agreed admitted confessed woke signed buried married "
    "divorced hid jumped "
    "returned turned stayed waved picked pulled pushed threw poured planted painted played"
)
"""What happens in a moment that one remembers."""


def is_past(verb: str) -> bool:
    """Whether it is told of before: "went", and "put", which is both."""
    return verb in _STRONG_PAST | _SAME_IN_PAST or (verb.endswith("ed") and verb not in {"need"})


def _swap(words: Sequence[str]) -> str:
    """Every "I" turned to "you", with its verb; empty where a verb's subject cannot be told."""
    lower = [word.lower() for word in words]
    turned: list[str] = []
    for n, word in enumerate(lower):
        back = n - 1
        while back >= 0 and lower[back] in _ADVERBS:
            back -= 1
        is_mine = back >= 0 and lower[back] == "i"
        if word == "am" or (
            word in {"was", "wasn't"} and is_mine and (back == 0 or _opens_a_clause(lower[back - 1]))
        ):
            if not is_mine:
                return ""
            turned.append({"am": "are", "was": "were", "wasn't": "weren't"}[word])
        elif (word in {"was", "wasn't"} and (is_mine or lower[n - 1] in {"and", "or"} or n == 0)) or (
            word in {"i", "i'm"} and n and not _opens_a_clause(lower[n - 1])
        ):
            return ""
        else:
            turned.append(_SWAP.get(word, words[n] if n or words[n] in {"I"} else word))
    return with_capitals(" ".join(turned))


def with_capitals(text: str) -> str:
    """A recogniser may write "on friday"."""
    return _NAMES_OF_DAYS.sub(lambda found: found[0].capitalize(), text)


def _opens_a_clause(word: str) -> bool:
    return word in _set(
        "think thought know knew feel felt guess believe hope wish wonder if that when where how why "
        "because but and until before after while "
        "since than what which who realise realised noticed sure afraid so says said told day time way"
    )


def _is_odd(turned: str, lexicon: Lexicon) -> bool:
    """Whether what came out is no sentence, or says nothing."""
    lower = turned.lower()
    if _HANGING_REPORT.search(lower) or _VERDICT.search(lower):
        return True
    if (
        len(lower.split()) > _LONGEST_ECHO
        or _NO_SENSE.search(lower)
        or _REPEATED.search(lower)
        or _NOTHING_SAID.match(lower)
    ):
        return True
    for counted in _MANY.findall(lower):
        if counted in lexicon.singulars and counted not in lexicon.plurals:
            return True
    return bool(re.search(r"\byou\b.*\b(?:said|told|asked)\b.*\byou(?:'re)? \w+", lower)) or lower.split()[
        -1
    ] in lexicon.endings - {"not", "on", "in"}
