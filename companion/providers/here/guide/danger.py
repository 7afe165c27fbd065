"""What the guide says when somebody is in danger, and in the messages after that. Messages in, an answer out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from companion.providers.here.guide.noticing import find_emergency, is_taken_back
from companion.providers.here.guide.wording import Wording, say_alone

_ECHO = 3
"""For so many messages after an emergency was spoken of, the guide keeps pointing to people."""

Pools = Mapping[str, tuple[str, ...]]


def answer_to_danger(said: Sequence[str], wording: Wording, pools: Pools, *, lets_go: bool) -> str:
    """The answer to the last of `said` where it or one shortly before it speaks of danger; else empty.

    Args:
        lets_go: the message takes leave.
    """
    occasion = find_emergency(said[-1])
    if occasion:
        return _answer_emergency(occasion, wording, pools)
    if any(map(find_emergency, earlier := said[-1 - _ECHO : -1])):
        if is_taken_back(said[-1]):
            return _answer_safe(wording, pools)
        if not any(map(is_taken_back, earlier)) and not lets_go:
            return _answer_after(wording, pools)
    return ""


def _answer_emergency(occasion: str, wording: Wording, pools: Pools) -> str:
    """Says what it is and who can help, each time; in the same words only when there are no others left."""
    parts = (occasion, f"{occasion} help", "emergency asked")
    first = [pools[part][0] for part in parts]
    if all(map(wording.is_new, first)):
        return " ".join(first)
    leads = pools["again"], pools["again"], pools["again asked"]
    return " ".join(wording.say_any(pools[part], lead) for part, lead in zip(parts, leads, strict=True))


def _answer_after(wording: Wording, pools: Pools) -> str:
    statement = wording.say(pools["emergency after"]) or wording.say_any(pools["open"], pools["again"])
    return f"{statement} {wording.say_any(pools['emergency asked'], pools['again asked'])}"


def _answer_safe(wording: Wording, pools: Pools) -> str:
    """They are safe, or it was not meant so: that is believed, and not spoken of again."""
    asked = wording.say_any([*pools["safe asked"], *pools["general asked"]], pools["again asked"])
    return f"{say_alone('safe', wording, pools)} {asked}"
