"""The home of sounddevice (PortAudio): devices in, one running stream out. Everything here blocks.

PortAudio keeps one global state that two threads must not touch at once, and reads the list of devices only when it is
initialised. So opening, closing and listing take one lock, the list is read anew when no stream runs, and callers on
the loop come through `in_thread`. Devices are known by name, never by number: numbers change when something is plugged in.
Behind a sound server (`pulse`) every source and sink is a device of its own; a monitor is opened only by its own name.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from companion.audio import pulse
from companion.audio.pulse import Direction, SoundServer
from companion.errors import CompanionError, Kind
from companion.language import mark, tr

T = TypeVar("T")
_MISSING: Mapping[Direction, Kind] = {"input": Kind.NO_MICROPHONE, "output": Kind.NO_SPEAKER}
_log = logging.getLogger(__name__)

CLOSE_LIMIT_S = 2.0

_lock = threading.Lock()
_streams: set[Stream] = set()
"""Those that PortAudio holds open, running or at rest."""

_LABELS = {
    "default": mark("System default"),
    "sysdefault": mark("System default (ALSA)"),
    "pulse": "PulseAudio",
    "pipewire": "PipeWire",
    "jack": "JACK",
}
_SERVED = ("pulse", "pipewire", "default")
"""What PortAudio calls the whole sound server, the most dependable first."""
_SERVER_API = "Sound server"
_USB = re.compile(r"alsa_(?:in|out)put\.usb-(.+?)(?:-\d\d)?\..*")
_described: dict[str, str] = {}
"""What the sound server's devices are called, also those that were unplugged since."""
_WASAPI = "Windows WASAPI"
# PortAudio's error numbers (portaudio.h, PaErrorCode).
_HOST_ERROR = -9999
_BAD_RATE = -9997
_UNAVAILABLE = -9985
_ACCESS_DENIED = frozenset({-13, -1, -2147024891})  # EACCES, EPERM, E_ACCESSDENIED
_WIRELESS = re.compile(r"bluez|bluetooth|airpods|hands-?\s?free|\b(hfp|hsp|buds)\b", re.IGNORECASE)
_PHONE_RATE_HZ = 16_000


