"""A `.env` file, read when a program asks for it: lines of `NAME=value` become variables of the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path

from companion import yaml_file
from companion.errors import AIProviderInvalidRequestError
from companion.places import RefusedFile

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
_QUOTED = re.compile(r"'([^']*)'\s*(?:#.*)?|\"((?:[^\"\\]|\\.)*)\"\s*(?:#.*)?")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\", "\\$": "$"}


def load_dotenv(path: str | Path = ".env", override: bool = False) -> bool:
    """Puts what a `.env` file says into the environment; whether there was such a file.

    Comments, quotes, `export` and `${NAME}` are understood; an empty value counts as unset.

    Args:
        override: the file beats what the environment already has.

    Raises:
        AIProviderInvalidRequestError: it cannot be read; names the line, never its value.
    """
    try:
        raw = yaml_file.read_bytes(Path(path))
        if raw is None:
            return False
        found = parse(yaml_file.decode(raw), Path(path).name)
    except (RefusedFile, yaml_file.BrokenFile) as error:
        raise AIProviderInvalidRequestError(f"{Path(path).name}: {error}.") from error
    for name, value in found.items():
        if override or not os.environ.get(name):
            os.environ[name] = value
    return True


def parse(text: str, file: str = ".env") -> dict[str, str]:
    """The names and values of a file.

    Raises:
        AIProviderInvalidRequestError: a line is neither a comment nor `NAME=value`.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise AIProviderInvalidRequestError(f"{file}:{number}: a line is NAME=value.")
        name, value = match.groups()
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            value = _filled(re.split(r"(?:^|\s+)#", value, maxsplit=1)[0], found)
        elif quoted[1] is not None:
            value = quoted[1]
        else:
            value = _filled(re.sub(r"\\.", lambda each: _ESCAPES.get(each[0], each[0]), quoted[2]), found)
        found[name] = value
    return found


def _filled(value: str, found: dict[str, str]) -> str:
    return _REFERENCE.sub(lambda match: found.get(match[1]) or os.environ.get(match[1], ""), value)
