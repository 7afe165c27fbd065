"""One conversation: what was said so far weighs, a correction takes the alarm back, nothing is offered twice in the same
words. Pure but for its own state; belongs to one session.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.care import wording
from companion.care.corrections import JUST_SAID, NO, TAKEN_BACK, YES
from companion.care.recognise import Finding, findings
from companion.care.words import plain
from companion.flow import Help
from companion.kinds import Concern, Severity

_SHORT = 12
"""Words of an answer to a direct question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What follows from what a person said."""

    concern: Concern
    severity: Severity
    beginning: str = ""
    """Said before anything else; empty: it was said before, or it is no alarm."""
    instruction: str = ""
    """For whoever thinks, after their prompt."""
    is_alarm: bool = False
    """Help is shown."""
    takes_back: bool = False
    """What was shown may go."""


class Watch:
    """One per session."""

    def __init__(self) -> None:
        self._worry: Finding | None = None
        self._has_asked = False
        """The last answer began with a direct question."""
        self._is_calm = False
        """They said that they are safe."""
        self._used: set[str] = set()
        self._owed: Response | None = None
        self._ahead: tuple[str, list[Finding]] = ("", [])
        """What was looked at in a pause: where these are all the words they are not read twice."""

    def hear(self, text: str, shown: Help, trusted: str = "") -> Response | None:
        """What follows from the person's newest words; None: nothing out of the ordinary.

        Args:
            shown: who can be reached where they are.
            trusted: somebody they named themselves.
        """
        ahead, self._ahead = self._ahead, ("", [])
        words, found = plain(text), ahead[1] if ahead[0] == text else findings(text)
        finding = self._weigh(words, found)
        has_asked, self._has_asked = self._has_asked, False
        if finding is None and self._worry is not None and has_asked and len(words.split()) <= _SHORT:
            if YES.search(words) and not TAKEN_BACK.search(words):
                finding = replace(self._worry, severity=max(Severity.HIGH, self._worry.severity))
            elif NO.search(words):
                return self._take_back()
        is_milder = finding is None or finding.severity <= Severity.UNCLEAR or bool(JUST_SAID.search(words))
        if self._worry is not None and is_milder and TAKEN_BACK.search(words):
            return self._take_back()
        if finding is not None:
            return self._offer(finding, shown, trusted)
        return self._without_alarm(found)

    def may_act(self, text: str) -> bool:
        """Whether these words, or earlier ones, need more than an ordinary answer; they weigh nothing yet."""
        if self._worry is not None or self._owed is not None:
            return True
        self._ahead = text, findings(text)
        return bool(self._ahead[1])

    @property
    def standing(self) -> str:
        """What whoever thinks is told before the newest words are known; empty: nothing."""
        return wording.for_worry(self._worry.concern) if self._worry is not None else ""

    def raise_hand(self) -> Response | None:
        """Whoever thinks saw danger that was not seen here; None: help is shown already."""
        if self._worry is not None:
            return None
        self._worry = Finding(concern=Concern.SUICIDE, severity=Severity.UNCLEAR)
        return Response(concern=Concern.SUICIDE, severity=Severity.UNCLEAR, is_alarm=True)

    def owe(self, response: Response) -> None:
        """Its beginning did not reach the person: the next answer begins with it."""
        self._owed = response

    def _weigh(self, words: str, found: list[Finding]) -> Finding | None:
        """What is an alarm now, with what was said before."""
        finding = next((each for each in found if each.severity >= Severity.UNCLEAR), None)
        if finding is None:
            return None
        if JUST_SAID.search(words) and finding.severity < Severity.IMMINENT:
            finding = replace(finding, severity=Severity.UNCLEAR)
        if finding.severity is Severity.UNCLEAR and self._is_calm:
            return None
        worry = self._worry
        if worry is not None and worry.concern is finding.concern and finding.severity is Severity.UNCLEAR:
            finding = replace(finding, severity=max(Severity.HIGH, worry.severity))
        return finding

    def _offer(self, finding: Finding, shown: Help, trusted: str) -> Response:
        owed, self._owed = self._owed, None
        beginning = ""
        for template in wording.wordings(finding):
            if template not in self._used:
                self._used.add(template)
                beginning = wording.written(template, shown, trusted, finding.language)
                break
        if not beginning and owed is not None:
            beginning = owed.beginning
        if self._worry is None or finding.severity >= self._worry.severity:
            self._worry = finding
        self._has_asked, self._is_calm = bool(beginning), False
        return Response(
            concern=finding.concern,
            severity=finding.severity,
            beginning=beginning,
            instruction=wording.for_alarm(finding, beginning),
            is_alarm=True,
        )

    def _take_back(self) -> Response:
        assert self._worry is not None
        concern, self._worry, self._owed = self._worry.concern, None, None
        self._is_calm = True
        return Response(concern=concern, severity=Severity.CARE, instruction=wording.CALM, takes_back=True)

    def _without_alarm(self, found: list[Finding]) -> Response | None:
        owed, self._owed = self._owed, None
        if owed is not None:
            return owed
        if self._worry is not None:
            concern = self._worry.concern
            return Response(concern=concern, severity=Severity.CARE, instruction=wording.for_worry(concern))
        if found and found[0].severity is Severity.CARE:
            return Response(concern=found[0].concern, severity=Severity.CARE, instruction=wording.GENTLE)
        return None
