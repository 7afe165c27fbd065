"""The log of the very start: what is said before the file is open stands in it."""

from __future__ import annotations

import logging
from pathlib import Path

from companion.log import hide, hold_log, start_log


def test_lines_from_before_the_log_starts_are_in_it(tmp_path: Path, expected_warnings: object) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    hold_log()
    try:
        hide("key-of-an-early-line")
        logging.getLogger("companion.early").warning("left out: %s", "key-of-an-early-line")
        start_log(tmp_path / "log.txt")
        logging.getLogger("companion.later").info("later")
        lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
        assert [line.partition(" companion.")[2] for line in lines] == [
            "early: left out: ***",
            "later: later",
        ]
    finally:
        root.setLevel(level)
        for added in [handler for handler in root.handlers if handler not in before]:
            root.removeHandler(added)
            added.close()
