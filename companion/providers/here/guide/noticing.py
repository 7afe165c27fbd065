"""What the guide notices in somebody's words: text in, `Noticed` out. Plain rules, pure, any thread.

Nothing is named that was not named: a feeling is the person's own word said of themselves, a topic is their own noun. A
request carries no recogniser's confidence, so text without capitals and marks is taken for rough (`clauses.is_rough`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from string import ascii_lowercase

from companion.care.corrections import TAKEN_BACK
from companion.care.recognise import AS_A_WHOLE, by_rules, findings
from companion.care.words import plain
from companion.kinds import Concern, Severity
from companion.practices import Wish, wish_in
from companion.providers.here.guide.clauses import SUBJECTS, Clause, cut_clauses, is_rough, is_verb
from companion.providers.here.guide.lexicon import HARD, Language, Lexicon, Subject, load_lexicon
from companion.providers.here.guide.occasions import (
    PUT_RIGHT,
    asked_for,
    occasion_of,
    wants_no_echo,
    wants_no_questions,
)
from companion.providers.here.guide.situations import Situation, situation_of
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
    """A message of one kind: crisis, danger, language, one of `occasions`, or one of `asked_for`."""
    language: Language | None = None
    """What it is in, where that is not English."""
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
    is_joy: bool = False
    """Good news of their own, and nothing hard along with it."""
    is_hard: bool = False
    """Something heavy was told, which the guide does not name."""
    situation: Situation | None = None
    """What it is about, where that is plain."""
    is_to_be_said: bool = False
    """They ask how to tell somebody something."""
    winds_down: bool = False
    """They sound as if they had said what they wanted to say."""
    is_of_then: bool = False
    """It is told of how things used to be, so that who is named may be gone."""
    wants: str = ""
    """What they ask to be told, `verdict` or `advice`."""
    asks: bool = False
    has_happened: bool = False
    """Something that is over was told."""
    length: int = 0
    """In words."""


_QUESTION = re.compile(
    r"(?:what|why|how|when|where|who|which|should|could|can|do|does|is|am|are|will|would)\b.* (?:i|we|it|me|"
    r"my|you)\b"
)
_STATED_QUESTION = re.compile(r"^(?:what i|when i|when (?:he|she|they|my)|how i|all |where i)\b")
_LOSS = re.compile(
    r"\b(?:died|passed away|has passed|buried|funeral|was run over|"
    r"put (?:(?:him|her) down|(?:my|our|the) (?:dog|cat|horse|rabbit|"
    r"puppy|kitten|pet) (?:down|to sleep))|"
    r"(?:dog|cat|horse|rabbit|puppy|kitten) (?:was |had to be |being |has been )?put (?:down|to sleep)|"
    r"(?:he|she|husband|wife|partner|boyfriend|girlfriend)(?: has| just)* (?:left me|walked out on me)|"
    r"is dead|miscarr\w+|stillborn|widow\w*)\b"
)
_LOST = re.compile(
    r"\b(?:lost|bury|buried|mourn|grieve|grieving) (?:my|our|the) (\w+\b(?!'))(?: (\w+\b(?!')))?"
)
_LOSABLE = ("people", "animals")
_THINGS = ("things", "body")
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
    r"^(?:you|you've) (?:really |just |still |also |probably )?(?:should(?! have)|have to|need to|"
    r"must(?! have)|ought to|are supposed to) (.+)"
)
_SELF = re.compile(
    r"(?:^|\b)(?P<be>i am|i'm|i feel|i felt|i was|i've been|i have been|i am feeling|i'm feeling|i get|"
    r"i got|i've felt|(?:makes|made|left|leaves) me(?: feel)?)"
    r"(?P<more>(?: (?!not\b|no\b|never\b)\w+ and(?= ))?(?: (?:so|very|really|a bit|a little|quite|pretty|just|"
    r"still|too|more|both|also|kind of|"
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
_ALONE = re.compile(
    r"(?:(?:just|so|very|really|a bit|bit|a little|kind of|sort of|mostly|maybe|probably|more|well|yes|no) )*"
)
_AFTER_ALONE = re.compile(
    r"(?: (?:maybe|i|mostly|really|about|is|that|more|at|with|too|now|again|today|probably|because)\b.*)?"
)
"""Around a feeling that stands without "I am": "jealous maybe"."""
_STRONG = re.compile(r"\b(?:so|very|really|incredibly|terribly|awfully)\b")
_GOOD_NEWS = re.compile(
    r"\b(?:said yes|all clear|benign|being published|(?:i|we|my (?:son|daughter|wife|husband|sister|brother|"
    r"mum|dad|boy|girl))"
    r"(?:'ve| have| just| finally| has)* (?:won|graduated|got published|got promoted|got engaged|passed (?:my|"
    r"the|it|all|every|his|her)|"
    r"got (?:the|a|his|her|my) (?:job(?! interview)|place|scholarship|promotion|offer|part|role|grant|award|prize|raise))|"
    r"(?:i'm|we're|we are|i am) engaged)\b|^(?:i|we) (?:just |only just |actually )?passed$|^(?:just )?got engaged\b"
)
_JOY = re.compile(
    r"\b(?:my (?:best friend|sister|daughter|niece|cousin|friend)(?: has| just| finally)* (?:had|gave birth to) "
    r"(?:her|a|the) (?:baby|babies|twins|boy|girl|little \w+)|(?:i'm|we're) (?:an? )?(?:aunt|uncle|gran\w+)(?: now)?$|"
    r"(?:we're|i'm|we are|i am) getting married|got (?:into|accepted)|promoted|"
    r"beat (?:my|our) (?:own )?(?:record|best|time)|personal best|"
    r"(?:i|we) (?:\w+ )?(?:sold|published|finished|completed|built|ran) (?:my|our) first|(?:i|we) (?:\w+ )?(?:made|did) it|"
    r"best (?:day|night|week|weekend|news|thing|meal|holiday|birthday)|"
    r"(?:lovely|wonderful|amazing|fantastic|brilliant|great|beautiful|perfect|super|gorgeous|magical|"
    r"such a good|very good) "
    r"(?:day|news|evening|morning|afternoon|time|weekend|week|night|walk|holiday|party|surprise|trip|concert)|"
    r"laughed|laughing|grinning|smiling|giggling|beaming|giggled|can't stop (?:smiling|laughing|grinning)|"
    r"came out (?:right|perfect|well|great)|(?:i|we) finally (?:\w+ed|met|saw|held|did|made|got|sold|found|"
    r"won|learnt|"
    r"bought|told|paid)|"
    r"dream came true|over the moon|cloud nine|yay|hooray|woohoo|the whole way)\b"
)
_SOURS = re.compile(
    r"\b(?:not|never|nobody|wish|died|dead|dying|lost|sad|cry|crying|cried|but|if|miss|missed|without me|"
    r"at me|laugh\w* at|hate|hated|"
    r"used to|would|supposed|jealous|unfortunately|can't (?!stop|believe|wait)|find out|fraud|fake|"
    r"pretend\w*)\b|\b(?:did|does|was|were|is|has|could|wo|would)n't\b"
)
"""What may turn good news around."""
_NO_JOY = re.compile(
    r"\b(?:no one|nothing|cannot|tears|worse|worst|awful|horrible|terrible|fight|fought|argu\w*|scared|afraid|"
    r"fear|hospital|"
    r"funeral|alone|lonely|leave|left|broke|broken|divorce\w*|cancer|angry|furious|tired|exhausted|ashamed|"
    r"guilty|should|"
    r"made fun|behind my back|ill|sick|bad|wrong|ruin\w*|fail\w*|late|pretend\w*|else|guilt|anxious|panic\w*|"
    r"nightmare|taken|trying|(?:he|she|they|boss) (?:just |only |then )*laughed$|nothing|empty|"
    r"again)\b|\b(?:do|have|had|should)n't\b"
)
"""Along with these, a word of joy is not enough."""
_HARD_TIMES = re.compile(
    r"\b(?:(?:i|we)(?: \w+)?(?: \w+n't)?(?: \w+)? (?:cried|cry|crying|wept|weep|sobbed|sobbing|broke down|"
    r"fell apart|falling apart)|"
    r"(?:in|to) tears|can't (?:cope|sleep|stop|breathe|go on like this|do this|take it|face)|"
    r"nobody (?:\w+ )?(?:knows|knew|noticed|notices|asked|asks|came|called|calls|cares|believes|believed|to \w+)|"
    r"no one (?:\w+ )?(?:knows|noticed|asks|came|called|to \w+)|all (?:alone|on my own|by myself)|"
    r"lost (?:my|our|his|her|the) (?:job|house|home|farm|flat|business|baby|sight|hearing)|hospice|"
    r"on the scan|biopsy|lump|tumou?r|(?:isn't|not|won't|stopped) (?:speaking|talking|speak|talk) to (?:me|"
    r"us)|bailiffs?|"
    r"evict\w+|sacked|fired|laid off|dumped|rejected|turned (?:me|us) down|"
    r"cancelled (?:my|our)|debts?|overdraft|(?:doesn't|didn't|don't) (?:recognise|want|love|need) (?:me|us)|"
    r"made redundant|(?:was|been) (?:so |really |pretty )?(?:awful|horrible|terrible|hell|dreadful|rough)|"
    r"stolen|(?:stole|broke into) (?:my|our)|robbed|"
    r"redundancy|"
    r"diagnos\w+|cancer|chemo|dementia|miscarr\w+|(?<!since the )(?<!since my )divorce|split up|broke up|"
    r"left me(?! (?:a|an|her|his|their|some)\b)|moved out|^(?:just |still |i've |have )*(?:been )?crying|"
    r"burn(?:t|ed)? out|at the end of my|too much for me|the last straw|fell out with|"
    r"i'm (?:drowning|sinking|failing|struggling|not coping)|i (?:let|failed) (?:him|her|them|"
    r"everyone) ?(?:down)?)\b"
)
_WINDS_DOWN = re.compile(
    r"\b(?:helped|feels? (?:\w+ ){0,2}(?:better|lighter|clearer|calmer)|(?:i|i think i) know now|(?:clear|"
    r"clearer) now|nothing else|"
    r"that's about it|no more to say|glad i said|good to (?:say|have said)|that's (?:all|everything)|"
    r"said (?:it all|everything))\b"
)
_THEN = re.compile(
    r"\b(?:used to|was alive|were alive|back then|would always|would have|when (?:i was|we were) (?:small|"
    r"little|young|a \w+|\w+teen))\b"
)
_HAPPY = frozenset({"happy", "joyful", "delighted", "thrilled", "excited", "proud", "grateful", "thankful"})
_NO_APOSTROPHE = {
    f"{verb}nt": f"{verb}n't"
    for verb in ("do", "does", "did", "is", "are", "was", "were", "has", "have", "had", "ca", "would", "could",
                 "should", "wo", "must")
} | {
    "ive": "I've", "youre": "you're", "youve": "you've", "weve": "we've", "theyre": "they're", "theyve": "they've",
    "hes": "he's", "shes": "she's", "thats": "that's", "whats": "what's", "wheres": "where's", "theres": "there's",
    "im": "I'm",
}  # fmt: skip
_IS_WITHOUT = re.compile(rf"\b(?:{'|'.join(_NO_APOSTROPHE)})\b(?!')", re.IGNORECASE)
_IN_LAW = re.compile(r"\b(mother|father|sister|brother|son|daughter|parents)s? in laws?\b", re.IGNORECASE)
_DENIED = re.compile(r"\bnot (?:my|our|the|a|an|his|her|their) [\w'-]+,?", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_MARKS = re.compile(r"[.,!?;:।…\"„“”«»¡¿()]")
_MOST_CHARS = 4000
_ONE_THING_WORDS = 30
"""A longer message is about more than one thing."""
_FEWEST_SLIPPED = 5
"""Letters of a word that is still one with a slip in it; nearly anything shorter is."""
_FEWEST_ENGLISH = 3
"""Words that tell that somebody speaks English where the interface does not."""


def find_emergency(text: str) -> str:
    """`danger` where somebody is being hurt, `crisis` where it is another danger, else empty.

    What only the network sees, care has asked about before the guide goes on; what it takes back is no emergency.
    """
    found = by_rules(text)
    if found and found[0].severity >= Severity.UNCLEAR:
        found = [each for each in findings(text) if not each.rule.startswith(AS_A_WHOLE)]
    if not found or found[0].severity < Severity.UNCLEAR:
        return ""
    return "danger" if found[0].concern in (Concern.VIOLENCE, Concern.CHILD) else "crisis"


def is_taken_back(text: str) -> bool:
    """They say that they are safe, or that it was not meant so."""
    return TAKEN_BACK.search(plain(text)) is not None


@dataclass(frozen=True, slots=True)
class Wishes:
    """How somebody wants to be answered from now on."""

    no_questions: bool = False
    no_echo: bool = False


def wishes_of(said: Sequence[str]) -> Wishes:
    """What they asked for in any of their messages; who asks for a question wants questions again."""
    no_questions = no_echo = False
    for text in said:
        plain = plain_words(text[:_MOST_CHARS])
        no_questions = (no_questions or wants_no_questions(plain)) and wish_in(text) is not Wish.ANOTHER
        no_echo = no_echo or wants_no_echo(plain)
    return Wishes(no_questions, no_echo)


def notice(text: str) -> Noticed:
    """What the rules find in one message."""
    emergency = find_emergency(text)
    if emergency:
        return Noticed(occasion=emergency)
    lexicon = load_lexicon()
    text = text[:_MOST_CHARS]  # enough for any message, and a bound for the patterns
    as_written = plain_words(text)
    text = _with_apostrophes(text)
    plain = plain_words(text)
    words = plain.split()
    occasion = occasion_of(text, plain)
    if occasion in {"", "short", "unclear"} and (
        language := _other_language(text, as_written, as_written.split(), lexicon)
    ):
        return Noticed(occasion="language", language=language, length=len(words))
    if occasion not in {"", "retraction", "put right"}:
        return Noticed(occasion=occasion, length=len(words))
    text = _with_in_laws(text)
    if occasion in {"retraction", "put right"}:
        text = _DENIED.sub(" ", text)
    clauses = cut_clauses(text, lexicon)
    rough = is_rough(text)
    told = tuple(filter(None, (turn_clause(clause, lexicon, is_rough=rough) for clause in clauses)))
    felt = tuple(_find_feelings(clauses, lexicon, is_short=len(words) <= 8))
    named = find_topics(clauses, lexicon, is_rough=rough)
    topics = tuple(topic for topic in named if not _is_in_passing(topic, plain)) or _person_alone(
        plain, lexicon
    )
    situation = situation_of(plain) if len(words) <= _ONE_THING_WORDS else None
    if occasion in {"retraction", "put right"}:
        topics, told, felt = _after_retraction(plain, topics), (), ()
    elif situation is not None:
        occasion = ""
    elif len(words) <= 3 and not (felt or topics or told or _is_joy(plain, felt)):
        occasion = "short"
    elif rough and len(words) > 3 and not (felt or topics or told) and _is_unclear(words, lexicon):
        occasion = "unclear"
    return Noticed(
        occasion=occasion,
        situation=situation,
        told=told,
        contrast=_find_contrast(clauses, lexicon, is_rough=rough),
        wish=next((found[1] for found in map(_WISH.match, told) if found and len(found[1].split()) > 1), ""),
        duty=next((found[1] for found in map(_DUTY.match, told) if found and len(found[1].split()) > 1), ""),
        felt=felt,
        topics=topics,
        numbers=tuple(find_numbers(clauses, lexicon)),
        is_loss=_is_loss(plain, lexicon),
        is_joy=_is_joy(plain, felt) and not (situation and situation.weighs),
        is_to_be_said=re.search(r"\b(?:tell|ask|say|talk to|explain|write to|call)\b", plain) is not None,
        winds_down=len(words) <= 12 and _WINDS_DOWN.search(plain) is not None,
        is_of_then=_THEN.search(plain) is not None,
        is_hard=_HARD_TIMES.search(plain) is not None or (situation is not None and situation.weighs),
        wants=asked_for(plain, ends_with_mark=text.rstrip().endswith("?")),
        asks=_asks(text, plain),
        has_happened=bool(_PAST.search(plain)),
        length=len(words),
    )


def _asks(text: str, plain: str) -> bool:
    """Whether they want an answer; "Who does that?" after what was told wants none."""
    *before, last = _SENTENCES.split(text.strip())
    if last.endswith("?"):
        return not before or bool(re.search(r"\b(?:i|we|you|my|me)\b", plain_words(last)))
    return not before and bool(_QUESTION.match(plain) and not _STATED_QUESTION.match(plain))


def _is_unclear(words: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether so many words are unknown, and none says who did what, that they may have been heard wrongly."""
    if any(first in SUBJECTS and is_verb(second, lexicon) for first, second in pairwise(words)):
        return False
    from companion.care import network  # numpy: not before the first words

    usual = network.load().knows
    unknown = (word for word in words if not (is_known(word, lexicon.known) or usual(word)))
    strange = sum(not _is_slip(word, lexicon.known) for word in unknown)
    return strange > 1 and 5 * strange >= len(words)  # a single one may be a name


