"""The ledger of promises: what was measured, what was promised, of which commit. Written to `build/reliability.json`.

A figure of few cases never replaces one of many of the same commit, so `make test` after `make test-long` keeps the better.
"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from companion.paths import write_atomically

ROOT = Path(__file__).parent.parent.parent
LEDGER = ROOT / "build" / "reliability.json"


def prove(
    promise: int | str,
    what: str,
    figure: float,
    threshold: float,
    *,
    cases: int,
    unit: str = "",
    clock: str = "none",
    at_least: bool = False,
    is_goal: bool = False,
) -> None:
    """Writes a figure down and fails when it does not keep the promise.

    Args:
        promise: row of the table of promises, or the name of something else that is measured.
        what: the figure's name.
        threshold: the most it may be, or with `at_least` the least.
        cases: how many were measured.
        clock: `real`, `virtual`, or `none` where no time is measured.
        is_goal: it is aimed at and not promised: missed, it is written down as missed, and nothing fails.
    """
    holds = figure >= threshold if at_least else figure <= threshold
    proof = {
        "promise": promise,
        "what": what,
        "figure": round(figure, 4),
        "threshold": threshold,
        "bound": "at least" if at_least else "at most",
        "unit": unit,
        "cases": cases,
        "clock": clock,
        "holds": holds,
        "is_goal": is_goal,
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    kept = _kept()
    before = kept.get(f"{promise} {what}", {})
    if not holds or before.get("commit") != proof["commit"] or before.get("cases", 0) <= cases:
        kept[f"{promise} {what}"] = proof
        rows = sorted(kept.values(), key=_place)
        write_atomically(LEDGER, json.dumps(rows, indent=1).encode() + b"\n", mode=0o644)
    assert holds or is_goal, (
        f"promise {promise}, {what}: {figure} {unit}, promised {proof['bound']} {threshold}"
    )


def _place(row: dict[str, Any]) -> tuple[bool, int, str, str]:
    """Rows of the table by number, then what has a name."""
    promise = row["promise"]
    number = promise if isinstance(promise, int) else 0
    return isinstance(promise, str), number, str(promise), row["what"]


def _kept() -> dict[str, dict[str, Any]]:
    try:
        return {
            f"{row['promise']} {row['what']}": row for row in json.loads(LEDGER.read_text(encoding="utf-8"))
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


@cache
def _commit() -> str:
    """The commit, with a `+` where the tree differs from it."""
    try:
        found = subprocess.run(
            ("git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"),
            cwd=ROOT, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def figures() -> frozenset[int | str]:
    """Promises that have a fresh figure."""
    return frozenset(row["promise"] for row in fresh())


def fresh() -> list[dict[str, Any]]:
    """Every figure of this commit, whether it holds or not."""
    return [row for row in _kept().values() if row["commit"].rstrip("+") == _commit().rstrip("+")]


def table() -> str:
    """The ledger as Markdown: a promise without a fresh figure has no row."""
    lines = ["| promise | figure | promised | kept | cases | clock |", "|---|---|---|---|---|---|"]
    for row in fresh():
        unit = f" {row['unit']}" if row["unit"] else ""
        bound = f"{row['bound']} {row['threshold']}{unit}"
        kept = "yes" if row["holds"] else "missed" if row.get("is_goal") else "**no**"
        what = f"{row['promise']} {row['what']}"
        lines.append(
            f"| {what} | {row['figure']}{unit} | {bound} | {kept} | {row['cases']} | {row['clock']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
