"""The process that reads other people's files: a path on the command line, lines of JSON on stdout.

`{"entry": ..., "odd": ...}` for each entry, then `{"done": ...}` with the account, or `{"refused": ...}` with a sentence.
With `--sounds` it decodes the recordings instead whose names come on stdin. It has 512 MB of memory, a minute of processor
time, no network and no file that it may write. Run as `python -m companion.exchange.child PATH`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from companion.children import speak_as_parent
from companion.confined import confine
from companion.language import mark

MEMORY_BYTES = 512 * 2**20
CPU_S = 60


def read(path: Path, out: BinaryIO) -> None:
    """Reads what lies at `path` and tells it to `out`."""
    from companion.exchange.formats import recognise_and_read
    from companion.exchange.reading import Reading, TooMuch
    from companion.exchange.tree import Refused, open_tree

    def tell(document: dict[str, Any]) -> None:
        out.write(json.dumps(document, separators=(",", ":")).encode() + b"\n")

    reading = Reading(
        lambda entry, odd: tell({"entry": entry, "odd": odd} if odd else {"entry": entry}), time.time()
    )
    try:
        with open_tree(path) as tree:
            recognise_and_read(tree, reading)
        tell({"done": reading.account()})
    except (Refused, TooMuch) as refused:
        tell({"refused": str(refused)})
    except MemoryError:
        tell({"refused": mark("It needs more memory than reading a journal may use.")})
    except RecursionError:
        tell({"refused": mark("Its parts are nested too deeply for a journal.")})
    out.flush()


def read_sounds(path: Path, names: Iterable[str], out: BinaryIO) -> None:
    """Decodes the sound files of these names: a line with the number of bytes for each, then those bytes."""
    from companion.decoding import NoSound, decoded
    from companion.errors import CompanionError
    from companion.exchange.tree import BadMember, open_tree
    from companion.flow import CAPTURE_RATE_HZ

    with open_tree(path) as tree:
        there = frozenset(tree.names())
        for name in names:
            pcm = b""
            if name in there:
                with suppress(BadMember, NoSound, CompanionError, MemoryError):
                    sound = decoded(tree.read(name))
                    pcm = sound.pcm if sound.rate_hz == CAPTURE_RATE_HZ else b""
            out.write(json.dumps({"sound": name, "bytes": len(pcm)}).encode() + b"\n")
            out.write(pcm)
    out.flush()


def main() -> None:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    speak_as_parent()
    confine(memory_bytes=MEMORY_BYTES, cpu_s=CPU_S)
    if sys.argv[2:] == ["--sounds"]:
        read_sounds(Path(sys.argv[1]), (json.loads(line) for line in sys.stdin), out)
    else:
        read(Path(sys.argv[1]), out)
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
