"""What starting costs: fresh processes, median wall time over a bare interpreter, and as a ratio to `import asyncio`.

Run `python -m tests.benchmarks.imports [RUNS]`. Prints figures, asserts nothing.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CASES = {
    "import asyncio": "import asyncio",
    "import companion.providers": "import companion.providers",
    "its first names (factory, mock)": "from companion.providers import AIProviderFactory, MockAIProvider",
    "every provider listed": "from companion.providers import AIProviderFactory as f; f.get_available_providers()",
    "every model known": "from companion.providers import Catalogue; Catalogue.load()",
    "import companion.app": "import companion.app",
}


def once(code: str) -> float:
    """Milliseconds from starting a process to its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    times: dict[str, list[float]] = {code: [] for code in ("pass", *CASES.values())}
    for _ in range(runs):  # in turn, so that a busy moment meets every case
        for code, measured in times.items():
            measured.append(once(code))
    bare = statistics.median(times["pass"])
    cost = {name: statistics.median(times[code]) - bare for name, code in CASES.items()}
    print(f"bare interpreter {bare:.0f} ms, median of {runs} processes; cost over it:")
    for name, over in cost.items():
        print(f"  {name:<38}{over:7.1f} ms   {over / cost['import asyncio']:5.2f} x import asyncio")


if __name__ == "__main__":
    main()
