"""A made-up autumn of reflections for pictures and tests, and the source of its insights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from random import Random

from companion.errors import CompanionError
from companion.insights.memories import same_days
from companion.insights.pictures import Figures, Returns, figures_of, returns_of
from companion.insights.rows import Choice, Row

TODAY = date(2026, 11, 19)
_FIRST = date(2026, 8, 31)
SAID = (
    "Work and rest are out of balance again, and I answered emails until ten.",
    "My sister called. We laughed about the old car, and I was glad afterwards.",
    "I walked along the river before breakfast and my head was quieter.",
    "I did not get much sleep, and the meeting went slowly because of it.",
    "The river was in fog this morning. I stood on the bridge for a while.",
    "I want work and rest to have a border. Closing the laptop at six helped.",
    "Called my sister back. She is moving house and I offered to carry boxes.",
    "Good sleep for once. The bread turned out well, and we had soup in the garden.",
    "Still thinking about what my sister said about our parents' garden.",
    "Work and rest: today it was mostly work, and I noticed it at lunch already.",
    "Sleep came late. I read in the kitchen until the house was quiet.",
    "The river again, with the dog from next door. It is becoming a habit.",
)
_LAST_YEAR = "I do not have to decide tonight. It can wait until I have slept."
_PRACTICES = ("open-reflection", "evening-review", "gratitude", "difficult-feeling")


def autumn() -> tuple[Row, ...]:
    """Twelve weeks with some days, marks that rise a little, and two reflections of this day in the year before."""
    random = Random(41)
    rows: list[Row] = []
    for n in range((TODAY - _FIRST).days + 1):
        day = _FIRST + timedelta(days=n)
        chance = 0.8 if day.weekday() == 6 else 0.42
        if day != TODAY and random.random() > chance:
            continue
        for _ in range(2 if random.random() < 0.12 else 1):
            hour = (
                random.choice((7, 18, 20, 21, 21, 22))
                if day.weekday() != 6
                else random.choice((19, 20, 21, 10))
            )
            rise = 1.4 * n / 80
            before = _step(random.gauss(-0.9 + rise, 0.9))
            after = _step(random.gauss(0.2 + rise, 0.8))
            words = " ".join(random.sample(SAID, 2))
            rows.append(
                Row(
                    session_id=len(rows) + 1,
                    began=datetime.combine(day, datetime.min.time()) + timedelta(hours=hour, minutes=n % 50),
                    seconds=random.choice((150, 240, 300, 330, 420, 600)),
                    practice=random.choice(_PRACTICES),
                    mood_before=before if random.random() < 0.8 else None,
                    mood_after=after if random.random() < 0.8 else None,
                    tags=("allotment",) if random.random() < 0.3 else (),
                    words=words,
                )
            )
    for hour, words in ((8, "Fog over the allotment, and nobody about but me."), (22, _LAST_YEAR)):
        began = datetime.combine(TODAY.replace(year=TODAY.year - 1), datetime.min.time()) + timedelta(
            hours=hour
        )
        rows.append(Row(session_id=len(rows) + 1, began=began, seconds=300, words=words))
    return tuple(sorted(rows, key=lambda row: row.began))


def _step(mood: float) -> int:
    return max(-3, min(3, round(mood)))


class StagedInsights:
    """Counts what it was given, as the app does."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows = tuple(rows)
        self.trouble: CompanionError | None = None
        self.today = TODAY

    async def figures(self, choice: Choice) -> Figures:
        if self.trouble is not None:
            raise self.trouble
        return figures_of(self.rows, choice, self.today)

    async def returns(self, choice: Choice, told: Callable[[float], None]) -> Returns:
        days = set(same_days(self.today, min((row.day.year for row in self.rows), default=self.today.year)))
        same = [row for row in self.rows if row.day in days]
        return returns_of(self.rows, choice, self.today, same_days=same)
