"""The entry in the desktop's menu, and what a built package holds."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgRenderer

from companion.app import desktop_entry
from companion.cli import run
from companion.errors import CompanionError, Kind
from companion.paths import find_home, resources

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


def entry(path: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    return parser["Desktop Entry"]


def program(line: str) -> list[str]:
    """What a desktop makes of `Exec`: first the escapes of a string, then those between quotes, then %%."""
    once = line.replace("\\\\", "\\")
    words = (
        re.sub(r"\\(.)", r"\1", word)
        for word in re.findall(r'"((?:\\.|[^"\\])*)"|(\S+)', once)
        for word in word
        if word
    )
    return [word.replace("%%", "%") for word in words]


def test_the_command_puts_companion_into_the_menu_and_takes_it_out(
    places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["install-desktop-entry"]) == 0
    menu = places / "share/applications/companion.desktop"
    told = capsys.readouterr().out
    assert str(menu) in told
    shown = entry(menu)
    assert shown["Type"] == "Application"
    assert shown["Icon"] == "companion"
    assert shown["StartupWMClass"] == "companion"
    assert (places / "share/icons/hicolor/scalable/apps/companion.svg").is_file()
    assert (places / "share/icons/hicolor/256x256/apps/companion.png").is_file()
    words = program(shown["Exec"])
    told = subprocess.run([*words, "--version"], capture_output=True, text=True, check=False, cwd=ROOT).stdout
    assert told.startswith("companion ")
    desktop_entry.start_with_system(find_home(), is_on=True)
    assert run(["install-desktop-entry", "--remove"]) == 0
    assert not [path for path in places.rglob("*companion*") if path.is_file()]
    assert not desktop_entry.starts_with_system()


@pytest.mark.parametrize(
    "name", ["plain", 'with "quotes" and spaces', "100% $HOME `id` back\\slash", "späte"]
)
def test_a_home_of_any_name_is_opened_as_it_is_called(places: Path, name: str) -> None:
    root = places / name
    words = program(desktop_entry.command(find_home(root)))
    assert words[-2:] == ["--home", str(root)]


def test_the_systems_own_places_need_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_HOME", raising=False)
    assert "--home" not in desktop_entry.command(find_home())


def test_starting_with_the_system_is_a_file_that_any_desktop_may_switch_off(places: Path) -> None:
    home = find_home(places / "home")
    assert not desktop_entry.starts_with_system()
    desktop_entry.start_with_system(home, is_on=True)
    file = places / "config/autostart/companion.desktop"
    assert program(entry(file)["Exec"])[-1] == str(places / "home")
    assert desktop_entry.starts_with_system()
    file.write_text(file.read_text() + "Hidden=true\n")
    assert not desktop_entry.starts_with_system()
    desktop_entry.start_with_system(home, is_on=True)
    assert desktop_entry.starts_with_system()
    for _ in range(2):
        desktop_entry.start_with_system(home, is_on=False)
        assert not desktop_entry.starts_with_system()


def test_a_folder_that_takes_nothing_is_said_and_other_systems_are_told(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places / "config").write_text("no folder")
    with pytest.raises(CompanionError) as told:
        desktop_entry.start_with_system(find_home(places / "home"), is_on=True)
    assert told.value.kind is Kind.FOLDER_UNUSABLE
    assert "autostart" in told.value.message
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CompanionError) as refused:
        desktop_entry.install(find_home(places / "home"))
    assert refused.value.kind is Kind.NOT_SUPPORTED


def test_the_painted_icon_is_the_drawn_one() -> None:
    drawn = QSvgRenderer(str(resources() / "icons/companion.svg"))
    painted = QImage(str(resources() / "icons/companion.png"))
    assert drawn.isValid()
    assert painted.size() == drawn.defaultSize()
    assert painted.pixelColor(128, 100).name() == "#ffffff"
    assert painted.pixelColor(60, 128).name() == "#3e6e60"
    assert painted.pixelColor(0, 0).alpha() == 0


@pytest.mark.long
def test_a_built_package_holds_what_runs_and_nothing_else(places: Path) -> None:
    """Needs the builder that `pyproject.toml` names."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(places / "dist"), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    assert told.returncode == 0, told.stderr
    built = next((places / "dist").glob("*.whl"))
    with zipfile.ZipFile(built) as package:
        names = package.namelist()
        package.extractall(places / "there")
    tops = {name.split("/")[0] for name in names}
    assert tops == {"companion", next(top for top in tops if top.endswith(".dist-info"))}
    parts = {part for name in names for part in name.split("/")}
    assert not parts & {"tests", ".ci", ".venv", "__pycache__", "build"}
    package_names = {name.removeprefix("companion/resources/") for name in names}
    kept = {
        path.relative_to(ROOT / "resources").as_posix()
        for path in (ROOT / "resources").rglob("*")
        if path.is_file()
    }
    assert kept <= package_names
    code = "from companion.paths import resources; import companion.gui.main; print(resources())"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=places,
        env={**os.environ, "PYTHONPATH": str(places / "there")},
    )
    assert ran.stdout.strip() == str(places / "there/companion/resources"), ran.stderr
