"""What PulseAudio, or PipeWire in its place, knows of microphones and speakers: a connection in, `SoundServer` out.

PortAudio sees the whole sound server as one device. Its client library, which ALSA's plug-in loads anyway, tells the
sources and sinks by name, which of them are monitors (what a speaker plays, offered as a microphone), and where this
process records from. Everything here blocks; on a computer without that library `look` gives None.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from ctypes import POINTER, Structure, c_char_p, c_int, c_uint8, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass, field
from typing import Any, Literal

_log = logging.getLogger(__name__)
Direction = Literal["input", "output"]

LIMIT_S = 2.0
"""A sound server that does not answer within this is treated as none."""
_AGAIN_S = 0.5
"""A watch whose connection broke makes another after so long."""
_TICK_S = 0.5
"""How often a watch looks whether it is over."""
PIN: Mapping[Direction, str] = {"input": "PULSE_SOURCE", "output": "PULSE_SINK"}
"""The variable by which the client library is told where a stream belongs."""
PIPEWIRE_PIN = "PIPEWIRE_NODE"
"""The same for ALSA's plug-in of PipeWire."""


@dataclass(frozen=True, slots=True)
class Node:
    """A source or a sink."""

    index: int
    name: str
    """The same after a restart."""
    description: str
    """What a person reads."""
    rate_hz: int
    channels: int
    is_monitor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundServer:
    """What there is at one moment."""

    inputs: tuple[Node, ...] = ()
    outputs: tuple[Node, ...] = ()
    default_input: str = ""
    default_output: str = ""
    recorded: frozenset[str] = frozenset()
    """Names of the sources that this process records from."""

    def node(self, direction: Direction, name: str) -> Node | None:
        """The source or sink of that name."""
        nodes = self.inputs if direction == "input" else self.outputs
        return next((node for node in nodes if node.name == name), None)

    def usual(self, direction: Direction) -> Node | None:
        """The default one; instead of a monitor the first microphone, None where there is none."""
        if direction == "output":
            return self.node(direction, self.default_output)
        default = self.node(direction, self.default_input)
        if default is not None and not default.is_monitor:
            return default
        return next((node for node in self.inputs if not node.is_monitor), None)

    def place(self, direction: Direction, chosen: str) -> Node | None:
        """Where a stream belongs for which the person has chosen this name."""
        return self.node(direction, chosen) or self.usual(direction)

    def has_misplaced(self, direction: Direction, chosen: str, name: str) -> bool:
        """A stream that was opened on the node called `name` belongs elsewhere now, or records a monitor nobody chose."""
        place = self.place(direction, chosen)
        if place is None or place.name != name:
            return True
        monitors = {node.name for node in self.inputs if node.is_monitor}
        return direction == "input" and name not in self.recorded and bool(monitors & self.recorded)


def look(limit_s: float = LIMIT_S) -> SoundServer | None:
    """What there is now; None without a sound server that answers."""
    try:
        connection = Connection(limit_s)
    except OSError as error:
        _log.debug("no sound server: %s", error)
        return None
    try:
        return connection.look()
    except OSError as error:
        _log.debug("the sound server went away: %s", error)
        return None
    finally:
        connection.close()


class Watch:
    """Follows one stream on a thread of its own, until `end`."""

    def __init__(
        self, direction: Direction, chosen: str, name: str, on_misplaced: Callable[[bool], None]
    ) -> None:
        """`on_misplaced` is called there once at most, when the stream on the node `name` belongs elsewhere; True: its node
        is gone."""
        self._direction, self._chosen, self._name = direction, chosen, name
        self._on_misplaced = on_misplaced
        self._is_over = threading.Event()
        threading.Thread(target=self._run, name=f"watch {name}", daemon=True).start()

    def end(self) -> None:
        self._is_over.set()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                connection = Connection()
                try:
                    self._follow(connection)
                finally:
                    connection.close()
            except OSError as error:  # whoever has the stream notices a server that is gone
                _log.debug("the watch on %s begins anew: %s", self._name, error)
                self._is_over.wait(_AGAIN_S)

    def _follow(self, connection: Connection) -> None:
        connection.subscribe()
        while not self._is_over.is_set():
            found = connection.look()
            if self._is_over.is_set():
                return
            if found.has_misplaced(self._direction, self._chosen, self._name):
                self._is_over.set()
                self._on_misplaced(found.node(self._direction, self._name) is None)
                return
            while not connection.wait(_TICK_S) and not self._is_over.is_set():
                pass


# -- the client library -------------------------------------------------------------------------------------


