"""What the guide notices in somebody's words: text in, `Noticed` out. Plain rules, pure, any thread.

Nothing is named that was not named: a feeling is the person's own word said of themselves, a topic is their own noun. A
request carries no recogniser's confidence, so text without capitals and marks is taken for rough (`clauses.is_rough`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from companion.care.corrections import TAKEN_BACK
from companion.care.recognise import recognise
from companion.care.words import plain
from companion.flow import Concern, Severity
from companion.practices import Wish, wish_in
from companion.providers.here.guide.clauses import Clause, cut_clauses, is_rough
from companion.providers.here.guide.lexicon import Lexicon, Subject, load_lexicon
from companion.providers.here.guide.topics import Topic, find_numbers, find_topics
from companion.providers.here.guide.turning import is_known, turn_clause


@dataclass(frozen=True, slots=True)
class Felt:
    """A feeling the person named as their own."""

    kind: Subject
    word: str
    degree: str
    """`so`, `really`, or empty."""
    be: str
    """How it is said to them: `are`, `felt`; empty where it stood alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Everything the rules found in one message."""

    occasion: str = ""
    """A message of one kind: crisis, danger, identity, greeting, thanks, goodbye, good night, retraction, let go, unsure,
    unclear, language, short, or a wish about the questions: another, skip, stay."""
    language: str = ""
    """What to say in the language it is in."""
    told: tuple[str, ...] = ()
    """Clauses turned to the person, without a stop, in their order: `you miss your sister`."""
    contrast: tuple[str, str] | None = None
    wish: str = ""
    """What they want to do, as it follows "to"."""
    duty: str = ""
    felt: tuple[Felt, ...] = ()
    topics: tuple[Topic, ...] = ()
    """The most telling first."""
    numbers: tuple[str, ...] = ()
    """`22 years`."""
    is_loss: bool = False
    asks: bool = False
    has_happened: bool = False
    """Something that is over was told."""
    length: int = 0
    """In words."""


_IDENTITY = re.compile(
    r"\b(?:(?:are you|you are|you're) (?:\w+ )?(?:a |an )?(?:real|human|robot|machine|ai|bot|computer|"
    r"person|program|chatbot|chatgpt|alive|"
    r"conscious|there|listening)|who are you|what are you|how do you work|how are you|"
    r"do you (?:understand|remember|have feelings)|"
    r"artificial intelligence|am i (?:talking|speaking) to (?:a|an) \w+)\b"
)
_GOING = (
    r"good ?bye|bye(?: bye)?|(?:i'll )?see (?:you|ya)|farewell|take care|(?:i'll )?talk to you (?:later|"
    r"soon|tomorrow)|speak soon|so long|cheerio|adieu|"
    r"(?:that's|that is|thats|that'll be|that will be) (?:all|it|enough)|i'm done|i am done|that's me|"
    r"enough|until (?:tomorrow|next time)|"
    r"i(?:'ll| will)? (?:(?:have to|need to|must|should|got to|gotta) )?(?:go|stop here|leave it (?:there|"
    r"here)|be off|get going|run)|"
    r"i(?:'ve| have) got to (?:go|run)|(?:gotta|got to|have to|need to|must) (?:go|run)|i(?:'m|"
    r" am) (?:off|going)(?: to work)?|"
    r"let's (?:leave it|stop)(?: (?:there|here))?"
)
_NIGHT = r"good ?night|night night|nighty night|sleep (?:well|tight)|(?:i(?:'m| am) )?(?:off|going) to (?:bed|sleep)"
_THANKS = (
    r"(?:many |a thousand )?(?:thanks|thank you|thank u|thx|cheers|ta|much appreciated)(?: (?:so much|"
    r"very much|a lot|a bunch|for \w+(?: \w+)?))*|"
    r"(?:that|it|this)(?:'s| was| is| has been|'s been)? (?:really |very |quite )?(?:helped|helpful|good|"
    r"nice|useful)(?: (?:me|a lot))?"
)
_AROUND = (
    r"ok|okay|well|so|right|alright|anyway|now|and|then|i think|i guess|no|yes|oh|dear|again|tomorrow|"
    r"later|soon|everyone|everybody|companion|guide|my friend|"
    r"for (?:now|today|tonight|me|this time|the day)|really|indeed|all|to you|you too|here|there"
)
_LEAVE = re.compile(rf"(?:(?:{_NIGHT}|{_GOING}|{_THANKS}|{_AROUND})(?: |$))+")
_LEAVES = (
    (re.compile(rf"(?:^| )(?:{_NIGHT})(?: |$)"), "good night"),
    (re.compile(rf"(?:^| )(?:{_GOING})(?: |$)"), "goodbye"),
    (re.compile(r"(?:^| )(?:thanks|thank you|thank u|thx|cheers|ta|much appreciated)(?: |$)"), "thanks"),
)
_WHOLE_MESSAGES = (
    (
        re.compile(
            r"(?:hi|hello|hey|heya|hiya|good (?:morning|afternoon|evening|day))"
            r"(?: (?:there|again|guide|companion|you|it's me(?: again)?|i'm back))*"
        ),
        "greeting",
    ),
    (
        re.compile(
            r"(?:um |uh |well |hmm |oh |so )*(?:(?:i |i really |honestly i )?(?:don't|"
            r"do not) (?:really )?know|no idea|(?:i'm |i am )?not sure"
            r"|(?:i )?dunno|i have no idea|hard to say|who knows)"
            r"(?: (?:really|what to say|yet|honestly|how to say it|where to (?:start|begin)|to be honest))*"
        ),
        "unsure",
    ),
)
_RETRACTION = re.compile(
    r"^(?:no |sorry |oh |wait |well |but )*(?:(?:that's|that is|thats|this is|it's|"
    r"it is) (?:not (?:what i (?:meant|mean|said)|right|it|true|how i meant it)|"
    r"wrong|a misunderstanding)|i (?:didn't|did not|never) (?:say|mean) (?:that|it|this)|you (?:got|have|"
    r"understood|heard) (?:that|me|it) wrong|"
    r"you (?:misunderstood|misheard)(?: me| that)?|"
    r"not what i (?:meant|said)|that came out wrong)\b"
)
_LET_GO = re.compile(
    r"(?:no |sorry |oh |wait |well |but |please |just )*(?:forget (?:what i said|that|it|about it)|"
    r"i take (?:that|it|that all|it all) back|"
    r"never ?mind(?: that| me)?|strike that|ignore that|let's forget (?:it|that))"
)
_RETRACTED_LAST = re.compile(r"(?:that's|that is) (?:not right|wrong|not true|not what i (?:meant|said))$")
_PUT_RIGHT = re.compile(r"^no,? (?:i (?:meant|mean|said)|it was|it's|not)\b")
_QUESTION = re.compile(
    r"(?:what|why|how|when|where|who|which|should|could|can|do|does|is|am|are|will|would)\b.* (?:i|we|it|me|my|you)\b"
)
_STATED_QUESTION = re.compile(r"^(?:what i|when i|when (?:he|she|they|my)|how i|all |where i)\b")
_LOSS = re.compile(
    r"\b(?:died|passed away|has passed|buried|funeral|was run over|"
    r"put (?:(?:him|her) down|(?:my|our|the) (?:dog|cat|horse|rabbit|"
    r"puppy|kitten|pet) (?:down|to sleep))|"
    r"is dead|miscarr\w+|stillborn|widow\w*)\b"
)
_LOST = re.compile(r"\b(?:lost|bury|buried|mourn|grieve|grieving) (?:my|our|the) (?:\w+ )?(\w+)")
_LOSABLE = ("people", "animals")
_THINGS_DIE = re.compile(
    r"\b(?:phone|battery|computer|laptop|car|engine|tv|tablet|party|plant|plants|line|internet) (?:has |"
    r"just )?(?:died|dead)\b"
)
_PAST = re.compile(
    r"\b(?:yesterday|last (?:night|week|month|year|\w+day)|ago|this morning)\b|\b\w{3,}ed\b|\b(?:was|were|"
    r"went|came|saw|told|had|did|got|lost|met|found|broke|sat|ran)\b"
)
_WISH = re.compile(
    r"^you(?:'d| would)? (?:really |just |still |also )?(?:want|wish|hope|love|like|long) to (.+)"
)
_DUTY = re.compile(
    r"^(?:you|you've) (?:really |just |still |also |probably )?(?:should(?! have)|have to|got to|need to|"
    r"must(?! have)|ought to|are supposed to) (.+)"
)
_SELF = re.compile(
    r"(?:^|\b)(?P<be>i am|i'm|i feel|i felt|i was|i've been|i have been|i am feeling|i'm feeling|i get|"
    r"i got|i've felt|(?:makes|made|left|leaves) me(?: feel)?)"
    r"(?P<more>(?: (?:so|very|really|a bit|a little|quite|pretty|just|still|too|more|both|also|kind of|"
    r"sort of|such|always|often|awfully|terribly|incredibly))*) $"
)
_BE = {
    "i am": "are",
    "i'm": "are",
    "i feel": "feel",
    "i felt": "felt",
    "i was": "were",
    "i've been": "have been",
    "i have been": "have been",
    "i am feeling": "are feeling",
    "i'm feeling": "are feeling",
    "i get": "get",
    "i got": "got",
    "i've felt": "have felt",
}
_SAYS_FEEL = frozenset({"i feel", "i felt", "i am feeling", "i'm feeling", "i've felt"})
_NO_FEELING_AFTER = {
    "afraid": {"i", "that", "not", "so", "we", "he", "she"},
    "happy": {"to", "with"},
    "glad": {"to"},
    "mad": {"about"},
    "content": {"of"},
    "lost": {"my", "the", "a"},
    "used": {"to"},
    "down": {"to"},
    "good": {"at"},
    "better": {"at", "than"},
    "tense": {"of"},
    "confident": {"that"},
    "free": {"on", "at", "to"},
    "upset": {"stomach"},
    "curious": {"if", "what", "how", "whether", "why"},
    "small": {"for"},
    "alone": {"with"},
    "nothing": {"but"},
    "welcome": {"to"},
    "bad": {"at"},
    "strong": {"enough"},
}
_STRONG = re.compile(r"\b(?:so|very|really|incredibly|terribly|awfully)\b")
_MOST_CHARS = 4000


def find_emergency(text: str) -> str:
    """`danger` where somebody is being hurt, `crisis` where it is another danger, else empty."""
    found = recognise(text)
    if found is None or found.severity < Severity.UNCLEAR:
        return ""
    return "danger" if found.concern in (Concern.VIOLENCE, Concern.CHILD) else "crisis"


def is_taken_back(text: str) -> bool:
    """They say that they are safe, or that it was not meant so."""
    return TAKEN_BACK.search(plain(text)) is not None


def notice(text: str) -> Noticed:
    """What the rules find in one message."""
    emergency = find_emergency(text)
    if emergency:
        return Noticed(occasion=emergency)
    lexicon = load_lexicon()
    text = text[:_MOST_CHARS]  # enough for any message, and a bound for the patterns
    plain = plain_words(text)
    words = plain.split()
    occasion, language = _occasion(text, plain, words, lexicon)
    if occasion not in {"", "retraction"}:
        return Noticed(occasion=occasion, language=language, length=len(words))
    clauses = cut_clauses(text, lexicon)
    rough = is_rough(text)
    told = tuple(filter(None, (turn_clause(clause, lexicon, is_rough=rough) for clause in clauses)))
    felt = tuple(_find_feelings(clauses, lexicon, is_short=len(words) <= 3))
    topics = tuple(find_topics(clauses, lexicon, is_rough=rough))
    if occasion == "retraction":
        topics, told, felt = _after_retraction(plain, topics), (), ()
    elif len(words) <= 3 and not (felt or topics or told):
        occasion = "short"
    elif rough and len(words) > 3 and not (felt or topics or told) and _is_unclear(words, lexicon):
        occasion = "unclear"
    return Noticed(
        occasion=occasion,
        told=told,
        contrast=_find_contrast(clauses, lexicon, is_rough=rough),
        wish=next((found[1] for found in map(_WISH.match, told) if found and len(found[1].split()) > 1), ""),
        duty=next((found[1] for found in map(_DUTY.match, told) if found and len(found[1].split()) > 1), ""),
        felt=felt,
        topics=topics,
        numbers=tuple(find_numbers(clauses, lexicon)),
        is_loss=_is_loss(plain, lexicon),
        asks=text.rstrip().endswith("?")
        or bool(_QUESTION.match(plain) and not _STATED_QUESTION.match(plain)),
        has_happened=bool(_PAST.search(plain)),
        length=len(words),
    )


def _is_unclear(words: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether so many words are unknown that they may have been heard wrongly."""
    return 5 * sum(not is_known(word, lexicon.known) for word in words) >= len(words)


