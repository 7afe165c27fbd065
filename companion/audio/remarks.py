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
from companion.language import mark, tr

_log = logging.getLogger(__name__)
_LISTENS_INSTEAD = mark("{chosen} is not there; {label} listens instead.")
_SPEAKS_INSTEAD = mark("{chosen} is not there; {label} speaks instead.")
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
        label, is_input = stream.device.label, self._direction == "input"
        fell_back, self._fell_back = self._fell_back, stream.fell_back
        if instead_of:
            self._say(_gone(stream.device.full_label, instead_of, is_input=is_input), stream)
        elif stream.fell_back and not fell_back:
            text = _LISTENS_INSTEAD if is_input else _SPEAKS_INSTEAD
            self._say(tr(text, chosen=label_of(self._chosen), label=label), stream)
        elif fell_back and not stream.fell_back:
            self._say(tr("{label} is back.", label=label), stream)
        elif has_moved:
            text = mark("{label} listens now.") if is_input else mark("{label} speaks now.")
            self._say(tr(text, label=stream.device.full_label), stream)
        elif is_input and stream.device.is_phone_quality and not self._has_hinted:
            self._has_hinted = True
            self._say(
                tr(
                    "While {label} listens, what it plays sounds like a telephone; the built-in "
                    "microphone avoids that.",
                    label=label,
                ),
                stream,
            )

    def lost(self, label: str, seconds: float, overflows: int = 0) -> None:
        """So much sound of a take never came, or was not read in time."""
        if overflows:
            _log.info("%s: the system lost sound %d times", label, overflows)
        if seconds >= LOST_S:
            text = tr(
                "{seconds:.1f} s of what you said were lost on the way from the microphone.", seconds=seconds
            )
            _log.info("%s: %.2f s lost", label, seconds)
            self._tell(DeviceNoted(text=text, is_input=True, device=label, lost_s=round(seconds, 2)))

    def _say(self, text: str, stream: Stream) -> None:
        is_input, device = self._direction == "input", stream.device.full_label
        _log.info("%s: a remark about %s, fallen back: %s", self._direction, device, stream.fell_back)
        self._tell(DeviceNoted(text=text, is_input=is_input, device=device, fell_back=stream.fell_back))


def _gone(label: str, instead_of: str, *, is_input: bool) -> str:
    if label == instead_of:
        return (
            tr("The microphone went away; it is back.")
            if is_input
            else tr("The speaker went away; it is back.")
        )
    text = (
        mark("The microphone went away; {label} goes on.")
        if is_input
        else mark("The speaker went away; {label} goes on.")
    )
    return tr(text, label=label)
