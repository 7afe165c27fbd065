"""What care adds to a turn: a message looked at by the rules and the network, and as a ratio to the rules alone.

Run `python -m tests.benchmarks.care [RUNS]`. Prints figures, asserts nothing.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from companion import care
from companion.care.recognise import by_rules, findings
from tests.care.sets import other_days

LENGTHS = (5, 10, 20, 40, 80, 200, 1000)
"""Words of a message."""


def once(look: Callable[[str], object], message: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    look(message)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    began = time.perf_counter()
    care.warm()
    print(f"made ready, in a thread behind the open window: {(time.perf_counter() - began) * 1000:.0f} ms")
    words = " ".join(other_days()).split()
    for length in LENGTHS:
        alone, both = [], []
        for at in range(runs):
            message = " ".join(words[at * 50 : at * 50 + length])
            alone.append(once(by_rules, message))
            both.append(once(findings, message))
        rules, whole = statistics.median(alone), statistics.median(both)
        print(f"{length:>5} words  {whole:6.1f} ms   {whole / rules:5.1f} x the rules alone ({rules:.2f} ms)")


if __name__ == "__main__":
    main()