def plain_words(text: str) -> str:
    """Lower-case words with single spaces, without marks and numbers."""
    return " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text.lower().replace("’", "'")))


def _occasion(text: str, plain: str, words: Sequence[str], lexicon: Lexicon) -> tuple[str, str]:
    """The kind of message, and what to say where it is in another language."""
    if _IDENTITY.search(plain) and len(words) <= 15:
        return "identity", ""
    wish = wish_in(text)
    if wish is not Wish.NONE:
        return wish.value, ""
    if len(words) <= 14:
        if _LEAVE.fullmatch(plain):
            for pattern, occasion in _LEAVES:
                if pattern.search(plain):
                    return occasion, ""
        for pattern, occasion in _WHOLE_MESSAGES:
            if pattern.fullmatch(plain):
                return occasion, ""
        if len(words) <= 12 and re.match(
            r"(?:i need to|i have to|i must|i've got to|gotta|got to) (?:go|run)\b(?! (?:to|through|on|back))",
            plain,
        ):
            return "goodbye", ""
        if _LET_GO.fullmatch(plain):
            return "let go", ""
        if _RETRACTION.match(plain) or _PUT_RIGHT.match(plain) or _RETRACTED_LAST.search(plain):
            return "retraction", ""
    greeting = _other_language(text, plain, words, lexicon)
    return ("language", greeting) if greeting is not None else ("", "")


