"""The written beginnings of answers (`resources/care/beginnings.txt`), and what a model is told about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from companion.care.help import LOCAL, numbers
from companion.care.recognise import Finding
from companion.flow import Help
from companion.kinds import Concern, Severity
from companion.paths import resources

LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "hi")
MARK = "[care]"
MAY_RAISE_A_HAND = (
    "\n\nIf they, or somebody who is with them, may be in danger and nothing below says that help is shown already, begin "
    f"your answer with {MARK} and then go on as usual. The mark is taken out before they see or hear it."
)
_ALARM = (
    "\n\nWhat they said now may mean danger ({concern}). Where to find help is on their screen, and "
    "your answer has already "
    'begun with these words, which they read and hear first: "{beginning}" Go on from there in one to three short, calm '
    "sentences of your own. Repeat neither the words nor a number, ask no second question, name no "
    "method, make no diagnosis "
    "and no promise, give no lecture, and never end the conversation."
)
_AGAIN = (
    "\n\nWhat they said now may mean danger ({concern}). Where to find help is on their screen and was said before: do not "
    "say it again in the same words. Stay with them in short, calm sentences, ask whether somebody is with them, name no "
    "method, make no diagnosis and no promise, and never end the conversation."
)
FOLLOW = (
    "\n\nEarlier in this conversation they spoke of something dangerous ({concern}), and help was "
    "offered. Keep it in mind; "
    "do not offer it again unless it gets worse, and talk about what they want to talk about."
)
CALM = (
    "\n\nThey say that they are safe, or that it was not meant so. Believe them, thank them in half a "
    "sentence, do not come "
    "back to it, name no number, and go on with what they want to talk about."
)
GENTLE = (
    "\n\nThey speak of a loss, or of something that is long past. It is no emergency: name no number. Be slow and gentle, "
    "let them tell it, comfort with presence and not with reasons."
)
_NAMES = {
    Concern.SUICIDE: "suicide",
    Concern.SELF_HARM: "harming themselves",
    Concern.VIOLENCE: "violence against them",
    Concern.THREAT: "harm to somebody else",
    Concern.EATING: "an eating disorder",
    Concern.MEDICAL: "a medical emergency",
    Concern.REALITY: "losing touch with reality",
    Concern.CHILD: "a child at risk",
    Concern.BEREAVEMENT: "a loss",
}


@lru_cache(maxsize=1)
def load() -> Mapping[str, tuple[str, ...]]:
    """Heading -> wordings."""
    found: dict[str, list[str]] = {}
    head = ""
    for line in (resources() / "care" / "beginnings.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            head = line.strip("[]")
        elif line and not line.startswith("#"):
            found.setdefault(head, []).append(line)
    return {head: tuple(lines) for head, lines in found.items()}


def wordings(finding: Finding) -> Sequence[str]:
    """What an answer to it may begin with, in their language, the first first; templates."""
    texts, who = load(), " other" if finding.is_of_other else ""
    severities = [
        finding.severity,
        *(each for each in (Severity.HIGH, Severity.IMMINENT) if each != finding.severity),
    ]
    for language in ((f" {finding.language}",) if finding.language else ()) + ("",):
        for each in (who, ""):
            for severity in severities:
                name = f"{finding.concern.value}{each} {severity.name.lower()}{language}"
                if name in texts:
                    return texts[name]
    return ()


def written(template: str, shown: Help, trusted: str, language: str = "") -> str:
    """A wording with the names and numbers of this person."""
    emergency = numbers(shown.emergency, language) or LOCAL[language]
    kind = "help" if shown.line is not None else "directory" if shown.emergency else "nowhere"
    texts = load()
    sentence = texts[f"{kind} {language or 'en'}"][0].format(
        name=shown.line.name if shown.line is not None else "",
        call=numbers(shown.line.call, language) if shown.line is not None else "",
        emergency=emergency,
    )
    small = sentence[0].lower() + sentence[1:]
    person = trusted or "someone you trust"
    text = template.format(help=sentence, help2=small, person=person, emergency=emergency)
    return text[0].upper() + text[1:]


def for_alarm(finding: Finding, beginning: str) -> str:
    """What the model is told when an answer has begun so; empty beginning: nothing new is said."""
    text = _ALARM if beginning else _AGAIN
    return text.format(concern=_NAMES[finding.concern], beginning=beginning)


def for_worry(concern: Concern) -> str:
    """What it is told in the turns after."""
    return FOLLOW.format(concern=_NAMES[concern])
