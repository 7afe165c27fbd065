"""Promises 2, 30, 31, 33, 34 and 37 over many made-up texts: what must never come through, counted."""

from __future__ import annotations

import re
import time
from pathlib import Path
from random import Random

import pytest

from companion.conversation.speech_text import spoken
from companion.gui.clean import clean_text
from companion.gui.links import read_link
from companion.gui.markdown import paragraphs
from companion.log import hide, redact
from companion.paths import find_home
from companion.settings.layers import load_settings, save
from companion.yaml_edit import edit, edit_whole
from companion.yaml_file import BrokenFile, decode, parse, plain
from tests.gui.test_clean import FORBIDDEN
from tests.gui.test_markdown import HOSTILE
from tests.reliability.proof import prove
from tests.test_settings import GOOD

SEED = 33
_SHAPES = (
    "{scheme}//{host}/x", "{scheme}{host}", " {scheme}//{host}", "{scheme}\\\\{host}", "{scheme}//u:p@{host}/", "//{host}",
)  # fmt: skip
_SCHEMES = (
    "file:", "javascript:", "JaVaScRiPt:", "java\tscript:", "data:text/html,", "vbscript:", "smb:", "ftp:", "ms-settings:",
    "ms-msdt:", "about:", "blob:", "chrome:", "ssh:", "tel:", "\u202ehttp\u202c:", "\x01http:", "view-source:", "jar:", "",
)  # fmt: skip
HREFS = [shape.format(scheme=scheme, host="evil.example") for shape in _SHAPES for scheme in _SCHEMES]
_MARKS = [
    "`",
    "*",
    "|",
    "<speak>",
    "[x](http://a)",
    "```\ncode\n```",
    "# ",
    "> ",
    "~~",
    "$x^2$",
    "{",
    "\\",
    "\x07",
    "</p>",
]
_MORE = """
# what follows was written by hand
journal:
  keep: true   # it stays
  folder: "x: y"
servers:
  home: {address: http://10.0.0.1, kind: openai}   # in the cellar
  many:
    address: http://10.0.0.2

    # nothing more
"""
_SPOILT = [
    b"[",
    b"{",
    b"\t",
    b"\n",
    b"&a ",
    b"*a",
    b"!!x ",
    b"%",
    b": ",
    b"\0",
    b"\xff",
    b"'",
    b"|",
    b"-",
    b"no",
]


def odd_text(dice: Random, most: int) -> str:
    """Of all planes, half of it from where what deceives is."""
    ends = (0x20, 0x2070, 0x10FFFF, 0xE0080)
    signs = (chr(dice.randrange(dice.choice(ends))) for _ in range(dice.randint(0, most)))
    return "".join(signs)


each_size = pytest.mark.parametrize("share", [0.05, pytest.param(1.0, marks=pytest.mark.long)])


@each_size
def test_no_secret_survives_the_log(share: float) -> None:
    dice, count = Random(SEED), 40  # each stays known, and makes every later look slower
    count = round(count + 60 * (share == 1.0))
    survived = 0
    for _ in range(count):
        secret = "".join(dice.choice("abcXYZ0189-_+/=.~ü") for _ in range(dice.randint(16, 60)))
        hide(secret)
        for _ in range(10):
            survived += secret in redact(odd_text(dice, 20) + secret + odd_text(dice, 20))
    prove(2, "secrets that survive the log's filter", survived, 0, cases=count * 10)


@each_size
def test_no_deceiving_sign_is_shown(share: float) -> None:
    dice, count = Random(SEED), round(50_000 * share)
    never = FORBIDDEN - set(range(0x2066, 0x206A))  # an isolate that is closed again is real writing
    left = sum(bool(never & {ord(char) for char in clean_text(odd_text(dice, 40))}) for _ in range(count))
    prove(33, "texts with a forbidden sign after cleaning", left, 0, cases=count)


def test_only_the_web_and_mail_are_links() -> None:
    opened = [
        href
        for href in HREFS
        if (link := read_link(href)) is not None
        and not link.address.startswith(("http://", "https://", "mailto:"))
    ]
    prove(31, "addresses of other schemes that can be opened", len(opened), 0, cases=len(HREFS))


def test_hostile_answers_are_shown_as_text_alone() -> None:
    around = (
        "{}",
        "**{}**",
        "> {}",
        "- {}",
        "# {}",
        "| a | b |\n|---|---|\n| {} | x |",
        "[{}](http://a.example)",
        "`{}` {}",
    )
    payloads = [shape.replace("{}", each) for shape in around for each in (*HOSTILE, *HREFS[:40])]
    active = [
        payload
        for payload in payloads
        for each in paragraphs(payload)
        for run in [*each.runs, *(run for row in each.rows or () for cell in row for run in cell)]
        if run.href and not run.href.startswith(("http://", "https://", "mailto:"))
    ]
    prove(
        30, "hostile answers that become more than text and plain links", len(active), 0, cases=len(payloads)
    )


