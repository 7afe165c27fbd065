"""Parts that Companion can use and that are not installed: what each is for, and its installation by pip.

In: the name of a part. Out: a child process that runs pip of this very environment, and how far it is. Pip is a program of
its own: it goes where it is set up to go, past `net`, so it is begun by a person only, and offline mode stops it.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import logging
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import companion
from companion.children import kill, start_python
from companion.errors import CompanionError, Kind
from companion.language import Worded, mark, tr
from companion.log import redact
from companion.settings.declared import Network
from companion.tasks import spawn

_log = logging.getLogger(__name__)
_OURS = "reflection-companion"
WHOLE_S, QUIET_S, LOOK_S = 1800.0, 180.0, 0.5
"""The longest installation; the longest time in which it says nothing; how often offline mode is looked at."""
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9._-]+)\s*([^;\s(\[]*)")
_RAW_BAR_SINCE = (24, 1)
_NO_NETWORK = (
    "NewConnectionError",
    "Max retries",
    "ProxyError",
    "timed out",
    "name resolution",
    "Temporary failure",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Worded):
    """Something that can be installed."""

    WORDS: ClassVar = frozenset({"label", "does"})
    name: str
    label: str
    does: str
    """What it is for, in a sentence."""
    package: str
    module: str
    size_mb: int = 0
    """0: not known."""


PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part(
            name="mind",
            label="llama.cpp",
            does=mark("It runs language models on this computer."),
            package="xllamacpp",
            module="xllamacpp",
            size_mb=101,
        ),
        Part(
            name="meaning",
            label="ONNX Runtime",
            does=mark("It lets MiniLM read the journal, which finds what was said in other words."),
            package="onnxruntime",
            module="onnxruntime",
            size_mb=78,
        ),
        Part(
            name="echo",
            label=mark("The echo canceller"),
            does=mark("It lets you talk over the answer without headphones when you talk hands-free."),
            package="pywebrtc-audio",
            module="pywebrtc_audio",
        ),
        Part(
            name="whisper",
            label="CTranslate2",
            does=mark("It runs Whisper, which hears far better than the plain recogniser."),
            package="ctranslate2",
            module="ctranslate2",
        ),
        Part(
            name="piper",
            label="sherpa-onnx",
            does=mark("It speaks with natural voices."),
            package="sherpa-onnx",
            module="sherpa_onnx",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far an installation is."""

    words: str
    share: float | None = None
    """Of the file that comes, 0 to 1; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The environment that the app runs in."""

    python: Path = field(default_factory=lambda: Path(sys.executable))
    prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    is_own: bool = field(default_factory=lambda: sys.prefix != sys.base_prefix)
    """A virtual one: nothing but the app is in it."""
    packages: Path = field(default_factory=lambda: Path(sysconfig.get_path("purelib")))
    has_pip: bool = field(default_factory=lambda: importlib.util.find_spec("pip") is not None)

    @property
    def can_be_changed(self) -> bool:
        return self.is_own and self.has_pip and os.access(self.packages, os.W_OK)

    def holds(self, part: Part) -> bool:
        importlib.invalidate_caches()
        if importlib.util.find_spec(part.module) is not None:
            return True
        return importlib.machinery.PathFinder.find_spec(part.module, [str(self.packages)]) is not None

    @property
    def _is_of_pipx(self) -> bool:
        return (self.prefix / "pipx_metadata.json").exists()

    @property
    def _is_of_uv(self) -> bool:
        return (self.prefix / "uv-receipt.toml").exists()

    def line(self, part: Part) -> str:
        """One line for a terminal that installs it here, however this environment was made."""
        wanted = requirement(part)
        if self._is_of_pipx:
            return _line("pipx", "inject", _OURS, wanted)
        if self._is_of_uv or (self.is_own and not self.has_pip):
            return _line("uv", "pip", "install", "--python", str(self.python), wanted)
        return _line(str(self.python), "-m", "pip", "install", wanted)

    @property
    def update_line(self) -> str:
        """One line for a terminal that brings Companion itself up to date."""
        if self._is_of_pipx:
            return _line("pipx", "upgrade", _OURS)
        if self._is_of_uv:
            return _line("uv", "tool", "upgrade", _OURS)
        if _project() is not None:
            return "git pull && make run"
        return _line(str(self.python), "-m", "pip", "install", "--upgrade", _OURS)


class Parts:
    """The parts of this installation; one per app.

    Args:
        network: the settings of now.
    """

    def __init__(self, network: Callable[[], Network], place: Place | None = None) -> None:
        self._network, self._place = network, place or Place()

    def missing(self, name: str) -> Part | None:
        """The part, if it is not here."""
        part = PARTS[name]
        return None if self._place.holds(part) else part

    @property
    def can_be_installed(self) -> bool:
        """Whether pip can do it here; else there is `line`."""
        return self._place.can_be_changed

    def line(self, part: Part) -> str:
        """What installs it in a terminal."""
        return self._place.line(part)

    @property
    def update_line(self) -> str:
        """What brings Companion itself up to date in a terminal."""
        return self._place.update_line

    async def install(self, part: Part, told: Callable[[Step], None]) -> None:
        """As the function `install`."""
        await install(
            part,
            told,
            is_offline=lambda: self._network().offline,
            keeps_proxy=self._network().use_proxy,
            place=self._place,
        )


def requirement(part: Part) -> str:
    """The package with the versions that Companion is made for."""
    for line in _declared():
        found = _REQUIREMENT.match(line)
        if found is not None and found[1].lower() == part.package:
            return f"{found[1]}{found[2]}"
    return part.package


