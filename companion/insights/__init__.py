"""What a person's own reflections show, counted here: rows in, figures and plain sentences out. Pure, any thread.

    rows      `Row` (one reflection as it is counted), `Span` (which days), `Table` (a picture's other form)
    practice  the calendar of days, the time spent, and when: weekday and part of day
    mood      the person's own marks before and after, as a line with its spread
    words     a text as its content words, each by its stem
    themes    what somebody returns to, over time
    links     what was seen together with another mood, held against chance
    memories  the same day in earlier years
    summary   the same figures as plain values, for the command line

Every picture is shown from a minimum on and says kindly what is missing below it. Nothing is guessed: mood is what the
person marked, days are counted and never a streak, and a link says "seen together".
"""

from companion.insights.rows import Row, Span, Table
from companion.insights.summary import summary

__all__ = ["Row", "Span", "Table", "summary"]
