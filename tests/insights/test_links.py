"""Seen together: found where it is there, and by chance in no more than one journal of twenty."""

# ruff: noqa: DTZ001 - the person's own clock has no zone

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest

from companion.insights import Row, Span
from companion.insights.links import Links, links_of
from companion.insights.rows import Choice

START = datetime(2025, 1, 1, 20)
TAGS = ("river", "work", "sister", "sleep", "garden")


def journal(random: Random, kind: str, *, effect: float = 0.0) -> list[Row]:
    """Marks and tags that have nothing to do with each other, but for `effect` steps on days with the first tag.

    `independent`: every day for itself. `moods that last` and `drifting`: as people's are, with tags that come in
    stretches. `rising`: better by the month, with tags that were begun on the way.
    """
    rows, mood, standing, day = [], 0.0, dict[str, bool](), 0
    number = random.choice((60, 90, 150, 220))
    for n in range(number):
        day += random.choice((1, 1, 1, 2, 3))
        if kind == "independent":
            mood = random.gauss(0, 1.2)
        elif kind == "moods that last":
            mood = 0.85 * mood + random.gauss(0, 0.7)
        elif kind == "drifting":
            mood += random.gauss(0, 0.35)
        else:
            mood = -1.5 + 3 * n / number + random.gauss(0, 0.8)
        tags = []
        for place, tag in enumerate(TAGS):
            if kind == "rising":
                is_on = n > number * (0.25 + 0.1 * place) and random.random() < 0.85
            elif kind == "independent":
                is_on = random.random() < 0.45
            else:
                if random.random() < 0.12 or tag not in standing:
                    standing[tag] = random.random() < 0.5
                is_on = standing[tag]
            tags += [tag] * is_on
        felt = mood + effect * ("river" in tags)
        rows.append(
            Row(
                began=START + timedelta(days=day),
                mood_after=max(-3, min(3, round(felt))),
                tags=tuple(tags),
                practice=random.choice(("gratitude", "stillness")),
            )
        )
    return rows


def links(rows: list[Row]) -> Links:
    return links_of(rows, Span.of(Choice.ALL, rows[-1].day, rows[0].day), {"gratitude": "Gratitude"})


def share_with_links(kind: str, number: int) -> float:
    return sum(bool(links(journal(Random(seed), kind)).links) for seed in range(number)) / number


KINDS = ("independent", "moods that last", "drifting", "rising")


@pytest.mark.parametrize("kind", KINDS)
def test_few_journals_without_any_effect_show_a_link(kind: str) -> None:
    assert share_with_links(kind, 40) <= 0.075


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_thousand_journals_without_any_effect_one_in_twenty_shows_a_link(kind: str) -> None:
    assert share_with_links(kind, 1_000) <= 0.05


def test_what_is_there_is_found_and_told_plainly() -> None:
    found = links(journal(Random(7), "independent", effect=1.6))
    (link,) = found.links
    assert (link.what, link.kind) == ("river", "tag")
    assert link.days_with >= 20
    assert link.days_without >= 20
    assert link.words == (
        f"Days with the tag river and marks {link.steps:.1f} steps higher than on the days around "
        f"({link.days_with} days with, {link.days_without} without)."
    )
    assert found.sentence == "Seen together; that does not say why."
    assert found.table.rows[0][0] == "river (tag)"


def test_twenty_days_are_needed_on_either_side() -> None:
    rows = [
        Row(
            began=START + timedelta(days=n), mood_after=2 if n < 19 else -2, tags=("river",) if n < 19 else ()
        )
        for n in range(60)
    ]
    found = links(rows)
    assert not found.links
    assert found.missing == (
        "Links appear when a tag, a person or a practice is on 20 marked days and not on 20 others; 60 days are marked."
    )


def test_marks_that_never_differ_show_nothing() -> None:
    rows = [
        Row(began=START + timedelta(days=n), mood_after=1, tags=("river",) if n % 2 else ())
        for n in range(80)
    ]
    assert not links(rows).links
