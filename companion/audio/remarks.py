"""What a person is told about their devices without being stopped: stream openings in, `DeviceNoted` events out.

A device that was chosen and is not there gives way to the system's own; that is said once, and again when it is back.
Belongs to the loop's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from companion.audio.devices import Stream, label_of
from companion.audio.pulse import Direction
from companion.events import DeviceNoted, Event

_log = logging.getLogger(__name__)
_DOES = {"input": "listens", "output": "speaks"}
_NAME = {"input": "microphone", "output": "speaker"}
LOST_S = 0.1
"""Less sound than this nobody misses."""


def ignore(_: Event) -> None:
    """For whoever listens to no remarks."""


class Remarks:
    """About one direction; as long as the same device is chosen."""

    def __init__(self, direction: Direction, chosen: str, tell: Callable[[Event], None]) -> None:
        self._direction: Direction = direction
        self._chosen = chosen
        self._tell = tell
        self._fell_back = False
        self._has_hinted = False

    def opened(self, stream: Stream, *, instead_of: str = "", has_moved: bool = False) -> None:
        """A stream runs; `instead_of` is the device that went away under it, or it `has_moved` from one that is there."""
        label, does = stream.device.label, _DOES[self._direction]
        fell_back, self._fell_back = self._fell_back, stream.fell_back
        if instead_of:
            again = _or_again(stream.device.full_label, instead_of)
            self._say(f"The {_NAME[self._direction]} went away; {again}.", stream)
        elif stream.fell_back and not fell_back:
            self._say(f"{label_of(self._chosen)} is not there; {label} {does} instead.", stream)
        elif fell_back and not stream.fell_back:
            self._say(f"{label} is back.", stream)
        elif has_moved:
            self._say(f"{stream.device.full_label} {does} now.", stream)
        elif self._direction == "input" and stream.device.is_phone_quality and not self._has_hinted:
            self._has_hinted = True
            self._say(
                f"While {label} listens, what it plays sounds like a telephone; the built-in microphone avoids that.",
                stream,
            )

    def lost(self, label: str, seconds: float, overflows: int = 0) -> None:
        """So much sound of a take never came, or was not read in time."""
        if overflows:
            _log.info("%s: the system lost sound %d times", label, overflows)
        if seconds >= LOST_S:
            text = f"{seconds:.1f} s of what you said were lost on the way from the microphone."
            _log.info("%s: %.2f s lost", label, seconds)
            self._tell(DeviceNoted(text=text, is_input=True, device=label, lost_s=round(seconds, 2)))

    def _say(self, text: str, stream: Stream) -> None:
        _log.info("%s: %s", self._direction, text)
        is_input, device = self._direction == "input", stream.device.full_label
        self._tell(DeviceNoted(text=text, is_input=is_input, device=device, fell_back=stream.fell_back))


def _or_again(label: str, instead_of: str) -> str:
    return "it is back" if label == instead_of else f"{label} goes on"
