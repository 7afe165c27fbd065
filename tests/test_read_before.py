"""The settings file is read without a parser while its text is the one that was kept, and means the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

from companion.paths import Home
from companion.settings import load_settings, save
from companion.settings.read_before import READ_BEFORE, keep

TEXTS = (
    "talk:\n  tap_ms: 300   # slow fingers\n  language: no\n",
    "providers: {llm: {active: ollama, ollama: {model: 'llama3.2', voice: \"a: b\"}}}\n",
    "reply:\n  monthly_budget_usd: 1e1\nunknown:\n  - a list\n  - {of: things}\nnetwork:\n  offline: yes\n",
    "common: &same\n  tap_ms: 250\ntalk: *same\n",
    "appearance:\n  font_scale: 9\n",
)


def write(home: Home, text: str) -> None:
    home.settings.parent.mkdir(parents=True, exist_ok=True)
    home.settings.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_kept_file_means_what_the_parser_reads(home: Home, text: str) -> None:
    write(home, text)
    parsed = load_settings(home)
    keep(home.settings, home.state / READ_BEFORE)
    assert (home.state / READ_BEFORE).exists()
    assert load_settings(home) == parsed


def test_another_text_is_read_anew(home: Home) -> None:
    write(home, "talk:\n  tap_ms: 300\n")
    keep(home.settings, home.state / READ_BEFORE)
    write(home, "talk:\n  tap_ms: 301\n")
    assert load_settings(home).settings.talk.tap_ms == 301
    save(home, {"talk.tap_ms": 302})
    assert load_settings(home).settings.talk.tap_ms == 302


@pytest.mark.parametrize(
    "text", ["talk: [", "talk: {tap_ms: 1, tap_ms: 2}", "\0", "", "# nothing", "talk: &itself [*itself]"]
)
def test_a_file_with_a_fault_or_nothing_in_it_is_not_kept(home: Home, text: str) -> None:
    write(home, text)
    keep(home.settings, home.state / READ_BEFORE)
    assert not (home.state / READ_BEFORE).exists()


@pytest.mark.parametrize("spoilt", ["", "[]", "cut", "other tree"])
def test_what_was_kept_and_makes_no_sense_is_passed_over(home: Home, spoilt: str) -> None:
    write(home, "talk:\n  tap_ms: 300\n")
    keep(home.settings, home.state / READ_BEFORE)
    kept = home.state / READ_BEFORE
    text = kept.read_text()
    changed = {"cut": text[:-8], "other tree": text.replace('"tree": [', '"tree": [[], ')}
    kept.write_text(changed.get(spoilt, spoilt))
    assert load_settings(home).settings.talk.tap_ms == 300


def test_who_comes_back_waits_for_no_parser(home: Home) -> None:
    write(home, "talk:\n  tap_ms: 300\n")
    keep(home.settings, home.state / READ_BEFORE)
    code = (
        "import sys; from companion.settings import load_settings; from companion.paths import find_home\n"
        "assert load_settings(find_home()).settings.talk.tap_ms == 300; print('ruamel.yaml' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
