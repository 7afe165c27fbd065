"""Markdown becomes text with emphasis, and never anything else."""

from __future__ import annotations

import re
from html import unescape

import pytest

from companion.gui.links import read_link
from companion.gui.markdown import is_plain, to_html

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


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"</(p|li|h\d|td|th)>|<br>", " ", html)))


@pytest.mark.parametrize("text", HOSTILE)
def test_only_harmless_tags_come_out(text: str) -> None:
    html = to_html(text)
    tags = set(re.findall(r"<\s*/?\s*([a-z0-9]+)", html))
    assert tags <= {"p", "a", "br", "em", "strong"}
    for href in re.findall(r'href="([^"]*)"', html):
        assert href.startswith(("http://", "https://", "mailto:"))
    assert not re.search(r"<[^>]*\b(on\w+|style|src)\s*=", html)


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
    shown = words(to_html(text))
    for word in re.findall(r"\w+", text):
        assert word in shown


def test_an_image_is_its_words() -> None:
    assert words(to_html("![a red barn](http://x/y.png)")).strip() == "a red barn (image not loaded)"


def test_emphasis_and_lists_are_kept() -> None:
    html = to_html("**one** and *two*\n\n- a\n- b")
    assert "<strong>one</strong>" in html
    assert html.count("<li>") == 2


@pytest.mark.parametrize(
    "text", ["You kept the promise. What now?", "One.\n\nTwo, (really) — “yes”!", "It was 5 < 6"]
)
def test_plain_words_need_no_parser(text: str) -> None:
    assert is_plain(text)
    assert words(to_html(text)).split() == text.split()


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