class _SampleSpec(Structure):
    _fields_ = (("format", c_int), ("rate", c_uint32), ("channels", c_uint8))


class _ChannelMap(Structure):
    _fields_ = (("channels", c_uint8), ("map", c_int * 32))


class _Volume(Structure):
    _fields_ = (("channels", c_uint8), ("values", c_uint32 * 32))


class _DeviceInfo(Structure):
    """The beginning that pa_source_info and pa_sink_info have in common."""

    _fields_ = (
        ("name", c_char_p),
        ("index", c_uint32),
        ("description", c_char_p),
        ("sample_spec", _SampleSpec),
        ("channel_map", _ChannelMap),
        ("owner_module", c_uint32),
        ("volume", _Volume),
        ("mute", c_int),
        ("monitor", c_uint32),
    )


class _ServerInfo(Structure):
    _fields_ = (
        ("user_name", c_char_p),
        ("host_name", c_char_p),
        ("server_version", c_char_p),
        ("server_name", c_char_p),
        ("sample_spec", _SampleSpec),
        ("default_sink", c_char_p),
        ("default_source", c_char_p),
    )


class _RecorderInfo(Structure):
    """The beginning of pa_source_output_info."""

    _fields_ = (
        ("index", c_uint32),
        ("name", c_char_p),
        ("owner_module", c_uint32),
        ("client", c_uint32),
        ("source", c_uint32),
        ("sample_spec", _SampleSpec),
        ("channel_map", _ChannelMap),
        ("buffer_usec", c_uint64),
        ("source_usec", c_uint64),
        ("resample_method", c_char_p),
        ("driver", c_char_p),
        ("properties", c_void_p),
    )


_NO_INDEX = 0xFFFFFFFF
_NO_AUTOSPAWN = 1
_READY, _FAILED = 4, 5
_SUBSCRIBED = (
    0x0002 | 0x0008 | 0x0001 | 0x0080
)  # sources, what records from them, sinks, the server's defaults
_ServerCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_ServerInfo), c_void_p)
_DeviceCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_DeviceInfo), c_int, c_void_p)
_RecorderCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_RecorderInfo), c_int, c_void_p)
_EventCallback = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_uint32, c_void_p)

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "pa_mainloop_new": (c_void_p, ()),
    "pa_mainloop_free": (None, (c_void_p,)),
    "pa_mainloop_get_api": (c_void_p, (c_void_p,)),
    "pa_mainloop_prepare": (c_int, (c_void_p, c_int)),
    "pa_mainloop_poll": (c_int, (c_void_p,)),
    "pa_mainloop_dispatch": (c_int, (c_void_p,)),
    "pa_context_new": (c_void_p, (c_void_p, c_char_p)),
    "pa_context_connect": (c_int, (c_void_p, c_char_p, c_int, c_void_p)),
    "pa_context_disconnect": (None, (c_void_p,)),
    "pa_context_unref": (None, (c_void_p,)),
    "pa_context_get_state": (c_int, (c_void_p,)),
    "pa_context_set_subscribe_callback": (None, (c_void_p, _EventCallback, c_void_p)),
    "pa_context_subscribe": (c_void_p, (c_void_p, c_int, c_void_p, c_void_p)),
    "pa_context_get_server_info": (c_void_p, (c_void_p, _ServerCallback, c_void_p)),
    "pa_context_get_source_info_list": (c_void_p, (c_void_p, _DeviceCallback, c_void_p)),
    "pa_context_get_sink_info_list": (c_void_p, (c_void_p, _DeviceCallback, c_void_p)),
    "pa_context_get_source_output_info_list": (c_void_p, (c_void_p, _RecorderCallback, c_void_p)),
    "pa_operation_get_state": (c_int, (c_void_p,)),
    "pa_operation_unref": (None, (c_void_p,)),
    "pa_proplist_gets": (c_char_p, (c_void_p, c_char_p)),
}


def _library() -> Any:
    """Raises OSError where it is not installed."""
    library = ctypes.CDLL("libpulse.so.0")
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@dataclass(slots=True)
class _Answers:
    """What the server has told so far."""

    inputs: list[Node] = field(default_factory=list)
    outputs: list[Node] = field(default_factory=list)
    default_input: str = ""
    default_output: str = ""
    recorded: set[int] = field(default_factory=set)