def _line(*words: str) -> str:
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _project() -> dict[str, Any] | None:
    """What the project's file says, where this is a checkout."""
    path = Path(companion.__file__).parent.parent / "pyproject.toml"
    with suppress(OSError, ValueError, KeyError):
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        if table["name"] == _OURS:
            return table
    return None


def _declared() -> Sequence[str]:
    """What Companion says it needs and can use: its project's file in a checkout, else what is installed with it."""
    if (project := _project()) is not None:
        return [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.requires(_OURS) or ()
    return ()


async def install(
    part: Part,
    told: Callable[[Step], None],
    *,
    is_offline: Callable[[], bool],
    keeps_proxy: bool = False,
    place: Place | None = None,
) -> None:
    """Installs a part; cancelling the task stops it.

    Args:
        is_offline: asked at the beginning and while it goes on.
        keeps_proxy: whether pip may use the proxy of the environment.

    Raises:
        CompanionError: NETWORK_SHUT in offline mode, DISK_FULL, NOT_SUPPORTED, DOWNLOAD_FAILED.
    """
    place = place or Place()
    if is_offline():
        raise _shut(part)
    told(Step(words=tr("Asking pip …")))
    try:
        process = await start_python(place.python, *_arguments(part), keeps_proxy=keeps_proxy)
    except OSError as error:
        raise _failed(part, tr("pip could not be started."), place, error) from error
    said: list[str] = []
    try:
        async with asyncio.timeout(WHOLE_S):
            await _follow(process, part, said, told, is_offline)
            code = await process.wait()
    except TimeoutError as error:
        raise _failed(part, tr("pip said nothing for too long."), place, error) from error
    finally:
        kill(process)
        await process.wait()
    if code or not place.holds(part):
        _log.warning("pip did not install %s: %s", part.package, redact(" | ".join(said[-6:])))
        raise _why(part, said, place)


async def _follow(
    process: asyncio.subprocess.Process,
    part: Part,
    said: list[str],
    told: Callable[[Step], None],
    is_offline: Callable[[], bool],
) -> None:
    """Until its output ends.

    Raises:
        TimeoutError: it says nothing any more.
        CompanionError: NETWORK_SHUT.
    """
    assert process.stdout is not None
    name, waited_s = part.label, 0.0
    reading = spawn(process.stdout.readline(), name="read what pip says", is_awaited=True)
    try:
        while True:
            await asyncio.wait([reading], timeout=LOOK_S)
            if is_offline():
                raise _shut(part)
            if not reading.done():
                waited_s += LOOK_S
                if waited_s > QUIET_S:
                    raise TimeoutError
                continue
            line = reading.result().decode("utf-8", "replace").strip()
            if not reading.result():
                return
            waited_s = 0.0
            reading = spawn(process.stdout.readline(), name="read what pip says", is_awaited=True)
            name = file_named(line) or name
            if (step := read_line(line, name)) is not None:
                told(step)
            elif line:
                said.append(line)
    finally:
        reading.cancel()


def file_named(line: str) -> str:
    """The package whose file comes now; empty: the line names none."""
    found = re.match(r"(?:Downloading|Using cached) (?:\S*/)?([^\s/]+?)-\d\S*\.(?:whl|tar)", line)
    return found[1].replace("_", "-") if found is not None else ""


def read_line(line: str, name: str) -> Step | None:
    """What a line of pip's tells of how far it is; `name`: whose file comes."""
    if (found := re.match(r"Progress (\d+) of (\d+)$", line)) is not None:
        done, whole = int(found[1]), int(found[2])
        if not whole:
            return Step(words=tr("Fetching {name} …", name=name))
        return Step(
            words=tr(
                "Fetching {name}: {done:,.0f} of {whole:,.0f} MB",
                name=name,
                done=done / 1e6,
                whole=whole / 1e6,
            ),
            share=min(1.0, done / whole),
        )
    if line.startswith("Installing collected packages"):
        return Step(words=tr("Putting it in place …"))
    return None


def _arguments(part: Part) -> list[str]:
    bar = "raw" if _pip_version() >= _RAW_BAR_SINCE else "off"
    return [
        *("-I", "-u", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"),
        *("--only-binary=:all:", "--retries=2", "--timeout=20", f"--progress-bar={bar}"),
        requirement(part),
    ]


def _pip_version() -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in importlib.metadata.version("pip").split(".")[:2])
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return (0,)


def _why(part: Part, said: list[str], place: Place) -> CompanionError:
    """What pip's own words mean."""
    text = "\n".join(said)
    if "No space left" in text:
        return CompanionError(
            Kind.DISK_FULL, hint=tr("{part} was not installed. Make room and try again.", part=part.label)
        )
    if any(words in text for words in _NO_NETWORK):
        return _failed(part, tr("The network did not answer."), place)
    if "No matching distribution" in text or not text:
        return CompanionError(
            Kind.NOT_SUPPORTED,
            tr("There is no ready-built {part} for this computer.", part=part.label),
            hint=tr("What works now goes on working."),
        )
    if "Permission denied" in text or "externally-managed" in text:
        return _failed(part, tr("This installation of Python may not be changed."), place)
    return _failed(part, tr("pip gave up; the log has its words."), place)


def _failed(part: Part, why: str, place: Place, cause: BaseException | None = None) -> CompanionError:
    return CompanionError(
        Kind.DOWNLOAD_FAILED,
        tr("{part} was not installed. {why}", part=part.label, why=why),
        hint=tr("Nothing else changed. In a terminal: {line}", line=place.line(part)),
        cause=cause,
    )


def _shut(part: Part) -> CompanionError:
    return CompanionError(
        Kind.NETWORK_SHUT,
        tr("Offline mode is on, so {part} is not fetched.", part=part.label),
        hint=tr("Switch it off in Settings under Privacy first."),
    )
