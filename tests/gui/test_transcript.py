"""The script: words as they come, as they are spoken, as they are kept."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QFontMetricsF, QTextDocument, QTextFormat
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from companion import days
from companion.days import When
from companion.flow import Sentence, Transcript, TurnRecord
from companion.gui.clean import SHOWN_CHARS
from companion.gui.theme import LIGHT, Look
from companion.gui.transcript import Script
from companion.gui.typesetting import EARLIER
from companion.kinds import ReplyState

AT = When(1_763_586_300.0, 0)
REPLY = ("You kept it. ", "The walk was real. ", "What now?")


@pytest.fixture
def script(qtbot: QtBot) -> Script:
    look = Look(theme="light")
    look.wear()
    made = Script(look, from_below=True)
    qtbot.addWidget(made)
    made.resize(900, 500)
    made.show()
    return made


def painted(script: Script) -> list[tuple[str, str]]:
    """What is painted over the text: (the words, the colour that sets them apart)."""
    result = []
    for selection in script.extraSelections():
        style = selection.format  # type: ignore[attr-defined]
        has_paper = style.hasProperty(QTextFormat.Property.BackgroundBrush.value)
        colour = style.background().color() if has_paper else style.foreground().color()
        result.append((selection.cursor.selectedText(), colour.name().upper()))  # type: ignore[attr-defined]
    return result


def hear(script: Script, text: str, *, committed: int = 0, final: bool = False, turn: int = 1) -> None:
    script.hear(turn, Transcript(text=text, committed_chars=committed, is_final=final), AT)


def answer(script: Script, *parts: str, turn: int = 1) -> None:
    for part in parts:
        script.stream(turn, part, AT)
    script.flush()


def marked_word(script: Script) -> str:
    """The word that stands out within the sentence being spoken."""
    return next((words for words, colour in painted(script)[1:] if colour == LIGHT.accent.upper()), "")


def speak(
    script: Script, index: int, parts: tuple[str, ...] = REPLY, *, spoken: str = "", turn: int = 1
) -> None:
    text = parts[index]
    start = sum(len(part) for part in parts[:index])
    sentence = Sentence(index=index, text=text, start=start, spoken=spoken or text.strip())
    script.speak(turn, sentence)


def record(
    reply: str, state: ReplyState = ReplyState.WHOLE, heard: str | None = None, said: str = "Hm"
) -> TurnRecord:
    return TurnRecord(
        id=1,
        session_id=1,
        at=AT.at,
        offset_s=AT.offset_s,
        user_text=said,
        reply_text=reply,
        heard_text=reply if heard is None else heard,
        reply_state=state,
        reply_at=AT.at,
    )


# -- hearing ---------------------------------------------------------------------------------------------------


def test_tentative_words_are_paler_and_become_firm(script: Script) -> None:
    hear(script, "I did leaf", committed=5)
    assert painted(script) == [(" leaf", LIGHT.faint)]
    hear(script, "I did leave early", committed=11)
    assert script.text().endswith("I did leave early")
    assert painted(script) == [(" early", LIGHT.faint)]
    hear(script, "I did leave early.", final=True)
    assert painted(script) == []


def test_partial_words_may_shrink(script: Script) -> None:
    hear(script, "one two three")
    hear(script, "one")
    assert script.text().endswith("\none")


def test_the_words_sent_take_the_place_of_the_words_heard(script: Script) -> None:
    hear(script, "i did leave", final=True)
    script.say(1, "I did leave.", AT)
    assert script.text().count("leave") == 1
    assert "I did leave." in script.text()


def test_words_that_go_on_in_the_next_take_stand_once(script: Script) -> None:
    hear(script, "I went")
    hear(script, "I went home", turn=2)
    script.say(2, "I went home.", AT)
    assert script.text().count("You") == script.text().count("I went") == 1


def test_a_discarded_take_leaves_no_word(script: Script) -> None:
    script.say(1, "First", AT)
    hear(script, "never mind", turn=2)
    script.discard(2)
    assert "never mind" not in script.text()
    assert "First" in script.text()


# -- the answer ------------------------------------------------------------------------------------------------


def test_deltas_are_gathered_then_written_once(qtbot: QtBot, script: Script) -> None:
    script.say(1, "Hm", AT)
    changes: list[int] = []
    script.document().contentsChange.connect(lambda *_: changes.append(1))
    for number in range(40):
        script.stream(1, f"piece {number} of a stream ", AT)
    assert "stream" not in script.text()
    qtbot.waitUntil(lambda: "piece 39" in script.text())
    assert len(changes) < 6


def test_the_sentence_that_sounds_is_marked_and_the_rest_waits(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, *REPLY)
    speak(script, 1)
    assert painted(script) == [("The walk was real.", LIGHT.accent_soft), (" What now?", LIGHT.faint)]
    answer(script, " And then?")
    assert painted(script)[1] == (" What now? And then?", LIGHT.faint)
    script.quiet()
    assert painted(script) == []


def test_words_of_a_turn_that_is_over_are_dropped(script: Script) -> None:
    script.say(1, "One", AT)
    script.say(2, "Two", AT)
    answer(script, "stale", turn=1)
    speak(script, 0, turn=1)
    assert "stale" not in script.text()
    assert painted(script) == []


def test_an_interrupted_answer_keeps_what_was_not_heard_pale(script: Script) -> None:
    whole = "".join(REPLY)
    script.say(1, "Hm", AT)
    answer(script, *REPLY)
    script.end_reply(1, whole, ReplyState.INTERRUPTED)
    script.finish(1, record(whole, ReplyState.INTERRUPTED, heard=REPLY[0].strip()))
    assert "You went on before the rest was heard" in script.text()
    start = script.toPlainText().index("You kept it.")
    assert colour_at(script, start + 3) == LIGHT.ink
    assert colour_at(script, start + len(REPLY[0]) + 3) == LIGHT.faint


def colour_at(script: Script, position: int) -> str:
    cursor = script.textCursor()
    cursor.setPosition(position + 1)
    return cursor.charFormat().foreground().color().name().upper()


def test_a_cut_answer_says_so(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, "It began")
    script.end_reply(1, "It began", ReplyState.CUT_OFF)
    script.finish(1, record("It began", ReplyState.CUT_OFF))
    assert "The answer was cut off here" in script.text()


def test_plain_words_are_not_laid_out_again_at_the_end(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, "One.\n\nTwo.")
    changes: list[int] = []
    script.document().contentsChange.connect(lambda *_: changes.append(1))
    script.end_reply(1, "One.\n\nTwo.", ReplyState.WHOLE)
    assert changes == []


def test_markdown_is_rendered_when_the_answer_ends_without_a_jump(script: Script) -> None:
    text = "Some **strong** words.\n\nAnd a second *paragraph* here."
    script.say(1, "Hm", AT)
    answer(script, text)
    before = script.document().size().height()
    script.end_reply(1, text, ReplyState.WHOLE)
    assert "**" not in script.text()
    assert "Some strong words." in script.text()
    assert abs(script.document().size().height() - before) < 4
    cursor = script.document().find("strong")
    assert cursor.charFormat().fontWeight() >= 600


def test_markdown_is_set_while_it_is_written_and_nothing_moves_at_the_end(script: Script) -> None:
    text = "**Before.**\n\nTwo *things*:\n\n- **one** of them\n- and `two`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> So *it*."
    script.say(1, "Hm", AT)
    for sign in text:
        answer(script, sign)
        assert not re.search(r"[*`|]|^-|^>", script.text().partition("Companion")[2], re.MULTILINE)
    script.show_turns([record(text)])
    kept = script.text().splitlines()[-10:], script.document().size().height()
    script.forget()
    script.say(1, "Hm", AT)
    for start in range(0, len(text), 3):
        answer(script, text[start : start + 3])
    before = script.document().toHtml()
    changes: list[int] = []
    script.document().contentsChange.connect(lambda *_: changes.append(1))
    script.end_reply(1, text, ReplyState.WHOLE)
    assert script.document().toHtml() == before
    assert changes == []
    assert (script.text().splitlines()[-10:], script.document().size().height()) == kept


def test_only_the_end_of_a_marked_answer_is_set_anew(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, "A **first** paragraph.\n\nA *second*")
    places: list[int] = []
    script.document().contentsChange.connect(lambda place, *_: places.append(place))
    answer(script, " one that goes on")
    assert min(places) >= script.toPlainText().index("second") + len("second")


def test_a_link_that_is_explained_at_the_end_is_one(script: Script) -> None:
    text = "See [this][1].\n\nMore.\n\n[1]: https://example.org/a"
    script.say(1, "Hm", AT)
    answer(script, text)
    script.end_reply(1, text, ReplyState.WHOLE)
    assert script.document().find("this").charFormat().anchorHref() == "https://example.org/a"
    assert "[1]" not in script.text()


def test_another_look_keeps_an_answer_that_is_half_written(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, "Some **bold wo")
    script.rebuild()
    answer(script, "rds** here")
    assert script.text().endswith("Some bold words here")


def test_the_spoken_sentence_is_found_again_in_rendered_markdown(script: Script) -> None:
    parts = ("Some **strong** words. ", "And *then* this one.")
    script.say(1, "Hm", AT)
    answer(script, *parts)
    speak(script, 0, parts, spoken="Some strong words.")
    script.end_reply(1, "".join(parts), ReplyState.WHOLE)
    assert painted(script)[0][0] == "Some strong words."
    speak(script, 1, parts, spoken="And then this one.")
    assert painted(script)[0] == ("And then this one.", LIGHT.accent_soft)


TAUGHT = (
    "Here is what you said. ",
    "\n\n| Day | What |\n|---|---|\n| Monday | You slept |\n| Tuesday | You did not |\n\n",
    "Three steps:\n\n1. Walk to the [river](https://example.org/walk). \U0001f60a\n",
    "2. Cook **some\\_thing**, then `eat`.\n",
    "2. Cook again.\n\n",
    "```python\nwhile hungry: cook()\n```\n\n",
    "That is _all_. ",
)
SHOWN = (
    "Here is what you said.",
    "Day What Monday You slept Tuesday You did not",
    "Three steps: Walk to the river.",
    "Cook some_thing, then eat.",
    "Cook again.",
    "while hungry: cook()",
    "That is all.",
)


def letters_of(words: str) -> str:
    """A selection in a table has no spaces between its cells."""
    return re.sub(r"[\W_]", "", words)


@pytest.mark.parametrize("is_set_anew", [False, True])
def test_each_sentence_is_marked_where_it_stands_and_what_comes_after_it_is_pale(
    script: Script, *, is_set_anew: bool
) -> None:
    script.say(1, "Hm", AT)
    answer(script, *TAUGHT)
    for place in range(len(SHOWN)):
        speak(script, place, TAUGHT, spoken="A voice may say something else.")
        if is_set_anew:
            script.rebuild()
        marked = "".join(words for words, colour in painted(script) if colour == LIGHT.accent_soft)
        after = "".join(words for words, colour in painted(script) if colour == LIGHT.faint)
        assert letters_of(marked) == letters_of(SHOWN[place])
        assert letters_of(after) == letters_of("".join(SHOWN[place + 1 :]))


def test_a_mark_leaves_the_number_of_an_item_alone(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, *TAUGHT)
    speak(script, 2, TAUGHT)
    marked = [words for words, colour in painted(script) if colour == LIGHT.accent_soft]
    assert [letters_of(words) for words in marked] == ["Threesteps", "Walktotheriver"]


@pytest.mark.parametrize("heard", range(len(TAUGHT)))
def test_what_was_not_heard_of_lists_tables_and_code_turns_pale(script: Script, heard: int) -> None:
    whole = "".join(TAUGHT)
    script.show_turns(
        [record(whole, ReplyState.INTERRUPTED, heard="".join(TAUGHT[: heard + 1]).rstrip(), said="")]
    )
    for place, words in enumerate(SHOWN):
        for word in (words.split()[0], re.findall(r"\w+", words)[-1]):
            start = script.document().find(words.split()[0] if place != 4 else "Cook again").selectionStart()
            found = script.document().find(word, start)
            colour = found.charFormat().foreground().color().name().upper()
            assert (colour == LIGHT.faint.upper()) == (place > heard), (words, word)


def test_a_mark_keeps_to_its_sentence_when_a_table_comes_behind_it(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, TAUGHT[0])
    speak(script, 0, TAUGHT)
    answer(script, TAUGHT[1])
    assert painted(script)[0][0] == "Here is what you said."


def test_signs_of_other_planes_move_no_mark(script: Script) -> None:
    parts = ("\U0001f600\U0001f600 You kept it. ", "The walk was real. ", "What now?")
    script.say(1, "Hm", AT)
    answer(script, *parts)
    speak(script, 1, parts)
    assert painted(script)[0][0] == "The walk was real."
    script.speak_word(1, len(parts[0]) + 4, len(parts[0]) + 8)
    assert marked_word(script) == "walk"
    hear(script, "\U0001f600 one two", committed=5, turn=2)
    assert painted(script) == [(" two", LIGHT.faint)]
    hear(script, "\U0001f600 one three", committed=13, turn=2)
    assert script.text().endswith("\U0001f600 one three")


def test_what_was_cleaned_away_takes_no_earlier_words_along(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, "One\u200b kept thing.\n\n", "And *another*", " one.")
    assert script.text().endswith("One kept thing.\nAnd another one.")


TABLE = "| Day | Mood | Words |\n|:--|:-:|--:|\n| Monday | +2 | You slept |"


def test_a_table_that_comes_first_or_later_has_one_gap_above_it(script: Script) -> None:
    """Whether its first sign came with the paragraph above or after it."""
    tops = []
    for pieces in (("Before.\n\n", TABLE), ("Before.\n\n" + TABLE,), ("*Before.*\n\n", TABLE)):
        script.forget()
        script.say(1, "Hm", AT)
        answer(script, *pieces)
        tops.append(script.lines_of(*places_of(script, "Day"))[0])
        script.quiet()
    assert max(tops) - min(tops) <= 2


def places_of(script: Script, words: str) -> tuple[int, int]:
    found = script.document().find(words)
    return found.selectionStart(), found.selectionEnd()


def test_the_columns_of_a_table_keep_to_their_sides_and_have_a_rule_below_each_row(script: Script) -> None:
    script.show_turns([record(TABLE)])
    sides = [script.document().find(words).blockFormat().alignment() for words in ("Day", "+2", "You slept")]
    flags = Qt.AlignmentFlag
    assert sides == [flags.AlignLeft, flags.AlignHCenter, flags.AlignRight]
    cell = script.document().find("Monday").currentTable().cellAt(1, 0).format().toTableCellFormat()
    assert cell.bottomBorder() == 1
    assert cell.bottomBorderBrush().color().name().upper() == LIGHT.line.upper()


@pytest.mark.parametrize("words", ["So it goes", "\u0627\u0642\u062a\u0628\u0627\u0633"])
def test_the_words_of_a_quote_stand_beside_its_line(script: Script, words: str) -> None:
    script.show_turns([record(f"> {words}")])
    found = script.document().find(words)
    found.setPosition(found.selectionStart())
    x, wide = script.cursorRect(found).center().x(), script.viewport().width()
    assert min(x, wide - x) >= 20


def test_a_heading_is_nearer_to_its_text_than_to_what_is_above(script: Script) -> None:
    script.show_turns([record("Above.\n\n## A heading\n\nIts text.")])
    above, heading, below = (
        script.lines_of(*places_of(script, words)) for words in ("Above", "A head", "Its t")
    )
    assert below[0] - heading[1] < 0.6 * (heading[0] - above[1])


@pytest.mark.parametrize(("text", "shown"), [
    ("- [ ] sleep\n- [x] breathe", "\u2610\u2002sleep\n\u2611\u2002breathe"),
    ("So $a^2 + b_1 = \\frac{c}{2}$ holds.", "So a\u00b2 + b\u2081 = c/2 holds."),
    ("So \\(x \\le \\pi\\) and \\[E = mc^{2}\\] hold.", "So x \u2264 \u03c0 and E = mc\u00b2 hold."),
    ("It costs $5, then $6.", "It costs $5, then $6."),
    ("It costs $5_000 and $6_000.", "It costs $5_000 and $6_000."),
])  # fmt: skip
def test_tasks_and_formulas_show_no_mark_at_any_time(script: Script, text: str, shown: str) -> None:
    script.say(1, "Hm", AT)
    for sign in text:
        answer(script, sign)
        so_far = script.text().partition("Companion · 21:05")[2]
        assert "costs" in so_far or not re.search(r"[\\\[_^{]", so_far), so_far
    script.end_reply(1, text, ReplyState.WHOLE)
    assert script.text().endswith(f"\n{shown}")


def test_lists_stay_lists(script: Script) -> None:
    text = "Two things:\n\n- one\n- two"
    script.say(1, "Hm", AT)
    answer(script, text)
    script.end_reply(1, text, ReplyState.WHOLE)
    assert script.document().find("one").currentList() is not None
    assert script.document().find("Two things").currentList() is None


@pytest.mark.parametrize(("scale", "are_large"), [(1.0, False), (1.0, True), (2.0, False), (2.0, True)])
def test_the_number_of_an_item_has_room(script: Script, scale: float, *, are_large: bool) -> None:
    script._look.choose(theme="light", font_scale=scale, reduced_motion=False)
    script._look.choose_captions(are_large=are_large)
    script.show_turns([record("9. one\n10. two")])
    found = script.document().find("two")
    number = QFontMetricsF(found.charFormat().font()).horizontalAdvance("10.")
    found.setPosition(found.selectionStart())
    assert script.cursorRect(found).left() > number


def test_an_answer_of_nothing_but_a_list(script: Script) -> None:
    script.show_turns([record("- one\n- two")])
    assert script.document().find("one").currentList() is not None


COPIED = (
    "# A plan\n\nFor \U0001f60a **you**:\n\n1. Walk\n   - slowly\n2. Cook\n\n- [x] breathe\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n> So it\n> goes.\n\n---\n\n```\nif so:\n    rest()\n```\n\nThat is all."
)


def test_what_is_copied_keeps_its_shape_and_has_no_other_mark(script: Script) -> None:
    script.show_turns([record(COPIED, said="")])
    script.selectAll()
    assert script.createMimeDataFromSelection().text().partition("\n")[2] == (
        "A plan\nFor \U0001f60a you:\n\n1. Walk\n  • slowly\n2. Cook\n\n\u2611\u2002breathe\n\n"
        "a\tb\n1\t2\n\n> So it\n> goes.\n\n---\n\nif so:\n    rest()\n\nThat is all."
    )
    start, end = script.document().find("you").selectionStart(), script.document().find("Coo").selectionEnd()
    script.setTextCursor(script._setter.span(start, end))
    assert script.createMimeDataFromSelection().text() == "you:\n\n1. Walk\n  • slowly\n2. Coo"


# -- safety ----------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_for_any_address(script: Script) -> None:
    for address in ("file:///etc/passwd", "http://evil.example/x.png", "qrc:/x", "data:,x"):
        for kind in QTextDocument.ResourceType:
            loaded = script.loadResource(kind.value, QUrl(address))
            assert loaded is not None
            assert "root:" not in bytes(loaded.data() if hasattr(loaded, "data") else b"").decode("latin1")


@pytest.mark.parametrize(
    "text", ["<script>x</script>", "![x](file:///etc/passwd)", "<b>bold?</b>", "a<b and c>d"]
)
def test_markup_is_shown_as_text(script: Script, text: str) -> None:
    script.show_turns([record(text, said=text)])
    shown = script.text()
    assert shown.count("x" if "x" in text else "b") >= 1
    assert "\ufffc" not in script.toPlainText()  # no object such as an image
    assert text in shown  # the person's own words, untouched


def test_a_link_is_announced_and_the_page_stays(qtbot: QtBot, script: Script) -> None:
    script.show_turns([record("See [this](https://example.org/a).")])
    before = script.text()
    with qtbot.waitSignal(script.link_followed) as followed:
        script.anchorClicked.emit(QUrl("https://example.org/a"))
    assert followed.args == ["https://example.org/a"]
    assert script.text() == before


def test_a_word_of_200_000_letters_is_shown_in_pieces_and_copied_whole(qtbot: QtBot, script: Script) -> None:
    script.say(1, "x" * 200_000, AT)
    assert f"Show more ({200_000 - SHOWN_CHARS:,} characters)" in script.text()
    script.selectAll()
    copied = script.createMimeDataFromSelection().text()
    assert "x" * SHOWN_CHARS in copied
    script.anchorClicked.emit(QUrl("companion:more/0"))
    assert "x" * (2 * SHOWN_CHARS) in script.text()


def test_an_endless_answer_stops_growing(script: Script) -> None:
    script.say(1, "Hm", AT)
    for _ in range(50):
        answer(script, "word " * 400)
    assert len(script.text()) < SHOWN_CHARS + 200
    script.end_reply(1, "word " * 20_000, ReplyState.WHOLE)
    assert "Show more" in script.text()


# -- the page --------------------------------------------------------------------------------------------------


def test_a_short_script_stands_at_the_bottom(script: Script) -> None:
    script.say(1, "Hm", AT)
    assert script.viewport().geometry().bottom() == script.rect().bottom()
    assert script.viewport().geometry().top() > 300


def test_the_view_follows_only_at_the_bottom(qtbot: QtBot, script: Script) -> None:
    script.show_turns([record("word " * 60) for _ in range(20)])
    bar = script.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    script.say(1, "And this", AT)
    answer(script, "more words " * 60)
    assert bar.value() == bar.maximum()
    bar.setValue(100)
    answer(script, "more words " * 60)
    assert bar.value() == 100


def is_seen(script: Script, words: str) -> bool:
    top = script.cursorRect(script.document().find(words)).top()
    return 0 <= top < script.viewport().height() - 20


def test_the_view_follows_the_voice_until_the_person_scrolls(script: Script) -> None:
    parts = tuple(f"Sentence {n} " + "has many words " * 12 + ". " for n in range(30))
    script.say(1, "Hm", AT)
    answer(script, *parts)
    speak(script, 0, parts)
    assert is_seen(script, "Sentence 0 ")
    assert script.jump.isHidden()
    for index in range(1, 16):
        speak(script, index, parts)
        assert is_seen(script, f"Sentence {index} ")
    answer(script, "More comes. " * 40)
    assert is_seen(script, "Sentence 15 ")
    bar = script.verticalScrollBar()
    bar.setValue(0)
    speak(script, 16, parts)
    assert bar.value() == 0
    assert script.jump.isVisible()
    script.jump.click()
    assert is_seen(script, "Sentence 16 ")
    assert script.jump.isHidden()
    place = bar.value()
    script.quiet()  # who silences the voice to read is not moved
    answer(script, "And more. " * 40)
    assert bar.value() == place
    script.say(2, "Next", AT)
    assert bar.value() == bar.maximum()


def test_a_page_that_was_scrolled_goes_back_to_the_end_with_a_button(script: Script) -> None:
    script.show_turns([record("word " * 60) for _ in range(20)])
    bar = script.verticalScrollBar()
    assert script.jump.isHidden()
    bar.setValue(100)
    assert script.jump.isVisible()
    script.jump.click()
    assert bar.value() == bar.maximum()


def test_another_look_keeps_in_view_what_sounds_or_what_is_read(script: Script) -> None:
    parts = tuple(f"Sentence {n} " + "has many words " * 12 + ". " for n in range(30))
    script.say(1, "Hm", AT)
    answer(script, *parts)
    speak(script, 12, parts)
    for is_large in (True, False):
        script._look.choose_captions(are_large=is_large)
        assert is_seen(script, "Sentence 12 ")
        assert script.jump.isHidden()
    bar = script.verticalScrollBar()
    bar.setValue(bar.maximum() // 3)
    before = script.cursorForPosition(QPoint(0, 0)).position()
    for is_large in (True, False):
        script._look.choose_captions(are_large=is_large)
        assert abs(script.cursorForPosition(QPoint(0, 0)).position() - before) < 90, "within a line"
        assert script.jump.isVisible()


def test_a_finger_scrolls_the_page_and_selects_nothing(qtbot: QtBot, script: Script) -> None:
    script.show_turns([record("word " * 60) for _ in range(20)])
    qtbot.wait(1)
    bar, view, finger = script.verticalScrollBar(), script.viewport(), QTest.createTouchDevice()
    QTest.touchEvent(view, finger).press(0, QPoint(300, 100), view).commit()
    for y in range(120, 300, 20):
        QTest.touchEvent(view, finger).move(0, QPoint(300, y), view).commit()
        qtbot.wait(12)
    QTest.touchEvent(view, finger).release(0, QPoint(300, 290), view).commit()
    qtbot.waitUntil(lambda: bar.value() < bar.maximum())
    assert script.jump.isVisible()
    assert not script.textCursor().hasSelection()


def test_at_the_end_of_an_answer_that_is_over_nothing_leads_back(script: Script) -> None:
    parts = tuple(f"Sentence {n} " + "has many words " * 12 + ". " for n in range(30))
    script.say(1, "Hm", AT)
    answer(script, *parts)
    speak(script, 3, parts)
    script.end_reply(1, "".join(parts), ReplyState.WHOLE)
    script.finish(1, record("".join(parts)))
    bar = script.verticalScrollBar()
    bar.setValue(40)
    bar.setValue(bar.maximum())
    assert script.jump.isHidden()
    bar.setValue(40)
    script.jump.click()
    assert script.jump.isHidden()
    assert bar.value() == bar.maximum()


def test_tab_into_a_kept_reflection_leaves_the_view_where_it_is(qtbot: QtBot) -> None:
    script = Script(Look(theme="light"), from_below=False)
    qtbot.addWidget(script)
    script.resize(900, 400)
    script.show()
    script.show_turns([record("word " * 60) for _ in range(20)])
    script.setFocus(Qt.FocusReason.TabFocusReason)
    assert script.verticalScrollBar().value() == 0


def test_large_captions_make_the_words_large_and_nothing_else(script: Script) -> None:
    script.show_turns([record("An **answer**.", said="Words")])

    def sizes() -> list[float]:
        found = (script.document().find(words) for words in ("You", "Words", "answer"))
        return [cursor.charFormat().fontPointSize() for cursor in found]

    before = sizes()
    script._look.choose_captions(are_large=True)
    assert [round(now / then, 1) for now, then in zip(sizes(), before, strict=True)] == [1.0, 1.8, 1.8]
    script._look.choose_captions(are_large=False)
    assert sizes() == before


def test_many_turns_wait_behind_a_line(script: Script) -> None:
    script.show_turns([record(f"Answer {n}.", said=f"Words {n}.") for n in range(150)])
    assert "Words 149." in script.text()
    assert "Words 0." not in script.text()
    assert "Show 60 earlier" in script.text()
    script.anchorClicked.emit(QUrl(EARLIER))
    script.anchorClicked.emit(QUrl(EARLIER))
    assert "Words 0." in script.text()
    assert "earlier" not in script.text()


def test_another_look_keeps_the_words_and_the_live_turn(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, REPLY[0])
    script._look.choose(theme="dark", font_scale=1.5, reduced_motion=False)
    answer(script, REPLY[1])
    assert REPLY[0] + REPLY[1].strip() in script.text()


def test_the_column_is_centred_and_fits_a_small_window(script: Script) -> None:
    for width in (1100, 720, 500):
        script.resize(width, 500)
        view = script.viewport().geometry()
        assert abs((view.left() + view.right()) / 2 - (width - 1) / 2) <= 1
        assert script.document().textWidth() == view.width() <= 668


def test_the_word_being_spoken_stands_out_in_its_sentence(script: Script) -> None:
    answer(script, *REPLY)
    speak(script, 1)
    whole = "".join(REPLY)
    for word in ("The", "walk", "real"):
        start = whole.index(word)
        script.speak_word(1, start, start + len(word))
        assert marked_word(script) == word
        assert painted(script)[0] == ("The walk was real.", LIGHT.accent_soft.upper())
    speak(script, 2)
    assert marked_word(script) == ""
    script.quiet()
    assert painted(script) == []


def test_a_word_is_found_where_the_page_is_not_the_raw_answer(script: Script) -> None:
    raw = "Some **strong** words, *strong* ones."
    answer(script, raw)
    script.end_reply(1, raw, ReplyState.WHOLE)
    speak(script, 0, (raw,), spoken="Some strong words, strong ones.")
    places = []
    for word, start in (("Some", 0), ("strong", 7), ("words", 16), ("strong", 24)):
        script.speak_word(1, start, start + len(word))
        assert marked_word(script).rstrip(",") == word
        selections = script.extraSelections()
        places.append(selections[1].cursor.selectionStart())  # type: ignore[attr-defined]
    assert places == sorted(set(places))


def test_with_reduced_motion_only_the_sentence_stands_out(script: Script) -> None:
    script._look.choose(theme="light", font_scale=1.0, reduced_motion=True)
    answer(script, *REPLY)
    speak(script, 1)
    script.speak_word(1, 14, 17)
    assert [words for words, _ in painted(script)] == ["The walk was real.", " What now?"]


def test_an_answer_that_goes_on_joins_what_is_there(script: Script) -> None:
    script.say(1, "Hm", AT)
    answer(script, *REPLY[:2], "What n")
    cut = record("".join(REPLY[:2]) + "What n", ReplyState.CUT_OFF)
    script.end_reply(1, cut.reply_text, cut.reply_state)
    script.finish(1, cut)
    assert "cut off" in script.text()
    script.go_on(2, "".join(REPLY[:2]) + "What ")
    assert "cut off" not in script.text()
    answer(script, "now?", turn=2)
    script.end_reply(2, "".join(REPLY), ReplyState.WHOLE)
    speak(script, 2, turn=2)
    assert painted(script)[0][0] == "What now?"
    script.finish(2, record("".join(REPLY), ReplyState.WHOLE))
    assert script.text().count("Companion") == 1
    assert "".join(REPLY) in script.text()


@pytest.mark.parametrize("is_written", [True, False])
def test_an_answer_that_was_thought_aloud_leaves_the_page(script: Script, *, is_written: bool) -> None:
    script.say(1, "Hm", AT)
    script.stream(1, "The user says hm. ", AT)
    if is_written:
        script.flush()
        script.speak(1, Sentence(index=0, text="The user says hm. ", start=0, spoken="The user says hm."))
    script.take_back(1, "")
    assert "user says" not in script.text()
    assert not painted(script)
    answer(script, *REPLY)
    speak(script, 1)
    assert painted(script)[0][0] == "The walk was real."
    script.end_reply(1, "".join(REPLY), ReplyState.WHOLE)
    script.finish(1, record("".join(REPLY), ReplyState.WHOLE))
    assert script.text().count("Companion") == 1
    assert "".join(REPLY) in script.text()
    script.take_back(1, "")
    assert "".join(REPLY) in script.text(), "it is over"


# -- days ---------------------------------------------------------------------------------------------------


def test_a_caption_names_the_day_where_another_one_begins(script: Script) -> None:
    late = When.of(1_773_619_140.0, 0)
    """Sunday, 15 March 2026, 23:59."""
    script.say(1, "Late", late)
    script.stream(1, "Still here.", When(late.at + 120, 0))
    script.end_reply(1, "Still here.", ReplyState.WHOLE)
    script.say(2, "More", When(late.at + 180, 0))
    lines = ["You · 23:59", "Late", f"Companion · {day_in_words(late.at + 120)}, 00:01", "Still here."]
    lines += ["You · 00:02", "More"]
    assert script.text().split("\n") == lines
    script.rebuild()
    assert script.text().split("\n") == lines


def day_in_words(at: float) -> str:
    return When(at, 0).day_in_words(days.now().day)


def test_captions_stay_as_they_were_when_the_computer_travels(
    script: Script, travel: Callable[[str], None]
) -> None:
    script.say(1, "Before the flight", When(AT.at, 13 * 3600))
    before = script.text()
    travel("PST8")
    script.rebuild()
    assert script.text() == before


def test_a_kept_reflection_is_gone_on_with_at_its_end(script: Script) -> None:
    parts = tuple(f"Sentence {n}. " * 12 for n in range(40))
    script.say(1, "Hm", AT)
    answer(script, *parts)
    speak(script, 2, parts)
    bar = script.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    assert script.jump.isVisible()
    for many in (1, 12, 10, 1):
        script.show_turns([record("word " * 400) for _ in range(many)])
        assert (bar.value(), script.jump.isHidden()) == (bar.maximum(), True)
        bar.setValue(bar.maximum() - 200)
    script.forget()
    answer(script, *parts, turn=2)
    assert bar.value() == bar.maximum()