class Connection:
    """One client of the sound server, for one thread.

    Raises:
        OSError: no library, no server, or none that answers within `limit_s`; from each method.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._pa = _library()
        self._has_news = False
        self._answers = _Answers()
        # Kept as long as the library may call them.
        self._on_server = _ServerCallback(self._take_server)
        self._on_input = _DeviceCallback(lambda _, info, is_last, __: self._take(info, is_last, "input"))
        self._on_output = _DeviceCallback(lambda _, info, is_last, __: self._take(info, is_last, "output"))
        self._on_recorder = _RecorderCallback(self._take_recorder)
        self._on_event = _EventCallback(self._note)
        self._loop = self._pa.pa_mainloop_new()
        self._context = self._pa.pa_context_new(self._pa.pa_mainloop_get_api(self._loop), b"Companion")
        try:
            if self._pa.pa_context_connect(self._context, None, _NO_AUTOSPAWN, None) < 0:
                raise ConnectionError("no sound server")
            self._run(lambda: self._pa.pa_context_get_state(self._context) == _READY)
        except OSError:
            self.close()
            raise

    def look(self) -> SoundServer:
        """What there is now."""
        pa, context, self._answers = self._pa, self._context, _Answers()
        self._ask(
            pa.pa_context_get_server_info(context, self._on_server, None),
            pa.pa_context_get_source_info_list(context, self._on_input, None),
            pa.pa_context_get_sink_info_list(context, self._on_output, None),
            pa.pa_context_get_source_output_info_list(context, self._on_recorder, None),
        )
        found = self._answers
        return SoundServer(
            inputs=tuple(sorted(found.inputs, key=lambda node: node.is_monitor)),
            outputs=tuple(found.outputs),
            default_input=os.environ.get(PIN["input"]) or found.default_input,
            default_output=os.environ.get(PIN["output"]) or found.default_output,
            recorded=frozenset(node.name for node in found.inputs if node.index in found.recorded),
        )

    def subscribe(self) -> None:
        """From now on `wait` notices changes."""
        self._pa.pa_context_set_subscribe_callback(self._context, self._on_event, None)
        self._ask(self._pa.pa_context_subscribe(self._context, _SUBSCRIBED, None, None))

    def wait(self, limit_s: float) -> bool:
        """Whether something has changed since the last `look`, within `limit_s`."""
        with suppress(TimeoutError):
            self._run(lambda: self._has_news, limit_s)
        changed, self._has_news = self._has_news, False
        return changed

    def close(self) -> None:
        self._pa.pa_context_disconnect(self._context)
        self._pa.pa_context_unref(self._context)
        self._pa.pa_mainloop_free(self._loop)

    def _ask(self, *operations: int | None) -> None:
        pa = self._pa
        try:
            self._run(lambda: not any(pa.pa_operation_get_state(each) == 0 for each in operations if each))
        finally:
            for operation in filter(None, operations):
                pa.pa_operation_unref(operation)

    def _run(self, is_done: Callable[[], bool], limit_s: float | None = None) -> None:
        """Serves the connection until `is_done`."""
        pa, loop = self._pa, self._loop
        until_s = time.monotonic() + (self._limit_s if limit_s is None else limit_s)
        while not is_done():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the sound server does not answer")
            pa.pa_mainloop_prepare(loop, int(left_s * 1e6) + 1)
            pa.pa_mainloop_poll(loop)
            pa.pa_mainloop_dispatch(loop)
            if pa.pa_context_get_state(self._context) >= _FAILED:
                raise ConnectionError("the sound server is gone")

    # -- called by the library from within `_run` -----------------------------------------------------------

    def _take_server(self, _context: int, info: Any, _data: int) -> None:
        if info:
            self._answers.default_input = _text(info.contents.default_source)
            self._answers.default_output = _text(info.contents.default_sink)

    def _take(self, info: Any, is_last: int, direction: Direction) -> None:
        if is_last or not info:
            return
        it, is_input = info.contents, direction == "input"
        node = Node(
            index=it.index,
            name=_text(it.name),
            description=_text(it.description) or _text(it.name),
            rate_hz=it.sample_spec.rate,
            channels=it.sample_spec.channels,
            is_monitor=is_input and it.monitor != _NO_INDEX,
        )
        (self._answers.inputs if is_input else self._answers.outputs).append(node)

    def _take_recorder(self, _context: int, info: Any, is_last: int, _data: int) -> None:
        if is_last or not info:
            return
        process = self._pa.pa_proplist_gets(info.contents.properties, b"application.process.id")
        if _text(process) == str(os.getpid()):
            self._answers.recorded.add(info.contents.source)

    def _note(self, _context: int, _event: int, _index: int, _data: int) -> None:
        self._has_news = True


def _text(raw: bytes | None) -> str:
    return raw.decode("utf-8", "replace") if raw else ""
