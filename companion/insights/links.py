"""What was seen together: days with a tag, a person or a practice, and the marks of those days, held against chance. Pure.

A day is compared with the days around it, so that a good spring does not become the merit of what was begun in spring.
Chance is what remains when the marks are moved along the days, all in the same order, past everything else; the strongest
of all pairs at every such place is what a pair has to beat (max-T, Westfall and Young 1993), so that looking at many
pairs finds no more by chance than looking at one. Nothing here says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from math import sqrt

from companion.insights.rows import Row, Span, Table, figure
from companion.language import mark, number, tr, trc, trn

LEAST_SIDE = 20
"""Marked days with it, and without it."""
CHANCE = 0.03
"""A pair must be rarer by chance than this. At most 5 % of journals in which nothing belongs together then show a link,
even where moods last for days, so that neighbouring places are no independent trials (tests/insights tries 4,000)."""
LEAST_EFFECT = 0.2
"""Cliff's delta: how much more often one side lies above the other than below, -1 to 1."""
_MOST_PAIRS, _MOST_PLACES = 20, 300
_AROUND = 14
"""Marked days on either side that a day is compared with."""
_CHANCE_TOLD = mark("Seen together; that does not say why.")
_HIGHER = {
    "person": mark(
        "Days with {what} and marks {steps:.1f} steps higher than on the days around ({days_with:,} days with, "
        "{days_without:,} without)."
    ),
    "tag": mark(
        "Days with the tag {what} and marks {steps:.1f} steps higher than on the days around ({days_with:,} days "
        "with, {days_without:,} without)."
    ),
    "practice": mark(
        "Days of {what} and marks {steps:.1f} steps higher than on the days around ({days_with:,} days with, "
        "{days_without:,} without)."
    ),
}
_LOWER = {
    "person": mark(
        "Days with {what} and marks {steps:.1f} steps lower than on the days around ({days_with:,} days with, "
        "{days_without:,} without)."
    ),
    "tag": mark(
        "Days with the tag {what} and marks {steps:.1f} steps lower than on the days around ({days_with:,} days "
        "with, {days_without:,} without)."
    ),
    "practice": mark(
        "Days of {what} and marks {steps:.1f} steps lower than on the days around ({days_with:,} days with, "
        "{days_without:,} without)."
    ),
}
"""By what the days have in common."""
KINDS = (mark("tag"), mark("person"), mark("practice"))
"""What a link is with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Days with something, beside the days around them without it."""

    what: str
    kind: str
    """tag, person or practice."""
    days_with: int
    days_without: int
    steps: float
    """How many of the seven steps higher the marks were, against the days around."""
    effect: float
    """Cliff's delta."""
    chance: float
    """How often as much would come about by chance among all pairs looked at."""

    @property
    def words(self) -> str:
        told = _HIGHER if self.steps > 0 else _LOWER
        return tr(
            told.get(self.kind, told["practice"]),
            what=self.what,
            steps=abs(self.steps),
            days_with=self.days_with,
            days_without=self.days_without,
        )


@dataclass(frozen=True, slots=True)
class Links:
    """What passed, strongest first."""

    links: tuple[Link, ...]
    pairs: int
    """How many were looked at."""
    sentence: str
    missing: str
    table: Table


@dataclass(slots=True)
class _MarkedDay:
    moods: list[int]
    things: set[tuple[str, str]]


def links_of(rows: Iterable[Row], span: Span, titles: Mapping[str, str] | None = None) -> Links:
    """`titles`: what practices are called, by name."""
    marked = _marked_days(row for row in rows if row.day in span)
    things = _enough(marked)
    if not things:
        missing = tr(
            "Links appear when a tag, a person or a practice is on {least} marked days and not on {least} others; "
            "{marked}.",
            least=LEAST_SIDE,
            marked=_marked(len(marked)),
        )
        return Links((), 0, "", missing, _table(()))
    found = _tested(marked, things, titles or {})
    links = tuple(sorted(found, key=lambda link: (link.chance, -abs(link.effect), link.what)))
    looked = trn(
        "Nothing was seen together more than chance would have it; {n} pair looked at.",
        "Nothing was seen together more than chance would have it; {n} pairs looked at.",
        len(things),
    )
    sentence = tr(_CHANCE_TOLD) if links else looked
    return Links(links, len(things), sentence, "", _table(links))


