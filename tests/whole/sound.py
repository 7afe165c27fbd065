"""A private sound server with one virtual speaker and one virtual microphone, for tests on real audio.

`sound_server()` runs PulseAudio on a socket of its own. What is spoken with `speak_into_mic` reaches every program that
opens the default microphone in the server's environment; what programs play is what `record_speaker` hears.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from companion.audio import devices

RECORD_RATE_HZ = 48_000
_PROGRAMS = ("pulseaudio", "pactl", "paplay", "parec")
_INSTALL = "sudo apt-get install --no-install-recommends libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils"
# Without norewinds a null sink answers late and rewrites what was already recorded.
_SCRIPT = """
load-module module-native-protocol-unix auth-anonymous=1 socket={socket}
load-module module-null-sink sink_name=vspk rate=48000 norewinds=1
load-module module-null-sink sink_name=vmic rate=48000 norewinds=1
load-module module-remap-source master=vmic.monitor source_name=mic
set-default-sink vspk
set-default-source mic
"""


def require_sound() -> None:
    """Skips where the sound server is not installed, naming the command; on a build machine that is a failure."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if sys.platform == "linux" and find_library("portaudio") is None:
        missing.append("libportaudio")
    if not missing:
        return
    message = f"missing {', '.join(missing)}: {_INSTALL}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the speaker played."""

    samples: npt.NDArray[np.int16]
    """(n,) mono at `rate_hz`."""
    rate_hz: int
    started_s: float
    """`time.monotonic()` at sample 0, to within some milliseconds, never too early."""


