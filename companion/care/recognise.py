"""What is said in one message, and how serious it is. Pure, any thread.

What is harmless is covered first (idioms), then every rule that matches counts unless it is denied ("I'm not ..."), told of
a story, or long past. Means at hand or a time that is set make a wish to die imminent.

Then a small network (`network.py`) reads the message as a whole. It adds what no rule had in mind, always as unclear, so
that the answer asks; and it takes back what a rule saw in words that mean nothing grave. It learnt from some 8,000 lines
written for it, and only in English: elsewhere the rules are alone.

How good both are (tests/care writes it to the ledger of promises), on lines from which nothing was mended or learnt: of
`sealed.txt`, by a writer who saw none of this, 90 % of what is grave (the rules alone 53 %; of what is only hinted at
64 %), 89 % of what is said plainly, with false alarms in 9 % of 190 harmless lines near danger; of `held_back.txt` 94 and
10 %, of `apart.txt` 86 and 9 %; the thresholds below were chosen with these figures in view. Of everyday messages and
journal entries whose other half was learnt from 1 % are taken for danger, of 92 messages to the guide of which none was,
9 %.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from companion.care.rules import TOGETHER, Hit, Rule, load
from companion.care.words import plain
from companion.kinds import Concern, Severity

_COVER = "~"
_SURE, _SURE_OF_WORDS = 0.9, 0.6
"""So likely must danger be to the network where no rule sees any; where plain words for it are said."""
_PLAINLY = re.compile(
    r"suicid|(?:kill|killing|hang|hanging|drown|shoot) (?:me|myself)|(?:end|ending|take|taking|took) (?:my|it) |"
    r"i (?:[^ .]+ ){0,4}die |(?:be|am|were|was) dead |not (?:be alive|live|wake up)|overdos"
)
_LEAST, _LEAST_TOGETHER = 0.1, 0.5
"""So likely where a rule sees it; where its words stand in any order."""
AS_A_WHOLE = "read as a whole"
_LONG, _PIECE, _OVERLAP = 45, 30, 10
"""Words of a sentence that is cut, of a piece, and what two pieces share."""
_SENTENCE = re.compile(r"[^.]+\. |\. ")
_DENIED = re.compile(
    r"(?:^|[. ])(?:not|never|nobody|no one|no|nor|without|stop|stopped|do not) (?:[^ .]+ ){0,3}$"
)
_NOT_DENIED = re.compile(
    r"(?:not|never) (?:stop|help|wait|only|sure|know|understand|decide|tell|promise|guarantee|trust|live|sleep|shake|"
    r"take|stand|go|cope|handle|bear|do|deal|care|mind|believe|see)\b|why (?:[^ .]+ )?not|no (?:way|hope|future|reason|"
    r"point|sense|use|idea)|nobody (?:knows|cares|listens|notices|believes|sees|understands|likes|loves)|no one "
    r"(?:knows|cares|listens|notices|believes|sees|understands|likes|loves)|not (?:worth|good|okay|ok|well|fine|happy)"
)
_INSIDE = re.compile(r" (?:not|never) ")
_PAST = re.compile(
    r"(?:years?|months|decades?) ago|when i was (?:a |an )?(?:\w+)|as a (?:child|kid|teen|teenager|student|boy|girl|young)|"
    r"back then|used to|long (?:ago|behind|over|past)|behind me|in the past|in my (?:teens|twenties|youth|childhood)|"
    r"years back|once (?:tried|wanted)|in (?:19|20)\d\d|years since i (?:left|stopped|got out)|years (?:clean|free)|"
    r"was (?:anorexic|bulimic|suicidal) (?:at|as)|far away"
)
_WELL = re.compile(
    r"(?<![^ ])(?:glad|grateful|thankful|behind me|far away|i am (?:fine|well|happy|ok|okay|better|good|safe)|sleep well|"
    r"happily|enjoy|healthy|recovered|got help|i help|mild|over it|proud|in therapy|worked on it|moved on) "
)
"""What was is told as what is over, whatever else is said of now."""
_NOW = re.compile(
    r"(?:again|now|today|tonight|yesterday|currently|these days|this (?:week|morning|evening|month)|every (?:day|night)|"
    r"last night|nowadays|come back|came back|is back|are back|tomorrow) (?!i am (?:glad|fine|well|happy|"
    r"ok|okay|better|good|grateful|safe))"
)
_STORY = (
    r"(?:novel|book|story|stories|film|movie|series|show|episode|chapter|play|opera|poem|song|lyrics?|podcast|documentary|"
    r"game|games|level|quest|boss|player|character|hero|heroine|villain|protagonist|detective|victim|author|script|scene|"
    r"plot|essay|thesis|paper|article|lecture|seminar|exam|course|study|studies|research|history|historical|"
    r"museum|news|headline|newspaper|screenplay|manga|anime|comic|musical|theatre|theater|campaign|"
    r"workshop|homework on|presentation|textbook|case study|biography|memoir|shakespeare|romeo|hamlet|prevention)"
)
_TOPIC = re.compile(rf"(?<![^ ]){_STORY} ")
_QUOTE = re.compile(
    rf"(?<![^ ]){_STORY} (?:[^ .]+ )?(?:says?|said|goes|sings?|sang|where|who|that|called|titled|in which|ends with|about|"
    r"has|is about|wants|thinks|line|tells?) |"
    r"in (?:my|our) (?:new )?(?:novel|book|story|film|play|script|game|comic) |"
    r"(?:line|lyric|quote|chorus|title|refrain|verse) "
)
_AGREES = re.compile(
    r"(?:me too|like me|that is me|same here|so do i|i feel the same|i feel like that|as i do) "
)
_SELF = re.compile(r"(?<![^ ])(?:i|my|me|myself) ")
_WHO = re.compile(r"(?<![^ ])who ")
_MEANS = re.compile(
    r"(?<![^ ])(?:pills|tablets|rope|noose|gun|pistol|rifle|razor|blade|bridge|roof|ledge|tracks|platform|overdose|"
    r"pistole|tabletten|strick|pastillas|pistola|pastiglie|comprimidos|pillen|corde|medicaments|goliyan|balcony|cliff) "
)
_AT_HAND = re.compile(
    r"(?<![^ ])(?:in my hand|in front of me|ready|right now|here with me|next to me|beside me|tied|loaded|tonight|tomorrow|"
    r"today|this evening|everything prepared|goodbye|note|heute nacht|jetzt|ce soir|maintenant|esta noche|ahora|stasera|"
    r"adesso|hoje a noite|agora|vanavond|aaj raat|abhi) "
)
_ORDER = (
    Concern.MEDICAL,
    Concern.SUICIDE,
    Concern.CHILD,
    Concern.VIOLENCE,
    Concern.THREAT,
    Concern.SELF_HARM,
    Concern.REALITY,
    Concern.EATING,
    Concern.BEREAVEMENT,
)
"""Of what is equally serious, the first is answered."""


_MAY_BE_PAST = frozenset(
    {Concern.SUICIDE, Concern.SELF_HARM, Concern.EATING, Concern.VIOLENCE, Concern.MEDICAL}
)
"""What is no alarm where it is told of long ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a message says."""

    concern: Concern
    severity: Severity
    is_of_other: bool = False
    """It is about somebody else."""
    language: str = ""
    """Where it is known not to be English."""
    rule: str = ""
    """The line that matched, for tests and for whoever mends the rules."""


def findings(said: str) -> list[Finding]:
    """All that `said` says, the most serious first, one of each concern."""
    best, covered = _by_rules(said)
    _read_as_a_whole(covered, best)
    return _ordered(best, covered)


def by_rules(said: str) -> list[Finding]:
    """What the rules alone find: for texts that nobody says now to this program, which the network did not learn."""
    return _ordered(*_by_rules(said))


def _ordered(best: dict[Concern, Finding], covered: str) -> list[Finding]:
    wish = best.get(Concern.SUICIDE)
    is_own = wish is not None and wish.severity >= Severity.UNCLEAR and not wish.is_of_other
    if wish is not None and is_own and _MEANS.search(covered) and _AT_HAND.search(covered):
        best[Concern.SUICIDE] = replace(wish, severity=Severity.IMMINENT)
    return sorted(best.values(), key=lambda each: (-each.severity, _ORDER.index(each.concern)))


def _by_rules(said: str) -> tuple[dict[Concern, Finding], str]:
    """What the rules find, and the plain words without those that are harmless."""
    words = plain(said)
    safe, danger = load()
    best: dict[Concern, Finding] = {}
    covered = ""
    for sentence in _sentences(words):
        left = _cover(sentence, safe.for_sentence(sentence))
        covered += left
        for rule in danger.for_sentence(sentence):
            text = sentence if "raw" in rule.marks else left
            for hit in rule.hits(text):
                finding = _judged(rule, hit, text)
                if finding is not None:
                    before = best.get(finding.concern)
                    if before is None or _weight(finding) > _weight(before):
                        best[finding.concern] = finding
    return best, covered


def _read_as_a_whole(covered: str, best: dict[Concern, Finding]) -> None:
    """Adds what the network sees where no rule sees danger, and takes back alarms that it makes unlikely."""
    from companion.care import network  # numpy: not before the first words

    reading = network.load().read(covered.replace(_COVER, " "))
    if reading is None:
        return
    for concern, finding in list(best.items()):
        least = _LEAST_TOGETHER if finding.rule.startswith("&") else _LEAST
        if finding.severity >= Severity.UNCLEAR and reading.danger < least:
            del best[concern]
    sure = _SURE_OF_WORDS if _PLAINLY.search(covered) else _SURE
    if reading.danger >= sure and all(each.severity < Severity.UNCLEAR for each in best.values()):
        best[reading.concern] = Finding(
            concern=reading.concern,
            severity=Severity.UNCLEAR,
            is_of_other=reading.is_of_other,
            rule=f"{AS_A_WHOLE}, {reading.danger:.3f}",
        )


def _sentences(words: str) -> Iterator[str]:
    """Its sentences; one without an end is cut into overlapping pieces: far words have little to do with each other."""
    for sentence in _SENTENCE.findall(words):
        parts = sentence.split()[:-1]
        if len(parts) <= _LONG:
            yield sentence
        else:
            for at in range(0, len(parts) - _OVERLAP, _PIECE - _OVERLAP):
                yield f"{' '.join(parts[at : at + _PIECE])} . "


def _weight(finding: Finding) -> tuple[int, bool]:
    return finding.severity, not finding.is_of_other


def _cover(words: str, rules: Iterable[Rule]) -> str:
    """`words` without what is harmless; a sentence stays one."""
    for rule in rules:
        if rule.pattern is not None:
            words = rule.pattern.sub(f"{_COVER} ", words)
    return words


def _judged(rule: Rule, hit: Hit, sentence: str) -> Finding | None:
    """What a hit means where it stands."""
    assert rule.concern is not None
    before, said = sentence[: hit.begin], hit.said
    if "nots" not in rule.marks and any(_INSIDE.search(f" {gap}") for gap in hit.gaps):
        return None
    if any(_TOPIC.search(gap) for gap in hit.gaps):
        return None
    if TOGETHER in rule.marks and (_QUOTE if _SELF.search(said) and not _WHO.search(said) else _TOPIC).search(
        said
    ):
        return None
    if _is_denied(before) and not ("nots" in rule.marks and len(rule.marks) > 2):
        return None
    is_of_self = bool(_SELF.search(said)) or bool(_SELF.search(" ".join(before.split()[-4:]) + " "))
    if (_QUOTE if is_of_self else _TOPIC).search(before) and not _AGREES.search(f"{sentence} "):
        return None
    severity = rule.severity
    is_past = bool(_PAST.search(sentence)) and (
        bool(_WELL.search(f"{sentence} ")) or not _NOW.search(f"{sentence} ")
    )
    if is_past and rule.concern in _MAY_BE_PAST:
        severity = min(severity, Severity.CARE)
    return Finding(
        concern=rule.concern,
        severity=severity,
        is_of_other="other" in rule.marks,
        language=next((mark for mark in rule.marks if len(mark) == 2), ""),
        rule=rule.source,
    )


def _is_denied(before: str) -> bool:
    if not _DENIED.search(before):
        return False
    tail = " ".join(before.split()[-6:])
    return not _NOT_DENIED.search(tail)
