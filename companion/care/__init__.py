"""Care: what a companion owes a person in danger, whoever thinks for it. Pure: no window, no network.

    words      a text made plain: contractions, fillers, what a recogniser splits or mishears
    rules      the rules of `resources/care/rules.txt`, compiled once
    network    a small network that reads the message as a whole, for what no rule had in mind
    pieces     text cut into the pieces it knows
    recognise  what is said, and how serious it is
    corrections  what takes an alarm back, in eight languages
    watch      one conversation: worries that stay, corrections, what was offered already
    help       who can be reached, country by country
    wording    the written beginnings of answers, and what a model is told
    replies    what an answer must not say, and the mark it may give
    notices    when it is time to say that this is a program, and to pause

Nothing of it is loaded before the first words are looked at; `warm` does it ahead, in a thread.
"""

from __future__ import annotations


def warm() -> None:
    """Reads and compiles the data; blocking, any thread."""
    from companion.care import help as help_lines, network, replies, rules, wording

    rules.load()
    help_lines.load()
    wording.load()
    replies.load()
    network.load()
