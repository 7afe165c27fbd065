"""The ledger keeps the better figure, never hides a broken promise, and survives a damaged file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.reliability import proof
from tests.reliability.table import page


@pytest.fixture(autouse=True)
def _own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "LEDGER", tmp_path / "build" / "reliability.json")


def rows() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(proof.LEDGER.read_text(encoding="utf-8"))
    return found


def test_few_cases_do_not_replace_many_of_the_same_commit() -> None:
    proof.prove(21, "cuts", 100, 100, cases=200, at_least=True)
    proof.prove(21, "cuts", 100, 100, cases=60, at_least=True)
    proof.prove(3, "keys", 0, 0, cases=1)
    assert [(row["promise"], row["cases"], row["holds"]) for row in rows()] == [(3, 1, True), (21, 200, True)]


def test_figures_of_another_commit_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    proof.prove(21, "cuts", 100, 100, cases=200, at_least=True)
    monkeypatch.setattr(proof, "_commit", lambda: "another")
    assert "cuts" not in proof.table()
    proof.prove(21, "cuts", 100, 100, cases=60, at_least=True)
    assert rows()[0]["cases"] == 60
    assert "| 21 cuts | 100 | at least 100 | yes | 60 | none |" in proof.table()


def test_a_broken_promise_fails_and_stays_written() -> None:
    proof.prove(26, "requests", 1, 1, cases=500)
    with pytest.raises(AssertionError, match="promise 26"):
        proof.prove(26, "requests", 2, 1, cases=5)
    assert rows()[0]["holds"] is False
    assert "| 26 requests | 2 | at most 1 | **no** |" in proof.table()


def test_a_goal_that_is_missed_fails_nothing_and_is_said() -> None:
    proof.prove("answers", "slips found", 0.4, 0.8, cases=19, at_least=True, is_goal=True)
    proof.prove(30, "active", 0, 0, cases=1)
    assert [row["promise"] for row in rows()] == [30, "answers"]
    assert "| answers slips found | 0.4 | at least 0.8 | missed | 19 |" in proof.table()


def test_a_damaged_ledger_is_begun_anew() -> None:
    proof.LEDGER.parent.mkdir()
    for damage in ("", "{", "[1]", "{}", '[{"what": 1}]'):
        proof.LEDGER.write_text(damage, encoding="utf-8")
        proof.prove(1, "x", 0, 0, cases=1)
        assert len(rows()) == 1


def test_the_page_of_the_help_has_one_figure_of_each_promise_and_every_missed_goal() -> None:
    proof.prove(21, "cuts", 100, 100, cases=200, unit="%", at_least=True)
    proof.prove(21, "stalls", 0, 0, cases=20)
    proof.prove("answers", "slips found", 0.4, 0.8, cases=19, at_least=True, is_goal=True)
    text = page(proof.fresh())
    assert "| Cuts | 100 % | at least 100 % | 200 |" in text
    assert "Stalls" not in text
    assert "| Slips found | 0.4 | at least 0.8 | 19 |" in text.partition("Missed")[2]