def _other_language(text: str, plain: str, words: Sequence[str], lexicon: Lexicon) -> str | None:
    """What to say in the language of `text`; empty where it is none of those known, None where it is English."""
    letters = [char for char in text if char.isalpha()]
    for language in lexicon.languages:
        if plain in language.alone:
            return language.greeting
        if language.script and 2 * len(language.script.findall(text)) > len(letters) > 0:
            return language.greeting
    if sum(char > "\u024f" for char in letters) > len(letters) / 2:
        return ""
    english = sum(word in lexicon.known for word in words)
    best = max(lexicon.languages, key=lambda language: sum(word in language.words for word in words))
    found = sum(word in best.words for word in words)
    return best.greeting if found >= 2 and found > english and 3 * found >= len(words) else None


def _find_contrast(clauses: Sequence[Clause], lexicon: Lexicon, *, is_rough: bool) -> tuple[str, str] | None:
    for before, after in pairwise(clauses):
        if after.words and after.words[0].lower() in {"but", "yet"}:
            left, right = (turn_clause(clause, lexicon, is_rough=is_rough) for clause in (before, after))
            if left and right and left != right:
                return left, right
    return None


def _after_retraction(plain: str, topics: Sequence[Topic]) -> tuple[Topic, ...]:
    """What was meant instead, where it is said."""
    return tuple(topics) if _PUT_RIGHT.match(plain) or " it was " in plain else ()


