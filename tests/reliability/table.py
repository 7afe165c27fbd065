"""Prints the ledger of promises as a table, with what was promised beside what was measured; names the rows without one.

python -m tests.reliability.table
"""

from __future__ import annotations

from tests.reliability.proof import figures, table

BUILT = (*range(1, 29), *range(30, 43))
"""Every row of the document; 42 is the slow loris of its bad inputs, 29 does not exist."""


if __name__ == "__main__":
    print(table())
    missing = [row for row in BUILT if row not in figures()]
    if missing:
        print(f"\nWithout a fresh figure: {', '.join(map(str, missing))}")
