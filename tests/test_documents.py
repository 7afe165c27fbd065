"""What README and help say of the program is so: commands, keys, pages of the settings, variables, files and links.

Words are for people to check; what a machine can hold against the program is held here.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from companion.cli import _parser

ROOT = Path(__file__).parent.parent
ENGLISH = [ROOT / "README.md", *sorted((ROOT / "resources/help").glob("*.md"))]
ALL = [*ENGLISH, *sorted((ROOT / "resources/help/de").glob("*.md"))]
WIDEST = 120
_CODE = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
_QUOTED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PAIR = re.compile(r'^msgid "(.*)"\nmsgstr "(.*)"$', re.MULTILINE)
_INDENTED = re.compile(r"^    (companion .*|make .*)$", re.MULTILINE)


def each(documents: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", documents, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def lines_of(text: str) -> Iterator[str]:
    """What a person may copy into a terminal."""
    blocks = "\n".join(_CODE.findall(text)).replace("\\\n", " ")
    yield from (line.strip() for line in blocks.splitlines())
    yield from _QUOTED.findall(text)
    yield from _INDENTED.findall(text)


@each(ALL)
def test_every_command_is_one(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in lines_of(text_of(path)):
        words = (
            shlex.split(line, comments=True)
            if line.startswith(("companion ", ".venv/bin/companion "))
            else []
        )
        if words[1:2] in ([], ["COMMAND"]):
            continue
        is_wrong, _ = False, capsys.readouterr()
        try:
            _parser().parse_args(words[1:])
        except SystemExit as stop:
            is_wrong = bool(stop.code)
        assert not is_wrong, f"{line}: {capsys.readouterr().err}"


@each(ALL)
def test_every_target_of_make_and_every_extra_is_one(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    extras = re.findall(r"^(\w+) = \[", text_of(ROOT / "pyproject.toml"), re.MULTILINE)
    lines = list(lines_of(text_of(path)))
    assert {line.split()[1] for line in lines if line.startswith("make ")} <= targets
    assert set(re.findall(r"reflection-companion\[(\w+)\]", text_of(path))) <= set(extras)


@each(ALL)
def test_every_page_and_setting_is_called_so(path: Path) -> None:
    titles = [
        title
        for file in (ROOT / "companion/gui/settings/pages").glob("*.py")
        for title in re.findall(r'^    title="([^"]+)"', text_of(file), re.MULTILINE)
    ]
    pairs = _PAIR.findall(text_of(ROOT / "resources/languages/de.po"))
    side = 1 if path.parent.name == "de" else 0
    pages, words = {pair[side] for pair in pairs if pair[0] in titles}, {pair[side] for pair in pairs}
    text = " ".join(text_of(path).split())
    for place in re.findall(r"\*(?:Settings|Einstellungen) > ([^*]+)\*", text):
        page, *rest = place.split(" > ")
        assert page in pages, place
        assert set(rest) <= words, place


@each(ALL)
def test_every_key_does_something(path: Path) -> None:
    sources = "".join(text_of(file) for file in (ROOT / "companion/gui").rglob("*.py"))
    keys = set(re.findall(r'"(Ctrl\+[^"]+|F\d+)"', sources))
    text = text_of(path).replace("Strg", "Ctrl").replace("Umschalt", "Shift")
    for key in re.findall(r"Ctrl\+(?:Shift\+)?[A-Z0-9](?![a-z])|\bF\d{1,2}\b", text):
        assert key in keys or key == "Ctrl+C", f"{key}: of {path.name}"


@each(ALL)
def test_every_file_is_there(path: Path) -> None:
    text = text_of(path)
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (path.parent / link).exists(), link
    for name in _QUOTED.findall(text):
        if re.match(r"(companion|resources|tests|\.ci)/[\w./*-]+$", name):
            assert list(ROOT.glob(name.rstrip("/"))), name


@each(ALL)
def test_lines_can_be_read_side_by_side(path: Path) -> None:
    wide = [line for line in text_of(path).splitlines() if len(line) > WIDEST and not line.startswith("|")]
    assert not wide


def test_the_program_of_the_readme_runs(tmp_path: Path) -> None:
    """Without a key: the error and what to do."""
    (program,) = (block for block in _CODE.findall(text_of(ROOT / "README.md")) if "import asyncio" in block)
    env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    env |= {"COMPANION_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=env, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Anthropic needs a key. Give it as `api_key` or set ANTHROPIC_API_KEY.")
