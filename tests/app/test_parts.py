"""Parts that are installed on top: by pip in a process of its own, in an environment that may be changed."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shlex
import sys
import venv
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from companion.app.parts import PARTS, Part, Parts, Place, Step, file_named, install, read_line, requirement
from companion.errors import CompanionError, Kind
from companion.settings.declared import Network

TINY = Part(
    name="tiny",
    label="Tiny",
    does="It does nothing.",
    package="companion-tiny-part",
    module="companion_tiny_part",
)
PLACE = Place(python=Path(sys.executable), prefix=Path("/nowhere"), is_own=True, packages=Path("/nowhere"))


def always(answer: bool) -> Callable[[], bool]:
    return lambda: answer


ONLINE = always(False)


def speaking(tmp_path: Path, script: str) -> Place:
    """A Python that says what the script says, whatever it is asked."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return replace(PLACE, python=python, packages=tmp_path)


async def refused(place: Place, *, is_offline: Callable[[], bool] = ONLINE) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await install(TINY, lambda _: None, is_offline=is_offline, place=place)
    return caught.value


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links")
async def test_pip_installs_a_part_into_the_environment_of_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected_warnings: None
) -> None:
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    packages = home / f"lib/python3.{sys.version_info.minor}/site-packages"
    found = importlib.util.find_spec("pip")
    assert found is not None
    assert found.origin is not None
    (packages / "pip").symlink_to(Path(found.origin).parent)
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with zipfile.ZipFile(shelf / "companion_tiny_part-1.0-py3-none-any.whl", "w") as wheel:
        info = "companion_tiny_part-1.0.dist-info"
        wheel.writestr("companion_tiny_part.py", "HERE = True\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: companion-tiny-part\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    config = tmp_path / "pip.conf"  # where pip is set up to fetch from is the person's own affair
    config.write_text(f"[global]\nno-index = true\nfind-links = {shelf}\n")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    place = Place(python=home / "bin/python", prefix=home, is_own=True, packages=packages, has_pip=True)
    steps: list[Step] = []

    assert place.can_be_changed
    assert not place.holds(TINY)
    await install(TINY, steps.append, is_offline=ONLINE, place=place)
    assert place.holds(TINY)
    assert [step.words for step in steps] == ["Asking pip …", "Putting it in place …"]

    missing = replace(TINY, package="companion-no-such-part", module="companion_no_such_part")
    with pytest.raises(CompanionError) as caught:
        await install(missing, steps.append, is_offline=ONLINE, place=place)
    assert (caught.value.kind, caught.value.message) == (
        Kind.NOT_SUPPORTED,
        "There is no ready-built Tiny for this computer.",
    )


@pytest.mark.parametrize(
    ("script", "kind", "says"),
    [
        (
            "echo 'WARNING: Retrying after NewConnectionError'; echo 'ERROR: No matching distribution found'; exit 1",
            Kind.DOWNLOAD_FAILED,
            "The network did not answer",
        ),
        ("echo 'ERROR: [Errno 28] No space left on device'; exit 1", Kind.DISK_FULL, "disk is full"),
        ("echo 'ERROR: [Errno 13] Permission denied'; exit 1", Kind.DOWNLOAD_FAILED, "may not be changed"),
        ("echo 'ERROR: something new'; exit 2", Kind.DOWNLOAD_FAILED, "pip gave up"),
        ("echo 'it is said to be there'; exit 0", Kind.DOWNLOAD_FAILED, "pip gave up"),
    ],
)
async def test_what_pip_fails_of_is_said_in_a_sentence(
    tmp_path: Path, script: str, kind: Kind, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = await refused(speaking(tmp_path, script))
    assert error.kind is kind
    assert says in error.message
    assert "Traceback" not in error.message
    assert "pip did not install" in caplog.text
    caplog.clear()


async def test_offline_mode_begins_nothing_and_stops_what_runs(tmp_path: Path) -> None:
    witness = tmp_path / "was begun"
    place = speaking(tmp_path, f"touch {shlex.quote(str(witness))}; exec sleep 60")
    assert (await refused(place, is_offline=always(True))).kind is Kind.NETWORK_SHUT
    assert not witness.exists()
    assert (await refused(place, is_offline=witness.exists)).kind is Kind.NETWORK_SHUT


async def test_a_silent_pip_and_one_that_is_cancelled_leave_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.app.parts.LOOK_S", 0.01)
    monkeypatch.setattr("companion.app.parts.QUIET_S", 0.02)
    number = tmp_path / "number"
    place = speaking(tmp_path, f"echo $$ > {number}; exec sleep 60")
    assert "said nothing" in (await refused(place)).message
    monkeypatch.setattr("companion.app.parts.QUIET_S", 60.0)
    number.unlink(missing_ok=True)
    running = asyncio.ensure_future(install(TINY, lambda _: None, is_offline=ONLINE, place=place))
    while not (number.exists() and number.read_text().strip()):  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)


def test_how_far_it_is_is_read_from_what_pip_says() -> None:
    assert file_named("Downloading onnxruntime-1.24.1-cp311-manylinux_x86_64.whl (17.4 MB)") == "onnxruntime"
    assert file_named("Using cached https://host/x/sherpa_onnx-2.0.whl") == "sherpa-onnx"
    assert file_named("Collecting numpy>=2") == ""
    step = read_line("Progress 50000000 of 100000000", "llama.cpp")
    assert step == Step(words="Fetching llama.cpp: 50 of 100 MB", share=0.5)
    assert read_line("Progress 5 of 0", "llama.cpp") == Step(words="Fetching llama.cpp …")
    assert read_line("Requirement already satisfied", "") is None


def test_the_versions_are_those_companion_is_made_for() -> None:
    found = {name: requirement(part) for name, part in PARTS.items()}
    assert found["mind"].startswith("xllamacpp>=")
    assert found["whisper"].startswith("ctranslate2>=")
    assert found["piper"] == "sherpa-onnx>=2.0,<3"
    assert all(";" not in line and " " not in line for line in found.values())


def test_where_it_cannot_be_changed_one_line_says_what_to_do(tmp_path: Path) -> None:
    part = PARTS["mind"]
    wanted = requirement(part)
    place = replace(PLACE, prefix=tmp_path, packages=tmp_path, has_pip=True)
    assert Parts(Network, place).can_be_installed
    assert Parts(Network, place).update_line == "git pull && make run", "these tests run in a checkout"
    assert not replace(place, is_own=False).can_be_changed, "what others use, too, is left alone"
    assert not replace(place, has_pip=False).can_be_changed
    assert shlex.split(place.line(part)) == [sys.executable, "-m", "pip", "install", wanted]
    assert shlex.split(replace(place, has_pip=False).line(part))[:3] == ["uv", "pip", "install"]
    (tmp_path / "uv-receipt.toml").touch()
    assert place.update_line == "uv tool upgrade reflection-companion"
    assert shlex.split(place.line(part))[:3] == ["uv", "pip", "install"]
    (tmp_path / "pipx_metadata.json").touch()
    assert place.update_line == "pipx upgrade reflection-companion"
    assert shlex.split(place.line(part)) == ["pipx", "inject", "reflection-companion", wanted]