class Recording:
    """Listens at the speaker, or another source, from its making until `stop`."""

    def __init__(self, env: dict[str, str], source: str) -> None:
        command = [
            "parec",
            "-d",
            source,
            "--raw",
            "--format=s16le",
            "--channels=1",
            "--latency-msec=10",
        ]
        self.process = subprocess.Popen(
            [*command, f"--rate={RECORD_RATE_HZ}"], env=env, stdout=subprocess.PIPE, bufsize=0
        )
        self._data = bytearray()
        self._started_s = float("inf")
        self._running = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._running.wait(5):
            self.process.kill()
            raise RuntimeError(f"{source} delivers nothing")

    def stop(self, *, tail_s: float = 0.1) -> Recorded:
        """Ends the recording `tail_s` from now, so that what is on its way is in it."""
        time.sleep(tail_s)
        self.process.terminate()
        self.process.wait(5)
        self._reader.join(5)
        samples = np.frombuffer(bytes(self._data[: len(self._data) // 2 * 2]), dtype="<i2")
        return Recorded(samples=samples, rate_hz=RECORD_RATE_HZ, started_s=self._started_s)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as pipe:
            while data := pipe.read(4096):
                self._data += data
                # Each block is late by its way here; the least late one tells best when sample 0 sounded.
                sounded_s = time.monotonic() - len(self._data) / 2 / RECORD_RATE_HZ
                self._started_s = min(self._started_s, sounded_s)
                self._running.set()


class SoundServer:
    """A running server; `sound_server()` makes it."""

    def __init__(self, folder: Path) -> None:
        socket = folder / "pulse" / "native"
        socket.parent.mkdir()
        script = folder / "sound.pa"
        script.write_text(_SCRIPT.format(socket=socket))
        self.env = {"PULSE_SERVER": f"unix:{socket}", "XDG_RUNTIME_DIR": str(folder)}
        """What a program needs in its environment to find this server and no other."""
        self._env = {**os.environ, **self.env, "HOME": str(folder)}
        self._socket, self._script = socket, script
        self._players: list[subprocess.Popen[bytes]] = []
        self.start()

    def speak_into_mic(
        self, wav: Path | str, *, wait: bool = False, microphone: str = "vmic"
    ) -> subprocess.Popen[bytes]:
        """Plays a recording (anything libsndfile reads) into a virtual microphone, by the name of its inlet."""
        player = subprocess.Popen(["paplay", "-d", microphone, str(wav)], env=self._env)
        self._players.append(player)
        if wait and player.wait(120):
            raise RuntimeError(f"paplay could not play {wav}")
        return player

    def record_speaker(self, speaker: str = "vspk") -> Recording:
        """Starts to record what a virtual speaker plays; returns once the recording runs."""
        recording = Recording(self._env, f"{speaker}.monitor")
        self._players.append(recording.process)
        return recording

    def pactl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["pactl", *arguments], env=self._env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def plug_microphone(self, name: str) -> list[str]:
        """A further microphone, spoken into with `microphone=f"{name}_in"`; gives what `unplug` wants."""
        inlet = self.pactl(
            "load-module", "module-null-sink", f"sink_name={name}_in", "rate=48000", "norewinds=1"
        )
        return [
            self.pactl(
                "load-module",
                "module-remap-source",
                f"master={name}_in.monitor",
                f"source_name={name}",
                f"source_properties=device.description={name.capitalize()}",
            ),
            inlet,
        ]

    def plug_speaker(self, name: str) -> list[str]:
        """A further speaker; gives what `unplug` wants."""
        return [
            self.pactl(
                "load-module",
                "module-null-sink",
                f"sink_name={name}",
                "rate=48000",
                "norewinds=1",
                f"sink_properties=device.description={name.capitalize()}",
            )
        ]

    def unplug(self, modules: list[str]) -> None:
        for module in modules:
            self.pactl("unload-module", module)

    def open_microphones(self) -> list[str]:
        """The source each program that came through ALSA records from now, as the app does and this file does not."""
        sources = dict(line.split("\t")[:2] for line in self.pactl("list", "short", "sources").splitlines())
        recorders = self.pactl("list", "source-outputs").split("Source Output #")[1:]
        return [
            sources[each.split("\tSource: ")[1].split("\n")[0]]
            for each in recorders
            if 'application.name = "ALSA plug-in' in each
        ]

    @contextmanager
    def echo(self, level_db: float = -6.0) -> Iterator[None]:
        """The speaker stands beside the microphone: what it plays comes back a moment later, softer by so much."""
        if not self._echo:
            self._echo = self._load_echo()
        self.pactl("set-sink-input-volume", self._echo, f"{level_db}dB")
        try:
            yield
        finally:
            self.pactl("set-sink-input-volume", self._echo, "0")

    def _load_echo(self) -> str:
        """Once: made anew the way would be of another length, as no room's is."""
        before = set(self.pactl("list", "short", "sink-inputs").splitlines())
        self.pactl(
            "load-module",
            "module-loopback",
            "source=vspk.monitor",
            "sink=vmic",
            "latency_msec=60",
            "adjust_time=0",  # both run by one clock, and a room does not stretch
        )
        (new,) = set(self.pactl("list", "short", "sink-inputs").splitlines()) - before
        return new.split("\t")[0]

    def hang(self) -> None:
        """Stops the sound system where it stands; it answers nobody until `go_on`."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Takes the whole sound system away, as a crash does."""
        self._process.kill()
        self._process.wait(5)

    def crash(self) -> None:
        """The sound system ends and starts again at once, without what was plugged in later."""
        self.kill()
        self.start()

    def start(self) -> None:
        """Starts the sound system (again), with the devices it had at first."""
        self._socket.unlink(missing_ok=True)
        self._echo = ""
        self._process = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "-F",
                self._script,
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--use-pid-file=no",
            ],
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_until_up()

    def close(self) -> None:
        for process in (*self._players, self._process):
            process.terminate()
        for process in (*self._players, self._process):
            process.wait(5)

    def _wait_until_up(self) -> None:
        for _ in range(100):
            answer = subprocess.run(
                ["pactl", "list", "short", "sources"],
                env=self._env,
                capture_output=True,
                text=True,
                check=False,
            )
            if "\tmic\t" in answer.stdout:
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"pulseaudio ended with {self._process.returncode}")
            time.sleep(0.05)
        raise RuntimeError("pulseaudio does not answer")


@contextmanager
def sound_server() -> Iterator[SoundServer]:
    """A sound server for the programs a test starts: give them `server.env`."""
    require_sound()
    with tempfile.TemporaryDirectory(prefix="sound-") as folder:  # short: a socket's path has 107 characters
        server = SoundServer(Path(folder))
        try:
            yield server
        finally:
            server.close()


@contextmanager
def sound_server_for_this_process() -> Iterator[SoundServer]:
    """The same for code under test in this very process."""
    with sound_server() as server, this_process_hears(server.env):
        yield server


@contextmanager
def this_process_hears(env: dict[str, str]) -> Iterator[None]:
    """PortAudio in this process finds the devices of the server `env` names, and no others."""
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    devices.list_devices()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        devices.list_devices()
