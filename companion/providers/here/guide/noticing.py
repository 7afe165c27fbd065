"""What the offline guide notices in somebody's words: text in, `Noticed` out. Plain rules, pure, any thread.

The word lists are `resources/guide/*.md`. Recognised speech is rough and has no punctuation, so everything here works on
words, and a clause is only turned back ("I miss my sister" -> "you miss your sister") when its form is one that surely
comes out right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from companion.paths import resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A theme or a feeling the guide knows."""

    name: str
    """As it is said in a sentence: `your family`, `sadness`."""
    words: frozenset[str]
    own_words: frozenset[str]
    """Words that only count when the person says them of themselves."""
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt:
    """A feeling that was named."""

    subject: Subject
    word: str
    degree: str = ""
    """`very`, `so` ... as it was said."""
    is_own: bool = False
    is_negated: bool = False
    is_slight: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Everything the rules found in one message."""

    occasion: str = ""
    """A message of one kind: crisis, danger, identity, greeting, thanks, goodbye, unsure, "no english", short."""
    told: tuple[str, ...] = ()
    """Clauses turned to the person, without a stop: `you miss your sister`."""
    contrast: tuple[str, str] | None = None
    has_but: bool = False
    wish: str = ""
    """What they want to do, as it follows "to"."""
    duty: str = ""
    felt: tuple[Felt, ...] = ()
    themes: tuple[Subject, ...] = ()
    repeated: str = ""
    says_always: bool = False
    looks: str = ""
    """`ahead`, `back` or empty."""
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The word lists."""

    themes: tuple[Subject, ...]
    feelings: tuple[Subject, ...]
    verbs: frozenset[str]
    known: frozenset[str]
    endings: frozenset[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CRISIS = re.compile(
    r"\b(?:(?:kill|killing|hang|hanging|shoot|shooting|harm|harming|hurt|hurting|cut|cutting) myself"
    r"|suicid\w*|self[- ]?harm\w*|overdos\w+|(?:take|taking|end|ending) (?:my (?:own )?life|it all)"
    r"|(?:want|wanted|wanna|rather|try|tried) (?:to )?(?:be )?(?:die|dead)|i(?:'m| am) (?:going|ready) to die"
    r"|wish i (?:was|were) dead|wish i (?:wasn't|weren't|was never|had never been) (?:alive|born)"
    r"|(?:don't|do not|not|never) (?:want|wish) to (?:be alive|exist|wake up|be here any ?more"
    r"|live(?! (?:here|there|in|with|near|at|alone|together|on|next|under)\b))"
    r"|no (?:reason|point) (?:to|in) (?:live|living|going on)|better off (?:dead|without me)"
    r"|can't go on (?:living|any ?more)|umbringen|selbstmord\w*|suizid\w*|nicht mehr leben"
    r"|me suicider|me tuer|envie de mourir|suicidarme|matarme|quiero morir)\b"
)
_DANGER = re.compile(
    r"\b(?:(?:he|she|they|who|husband|wife|boyfriend|girlfriend|partner|ex|father|mother|dad|mum|mom"
    r"|stepfather|brother|uncle|boss) "
    r"(?:\w+ ){0,2}(?:hits|hit|beats|beat|chokes|choked|strangled|threatens to|threatened to|rapes|raped|abuses|abused"
    r"|molested|assaulted|stalks|stalked) me|i (?:was|got|am being|have been|keep getting) "
    r"(?:raped|abused|beaten|assaulted|molested|stalked)|afraid (?:he|she) (?:will|might|could) (?:hurt|kill) me)\b"
)
_IDENTITY = re.compile(
    r"\b(?:(?:are you|you are|you're) (?:\w+ )?(?:a |an )?(?:real|human|robot|machine|ai|bot|computer|person"
    r"|program|chatbot|chatgpt|alive|conscious)|who are you|what are you|how do you work|how are you"
    r"|do you (?:understand|remember|have feelings)|artificial intelligence"
    r"|am i (?:talking|speaking) to (?:a|an) \w+)\b"
)
_WHOLE_MESSAGES = (
    (r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|hallo|guten \w+|bonjour|hola)"
     r"(?: there| again| guide| companion)*", "greeting"),
    (r"(?:\w+ ){0,3}(?:goodbye|bye|bye bye|good night|see you|that's all|that is all|that's it|i'm done"
     r"|tschüss|au revoir)(?: \w+){0,3}", "goodbye"),
    (r"(?:\w+ ){0,3}(?:thanks|thank you|danke|merci|gracias)(?: \w+){0,4}", "thanks"),
    (r"(?:\w+ ){0,2}(?:i don't know|i do not know|don't know|no idea|not sure|i'm not sure|dunno"
     r"|i have no idea|hard to say)(?: \w+){0,3}", "unsure"),
)  # fmt: skip
_QUESTION = re.compile(
    r"(?:what|why|how|when|where|who|which|should|could|can|do|does|is|am|are|will|would)\b"
    r".* (?:i|we|it|me|my|you)\b"
)
_ALWAYS = re.compile(r"\b(?:always|never|every time|every single|all the time|nothing ever|forever)\b")
_AHEAD = re.compile(
    r"\b(?:tomorrow|next (?:week|month|year|time|\w+day)|soon|going to|gonna|i will|i'll|the future)\b"
)
_BACK = re.compile(
    r"\b(?:yesterday|last (?:night|week|month|year|time|\w+day)|ago|used to|back then|as a child|when i was)\b"
)

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_BREAK = re.compile(
    r"[.!?;:,\n]+|\b(?:but|because|although|though|and then|so that|except)\b"
    r"|\band (?=(?:i|i'm|i've|my|we)\b)|\bso (?=i\b)",
    re.IGNORECASE,
)
_OPENERS = _words(
    "and so well um uh er hm yeah yes no ok okay oh like just actually basically then anyway maybe "
    "today honestly right"
)
_SWAP = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "we": "you", "us": "you", "our": "your",
    "ours": "yours", "ourselves": "yourselves", "i'm": "you're", "i've": "you've", "i'd": "you'd", "i'll": "you'll",
    "we're": "you're", "we've": "you've", "we'd": "you'd", "we'll": "you'll", "am": "are",
}  # fmt: skip
_SUBJECTS = frozenset({"i", "we"})
_CONTRACTED = frozenset({"i'm", "i've", "i'd", "i'll", "we're", "we've", "we'd", "we'll"})
_TO_OTHERS = _words("you your yours yourself you're you've you'd you'll")
_THIRD = _words("is are has was were does isn't aren't hasn't wasn't weren't doesn't")
_HARSH = _words(  # nobody is told these of themselves, or that they would like them
    "hate hated stupid worthless useless pathetic failure loser ugly fat disgusting idiot blame kill "
    "kills killed hit hits punch stab shoot beat hurt rape murder die dead drunk"
)
_STRONG = _words(
    "very so really extremely incredibly totally completely terribly awfully deeply quite pretty"
)
_SLIGHT = _words("little bit slightly somewhat")
_NEGATIONS = _words(
    "not never no don't didn't doesn't wasn't isn't aren't can't couldn't haven't hadn't won't wouldn't "
    "longer hardly"
)
_LINKS = _STRONG | _SLIGHT | _NEGATIONS | _words(
    "am was were be been being feel feeling felt feels have had has get getting got gotten become makes "
    "made making leaves left do did a an of kind sort too just still also always often sometimes and or "
    "more less most both rather all again"
)  # fmt: skip
_LOSS = "a loss"
_SELF = frozenset({"i", "i'm", "i've", "we", "we're", "me", "myself", "feeling", "felt"})
_FUNCTION_WORDS = _words(
    "the a and to of in is it i i'm my me that was for on with but not this have so you do we what no yes"
)
_WISH = re.compile(
    r"\bi(?:'d| would)? (?:really |just |still |also )?(?:want|wish|hope|love|like|long) to (.+)"
)
_DUTY = re.compile(
    r"\b(?:i|i've) (?:really |just |still |also )?"
    r"(?:should(?! have)|have to|got to|gotta|need to|must(?! have)|ought to|am supposed to) (.+)"
)


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    folder = resources() / "guide"
    themes = tuple(_read_subject(*section) for section in read_sections(folder / "themes.md"))
    feelings = tuple(_read_subject(*section) for section in read_sections(folder / "feelings.md"))
    lists = {name: frozenset(" ".join(lines).split()) for name, lines in read_sections(folder / "words.md")}
    named = {word for subject in (*themes, *feelings) for word in subject.words | subject.own_words}
    known = (
        lists["verbs"]
        | lists["common"]
        | lists["endings"]
        | named
        | _SWAP.keys()
        | _FUNCTION_WORDS
        | _STRONG
        | _NEGATIONS
    )
    return Lexicon(themes, feelings, lists["verbs"], known, lists["endings"])


