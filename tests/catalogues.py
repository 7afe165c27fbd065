"""The catalogues of the interface's languages: `python -m tests.catalogues` brings `resources/languages/*.po` up to date.

It finds every text that is marked in the program (`companion.language`), keeps the translations there are, adds what is new
without one, and drops what nobody says any more.

    python -m tests.catalogues missing              what is not translated yet
    python -m tests.catalogues unmarked [PATH]      what a person reads and nobody marked
    python -m tests.catalogues take de FILE.po      the same, with what another copy of the catalogue translates already
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from companion import language
from companion.paths import resources

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "companion"
FOLDER = resources() / "languages"
MARKERS = ("tr", "mark", "trn", "trc")
_TABLES: dict[str, tuple[object, ...]] = {
    "setting": ("label", "help", "unit", "choices", "suggestions", "none"),
    "Card": (0, 1, "sentence", "hint"),
    "Keys": ("does",),
    "PageInfo": ("title",),
    "Spec": ("summary", "summaries"),
    "Verdict": (2, 3, "sentence", "hint"),
}
"""The arguments of values that are `language.Worded`, by place or name."""
_DATA = {
    "vendors.yaml": '"summary"|"display_name"(?=: "Other)',  # the others are names
    "local_models.yaml": '"note"',
    "care/help.yaml": '"country"|"emergency"|"call"|"text"',
}
"""Files of our own in which fields of a row are read by a person."""
_HEADER = """msgid ""
msgstr ""
"Project-Id-Version: Companion\\n"
"Language: {code}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of a catalogue."""

    text: str
    """The English, with its context where it has one."""
    plural: str = ""
    """The English for many; empty: it counts nothing."""
    translations: tuple[str, ...] = ()
    """One, or one for each form of the language's plural."""
    comments: tuple[str, ...] = ()
    """The lines before it, as they stand."""


