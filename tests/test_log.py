"""The log: what is said before the file is open stands in it; no key in any spelling, and nobody's words."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings, strategies as st

from companion.errors import CompanionError, Kind
from companion.log import describe, hide, hold_log, redact, start_log


def test_lines_from_before_the_log_starts_are_in_it(tmp_path: Path, expected_warnings: object) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    hold_log()
    try:
        hide("key-of-an-early-line")
        logging.getLogger("companion.early").warning("left out: %s", "key-of-an-early-line")
        start_log(tmp_path / "log.txt")
        logging.getLogger("companion.later").info("later")
        lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
        assert [line.partition(" companion.")[2] for line in lines] == [
            "early: left out: ***",
            "later: later",
        ]
    finally:
        root.setLevel(level)
        for added in [handler for handler in root.handlers if handler not in before]:
            root.removeHandler(added)
            added.close()


SECRET = 'key/Yg7+53q=="ü0123456789abcdefQrZ'


@pytest.mark.parametrize("user", ["", "x", "ab", "a name"])
@pytest.mark.parametrize(
    "spell",
    [
        lambda key, user: key,
        lambda key, user: json.dumps({"key": key}),
        lambda key, user: json.dumps({"key": key}, ensure_ascii=False),
        lambda key, user: f"https://host/v1?k={quote(key, safe='')}&b=1",
        lambda key, user: f"k={quote_plus(key)}",
        lambda key, user: b64encode(key.encode()).decode(),
        lambda key, user: f"Basic {b64encode(f'{user}:{key}'.encode()).decode()}",
        lambda key, user: f"{user} { {'key': key}!r}",
        lambda key, user: repr(key.encode()),
        lambda key, user: key.upper(),
        lambda key, user: f"{key[:20]}... is no key",
        lambda key, user: f"...{key[-20:]}",
    ],
)
def test_a_key_is_known_in_every_spelling(spell: Callable[[str, str], str], user: str) -> None:
    hide(SECRET)
    shown = redact(f"before {spell(SECRET, user)} after")
    assert shown.startswith("before")
    assert shown.endswith("after")
    encoded = b64encode(b"56789abcdefQ").decode()
    for piece in ("456789abcdef", "456789ABCDEF", encoded[2:-2], "Yg7"):
        assert piece not in shown


@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=16, max_size=60),
    around=st.text(max_size=20),
)
@settings(max_examples=20, deadline=None)
def test_no_secret_survives(secret: str, around: str) -> None:
    hide(secret)
    assert secret not in redact(f"{around}{secret}{around}")


def test_an_error_nobody_foresaw_is_logged_without_its_words(
    tmp_path: Path, expected_warnings: object
) -> None:
    def fails() -> None:
        try:
            float("I feel alone")
        except ValueError as error:
            raise KeyError("my sister") from error

    root, log = logging.getLogger(), tmp_path / "log.txt"
    before, level = root.handlers[:], root.level
    try:
        start_log(log)
        try:
            fails()
        except KeyError as error:
            logging.getLogger("companion.here").error("unhandled: %s", describe(error))
            logging.getLogger("somebody.else").exception("it failed\nfuture: <Task exception=%r>", error)
        text = log.read_text(encoding="utf-8")
    finally:
        root.setLevel(level)
        for added in [handler for handler in root.handlers if handler not in before]:
            root.removeHandler(added)
            added.close()
    code = ('float("I feel alone")', 'raise KeyError("my sister")')
    words = text.replace(code[0], "").replace(code[1], "")
    assert words.count("\nValueError\n") == words.count("\nKeyError\n") == 2
    assert "in fails" in words
    assert not any(each in words for each in ("alone", "sister", "<Task"))


def test_a_foreseen_error_says_its_kind_and_a_disk_its_reason() -> None:
    assert describe(CompanionError(Kind.KEY_REFUSED, "said: my words")).endswith("key_refused")
    assert describe(OSError(28, "x", "/home/somebody")).endswith("No space left on device")
