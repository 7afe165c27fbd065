"""Loading ahead never keeps the loop from what is pressed."""

from __future__ import annotations

import subprocess
import sys


def test_the_loop_turns_between_any_two_pieces() -> None:
    code = (
        "import asyncio, sys\n"
        "from companion.app import ahead\n"
        "async def main():\n"
        "    turns = 0\n"
        "    loading = asyncio.ensure_future(ahead.load_ahead())\n"
        "    while not loading.done():\n"
        "        turns += 1\n"
        "        await asyncio.sleep(0.0001)\n"
        "    await loading\n"
        "    print(turns >= len(ahead.AHEAD), all(name in sys.modules for name in ahead.AHEAD))\n"
        "asyncio.run(main())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["True", "True"]
