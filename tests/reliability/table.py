"""Prints the ledger of promises as a table, with what was promised beside what was measured; names the rows without one.

python -m tests.reliability.table
"""

from __future__ import annotations

from tests.reliability.proof import figures, table

BUILT = (1, 2, 3, 6, 8, 9, 10, 12, 13, *range(17, 29), *range(30, 35), 37, 39, 40)
"""Rows of what is built."""


if __name__ == "__main__":
    print(table())
    missing = [row for row in BUILT if row not in figures()]
    if missing:
        print(f"\nWithout a fresh figure: {', '.join(map(str, missing))}")
