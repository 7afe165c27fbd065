"""A service that fails in every way a real one can: for the tests, and for `companion demo --chaos`.

    wire      HTTP/1.1 on asyncio streams, down to the byte       answers   what a healthy service would say
    talk      WebSocket frames and their healthy conversations     faults    the catalogue: what goes wrong, and its card
    server    `Chaos`: one address on this computer, a seed, a schedule

It speaks the wire formats of OpenAI (chat, recognition, speech), Anthropic, Ollama and Deepgram (live recognition and
speech). The same seed and schedule give the same bytes. Belongs to one event loop; listens on the loopback only.
"""

from companion.chaos.faults import FAULTS, Fault
from companion.chaos.server import WELL, Chaos, drawn
from companion.chaos.wire import Way

__all__ = ["FAULTS", "WELL", "Chaos", "Fault", "Way", "drawn"]
