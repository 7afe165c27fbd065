"""The insights page, painted with Qt alone.

page      the page: range chooser, cards, what is read and when
card      one picture with its sentence and its table
calendar  the days as a table view, so that a screen reader reads every cell
mood      the mood line with its spread
rhythm    weekday and part of day
themes    what somebody returns to, as bars over time
tables    a table of figures
"""

from companion.gui.insights.page import InsightsPage

__all__ = ["InsightsPage"]