def _is_loss(plain: str, lexicon: Lexicon) -> bool:
    """Whether somebody died; phones do not."""
    if _LOSS.search(plain) and not _THINGS_DIE.search(plain):
        return True
    losable = {word for kind in lexicon.topics if kind.name in _LOSABLE for word in kind.words}
    return any(noun in losable for noun in _LOST.findall(plain)) and "job" not in plain


def _find_feelings(clauses: Sequence[Clause], lexicon: Lexicon, *, is_short: bool) -> Iterator[Felt]:
    for clause in clauses:
        if not clause.is_told:
            continue
        plain = " ".join(clause.lower)
        for kind in lexicon.feelings:
            for word in sorted(kind.words | kind.felt):
                at = f" {plain} ".find(f" {word} ")
                if at < 0:
                    continue
                felt = _read_feeling(plain[:at], plain[at + len(word) :].split(), word, kind)
                if felt is not None:
                    yield felt
                elif (
                    is_short
                    and word in kind.words
                    and set(plain[:at].split()) <= {"just", "so", "very", "really", "a", "bit", "little"}
                ):
                    yield Felt(kind, word, "", "")


def _read_feeling(before: str, after: Sequence[str], word: str, kind: Subject) -> Felt | None:
    if after and after[0] in _NO_FEELING_AFTER.get(word, ()):
        return None
    own = _SELF.search(f"{before.strip()} ")
    if own is None or re.search(r"\b(?:not|never|n't|neither|nor|no)\b|n't\b", own[0]):
        return None
    if word in kind.felt and own["be"] not in _SAYS_FEEL:
        return None
    degree = _STRONG.search(own["more"])
    return Felt(kind, word, degree[0] if degree else "", _BE.get(own["be"], ""))
