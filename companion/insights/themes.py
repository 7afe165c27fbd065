"""What somebody returns to: tags first, then words of their own that come back on several days, over time. Pure.

Days count and not words, so that one long talk is not a theme. A word that is said more often than the person's own
earlier days would make one expect comes before one that is always there. Nothing is understood here, only counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import ceil, log

from companion import days
from companion.insights.rows import Row, Span, Table, figure, in_number_words, monday_of, on_days, there_are
from companion.insights.words import OWN, THE, Finder, Reader, Term, languages_in, word_before
from companion.language import tr

LEAST_DAYS = 3
"""Days on which something must come up before it is called a theme."""
LEAST_DAYS_IN_ALL = 5
"""Days with words below which nothing is counted."""
MOST_THEMES = 6
_MOST_LABELS = 4
"""So many tags and people at most, where words have something to say too."""
_HABIT_SHARE, _HABIT_SHARE_UNKNOWN, _HABIT_DAYS = 0.8, 0.4, 10
"""Said on more of the days than this it is a way to speak; lower where the language is not known."""
_KEPT_SHARE, _COVERED_SHARE = 0.5, 0.6
_BACKGROUND_DAYS = 10
_SHOWN_WITH = 0.5
_MOST_PERIODS = 14
_MOST_TERMS, _FORGOTTEN_DAYS = 200_000, 45
_MOST_READ = 1_500
"""Reflections in which themes are looked for, spread over the span; those that are found are counted in all of them."""
Told = Callable[[float], object]
_TOLD_EVERY = 500
_SAMPLE = 400
"""Texts by which the language is found out."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Something that comes back."""

    words: str
    """As the person says it: "my sister"."""
    days: int
    """On how many days."""
    periods: tuple[int, ...]
    """Days with it in each of the periods."""
    kind: str = ""
    """ "tag" or "person", where they gave it themselves."""
    is_rising: bool = False
    """More often than before."""


@dataclass(frozen=True, slots=True)
class Themes:
    """What comes back, most days first, labels before words."""

    themes: tuple[Theme, ...]
    days: int
    """Days with words."""
    periods: tuple[str, ...]
    """What the parts of the span are called."""
    sentence: str
    missing: str
    table: Table


@dataclass(slots=True)
class Background:
    """On how many of the person's earlier days each term came up."""

    days: int = 0
    counts: Counter[Term] = field(default_factory=Counter)


@dataclass(slots=True)
class _Heard:
    """Where and how a term was said."""

    days: set[date] = field(default_factory=set)
    shown: Counter[str] = field(default_factory=Counter)
    own: int = 0
    the: int = 0

    def add(self, match: re.Match[str], day: date) -> None:
        """`match` of its `Finder`."""
        before = word_before(match)
        self.days.add(day)
        self.own += before in OWN
        self.the += before in THE
        shown = " ".join(match[0].split())
        is_first = not before and match.string[: match.start()].rstrip()[-1:] in ("", *".!?…")
        self.shown[shown[0].lower() + shown[1:] if is_first and not shown.isupper() else shown] += 1


def background_of(rows: Iterable[Row], languages: frozenset[str]) -> Background:
    """Of earlier days, or of some of them: shares are what is looked at."""
    reader, by_day = Reader(languages), defaultdict[date, set[Term]](set)
    for row in rows:
        by_day[row.day].update(reader.terms(row.words))
    counts: Counter[Term] = Counter()
    for terms in by_day.values():
        counts.update(terms)
    return Background(len(by_day), counts)