def label_of(name: str) -> str:
    """How a person reads a device's name."""
    usb = _USB.fullmatch(name)
    guess = usb[1].replace("_", " ") if usb else name
    return tr(_LABELS[name]) if name in _LABELS else _described.get(name, guess)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A microphone or a speaker as the system names it."""

    name: str
    """What settings keep."""
    host_api: str
    channels: int
    default_rate_hz: int
    is_default: bool
    description: str = ""
    """The sound server's own, where it stands behind the device."""
    is_monitor: bool = False
    """No microphone: what a speaker plays."""

    @property
    def label(self) -> str:
        """What a person reads."""
        return label_of(self.name)

    @property
    def full_label(self) -> str:
        """What a person reads where "System default" is not enough."""
        return self.description or self.label

    @property
    def is_phone_quality(self) -> bool:
        """A wireless headset, as a microphone: while it records, what it plays sounds like a telephone."""
        return self.default_rate_hz <= _PHONE_RATE_HZ or _WIRELESS.search(self.name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList:
    """What is plugged in now."""

    inputs: tuple[Device, ...] = ()
    """Microphones first, then monitors."""
    outputs: tuple[Device, ...] = ()

    @property
    def microphones(self) -> tuple[Device, ...]:
        return tuple(device for device in self.inputs if not device.is_monitor)


class Stream:
    """One running PortAudio stream."""

    def __init__(
        self, stream: Any, direction: Direction, device: Device, *, fell_back: bool, node: str = ""
    ) -> None:
        self._stream = stream
        self._direction: Direction = direction
        self.device = device
        self.fell_back = fell_back
        """The device that was asked for is not there; this is the default one."""
        self.node = node
        """The sound server's source or sink that it was opened on; empty: the server decides, or there is none."""
        self.rate_hz = round(stream.samplerate)
        self.latency_s = float(stream.latency)
        self.is_resting = False
        self.is_closed = False
        self._turning = threading.Lock()
        """Held while PortAudio starts or stops it. A start may hang when its device dies under it; to stop the stream
        then would end the whole process by an assertion (PortAudio 19.7), so whoever closes it waits, and is given up."""

    def start(self) -> None:
        """Lets the callbacks begin. Blocks for some milliseconds.

        Raises:
            CompanionError: as `open_stream`; also when a stream at rest was closed meanwhile.
        """
        import sounddevice

        with _lock:
            stream, self.is_resting = self._stream, False
        if stream is None:
            raise CompanionError(_MISSING[self._direction], who=self.device.label)
        try:
            with self._turning:
                stream.start()
        except sounddevice.PortAudioError as error:
            self.close()
            raise _refusal(self._direction, self.device, error) from error

    def rest(self) -> None:
        """Stops the callbacks until the next `start`, once the device has played what it holds. Blocks about that long.

        Whoever needs PortAudio to look for devices may close a stream at rest.
        """
        stream = self._stream
        if stream is not None:
            with self._turning:
                stream.stop()
            self.is_resting = True

    def close(self) -> None:
        """Lets the device go, once it has played what it holds. Blocks about that long; idempotent."""
        with _lock:
            stream, self._stream = self._stream, None
        if stream is None:
            return
        # Not `abort`: it cancels PortAudio's thread, which may hold a lock at that moment because its device has just died;
        # the same assertion follows.
        with self._turning:
            stream.stop()
        with _lock:
            self._release(stream)

    def close_at_rest(self) -> None:
        """The same for a stream at rest; the caller holds the lock."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._release(stream)

    def _release(self, stream: Any) -> None:
        stream.close()
        _streams.discard(self)
        self.is_closed = True


def list_devices() -> DeviceList:
    """Every microphone and speaker, read anew unless a stream is running. Blocks 30 to 150 ms.

    Raises:
        CompanionError: NO_AUDIO_SYSTEM.
    """
    with _lock:
        portaudio = _portaudio()
        _read_anew(portaudio)
        server = pulse.look()
        return DeviceList(
            inputs=_listed(portaudio, "input", server), outputs=_listed(portaudio, "output", server)
        )


def open_stream(
    direction: Direction,
    name: str,
    *,
    rate_hz: int,
    block_ms: int,
    latency_s: float | Literal["low"],
    callback: Callable[..., None],
    finished: Callable[[], None],
) -> Stream:
    """Opens, but does not start, an int16 mono stream on the device called `name` (empty: the default). Blocks.

    Takes the device's own rate where it refuses `rate_hz`. A device that is not there, or that does not open, gives way
    to the default one; where that does not open either, the list of devices is read anew, once. A microphone that is
    busy or forbidden is told and not replaced: its sentence helps more than another device would. Where the default
    source is a monitor, the first real one takes its place.

    Args:
        callback: PortAudio's raw callback; runs on PortAudio's thread.
        finished: runs there too when the stream ends, by itself or by `Stream.close`.

    Raises:
        CompanionError: NO_AUDIO_SYSTEM; NO_MICROPHONE, MICROPHONE_BUSY, MICROPHONE_DENIED; NO_SPEAKER.
    """
    options = {"latency": latency_s, "callback": callback, "finished_callback": finished}

    def attempt(server: SoundServer | None) -> Stream:
        refused = CompanionError(_MISSING[direction])
        for index, device, node in _candidates(portaudio, direction, name, server):
            try:
                with _pinned(direction, node):
                    stream = _open(
                        portaudio,
                        direction,
                        index,
                        device,
                        rate_hz=rate_hz,
                        block_ms=block_ms,
                        options=options,
                    )
            except CompanionError as error:
                if error.kind is not _MISSING[direction]:
                    raise
                refused = error
            else:
                return Stream(
                    stream, direction, device, fell_back=bool(name) and device.name != name, node=node
                )
        raise refused

    with _lock:
        portaudio = _portaudio()
        if sys.platform != "linux" and not _streams:
            # There the default device is fixed when PortAudio starts.
            _read_anew(portaudio)
        server = pulse.look()
        try:
            if name and not _knows(portaudio, direction, name, server):
                _read_anew(portaudio)
            stream = attempt(server)
        except CompanionError:
            if not _read_anew(portaudio):
                raise
            stream = attempt(pulse.look())
        _streams.add(stream)
        return stream


async def close_within_limit(
    close: Callable[[], None], label: str, *, limit_s: float = CLOSE_LIMIT_S
) -> bool:
    """Runs a blocking `close` for `limit_s` at most; a sound system that hangs keeps nobody waiting, and gives False."""
    try:
        await in_thread(close, limit_s=limit_s)
    except TimeoutError:
        _log.warning("the device %s does not close", label)
        import sounddevice

        # At exit sounddevice closes what is open, and would wait there for ever.
        atexit.unregister(sounddevice._exit_handler)
        return False
    return True


async def in_thread(
    work: Callable[[], T], *, limit_s: float, discard: Callable[[T], None] | None = None
) -> T:
    """The result of blocking `work`, which runs in a thread of its own that cannot keep the process alive.

    When the caller is cancelled or `limit_s` passes, `work` goes on; its late result is handed to `discard`.

    Raises:
        TimeoutError: `work` took longer than `limit_s`.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if outcome.done():
            throw_away(result)
        elif error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # no error means there is a result

    def throw_away(result: T | None) -> None:
        if result is not None and discard is not None:
            threading.Thread(target=discard, args=(result,), name="audio-discard", daemon=True).start()

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - carried to whoever waits
            error = caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop is gone, so nobody waits
            throw_away(result)

    threading.Thread(target=run, name="audio-device", daemon=True).start()
    async with asyncio.timeout(limit_s):
        return await outcome


def _portaudio() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise CompanionError(Kind.NO_AUDIO_SYSTEM, cause=error) from error
    except Exception as error:  # PortAudioError, whose class is lost with the module that did not load
        raise _no_start(error) from error
    return sounddevice


def _no_start(error: Exception) -> CompanionError:
    return CompanionError(
        Kind.NO_AUDIO_SYSTEM,
        tr("This computer's sound system did not start."),
        hint=tr("Restart it, or the computer. You can write instead."),
        cause=error,
    )


def _read_anew(portaudio: Any) -> bool:
    """Restarts PortAudio, which is the only way it notices new devices; False where a running stream forbids it."""
    if any(not stream.is_resting for stream in _streams):
        return False
    for stream in tuple(_streams):
        stream.close_at_rest()
    while portaudio._initialized:
        portaudio._terminate()
    try:
        portaudio._initialize()
    except portaudio.PortAudioError as error:
        raise _no_start(error) from error
    return True


def _devices(portaudio: Any, direction: Direction) -> list[tuple[int, Device]]:
    apis = portaudio.query_hostapis()
    # Windows shows every device once per interface; one of them resamples, names in full and is current.
    only = next((number for number, api in enumerate(apis) if api["name"] == _WASAPI), None)
    default = _default_index(portaudio, direction, None if only is None else apis[only])
    found = []
    for index, entry in enumerate(portaudio.query_devices()):
        channels = entry[f"max_{direction}_channels"]
        if channels and (only is None or entry["hostapi"] == only):
            found.append((index, _device(entry, apis, channels, is_default=index == default)))
    return found


def _device(
    entry: Mapping[str, Any], apis: Sequence[Mapping[str, Any]], channels: int, *, is_default: bool
) -> Device:
    return Device(
        name=entry["name"],
        host_api=apis[entry["hostapi"]]["name"],
        channels=channels,
        default_rate_hz=round(entry["default_samplerate"]),
        is_default=is_default,
    )


def _default_index(portaudio: Any, direction: Direction, api: Mapping[str, Any] | None) -> int:
    if api is not None:
        return int(api[f"default_{direction}_device"])
    return int(portaudio.default.device[direction])


def _listed(portaudio: Any, direction: Direction, server: SoundServer | None) -> tuple[Device, ...]:
    found = [device for _, device in _devices(portaudio, direction)]
    if server is None:
        return tuple(found)
    nodes = server.inputs if direction == "input" else server.outputs
    own = [_device_of(node) for node in nodes]
    names = {node.name for node in nodes}
    if server.usual(direction) is None:  # what leads to the server leads to no microphone
        names |= set(_SERVED)
    return tuple(
        sorted([*(device for device in found if device.name not in names), *own], key=lambda d: d.is_monitor)
    )


def _device_of(node: pulse.Node) -> Device:
    _described[node.name] = node.description
    return Device(
        name=node.name,
        host_api=_SERVER_API,
        channels=node.channels,
        default_rate_hz=node.rate_hz,
        is_default=False,
        description=node.description,
        is_monitor=node.is_monitor,
    )


def _knows(portaudio: Any, direction: Direction, name: str, server: SoundServer | None) -> bool:
    is_served = server is not None and server.node(direction, name) is not None
    return is_served or any(device.name == name for _, device in _devices(portaudio, direction))


def _candidates(
    portaudio: Any, direction: Direction, name: str, server: SoundServer | None
) -> list[tuple[int, Device, str]]:
    """PortAudio's number of each device to be tried, the device, and the server's node behind it: first what is called
    `name`, where there is such a thing, then the default one."""
    found = _devices(portaudio, direction)
    named = [(index, device, "") for index, device in found if name and device.name == name][:1]
    usual = [(index, device, "") for index, device in found if device.is_default and device.name != name]
    if server is None:
        return named + usual
    if (node := server.node(direction, name)) is not None and (carrier := _carrier(found)) is not None:
        named = [(carrier, _device_of(node), node.name)]
    # What is played on the default speaker the server moves by itself; what is recorded it may move to a monitor.
    is_pinned = direction == "input" or bool(name)
    place = server.usual(direction)
    return [*_behind(named, place, is_pinned=is_pinned), *_behind(usual, place, is_pinned=is_pinned)]


def _behind(
    candidates: Sequence[tuple[int, Device, str]], place: pulse.Node | None, *, is_pinned: bool
) -> Iterator[tuple[int, Device, str]]:
    """The same, with the node `place` behind the server's own devices; without them where there is none."""
    for index, device, node in candidates:
        if node or device.name not in _SERVED:
            yield index, device, node
        elif place is not None:
            yield index, replace(device, description=place.description), place.name if is_pinned else ""


def _carrier(found: Sequence[tuple[int, Device]]) -> int | None:
    numbers = {device.name: index for index, device in found}
    return next((numbers[name] for name in _SERVED if name in numbers), None)


@contextmanager
def _pinned(direction: Direction, node: str) -> Iterator[None]:
    """What is opened meanwhile belongs to the server's source or sink `node`; empty: where the server puts it."""
    before = {name: os.environ.get(name) for name in (pulse.PIN[direction], pulse.PIPEWIRE_PIN)}
    if node:
        os.environ.update(dict.fromkeys(before, node))
    try:
        yield
    finally:
        for name, value in before.items() if node else ():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _open(
    portaudio: Any,
    direction: Direction,
    index: int,
    device: Device,
    *,
    rate_hz: int,
    block_ms: int,
    options: Mapping[str, Any],
) -> Any:
    make = portaudio.RawInputStream if direction == "input" else portaudio.RawOutputStream
    extra = portaudio.WasapiSettings(auto_convert=True) if device.host_api == _WASAPI else None
    for rate in (rate_hz, device.default_rate_hz):
        try:
            return make(
                device=index,
                samplerate=rate,
                channels=1,
                dtype="int16",
                blocksize=rate * block_ms // 1000,
                extra_settings=extra,
                **options,
            )
        except portaudio.PortAudioError as error:
            if _code(error) == _BAD_RATE and rate != device.default_rate_hz:
                continue
            raise _refusal(direction, device, error) from error
    raise AssertionError("the loop returns or raises")


def _code(error: Exception) -> int:
    return int(error.args[1]) if len(error.args) > 1 else 0


def _refusal(direction: Direction, device: Device, error: Exception) -> CompanionError:
    """What a failed opening means to a person."""
    _log.info("%s %s did not open: %s", direction, device.name, error)
    if direction == "output":
        return CompanionError(
            Kind.NO_SPEAKER,
            tr("{label} could not be opened.", label=device.label),
            who=device.label,
            cause=error,
        )
    code = _code(error)
    host_code, host_text = error.args[2][1:] if len(error.args) > 2 else (0, "")
    if code == _UNAVAILABLE or "busy" in host_text.lower():
        return CompanionError(Kind.MICROPHONE_BUSY, who=device.label, cause=error)
    if code == _HOST_ERROR and (host_code in _ACCESS_DENIED or "denied" in host_text.lower()):
        return CompanionError(Kind.MICROPHONE_DENIED, who=device.label, cause=error)
    return CompanionError(
        Kind.NO_MICROPHONE,
        tr("{label} could not be opened.", label=device.label),
        who=device.label,
        cause=error,
    )
