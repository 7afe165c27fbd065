"""The journal page: finding past reflections, reading them, putting them right, letting them go. Main thread.

page      the page itself: search, list, and what is beside it
list      the list, as long as the journal and never in memory as a whole
filters   which reflections are listed
reader    the chosen reflection: its words, its marks, what can be done with it
editor    putting its words, title and marks right
paper     copying it and printing it
"""

from companion.gui.journal.page import JournalPage

__all__ = ["JournalPage"]
