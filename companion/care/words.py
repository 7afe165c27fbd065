"""A text made plain, so that a rule is written once: lower case, no accents, contractions written out, fillers gone, and
what a recogniser splits or mishears put right. Pure, any thread.

The result is words with one space after each; a sentence ends with ". ".
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 6_000
"""More of one message is not looked at, from its end: the newest words weigh most."""
_MARKS = re.compile("[\u0300-\u036f]")
_ENDS = re.compile(r"[.!?…;:\n।]+")
_OTHER = re.compile(r"[^\w'. \u0900-\u097f]+")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "ß": "ss", "œ": "oe", "æ": "ae"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHORT = {
    **{
        "im": "i am",
        "ive": "i have",
        "i'm": "i am",
        "cannot": "can not",
        "cant": "can not",
        "can't": "can not",
    },
    **{"wont": "will not", "won't": "will not", "wanna": "want to", "gonna": "going to", "gotta": "got to"},
    **{"lemme": "let me", "aint": "is not", "ain't": "is not", "shan't": "will not", "let's": "let us"},
    **{"thx": "thanks", "u": "you", "ur": "your", "rn": "right now", "cuz": "because", "bf": "boyfriend"},
    **{
        "gf": "girlfriend",
        "sucide": "suicide",
        "suiside": "suicide",
        "suicde": "suicide",
        "suacide": "suicide",
    },
    **{"sucidal": "suicidal", "suisidal": "suicidal", "suicidial": "suicidal", "sewerslide": "suicide"},
    **{
        "comit": "commit",
        "commiting": "committing",
        "miself": "myself",
        "myslef": "myself",
        "mysef": "myself",
    },
    **{
        "k1ll": "kill",
        "su1c1de": "suicide",
        "d1e": "die",
        "kil": "kill",
        "killin": "killing",
        "ana": "anorexia",
    },
}
_NOT = {
    f"{verb}{ending}": f"{verb} not"
    for verb in _words("do does did is are was were has have had would should could must need")
    for ending in ("n't", "nt")
}
_ENDINGS = {"'re": "are", "'ve": "have", "'ll": "will", "'d": "would", "'m": "am"}
_BE = _words("he she it that there what who where how here everything everyone nobody")
_FILLERS = _words(
    "really just actually literally honestly basically totally kinda sorta uh uhm erm hmm simply seriously truly "
    "definitely probably maybe perhaps sometimes often lately even ever also still fucking fuckin damn"
)
_HURT = r"(kill|killing|hurt|hurting|hang|hanging|cut|cutting|harm|harming|unalive|shoot|drown|burn)"
_HEARD = tuple(
    (re.compile(rf"(?<![^ ]){heard}(?![^ ])"), meant)
    for heard, meant in (
        (r"(my|him|her|your|it) self", r"\1self"),
        (r"(them|our) selves", r"\1selves"),
        (rf"{_HURT} (?:my cell|my cells|my shelf|my elf|my sell|me self|my selves|mice elf)", r"\1 myself"),
        (rf"{_HURT} ing", r"\1ing"),
        (r"(?:sue a|sue e|sue i|sewer|sui|su i|soup|so a) (?:side|cide|sides)", "suicide"),
        (r"(?:sue a|sue e|sui|su i|sewer) (?:sidal|cidal|sidle|side all|cital)", "suicidal"),
        (r"suicide (?:all|al|il)", "suicidal"),
        (r"(?:un a live|an alive|un alive)(?= my| him| her| them)", "unalive"),
        (r"un alive", "unalive"),
        (r"un aliving", "unaliving"),
        (r"over dose", "overdose"),
        (r"over dosed", "overdosed"),
        (r"(want to|going to|gone) (?:and|in|an|ant) my (?:life|live|lives)", r"\1 end my life"),
        (r"(end|take|ending|taking) my (?:live|lives|lie)", r"\1 my life"),
        (r"(want to|wish to|rather) (?:dye|di|dy|dial)(?= i | so| \.| now| and)", r"\1 die"),
        (r"end in (it all|it now|everything|my life)", r"ending \1"),
        (r"better of (dead|gone|without|if)", r"better off \1"),
        (r"(end|take|ending|taking|took) my own (?:live|lives|lie|lies)", r"\1 my own life"),
        (r"(every|some|any|no) (body|thing)", r"\1\2"),
        (r"good (?:bye|by)", "goodbye"),
        (r"to (night|morrow|day)", r"to\1"),
        (r"some times", ""),
        (r"with out", "without"),
        (r"be hear", "be here"),
        (r"my rists?", "my wrists"),
        (r"k m s", "kms"),
        (r"selves? harm", "self harm"),
        (r"any more", "anymore"),
        (r"would like to", "want to"),
        (r"(?:kind|sort) of", ""),
        (r"noone", "no one"),
    )
)
_SPACES = re.compile(r" +")


def plain(text: str) -> str:
    """`text` as the rules read it; empty where it holds no words."""
    text = unicodedata.normalize("NFKD", text[-LONGEST:].lower().translate(_APOSTROPHES))
    text = unicodedata.normalize("NFC", _MARKS.sub("", text))
    text = _OTHER.sub(" ", _ENDS.sub(" . ", text))
    words = [plain_word for word in text.split() for plain_word in _word(word).split()]
    words = [word for at, word in enumerate(words) if word not in _FILLERS and not _is_hesitation(words, at)]
    if all(word == "." for word in words):
        return ""
    if words[-1] != ".":
        words.append(".")
    joined = f"{' '.join(words)} "
    for heard, meant in _HEARD:
        joined = heard.sub(meant, joined)
    return _SPACES.sub(" ", joined).removeprefix(" ")


def _is_hesitation(words: list[str], at: int) -> bool:
    """An English "um"; the German one belongs to its verb."""
    return words[at] == "um" and (at == 0 or words[at - 1] not in ("mich", "mir", "dich", "sich", "es"))


def folded(word: str) -> str:
    """A word of a rule, written as `plain` writes those of a text."""
    text = unicodedata.normalize("NFKD", word.lower().translate(_APOSTROPHES))
    return unicodedata.normalize("NFC", _MARKS.sub("", text))


def _word(word: str) -> str:
    if word in _SHORT:
        return _SHORT[word]
    if word in _NOT:
        return _NOT[word]
    if "'" not in word:
        return word
    head, _, tail = word.rpartition("'")
    if f"'{tail}" in _ENDINGS:
        return f"{head} {_ENDINGS[chr(39) + tail]}"
    if tail == "s":
        return f"{head} is" if head in _BE else head
    return word.replace("'", " ")
