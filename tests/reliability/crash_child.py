"""Tells what the last run left and is then ended: `python crash_child.py HOME [SIGNAL]`; without, it ends well."""

from __future__ import annotations

import json
import os
import signal
import sys

from companion.app.crashes import Crashes
from companion.paths import find_home


def main(home: str, ends_by: str) -> None:
    said = "My sister told me a secret, sk-canary-0123456789abcdef."
    crashes = Crashes(find_home(home))
    crashes.begin()
    trouble = crashes.trouble
    told = {
        "is_again": crashes.is_again,
        "kind": trouble and trouble.kind.value,
        "hint": trouble and trouble.hint,
    }
    print(json.dumps(told), flush=True)
    if ends_by:
        os.kill(os.getpid(), getattr(signal, ends_by))
    crashes.end()
    assert said


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
