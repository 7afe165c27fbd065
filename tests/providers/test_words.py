"""Words told from thoughts, and characters made whole, however a text is cut into pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from companion.providers.wire.words import Characters, Thoughts, Words, thinks_aloud, whole

DAY = "A long day."
MARKED = {
    "tag": ("<think>They are tired; be kind.</think>\n\nA long day.", DAY, "They are tired; be kind."),
    "capitals": ("<THINK>hm</THINK>A long day.", DAY, "hm"),
    "thinking": ("<thinking>\nhm <b>\n</thinking>\nA long day.", DAY, "hm <b>"),
    "thought": ("\n<thought>hm</thought>A long day.", DAY, "hm"),
    "reasoning": ("<reasoning>hm</reasoning>A long day.", DAY, "hm"),
    "brackets": ("[THINK]hm[/THINK]A long day.", DAY, "hm"),
    "signs": ("◁think▷hm◁/think▷A long day.", DAY, "hm"),
    "channels": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>A long day.<|return|>",
        DAY,
        "hm",
    ),
    "channels with a tool": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json"
        "<|message|>{}<|call|><|start|>assistant<|channel|>final<|message|>A long day.",
        DAY,
        "hm{}",
    ),
    "channel of one mark": ("<|channel>thought\nhm<channel|>A long day.", DAY, "hm"),
    "channels without their marks": ("analysisWe see.assistantfinalA long day.", DAY, "We see."),
    "several": ("<think>a</think><think>b</think>\nA long day.", DAY, "ab"),
    "empty": ("<think>\n\n</think>\n\nA long day.", DAY, ""),
    "closed only, at once": ("</think>\n\nA long day.", DAY, ""),
    "closed only": ("They are tired.</think>A long day.", DAY, "They are tired."),
    "closed only, on a line": ("They are tired\n</think>\nA long day.", DAY, "They are tired"),
    "closed only, before a line": ("They are tired</think>\n\nA long day.", DAY, "They are tired"),
    "never closed": ("<think>They are tired, and", "", "They are tired, and"),
    "JSON": ('<think>{"a": 1}?</think>{"a": 2}', '{"a": 2}', '{"a": 1}?'),
    "talked about": ("Write <think> and </think> around it.", "Write <think> and </think> around it.", ""),
    "closing talked about": ("It ends with </think> and goes on.", "It ends with </think> and goes on.", ""),
    "quoted": ("It is `</think>`.\nOr not.", "It is `</think>`.\nOr not.", ""),
    "talked about after thoughts": ("<think>a</think>So </think>\nit is.", "So </think>\nit is.", "a"),
    "other marks": ("<b>Bold</b> [1] < 3 [/x", "<b>Bold</b> [1] < 3 [/x", ""),
    "a word like a channel": ("analysis of it", "analysis of it", ""),
    "space": (" \n hi ", " \n hi ", ""),
    "nothing": ("", "", ""),
    "only space": ("  \n", "  \n", ""),
}  # fmt: skip


def told(pieces: Iterable[str], *, begins_in_thought: bool = False) -> tuple[str, str]:
    thoughts = Thoughts(begins_in_thought=begins_in_thought)
    said = thought = ""
    for piece in pieces:
        split = thoughts.feed(piece)
        if split.retracts:
            said, thought = "", said
        said, thought = said + split.said, thought + split.thought
    rest = thoughts.rest()
    return said + rest.said, (thought + rest.thought).strip()


@pytest.mark.parametrize("name", MARKED)
def test_thoughts_are_told_from_words_at_every_cut(name: str) -> None:
    text, said, thought = MARKED[name]
    assert told([text]) == (said, thought)
    assert told(list(text)) == (said, thought)
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            cut = [text[:first], text[first:second], text[second:]]
            assert told(cut) == (said, thought), cut


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        ("They are tired</think> A long day.", DAY, "They are tired"),
        ("<think>They are tired</think>A long day.", DAY, "They are tired"),
        (DAY, DAY, ""),
    ],
)
def test_what_may_begin_in_thought_is_said_only_when_it_is_clear(text: str, said: str, thought: str) -> None:
    for at in range(len(text) + 1):
        assert told([text[:at], text[at:]], begins_in_thought=True) == (said, thought)
    thoughts = Thoughts(begins_in_thought=True)
    assert not any(thoughts.feed(letter).said for letter in "They are tired")


@pytest.mark.parametrize(
    ("model", "is_aloud"),
    [
        ("deepseek-r1:8b", True), ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", True), ("qwq", True),
        ("Qwen3-30B-A3B-Thinking-2507", True), ("magistral-small", True), ("llama3.2", False), ("gpt-6-luna", False),
        ("gemini-3.8-flash", False), ("nvidia/nemotron-3-nano", False), ("m", False),
    ],
)  # fmt: skip
def test_models_whose_template_opens_the_thoughts_are_known_by_name(model: str, is_aloud: bool) -> None:
    assert thinks_aloud(model) is is_aloud


def spoken(pieces: Sequence[tuple[str, str]], thoughts: Thoughts | None) -> tuple[str, str]:
    words = Words(thoughts)
    deltas = [delta for piece in pieces if (delta := words.take(*piece))]
    deltas += [delta] if (delta := words.rest()) else []
    return "".join(d.text for d in deltas), "".join(d.reasoning for d in deltas)


@pytest.mark.parametrize("marks", [True, False])
def test_words_come_at_once_and_one_by_one(marks: bool) -> None:
    words = Words(Thoughts() if marks else None)
    for piece in ("It", " was", " a", " long", " day."):
        delta = words.take(piece)
        assert delta is not None
        assert delta.text == piece
    assert words.rest() is None


def test_what_the_vendor_calls_thought_is_thought() -> None:
    assert spoken([("", "hm"), ("", "!"), (DAY, "")], Thoughts(begins_in_thought=True)) == (DAY, "hm!")


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("text", ["Smile 😊 é ß 𝄞!", "日本語", "\U0010ffff", "plain"])
def test_halves_of_a_character_wait_for_each_other(text: str, size: int) -> None:
    as_pairs = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    halves = [chr(int.from_bytes(as_pairs.encode("utf-16-le")[at : at + 2], "little")) for at in
              range(0, len(as_pairs.encode("utf-16-le")), 2)]  # fmt: skip
    raw = text.encode()
    escaped = [raw[at : at + 1].decode("utf-8", "surrogateescape") for at in range(len(raw))]
    for units in (halves, escaped):
        pieces = ["".join(units[at : at + size]) for at in range(0, len(units), size)]
        for thoughts in (Thoughts(), None):
            assert spoken([(piece, "") for piece in pieces], thoughts) == (text, "")
            assert spoken([("", piece) for piece in pieces], thoughts) == ("", text)


def test_a_half_that_stays_alone_is_replaced() -> None:
    for half in ("\ud83d", "\ude0a", "\udcf0\udc9f"):
        said, _ = spoken([(f"a{half}", ""), ("b", "")], Thoughts())
        said.encode()
        assert said.replace("\ufffd", "") == "ab"
        assert whole(half).strip("\ufffd") == ""
    characters = Characters()
    assert characters.feed("a\ud83d") == "a"
    assert characters.rest() == "\ufffd"
