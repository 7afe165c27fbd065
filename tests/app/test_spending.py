"""What was spent is known at the next start."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from companion.app import spending as spending_module
from companion.app.spending import Spending


async def test_the_sum_of_a_month_outlives_the_run(tmp_path: Path) -> None:
    first = Spending(tmp_path / "spent.json")
    first.add("2026-11", 0.25)
    first.add("2026-11", 0.5)
    await first.close()
    second = Spending(tmp_path / "spent.json")
    assert second.spent_usd("2026-11") == 0.75
    assert second.spent_usd("2026-12") == 0.0
    await second.close()


async def test_it_is_kept_soon_not_only_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spending_module, "SOON_S", 0.01)
    spending = Spending(tmp_path / "spent.json")
    for _ in range(50):
        spending.add("2026-11", 0.01)
    async with asyncio.timeout(5):
        while Spending(tmp_path / "spent.json").spent_usd("2026-11") < 0.49:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
    await spending.close()


async def test_who_keeps_nothing_leaves_no_file(tmp_path: Path) -> None:
    spending = Spending(tmp_path / "spent.json", is_kept=lambda: False)
    spending.add("2026-11", 1.0)
    assert spending.spent_usd("2026-11") == 1.0
    await spending.close()
    assert os.listdir(tmp_path) in ([], ["home"])


async def test_a_folder_that_cannot_be_written_to_costs_no_turn(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spending = Spending(tmp_path / "file" / "spent.json")
    spending.add("2026-11", 1.0)
    await spending.close()
    assert spending.spent_usd("2026-11") == 1.0


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"2026-11": "much"}', '{"2026-11": -5}', '{"2026-11": NaN}']
)
def test_a_broken_file_counts_as_nothing_spent(tmp_path: Path, content: str) -> None:
    (tmp_path / "spent.json").write_text(content)
    assert Spending(tmp_path / "spent.json").spent_usd("2026-11") == 0.0
