"""The process a language model runs in, `python -m` this: one order on its stdin, then an OpenAI-shaped server.

In: a line of JSON with the file, its name, the key that requests must carry, the context and the threads. Out: a line of
JSON with the address, on loopback, at a port the system chose. It ends when its stdin ends, so also when whoever started
it is killed. What llama.cpp has to say of a file it cannot load stands on stderr.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

from companion.memory import keep_to_ourselves

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
SLEEP_S = 600
"""Without a question for so long it gives the model's memory back; the next question loads it again."""


def main() -> None:
    keep_to_ourselves()
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    _end_with_parent()
    try:
        server = _serve(order)
    except RuntimeError:
        os._exit(1)  # llama.cpp has said why
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    threading.Event().wait()


def _end_with_stdin() -> None:
    while os.read(0, 4096):  # no lock of Python's that its end would wait for
        pass
    os._exit(0)  # whatever is being written is wanted no longer


def _end_with_parent() -> None:
    """Where the kernel can: no thread of Python's sees the end of stdin while llama.cpp loads gigabytes."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _serve(order: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = order["file"], {order["name"]}
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [order["key"]]
    params.n_ctx, params.n_parallel = order["context"], 1
    params.n_batch = params.n_ubatch = order["batch"]
    params.cpuparams.n_threads, params.cpuparams_batch.n_threads = order["threads"], order["batch_threads"]
    params.cpuparams.poll = params.cpuparams_batch.poll = (
        0  # a thread that waits leaves its core to the voice
    )
    params.default_template_kwargs = {
        "enable_thinking": "false"
    }  # a person waits: models that can do both answer
    params.sleep_idle_seconds = SLEEP_S
    params.cache_ram_mib = 0  # one conversation at a time: the memory of others is not kept
    params.ui = params.endpoint_slots = False
    params.offline = True
    params.verbosity = 1  # faults, no prompts
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