def read_sections(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The `## ` sections of a Markdown file: title and lines that are not empty."""
    for section in path.read_text("utf-8").split("\n## ")[1:]:
        title, *lines = section.splitlines()
        yield title.strip(), [line.strip() for line in lines if line.strip()]


def _read_subject(title: str, lines: Sequence[str]) -> Subject:
    fields: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and not line.startswith(">"):
            fields[key] = value.strip()
    return Subject(
        name=fields.get("named", title),
        words=_listed(fields.get("words", "")),
        own_words=_listed(fields.get("said of oneself", "")),
        questions=tuple(line[1:].strip() for line in lines if line.startswith(">")),
    )


def _listed(words: str) -> frozenset[str]:
    return frozenset(word.strip() for word in words.split(",") if word.strip())


def find_emergency(text: str) -> str:
    """`crisis` where the words speak of suicide or self-harm, `danger` where of violence suffered, else empty.

    Rather once too often than once too seldom.
    """
    plain = _plain(text)
    return "crisis" if _CRISIS.search(plain) else "danger" if _DANGER.search(plain) else ""


def notice(text: str) -> Noticed:
    """What the rules find in one message."""
    emergency = find_emergency(text)
    if emergency:
        return Noticed(occasion=emergency)
    lexicon = load_lexicon()
    text = text[:4000]  # enough for any message, and a bound for the patterns
    plain = _plain(text)
    words = plain.split()
    clauses = [clause for clause in map(str.strip, _BREAK.split(text.replace("’", "'"))) if clause]
    felt = tuple(_find_feelings(words, lexicon))
    themes = tuple(_find_themes(plain, lexicon))
    occasion = _occasion(text, plain, words)
    if not occasion and len(words) <= 3 and not (felt or themes):
        occasion = "short"
    wish, duty = _turned_wish(_WISH, clauses, lexicon), _turned_wish(_DUTY, clauses, lexicon)
    return Noticed(
        occasion=occasion,
        told=tuple(filter(None, (turn_clause(clause, lexicon) for clause in clauses))),
        contrast=_find_contrast(text, lexicon),
        has_but=" but " in f" {plain} " and len(words) > 4,
        wish=wish,
        duty=duty,
        felt=felt,
        themes=themes,
        repeated=_find_repeated(words, lexicon),
        says_always=bool(_ALWAYS.search(plain)),
        looks="ahead" if _AHEAD.search(plain) else "back" if _BACK.search(plain) else "",
        asks=text.rstrip().endswith("?") or bool(_QUESTION.match(plain)),
    )


def _plain(text: str) -> str:
    """Lower-case words with single spaces."""
    return " ".join(_WORD.findall(text.lower().replace("’", "'")))


def _occasion(text: str, plain: str, words: Sequence[str]) -> str:
    if _IDENTITY.search(plain) and len(words) <= 15:
        return "identity"
    if len(words) <= 8:
        for pattern, occasion in _WHOLE_MESSAGES:
            if re.fullmatch(pattern, plain):
                return occasion
    letters = [char for char in text if char.isalpha()]
    is_other_script = sum(char > "\u024f" for char in letters) > len(letters) / 2
    if is_other_script or (len(words) >= 4 and not _FUNCTION_WORDS.intersection(words)):
        return "no english"
    return ""


def _find_themes(plain: str, lexicon: Lexicon) -> list[Subject]:
    """Themes by how many of their words occur, then by place; but a loss comes before everything."""
    padded = f" {plain} "
    scored = []
    for theme in lexicon.themes:
        places = [padded.find(f" {word} ") for word in theme.words]
        found = [place for place in places if place >= 0]
        if found:
            scored.append((theme.name != _LOSS, -len(found), min(found), theme))
    return [entry[-1] for entry in sorted(scored, key=lambda entry: entry[:-1])[:3]]


def _find_feelings(words: Sequence[str], lexicon: Lexicon) -> Iterator[Felt]:
    seen: set[str] = set()
    taken: set[int] = set()
    for at, word in (*enumerate(map(" ".join, pairwise(words))), *enumerate(words)):
        for subject in lexicon.feelings if at not in taken else ():
            if subject.name in seen or (word not in subject.words and word not in subject.own_words):
                continue
            felt = _read_feeling(subject, word, words[max(0, at - 7) : at])
            if felt.is_own or word in subject.words:
                seen.add(subject.name)
                taken.update((at, at + 1) if " " in word else (at,))
                yield felt


def _read_feeling(subject: Subject, word: str, before: Sequence[str]) -> Felt:
    """Looks back from the word for "I am", "not" and "very"."""
    degree, is_own, is_negated, is_slight = "", False, False, False
    for n, earlier in enumerate(reversed(before)):
        if earlier in _SELF:
            is_own = True
            if earlier not in {"feeling", "felt"}:
                break
        elif earlier not in _LINKS:
            break
        degree = earlier if n == 0 and earlier in _STRONG else degree
        is_negated = is_negated or earlier in _NEGATIONS
        is_slight = is_slight or earlier in _SLIGHT
    return Felt(
        subject=subject, word=word, degree=degree, is_own=is_own, is_negated=is_negated, is_slight=is_slight
    )


def _find_repeated(words: Sequence[str], lexicon: Lexicon) -> str:
    """A word of weight that is said at least three times; a rare word, so that "thing" does not count."""
    counts = Counter(
        word for word in words if len(word) >= 4 and word not in lexicon.endings and word not in lexicon.verbs
    )
    word, count = max(counts.items(), key=lambda entry: entry[1], default=("", 0))
    return (
        word
        if count >= 3 and word in lexicon.known and word not in _LINKS and not _ALWAYS.match(word)
        else ""
    )


def _find_contrast(text: str, lexicon: Lexicon) -> tuple[str, str] | None:
    sides = re.split(r"[,\s]+but\s+", text.replace("’", "'"), maxsplit=1, flags=re.IGNORECASE)
    if len(sides) != 2:
        return None
    before, after = _BREAK.split(sides[0])[-1], _BREAK.split(sides[1])[0]
    left, right = turn_clause(before, lexicon), turn_clause(after, lexicon)
    return (left, right) if left and right and left != right else None


def _turned_wish(pattern: re.Pattern[str], clauses: Sequence[str], lexicon: Lexicon) -> str:
    """What follows "I want to", turned, if the whole clause can be turned."""
    for clause in clauses:
        words = _without_openers(clause)
        turned = turn_clause(clause, lexicon)
        found = pattern.match(" ".join(word.lower() for word in words))
        if found and turned and len(found[1].split()) >= 2 and not _SUBJECTS.intersection(found[1].split()):
            return " ".join(turned.split()[-len(found[1].split()) :]).removeprefix("just ")
    return ""


def turn_clause(clause: str, lexicon: Lexicon) -> str:
    """`clause` turned from "I" to "you", or empty where that might come out wrong."""
    words = _without_openers(clause)
    lower = [word.lower() for word in words]
    if not 3 <= len(words) <= 16 or _TO_OTHERS.intersection(lower) or not _begins_well(lower, lexicon):
        return ""
    if lower[-1] in lexicon.endings or _HARSH.intersection(lower):
        return ""
    unknown = sum(not _is_known(word, lexicon.known) for word in lower)
    if unknown > (1 if len(words) >= 5 else 0):
        return ""
    turned: list[str] = []
    for n, word in enumerate(lower):
        follows_i = "i" in lower[max(0, n - 2) : n]
        if word in {"was", "wasn't"} and follows_i:
            turned.append("were" if word == "was" else "weren't")
        elif (word == "am" and not follows_i) or (
            word in {"was", "wasn't"} and lower[n - 1] in {"and", "or"}
        ):
            return ""  # its subject is too far away to tell
        else:
            turned.append(_SWAP.get(word, words[n] if n else word))
    return " ".join(turned)


def _without_openers(clause: str) -> list[str]:
    words = _WORD.findall(clause)
    while words and words[0].lower() in _OPENERS:
        words.pop(0)
    return words


def _begins_well(words: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether the clause begins with "I" or "my sister" and a verb the guide knows."""
    if words[0] in _CONTRACTED:
        return words[1] not in _SUBJECTS
    if words[0] in _SUBJECTS:
        return words[1] in lexicon.verbs or (words[0] == "we" and words[1] in _THIRD)
    return words[0] == "my" and (words[2] in lexicon.verbs or words[2] in _THIRD)


def _is_known(word: str, known: frozenset[str]) -> bool:
    if word in known or len(word) == 1:
        return word in known
    for ending, instead in (
        ("'s", ""),
        ("s", ""),
        ("es", ""),
        ("ed", ""),
        ("ed", "e"),
        ("ing", ""),
        ("ing", "e"),
        ("ly", ""),
        ("ies", "y"),
    ):
        if word.endswith(ending) and word[: -len(ending)] + instead in known:
            return True
    return False
