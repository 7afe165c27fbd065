"""Markdown becomes text with emphasis, and never anything else."""

from __future__ import annotations

import re

import pytest

from companion.gui.links import read_link
from companion.gui.markdown import Run, is_plain, paragraphs, parted
from companion.gui.unfinished import closed

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<iframe src='http://evil.example'></iframe>",
    "<svg/onload=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](file:///etc/passwd)",
    "[a](data:text/html,x)",
    "[a](vbscript:x) [b](ms-settings:x) [c](smb://host/x)",
    "![x](http://evil.example/?q=secret)",
    "![x][1]\n\n[1]: http://evil.example/",
    "[![x](http://evil.example/a.png)](http://evil.example)",
    "<a href='http://x' style='position:fixed' onclick='x'>a</a>",
    "<style>*{display:none}</style>",
]


def words(text: str) -> str:
    """Every word that is shown, a line for each paragraph."""
    rows = [each.rows or ((each.runs,),) for each in paragraphs(text)]
    return "\n".join("".join(run.text for cell in row for run in cell) for table in rows for row in table)


def runs(text: str) -> list[Run]:
    return [run for each in paragraphs(text) for run in each.runs]


@pytest.mark.parametrize("text", HOSTILE)
def test_only_text_and_harmless_addresses_come_out(text: str) -> None:
    for run in runs(text):
        assert not run.href or run.href.startswith(("http://", "https://", "mailto:"))
    assert all(each.kind == "text" for each in paragraphs(text))


@pytest.mark.parametrize(
    "text",
    [
        "compare a<b and c>d",
        "if x <y then z",
        "1 < 2 > 0",
        "a <b",
        "half `open",
        "**half open",
        "| half | table",
        "R&D",
    ],
)
def test_no_word_is_lost(text: str) -> None:
    for word in re.findall(r"\w+", text):
        assert word in words(text)


def test_an_image_is_its_words() -> None:
    assert words("![a red barn](http://x/y.png)").strip() == "a red barn (image not loaded)"


def test_emphasis_lists_quotes_code_and_tables_are_read() -> None:
    assert runs("**one** and *two*")[::2] == [Run("one", is_bold=True), Run("two", is_italic=True)]
    assert [(each.number, each.depth) for each in paragraphs("3. a\n4. b\n   - c")] == [
        (3, 1),
        (4, 1),
        (None, 2),
    ]
    assert [each.quotes for each in paragraphs("> a\n\nb")] == [1, 0]
    assert [each.kind for each in paragraphs("```\nx\n\ny\n```")] == ["code"] * 3
    (table,) = paragraphs("| a | b |\n|---|---|\n| 1 | 2 |")
    assert [[cell[0].text for cell in row] for row in table.rows] == [["a", "b"], ["1", "2"]]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://example.org/a_b_c.", "https://example.org/a_b_c"),
        ("(https://example.org/x_(y))", "https://example.org/x_(y)"),
        ("go to www.example.org!", "https://www.example.org"),
        ("write to someone@example.org, please", "mailto:someone@example.org"),
        ("[x](https://example.org/z)", "https://example.org/z"),
    ],
)
def test_a_bare_address_is_a_link(text: str, address: str) -> None:
    assert not is_plain(text)
    assert [run.href for run in runs(text) if run.href] == [address]


@pytest.mark.parametrize(
    "text", ["`https://example.org`", "xhttps://a.org", "file://etc/x", "a@b", "https://", "javascript://x"]
)
def test_other_text_is_no_link(text: str) -> None:
    assert not any(run.href for run in runs(text))


LETTER = """Some **bold words** and *soft* `code x`, [a link](https://x.org/z_a) and https://x.org/a_b(c).

## A title

- one **two**
- three ~~four~~
  - *five*

1. a
2. b

> quoted *words*

| a | b |
|---|---|
| 1 | **2** |

```py
x = [1] * 2
```
The __end__."""


@pytest.mark.parametrize("step", [1, 7])
def test_no_mark_is_seen_while_an_answer_is_written(step: int) -> None:
    for end in range(0, len(LETTER), step):
        place, _, _ = parted(LETTER[:end])
        shown = paragraphs(closed(LETTER[place:end]))
        text = "".join(run.text for each in shown for run in each.runs if each.kind != "code")
        assert not re.search(r"[*`\[|~]|\]\(|^#|^>|__", text), text


@pytest.mark.parametrize(
    "text", [*HOSTILE, "*" * 40, "[[[[", "`" * 9 + "a", "![", "a\\", "|", "\n\n", "***a** b*"]
)
def test_what_is_open_is_closed_whatever_it_is(text: str) -> None:
    for end in range(len(text)):
        paragraphs(closed(text[:end]))


@pytest.mark.parametrize(
    "text", ["You kept the promise. What now?", "One.\n\nTwo, (really) — “yes”!", "It was 5 < 6"]
)
def test_plain_words_need_no_parser(text: str) -> None:
    assert is_plain(text)
    assert words(text).split() == text.split()


@pytest.mark.parametrize(
    "text", ["a *b*", "# head", "- item", "1. one", "> quoted", "[a](b)", "`code`", "    code"]
)
def test_markup_is_noticed(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("https://example.org/a?b", "example.org"),
        ("https://bank.example@evil.example/x", "evil.example"),
        ("https://api.openai.com:secret@evil.example", "evil.example"),
        ("mailto:someone@example.org?subject=x", "someone@example.org"),
    ],
)
def test_a_link_says_where_it_really_goes(address: str, where: str) -> None:
    link = read_link(address)
    assert link is not None
    assert link.where == where
    assert "secret" not in link.address


def test_a_host_in_other_letters_shows_its_plain_form() -> None:
    link = read_link("https://xn--80ak6aa92e.com/")
    assert link is not None
    assert "xn--80ak6aa92e.com" in link.where


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:,x",
        "smb://host/x",
        "//host/x",
        "ms-settings:x",
        "https:///x",
        "",
    ],
)
def test_other_addresses_are_no_links(address: str) -> None:
    assert read_link(address) is None