def _marked_days(rows: Iterable[Row]) -> list[_MarkedDay]:
    """In order; a day has the marks of all its reflections."""
    by_day = defaultdict[date, _MarkedDay](lambda: _MarkedDay([], set()))
    for row in rows:
        day = by_day[row.day]
        day.moods += [mood for mood in (row.mood_before, row.mood_after) if mood is not None]
        day.things |= {("tag", name) for name in row.tags} | {("person", name) for name in row.people}
        if row.practice:
            day.things.add(("practice", row.practice))
    return [day for _, day in sorted(by_day.items()) if day.moods]


def _enough(marked: Sequence[_MarkedDay]) -> dict[tuple[str, str], list[int]]:
    """Thing -> places of its days among the marked ones, where both sides are large enough; those on most days first."""
    places = defaultdict[tuple[str, str], list[int]](list)
    for n, day in enumerate(marked):
        for thing in day.things:
            places[thing].append(n)
    enough = {thing: on for thing, on in places.items() if LEAST_SIDE <= len(on) <= len(marked) - LEAST_SIDE}
    most = sorted(
        enough, key=lambda thing: (-min(len(enough[thing]), len(marked) - len(enough[thing])), thing)
    )
    return {thing: enough[thing] for thing in most[:_MOST_PAIRS]}


def _tested(
    marked: Sequence[_MarkedDay], things: Mapping[tuple[str, str], list[int]], titles: Mapping[str, str]
) -> list[Link]:
    moods = _beside_days_around([sum(day.moods) / len(day.moods) for day in marked])
    n = len(moods)
    ranks = _ranks(moods)
    twice, places = ranks + ranks, list(things.values())
    spread = sqrt(sum(rank * rank for rank in ranks) / (n - 1)) or 1.0
    units = [spread * sqrt(1 / len(on) + 1 / (n - len(on))) for on in places]

    def strengths(shift: int) -> list[float]:
        """Difference of the mean ranks with and without, in standard errors; ranks have mean 0."""
        result = []
        for on, unit in zip(places, units, strict=True):
            total = sum(twice[i + shift] for i in on)
            result.append((total / len(on) + total / (n - len(on))) / unit)
        return result

    seen = strengths(0)
    step = max(1, (n - 1) // _MOST_PLACES)
    chances = [max(map(abs, strengths(shift))) for shift in range(1, n, step)]
    links = []
    for (kind, name), on, strength in zip(things, places, seen, strict=True):
        chance = (1 + sum(other >= abs(strength) for other in chances)) / (1 + len(chances))
        total = sum(ranks[i] for i in on)
        effect = 2 / n * (total / len(on) + total / (n - len(on)))
        if chance <= CHANCE and abs(effect) >= LEAST_EFFECT:
            raised = sum(moods[i] for i in on)
            steps = raised / len(on) - (sum(moods) - raised) / (n - len(on))
            what = titles.get(name, name) if kind == "practice" else name
            links.append(
                Link(
                    what=what,
                    kind=kind,
                    days_with=len(on),
                    days_without=n - len(on),
                    steps=steps,
                    effect=effect,
                    chance=chance,
                )
            )
    return links


def _beside_days_around(moods: Sequence[float]) -> list[float]:
    """Each less the mean of the marked days around it."""
    sums = [0.0, *accumulate(moods)]
    result = []
    for n, mood in enumerate(moods):
        low, high = max(0, n - _AROUND), min(len(moods), n + _AROUND + 1)
        result.append(mood - (sums[high] - sums[low]) / (high - low))
    return result


def _ranks(values: Sequence[float]) -> list[float]:
    """Places in order, equal ones sharing theirs, less the middle one."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, middle = [0.0] * len(values), (len(values) - 1) / 2
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for n in range(start, end + 1):
            ranks[order[n]] = (start + end) / 2 - middle
        start = end + 1
    return ranks


def _marked(number: int) -> str:
    return trn("{n} day is marked", "{n} days are marked", number) if number else tr("no day is marked yet")


def _table(links: Sequence[Link]) -> Table:
    return Table(
        (
            *(tr("Seen together with"), tr("Days with"), tr("Days without")),
            *(trc("of the mood", "Steps"), tr("Effect"), tr("Chance")),
        ),
        tuple(
            (
                f"{link.what} ({tr(link.kind)})",
                figure(link.days_with),
                figure(link.days_without),
                number(f"{link.steps:+.1f}"),
                number(f"{link.effect:+.2f}"),
                number(f"{link.chance:.1%}"),
            )
            for link in links
        ),
    )
