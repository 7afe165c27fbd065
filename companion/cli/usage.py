"""Wrong usage, said to a person: one sentence, the nearest thing that exists, and where to read more. Exit code 2."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NoReturn

_NEEDS = "the following arguments are required: "
_VALUE = re.compile(r"argument (?P<name>[^:]+): expected .*")
_ABOUT = re.compile(r"argument (?P<name>[^:]+): (?P<what>.*)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Says what is wrong without a page of usage before it. What a command does not know, the command itself says."""

    def error(self, message: str) -> NoReturn:
        if message.startswith(_NEEDS):
            message = f"{self.prog} needs {message.removeprefix(_NEEDS)}."
        elif found := _VALUE.fullmatch(message):
            message = f"{found['name']} needs a value."
        elif found := _ABOUT.fullmatch(message):
            message = f"{found['name']}: {found['what'].rstrip('.')}."
        self.exit(2, f"{message} {more(self.prog)}\n")

    def parse_known_args(self, *args: Any, **kwargs: Any) -> tuple[Any, list[str]]:
        found, extra = super().parse_known_args(*args, **kwargs)
        if extra:
            known = [name for each in self._actions for name in each.option_strings]
            self.error(f"{self.prog} takes no {extra[0]}.{_nearest(extra[0], known)}")
        return found, extra

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            asked = action.option_strings[-1] if action.option_strings else self.prog
            self.error(_no_such(f"`{asked} {value}`", str(value), action.choices))


def more(command: str) -> str:
    """Where a person reads how it is used."""
    return f"`{command} --help` says more."


def _no_such(what: str, value: str, choices: Iterable[object]) -> str:
    known = [str(each) for each in choices]
    return f"There is no {what}." + (_nearest(value, known) or f" There are: {', '.join(known)}.")


def _nearest(value: str, known: Iterable[str]) -> str:
    found = get_close_matches(value, known, n=1)
    return f" Did you mean {found[0]}?" if found else ""
