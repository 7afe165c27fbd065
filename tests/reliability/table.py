"""Prints the ledger of promises as a table, with what was promised beside what was measured; names the rows without one.

python -m tests.reliability.table [--page]     with --page the main figures become the page of the help
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.reliability.proof import ROOT, figures, fresh, table

BUILT = (*range(1, 29), *range(30, 43))
"""Every row of the document; 42 is the slow loris of its bad inputs, 29 does not exist."""
PAGE = ROOT / "resources" / "help" / "96-promises.md"
_HEAD = """\
# What was measured

Every promise is a test, and every test writes down what it measured. `make reliability` runs them all at their full
counts (about an hour) and prints every figure. Here is the one of most cases for each promise, taken on {day}.

| Promise | Measured | Promised | Tried |
|---|---|---|---|
"""


def page(rows: list[dict[str, Any]]) -> str:
    """The main figure of each promise, and every goal that is missed, as Markdown."""
    promised = [row for row in rows if isinstance(row["promise"], int)]
    main = {
        number: max((row for row in promised if row["promise"] == number), key=lambda row: row["cases"])
        for number in sorted({row["promise"] for row in promised})
    }
    lines = [_line(row) for row in main.values()]
    missed = [row for row in rows if not row["holds"]]
    if missed:
        lines += [
            "",
            "Missed, and aimed at:",
            "",
            "| Goal | Measured | Aimed at | Tried |",
            "|---|---|---|---|",
        ]
        lines += [_line(row) for row in missed]
    return _HEAD.format(day=datetime.now(UTC).strftime("%-d %B %Y")) + "\n".join(lines) + "\n"


def _line(row: dict[str, Any]) -> str:
    unit = f" {row['unit']}" if row["unit"] else ""
    what = row["what"][0].upper() + row["what"][1:]
    return (
        f"| {what} | {row['figure']:g}{unit} | {row['bound']} {row['threshold']:g}{unit} | {row['cases']:,} |"
    )


def main(*options: str, path: Path = PAGE) -> None:
    if "--page" in options:
        path.write_text(page(fresh()), encoding="utf-8")
    print(table())
    missing = [row for row in BUILT if row not in figures()]
    if missing:
        print(f"\nWithout a fresh figure: {', '.join(map(str, missing))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
