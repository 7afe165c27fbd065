"""Prompts with variables: text with `$name` in it, checked when it is loaded. Pure but for `load`, any thread.

A variable is replaced by the value's text and nothing else: no expressions, attributes or calls, and what a value holds
is never read as a template again. `$$` is a dollar sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_SIGN = re.compile(rf"\$(?:(?P<dollar>\$)|(?P<name>{_NAME})|\{{(?P<braced>{_NAME})\}}|(?P<odd>))")
_LARGEST_FILE_BYTES = 256_000


class TemplateError(ValueError):
    """A template that is wrong, or values that do not fit it; says file, line and name."""


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt with gaps. Make one with `parse` or `load`."""

    text: str
    name: str = "prompt"
    """Who it is in an error: the file's name."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Variable -> the line where it first stands, counted from 1."""

    @staticmethod
    def parse(text: str, *, variables: Iterable[str] | None = None, name: str = "prompt") -> PromptTemplate:
        """The template in `text`.

        Args:
            variables: the names there are; None: any.

        Raises:
            TemplateError: a lone `$`, or a name that is not among `variables`.
        """
        known = None if variables is None else sorted(variables)
        lines: dict[str, int] = {}
        for match in _SIGN.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if match["odd"] is not None:
                raise TemplateError(f"{name}, line {line}: a lone $; write $$ for a dollar sign")
            found = match["name"] or match["braced"]
            if found and known is not None and found not in known:
                raise TemplateError(
                    f"{name}, line {line}: there is no variable ${found}{_suggestion(found, known)}"
                )
            if found:
                lines.setdefault(found, line)
        return PromptTemplate(text, name, lines)

    @staticmethod
    def load(path: Path, *, variables: Iterable[str] | None = None) -> PromptTemplate:
        """The template in a UTF-8 file, without the white space at its end.

        Raises:
            TemplateError: as `parse`; also for a file that is no text, or longer than 256 kB.
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            raise TemplateError(f"{path.name}: longer than {_LARGEST_FILE_BYTES // 1000} kB")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise TemplateError(f"{path.name}: not UTF-8 text") from error
        return PromptTemplate.parse(text.rstrip(), variables=variables, name=path.name)

    @property
    def variables(self) -> frozenset[str]:
        """The names it has gaps for."""
        return frozenset(self.lines)

    def render(self, **values: object) -> str:
        """The prompt with its gaps filled.

        Raises:
            TemplateError: a gap without a value, or a value without a gap.
        """
        if missing := [name for name in self.lines if name not in values]:
            where = ", ".join(f"${name} (line {self.lines[name]})" for name in missing)
            raise TemplateError(f"{self.name}: no value for {where}")
        if unknown := sorted(set(values) - set(self.lines)):
            hint = _suggestion(unknown[0], sorted(self.lines))
            raise TemplateError(f"{self.name}: there is no variable ${unknown[0]}{hint}")
        return _SIGN.sub(
            lambda match: "$" if match["dollar"] else str(values[match["name"] or match["braced"]]), self.text
        )


def _suggestion(name: str, known: list[str]) -> str:
    import difflib  # only a mistake pays for it

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean ${near[0]}?"
    return f"; there are: {', '.join('$' + each for each in known)}" if known else "; there are none"
