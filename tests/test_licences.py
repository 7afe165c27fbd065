"""Every licence that asks for more than to be named is told to the person, in the README and in the window."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

from companion.gui.settings.pages.about import _TEXTS

ROOT = Path(__file__).parent.parent
ONLY_BUILDS = {"pathspec"}
SAYS_NOTHING = {"espeakng-loader": "GPL", "soundfile": "LGPL"}
"""What is inside these is under another licence than their own, or they name none."""


def demanding() -> list[str]:
    """Packages of `make run` under a licence of the GNU or Mozilla family."""
    names = re.findall(
        r"^([\w.-]+)==", (ROOT / ".ci" / "locked.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    found = []
    for name in set(names) - ONLY_BUILDS:
        about = metadata.metadata(name)
        said = [about.get("License-Expression") or (about.get("License") or "")[:60]]
        said += [line for line in about.get_all("Classifier") or () if line.startswith("License")]
        if name in SAYS_NOTHING or re.search(r"GPL|MPL|Mozilla|EPL|CDDL", " ".join(said)):
            found.append(name.removesuffix("_Essentials"))
    return sorted(found)


@pytest.mark.parametrize("package", demanding())
def test_a_licence_that_asks_for_something_is_named(package: str) -> None:
    licences = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Licence")[2]
    window = " ".join(text for _, text in _TEXTS)
    assert package in licences
    assert package in window