def _is_slip(word: str, known: frozenset[str]) -> bool:
    """Whether one letter too few or two that changed places make it a word: "evrything", "tierd"."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    swapped = (left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1)
    filled = (left + letter + right for left, right in cuts for letter in ascii_lowercase)
    return len(word) >= _FEWEST_SLIPPED and any(is_known(each, known) for each in chain(swapped, filled))


def _with_apostrophes(text: str) -> str:
    """Who types fast and some recognisers write "dont" and "im"."""
    return _IS_WITHOUT.sub(lambda found: _NO_APOSTROPHE[found[0].lower()], text)


def _with_in_laws(text: str) -> str:
    """A recogniser writes "brother in law"."""
    return _IN_LAW.sub(r"\1-in-law", text)


def _is_in_passing(topic: Topic, plain: str) -> bool:
    """Whether a thing is only what something else happened with or on: "over the phone"."""
    noun = re.escape(topic.words.split()[-1])
    by_the_way = rf"\b(?:(?:over|by|through) (?:my|the|our)|(?:on|from) the) {noun}\b"
    return topic.kind.name in _THINGS and re.search(by_the_way, plain) is not None


def _person_alone(plain: str, lexicon: Lexicon) -> tuple[Topic, ...]:
    """ "Mum" as a whole message."""
    people = next(kind for kind in lexicon.topics if kind.name == "people")
    if plain in lexicon.kin:
        return (Topic(f"your {plain}", f"my {plain}", people, is_own=True),)
    return ()


def plain_words(text: str) -> str:
    """Lower-case words with single spaces, without marks and numbers."""
    return " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text.lower().replace("’", "'")))


def whole_words(text: str) -> str:
    """Lower-case words of any script with single spaces, without marks."""
    return " ".join(_MARKS.sub(" ", text.lower().replace("’", "'")).split())


def _other_language(text: str, plain: str, words: Sequence[str], lexicon: Lexicon) -> Language | None:
    """The language of `text`; one without a name where it is none of those known, None where it is English."""
    letters = [char for char in text if char.isalpha()]
    whole = whole_words(text)
    for language in lexicon.languages:
        if whole in language.alone or language.takes_leave(whole):
            return language
        if language.script and 2 * len(language.script.findall(text)) > len(letters) > 0:
            return language
    if 3 * sum(word in lexicon.known for word in words) <= len(words):
        for language in lexicon.languages:
            if len(words) <= 8 and language.leave is not None and language.leave.match(f"{whole} "[:-1]):
                return language
    if sum(char > "\u024f" for char in letters) > len(letters) / 2:
        return Language()
    english = sum(word in lexicon.known for word in words)
    best = max(lexicon.languages, key=lambda language: sum(word in language.words for word in words))
    found = sum(word in best.words for word in words)
    return best if found >= 2 and found > english and 3 * found >= len(words) else None


def language_of(text: str, of_interface: Language | None) -> Language | None:
    """The language of `text` where that is plain, one without a code for English; None: a word or two do not tell.

    Args:
        of_interface: where it is given, only what is plainly English is.
    """
    lexicon = load_lexicon()
    plain = plain_words(text[:_MOST_CHARS])
    words = plain.split()
    found = _other_language(text, plain, words, lexicon)
    if found is not None and found.name:
        return found
    english = sum(word in lexicon.known for word in words)
    theirs = sum(word in of_interface.words for word in words) if of_interface is not None else 0
    is_english = len(words) >= _FEWEST_ENGLISH and 3 * english >= 2 * len(words) and english > theirs
    return Language() if is_english else None


def _find_contrast(clauses: Sequence[Clause], lexicon: Lexicon, *, is_rough: bool) -> tuple[str, str] | None:
    for before, after in pairwise(clauses):
        if after.words and after.words[0].lower() in {"but", "yet"}:
            left, right = (turn_clause(clause, lexicon, is_rough=is_rough) for clause in (before, after))
            if left and right and left != right:
                return left, right
    return None


def _after_retraction(plain: str, topics: Sequence[Topic]) -> tuple[Topic, ...]:
    """What was meant instead, where it is said."""
    return tuple(topics) if PUT_RIGHT.match(plain) or " it was " in plain else ()


def _is_loss(plain: str, lexicon: Lexicon) -> bool:
    """Whether somebody died; phones do not."""
    if _LOSS.search(plain) and not _THINGS_DIE.search(plain):
        return True
    losable = {word for kind in lexicon.topics if kind.name in _LOSABLE for word in kind.words}
    return any(not losable.isdisjoint(nouns) for nouns in _LOST.findall(plain)) and "job" not in plain


def _is_joy(plain: str, felt: Sequence[Felt]) -> bool:
    """Whether it is surely good news: one word too many of another kind, and it is not."""
    if any(each.kind.name == HARD for each in felt) or _SOURS.search(plain):
        return False
    if _GOOD_NEWS.search(plain):
        return True
    if _NO_JOY.search(plain):
        return False
    return bool(_JOY.search(plain)) or any(each.word in _HAPPY for each in felt)


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
                    and _ALONE.fullmatch(plain[:at])
                    and _AFTER_ALONE.fullmatch(plain[at + len(word) :])
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