@cache
def texts() -> dict[str, tuple[str, list[str]]]:
    """Every marked text with its plural and the files that say it, in the order of the files."""
    found: dict[str, tuple[str, list[str]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name == "language.py":
            continue
        for text, plural in marked_in(ast.parse(path.read_text("utf-8"))):
            files = found.setdefault(text, (plural, []))[1]
            if plural and found[text][0] != plural:
                found[text] = (plural, files)
            if name not in files:
                files.append(name)
    for name, fields in _DATA.items():
        rows = (resources() / name).read_text("utf-8")
        for quoted in re.findall(rf'(?:{fields}): ("(?:[^"\\]|\\.)*")', rows):
            if re.search("[a-z]{2}", quoted):
                found.setdefault(json.loads(quoted), ("", [f"resources/{name}"]))
    return found


def marked_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(text, plural) of one file, in the order of its lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_VOICES":
            yield from ((f"a voice\x04{trait}", "") for trait in _traits(node.value))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        name = called(call)
        if name in MARKERS:
            if name in ("tr", "mark"):
                yield from ((each, "") for each in choices_of(call.args[0]))
            elif name == "trn" or isinstance(call.args[1], ast.Constant):  # a name is marked where it is made
                first, second = (constant(each) for each in call.args[:2])
                yield (first, second) if name == "trn" else (f"{first}\x04{second}", "")
        else:
            for argument in told_by(call):
                yield from ((text, "") for text in constants(argument) if text)


def _traits(table: ast.expr) -> Iterator[str]:
    """How the voices of a vendor sound, by the last words of each row: "warm, British"."""
    for row in table.elts if isinstance(table, ast.Tuple) else ():
        if isinstance(row, ast.Tuple):
            yield from constant(row.elts[-1]).split(", ")


def told_by(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a table's value that a person reads."""
    wanted = _TABLES.get(called(call), ())
    yield from (argument for place, argument in enumerate(call.args) if place in wanted)
    yield from (keyword.value for keyword in call.keywords if keyword.arg in wanted)


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def choices_of(node: ast.expr) -> Iterator[str]:
    """The text of a marker's argument: a constant, or one of two; a name is marked where it is made."""
    if isinstance(node, ast.IfExp):
        yield from choices_of(node.body)
        yield from choices_of(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def constants(node: ast.expr) -> Iterator[str]:
    """The texts of an argument; of a table, its values."""
    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from constants(value)
    else:
        yield from choices_of(node)


def constant(node: ast.expr) -> str:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        raise ValueError(f"line {node.lineno}: a text is needed that can be read here")
    return node.value


def catalogue(code: str) -> dict[str, Entry]:
    """What a catalogue says, by its texts."""
    path = FOLDER / f"{code}.po"
    entries = read_entries(path.read_text("utf-8")) if path.exists() else ()
    return {entry.text: entry for entry in entries}


def read_entries(text: str) -> Iterator[Entry]:
    """The texts of a `.po` file in their order, the header (an empty text) first."""
    for block in re.split(r"\n{2,}", text.strip()):
        comments: list[str] = []
        parts: dict[str, str] = {}
        keyword = ""
        for line in block.splitlines():
            if line.startswith("#"):
                comments.append(line)
                continue
            begins, _, rest = ("", "", line) if line.startswith('"') else line.partition(" ")
            keyword = begins or keyword
            parts[keyword] = parts.get(keyword, "") + json.loads(rest)
        if "msgid" not in parts:
            continue
        context = f"{parts['msgctxt']}\x04" if "msgctxt" in parts else ""
        said = tuple(words for keyword, words in parts.items() if keyword.startswith("msgstr"))
        yield Entry(context + parts["msgid"], parts.get("msgid_plural", ""), said or ("",), tuple(comments))


def updated(code: str, more: Iterable[Entry] = ()) -> str:
    """The text of a catalogue as it should be now; `more` are translations of another copy of it."""
    before, said_now = catalogue(code), texts()
    kept = {entry.text: entry for entry in more if all(entry.translations)}
    kept |= {text: entry for text, entry in before.items() if all(entry.translations)}
    blocks = [_HEADER.format(code=code)]
    for text in dict.fromkeys((*(text for text in before if text in said_now), *said_now)):  # nothing moves
        plural, files = said_now[text]
        said = kept[text].translations if text in kept and kept[text].plural == plural else ()
        blocks.append(_block(text, plural, files, said))
    return "\n".join(blocks)


def _block(text: str, plural: str, files: list[str], said: tuple[str, ...]) -> str:
    context, _, bare = text.rpartition("\x04")
    lines = [f"#: {' '.join(files)}"]
    if re.search(r"\{\w", f"{text}{plural}"):
        lines.append("#, python-brace-format")
    if context:
        lines.append(f"msgctxt {_quoted(context)}")
    lines.append(f"msgid {_quoted(bare)}")
    if plural:
        said = said if len(said) == 2 else ("", "")
        lines += [
            f"msgid_plural {_quoted(plural)}",
            *(f"msgstr[{n}] {_quoted(each)}" for n, each in enumerate(said)),
        ]
    else:
        lines.append(f"msgstr {_quoted(said[0] if said else '')}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def missing(code: str) -> list[str]:
    """What has no translation yet."""
    return [entry.text for entry in catalogue(code).values() if not all(entry.translations)]


def main(arguments: list[str]) -> None:
    match arguments:
        case ["missing"]:
            for code in translated_into():
                left = missing(code)
                print(f"{code}: {len(left)} left")
                print("\n".join(f"    {text}" for text in left))
        case ["unmarked", *paths]:
            from tests.unmarked import unmarked

            print("\n".join(unmarked(*paths)))
        case ["take", code, path]:
            more = read_entries(Path(path).read_text("utf-8"))
            (FOLDER / f"{code}.po").write_text(updated(code, more), "utf-8")
            print(f"{code}: {len(missing(code))} left to translate")
        case _:
            FOLDER.mkdir(exist_ok=True)
            for code in translated_into():
                (FOLDER / f"{code}.po").write_text(updated(code), "utf-8")
                print(f"{code}: {len(texts())} texts, {len(missing(code))} left to translate")


def translated_into() -> list[str]:
    return [code for code in language.NAMES if code != language.ENGLISH]


if __name__ == "__main__":
    main(sys.argv[1:])
