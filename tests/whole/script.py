"""`python -m tests.whole.script ROOT JSON`: tells a running vendor server what to do from now on."""

from __future__ import annotations

import sys
import urllib.request

if __name__ == "__main__":
    request = urllib.request.Request(
        f"{sys.argv[1]}/_control/script",
        data=sys.argv[2].encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()
