"""The frames of a live conversation, held against the types of Google's own SDK, whose client insists on TLS.

Run by the environment of `requirements.txt` with a file of JSON: `{"client": [frame, …], "server": [frame, …]}`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from google.genai import types


def main() -> None:
    frames = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for frame in frames["client"]:
        # A field of the wire that the SDK fills in from its settings and has no place for in this type.
        if listening := frame.get("setup", {}).pop("realtimeInputConfig", None):
            types.RealtimeInputConfig.model_validate(listening)
        types.LiveClientMessage.model_validate(frame)
    for frame in frames["server"]:
        types.LiveServerMessage.model_validate(frame)
    assert len(frames["client"]) > 5
    assert len(frames["server"]) > 5
    sys.stdout.write("check_frames\n")


if __name__ == "__main__":
    main()