def themes_of(
    rows: Sequence[Row],
    span: Span,
    background: Callable[[frozenset[str]], Background] = lambda _: Background(),
    told: Told = lambda _: None,
) -> Themes:
    """What came back within a span.

    Args:
        rows: with their words.
        told: the share that is done.
        background: makes that of earlier days, given the languages that count.
    """
    rows = [row for row in rows if row.day in span]
    spoken = {row.day for row in rows if row.words}
    periods = _Periods(span)
    labels = _labels(rows)
    taken = {stem for _, name in labels for term in Reader(frozenset()).terms(name) for stem in term}
    themes = [_theme(name, on, periods, kind=kind) for (kind, name), on in labels.items()]
    if len(spoken) >= LEAST_DAYS_IN_ALL:
        step = max(1, len(rows) // _SAMPLE)
        languages = languages_in(row.words for row in rows[::step])
        words = _words(rows, languages, background(languages), periods=periods, taken=taken, told=told)
        themes = themes[: max(_MOST_LABELS, MOST_THEMES - len(words))] + words
    themes = themes[:MOST_THEMES]
    missing = "" if themes else _missing(len(spoken), span)
    return Themes(
        tuple(themes),
        len(spoken),
        periods.names,
        _sentence(themes, span) if themes else "",
        missing,
        Table(
            (tr("What you return to"), tr("Days"), *periods.names),
            tuple((theme.words, figure(theme.days), *map(str, theme.periods)) for theme in themes),
        ),
    )


def _labels(rows: Sequence[Row]) -> Mapping[tuple[str, str], set[date]]:
    """Tags and people on enough days, most first."""
    found = defaultdict[tuple[str, str], set[date]](set)
    for row in rows:
        for kind, names in (("tag", row.tags), ("person", row.people)):
            for name in names:
                found[kind, name].add(row.day)
    enough = [(label, on) for label, on in found.items() if len(on) >= LEAST_DAYS]
    return dict(sorted(enough, key=lambda pair: (-len(pair[1]), pair[0][0] != "tag", pair[0])))


def _words(
    rows: Sequence[Row],
    languages: frozenset[str],
    background: Background,
    *,
    periods: _Periods,
    taken: set[str],
    told: Told,
) -> list[Theme]:
    sample = rows[:: ceil(len(rows) / _MOST_READ)] if rows else rows
    spoken = len({row.day for row in sample if row.words})
    counts = _days_of_terms(sample, languages)
    habit = _HABIT_SHARE if languages else _HABIT_SHARE_UNKNOWN
    most = habit * spoken if spoken >= _HABIT_DAYS else spoken
    enough = {
        term: n for term, n in counts.items() if LEAST_DAYS <= n <= most and not taken.intersection(term)
    }
    whole = _without_parts(enough)
    ratios = {term: _ratio(n, spoken, term, background) for term, n in whole.items()}
    best = sorted(whole, key=lambda term: (-whole[term] * (1 + max(0.0, ratios[term])), term))[:MOST_THEMES]
    heard = _hear(rows, languages, frozenset(best), told)
    return [
        _theme(_shown(heard[term]), heard[term].days, periods, is_rising=ratios[term] > log(2))
        for term in sorted(heard, key=lambda term: (-len(heard[term].days), term))
    ]


def _days_of_terms(rows: Sequence[Row], languages: frozenset[str]) -> Mapping[Term, int]:
    """On how many days each term came up; what was said once, long ago, may be forgotten on the way."""
    reader, counts, last = Reader(languages), Counter[Term](), dict[Term, date]()
    for row in sorted(rows, key=lambda row: row.began):
        day = row.day
        for term in reader.terms(row.words):
            if last.get(term) != day:
                last[term] = day
                counts[term] += 1
        if len(counts) > _MOST_TERMS:
            since = day - timedelta(days=min(_FORGOTTEN_DAYS, (day - date.min).days))
            for term in [term for term, n in counts.items() if n == 1 and last[term] < since]:
                del counts[term], last[term]
    return counts


def _hear(
    rows: Sequence[Row], languages: frozenset[str], terms: Iterable[Term], told: Told
) -> Mapping[Term, _Heard]:
    """When and how those were said, in all rows; looked for by how they begin, and then held against their stems."""
    reader, heard = Reader(languages), {term: _Heard() for term in terms}
    finders = [Finder(term) for term in heard]
    for place, row in enumerate(rows):
        if place % _TOLD_EVERY == 0:
            told(place / len(rows))
        lower = row.words.lower()
        for finder in finders:
            for match in finder.matches(row.words, lower):
                if reader.is_said(finder.term, match):
                    heard[finder.term].add(match, row.day)
    return {term: each for term, each in heard.items() if each.days}


def _without_parts(counts: Mapping[Term, int]) -> dict[Term, int]:
    """Phrases that hold together stay, and the words that are hardly said without them go."""
    gone: set[Term] = set()
    for term, days_of_phrase in counts.items():
        parts = [(part,) for part in term if part != "&"] if len(term) > 1 else []
        alone = [counts[part] for part in parts if part in counts]
        if not alone:
            continue
        if days_of_phrase < _KEPT_SHARE * max(alone) and days_of_phrase < _COVERED_SHARE * min(alone):
            gone.add(term)
            continue
        gone |= {p for p in parts if p in counts and days_of_phrase >= _COVERED_SHARE * counts[p]}
    return {term: n for term, n in counts.items() if term not in gone}


def _ratio(on: int, spoken: int, term: Term, background: Background) -> float:
    """How much more often than on the person's earlier days, as a logarithm; 0 where there are too few of those."""
    if background.days < _BACKGROUND_DAYS:
        return 0.0
    return log((on + 0.5) / (spoken + 1)) - log((background.counts[term] + 0.5) / (background.days + 1))


def _shown(heard: _Heard) -> str:
    words, said = min(heard.shown, key=lambda form: (-heard.shown[form], form)), heard.shown.total()
    if heard.own >= _SHOWN_WITH * said:
        return f"my {words}" if words.isascii() else words
    return f"the {words}" if heard.the >= _SHOWN_WITH * said else words


def _theme(words: str, on: set[date], periods: _Periods, *, kind: str = "", is_rising: bool = False) -> Theme:
    return Theme(words, len(on), periods.counted(on), kind, is_rising)


class _Periods:
    """A span in weeks, months or years, whichever gives a dozen or fewer."""

    def __init__(self, span: Span) -> None:
        self._span = span
        weeks = (monday_of(span.last) - monday_of(span.first)).days // 7 + 1
        months = (span.last.year - span.first.year) * 12 + span.last.month - span.first.month + 1
        if weeks <= _MOST_PERIODS:
            self._key: Callable[[date], int] = lambda day: (monday_of(day) - monday_of(span.first)).days // 7
            starts = [monday_of(span.first) + timedelta(weeks=n) for n in range(weeks)]
            self.names = tuple(days.short_date(day) for day in starts)
        elif months <= _MOST_PERIODS:
            first = span.first.year * 12 + span.first.month - 1
            self._key = lambda day: day.year * 12 + day.month - 1 - first
            self.names = tuple(days.short_month((first + n) % 12 + 1) for n in range(months))
        else:
            self._key = lambda day: day.year - span.first.year
            self.names = tuple(str(year) for year in range(span.first.year, span.last.year + 1))

    def counted(self, on: Iterable[date]) -> tuple[int, ...]:
        counts = Counter(map(self._key, on))
        return tuple(counts[n] for n in range(len(self.names)))


def _sentence(themes: Sequence[Theme], span: Span) -> str:
    first, *others = sorted(themes, key=lambda theme: -theme.days)
    told = {"theme": first.words, "on_days": on_days(first.days), "span": span.words}
    if not others:
        return tr("You came back to {theme} {on_days} {span}.", **told)
    other = others[0]
    return tr(
        "You came back to {theme} {on_days} {span}, and to {other} on {n:,}.",
        **told,
        other=other.words,
        n=other.days,
    )


def _missing(spoken: int, span: Span) -> str:
    if spoken < LEAST_DAYS_IN_ALL:
        return tr(
            "What you return to appears after {least} days with words; {there}.",
            least=in_number_words(LEAST_DAYS_IN_ALL),
            there=there_are(spoken),
        )
    return tr(
        "Nothing came back on {least} days {span} yet.", least=in_number_words(LEAST_DAYS), span=span.words
    )