@each_size
def test_no_markup_is_spoken(share: float) -> None:
    dice, count = Random(SEED), round(10_000 * share)
    said = 0
    for _ in range(count):
        text = " ".join(
            dice.choice([*_MARKS, "word", "night.", "zwei", odd_text(dice, 4)]) for _ in range(12)
        )
        said += bool(re.search(r"[`*|<>\[\]{}~^\\_\x00-\x1f]", spoken(text)))
    prove(34, "texts of which a symbol is spoken", said, 0, cases=count)


@each_size
def test_no_spoilt_settings_stop_a_start(tmp_path: Path, share: float) -> None:
    dice, count = Random(SEED), round(2_000 * share)
    home = find_home(tmp_path)
    home.config.mkdir()
    wrong: list[bytes] = []
    for _ in range(count):
        raw = bytearray(GOOD.encode())
        for _ in range(dice.randint(1, 6)):
            place = dice.randrange(len(raw))
            raw[place : place + dice.randint(0, 3)] = dice.choice(_SPOILT)
        home.settings.write_bytes(raw)
        if any(problem.line < 1 for problem in load_settings(home, {}).problems):
            wrong.append(bytes(raw))
        save(home, {"talk.tap_ms": 345})
        if load_settings(home, {}).settings.talk.tap_ms != 345:
            wrong.append(bytes(raw))
    prove(37, "spoilt settings that stop a start or name no line", len(wrong), 0, cases=count)


_CHANGES: tuple[dict[str, object], ...] = (
    {"talk.tap_ms": 345},
    {"talk.tap_ms": None},
    {"sound.volume": 0.5, "talk.tail_ms": 250},
    {"providers.llm.openai.model": "a: b # c", "providers.llm.mistral.model": "x"},
    {"providers.tts.openai.voice": None, "journal.keep": False},
    {"providers.llm.openai.base_url": "https://x.example", "talk.mode": "free", "talk.tail_ms": None},
)


@each_size
def test_an_edit_of_lines_is_the_edit_of_the_whole_and_keeps_every_other_line(share: float) -> None:
    dice, by_lines, wrong = Random(SEED), 0, list[object]()
    for number in range(round(2_000 * share)):
        raw = bytearray((GOOD + _MORE).encode())
        for _ in range(dice.choice((0, 1, 1, 2, 4))):
            place = dice.randrange(len(raw))
            raw[place : place + dice.randint(0, 3)] = dice.choice(_SPOILT)
        changes = _CHANGES[number % len(_CHANGES)]
        try:
            text = decode(bytes(raw))
            root = parse(text)
            whole = edit_whole(text, changes)
            edited = edit(text, changes, root)
        except (BrokenFile, ValueError):
            continue
        by_lines += edited != whole
        lines = set(edited.splitlines())
        lost = [line for line in text.splitlines() if "#" in line and line not in lines and line not in whole]
        if _tree(edited) != _tree(whole) or len(lost) > len(changes):
            wrong.append((text, changes, edited))
    assert not wrong, wrong[0]
    assert by_lines, "some were edited by lines"
    prove(
        37,
        "spoilt settings that an edit of lines changed otherwise",
        len(wrong),
        0,
        cases=round(2_000 * share),
    )


def _tree(text: str) -> object:
    try:
        return plain(parse(text))
    except BrokenFile as error:
        return str(error)


def test_one_value_in_a_large_file_is_saved_at_once(tmp_path: Path) -> None:
    home = find_home(tmp_path)
    home.config.mkdir()
    servers = (
        f"  s{n}:  # the {n}th\n    address: http://10.0.{n // 200}.{n % 200}:80" for n in range(2_000)
    )
    text = GOOD + "servers:\n" + "\n".join(servers) + "\n"
    assert len(text) > 80_000
    home.settings.write_text(text)
    started = time.thread_time()
    save(home, {"talk.tap_ms": 345, "servers.s700.address": "http://10.9.9.9"})
    took = time.thread_time() - started
    before, after = text.splitlines(), home.settings.read_text().splitlines()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 2
    prove(
        37,
        "until a value in a file of 100 kB is saved",
        took,
        2,
        cases=1,
        unit="s of processor time",
        clock="real",
    )
