"""What is told about care where a person looks for it: About, the README, and `companion doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.app import checkup
from companion.gui.settings.pages import about
from companion.paths import Home


@pytest.mark.parametrize(
    "part",
    ["not with a person", "looked at on this computer", "a card shows", "Nobody is told or called",
     "Say that you are safe", "three hours", "cannot be switched off"],
)  # fmt: skip
def test_about_tells_the_protocol_in_plain_words(part: str) -> None:
    assert part in " ".join(text for _, text in about._TEXTS)


@pytest.mark.parametrize(
    "part",
    [
        "## When things are bad",
        "not dialled",
        "Do not rely on them",
        "Nobody is told or called",
        "Care has no switch",
    ],
)
def test_the_readme_tells_it_too(part: str) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert part in " ".join(readme.split())


@pytest.mark.parametrize(
    ("code", "told"), [("GB", "999; Samaritans, 116 123"), ("IT", "112; findahelpline.com")]
)
def test_the_doctor_says_whose_help_is_shown(tmp_path: Path, code: str, told: str) -> None:
    home = Home(config=tmp_path, data=tmp_path, state=tmp_path)
    home.settings.write_text(f"care:\n  region: {code}\n", encoding="utf-8")
    finding = checkup._care(home)
    assert (finding.subject, finding.level) == ("Help that is shown", "ok")
    assert told in finding.detail
