"""The process that reads other people's files: a path on the command line, lines of JSON on stdout, nothing else.

`{"entry": ..., "odd": ...}` for each entry, then `{"done": ...}` with the account, or `{"refused": ...}` with a sentence.
It has 512 MB of memory, a minute of processor time, no network and no file that it may write.
Run as `python -m companion.exchange.child PATH`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from companion.confined import confine

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
        tell({"refused": "It needs more memory than a journal can take."})
    except RecursionError:
        tell({"refused": "It is nested too deeply to be a journal."})
    out.flush()


def main() -> None:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    confine(memory_bytes=MEMORY_BYTES, cpu_s=CPU_S)
    read(Path(sys.argv[1]), out)
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
