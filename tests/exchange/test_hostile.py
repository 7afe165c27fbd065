"""Eighty files that mean harm: each is refused or bounded, in one process with the limits of every import."""

from __future__ import annotations

import json
import os
import plistlib
import stat
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from companion.errors import CompanionError, Kind
from companion.exchange import importing
from companion.journal.store import SqlJournal, open_journal
from companion.paths import Home
from tests.exchange import samples
from tests.exchange.samples import written, zipped
from tests.exchange.test_exchanging import CHEAP, KEY, all_of, taken
from tests.reliability.proof import prove

GOOD = samples.journal({"uuid": "good", "creationDate": "2024-01-01T00:00:00Z", "text": "good"})
Make = Callable[[Path], Path]


def _zip(members: dict[str, str | bytes]) -> Make:
    return lambda path: zipped(path, members)


def _file(data: str | bytes) -> Make:
    return lambda path: written(path, data)


def _json(entry: dict[str, Any]) -> Make:
    return _file(samples.journal({"uuid": "a", "creationDate": "2024-01-01T00:00:00Z", "text": "x", **entry}))


def _raw(entry: str) -> Make:
    """An entry in JSON that no program would write."""
    head = '{"metadata":{"version":"1.0"},"entries":[{"uuid":"a","creationDate":"2024-01-01T00:00:00Z","text":"x"'
    return _file(f"{head},{entry}}}]}}")


def _link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("Second.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("Journal.json", GOOD)
    return path


def _linked_folder(path: Path) -> Path:
    path.mkdir()
    (path / "2024-01-01.md").symlink_to("/etc/passwd")
    (path / "up").symlink_to(path)
    (path / "2024-01-02.md").write_text("good")
    return path


def _lying_size(path: Path) -> Path:
    data = zipped(path, {"Journal.json": GOOD.ljust(400_000)}).read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 400_000), struct.pack("<I", 7)))
    return path


def _encrypted(path: Path) -> Path:
    data = bytearray(zipped(path, {"Journal.json": GOOD}).read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    path.write_bytes(data)
    return path


def _many(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}", "")
    return path


def _overlapping(path: Path) -> Path:
    """Thousands of names for the same bytes."""
    kernel = zlib.compress(b"0" * 500_000, 9)[2:-4]
    head = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(kernel), 500_000, 1, 0) + b"a"
    names = [f"{number:05d}" for number in range(5_000)]
    central = b"".join(
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\x01\x02",
            20,
            20,
            0,
            8,
            0,
            0,
            0,
            len(kernel),
            500_000,
            5,
            0,
            0,
            0,
            0,
            0,
            0,
        )
        + name.encode()
        for name in names
    )
    body = head + kernel
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(names), len(names), len(central), len(body), 0)
    path.write_bytes(body + central + end)
    return path


def _nested(path: Path) -> Path:
    inner = GOOD.encode()
    for _ in range(12):
        inner = zipped(path, {"a.zip" if inner[:2] == b"PK" else "Journal.json": inner}).read_bytes()
    return path


def _device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


_DEEP = 200_000
_ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
_ENTITY = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)

REFUSED: dict[str, Make] = {
    # archives
    "bomb.zip": lambda path: zipped(path, {"Journal.json": b'{"pad":"' + b"0" * 20_000_000 + b'"}'}),
    "bomb of nothing.zip": lambda path: zipped(path, {"a": b"\0" * 40_000_000}),
    "overlapping.zip": _overlapping,
    "many.zip": _many,
    "nested.zip": _nested,
    "encrypted.zip": _encrypted,
    "lying.zip": _lying_size,
    "cut.zip": lambda path: written(path, zipped(path, {"Journal.json": GOOD * 40}).read_bytes()[:-60]),
    "cut early.zip": lambda path: written(path, zipped(path, {"Journal.json": GOOD}).read_bytes()[:40]),
    "only its end.zip": _file(b"PK\x05\x06" + b"\0" * 18),
    "noise.zip": _file(b"PK\x03\x04" + os.urandom(5_000)),
    "end that lies.zip": _file(b"PK\x05\x06" + b"\xff" * 18),
    "slip alone.zip": _zip({"../../outside.json": GOOD}),
    "root.zip": _zip({"/etc/cron.d/Journal.json": GOOD}),
    "drive.zip": _zip({"C:/Windows/Journal.json": GOOD}),
    "backslash.zip": _zip({"..\\..\\Journal.json": GOOD}),
    "device.zip": _zip({"CON.json": GOOD, "aux": GOOD, "photos/nul.json": GOOD, "COM1.json": GOOD}),
    "long.zip": _zip({f"{'x' * 300}.json": GOOD}),
    "control.zip": _zip({"a\x1b[2J.json": GOOD}),
    "pictures only.zip": _zip({"photos/a.png": samples.PICTURE}),
    "empty.zip": _zip({}),
    # JSON
    "deep.json": _file("[" * _DEEP),
    "deep and closed.json": _file("[" * _DEEP + "]" * _DEEP),
    "deep objects.json": _file('{"entries":' * _DEEP),
    "cut.json": _file(samples.journal(*samples.DAYONE)[:700]),
    "cut in a string.json": _file('{"metadata":{"version":"1.0"},"entries":[{"creationDate":"2024'),
    "million keys.json": _file("{" + ",".join(f'"k{n}":{n}' for n in range(1_000_000)) + "}"),
    "a number.json": _file("1" * 100_000),
    "a text.json": _file('"' + "x" * 100_000 + '"'),
    "null.json": _file("null"),
    "noise.json": _file(b"{" + os.urandom(5_000)),
    "other.json": _file('{"entries": 7}'),
    "wrong list.json": _file('{"entries": [1, null, "x", [], {}]}'),
    # other texts
    "empty.txt": _file(""),
    "nul.txt": _file(b"\0" * 5_000),
    "noise.txt": _file(os.urandom(5_000)),
    "story.txt": _file("Once upon a time there was no date at all.\n" * 50),
    "book.html": _file("<html>" + "<div>" * 50_000 + "x"),
    "picture.png": _file(samples.PICTURE),
    "sound.wav": _file(b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff" + b"\0" * 400),
    "table.csv": _file("name,sum\n=cmd(),1\n"),
    "newer.jsonl": _file('{"format":"companion journal","version":99}\n'),
    "endless": _device,
    "pipe": _pipe,
}
BOUNDED: dict[str, tuple[Make, int]] = {
    # archives of which a part is good
    "slip.zip": (_zip({"../../outside.json": GOOD, "Journal.json": GOOD}), 1),
    "link.zip": (_link, 1),
    "macos.zip": (_zip({"__MACOSX/._Journal.json": "x", "Journal.json": GOOD, ".DS_Store": b"\0"}), 1),
    "broken beside.zip": (_zip({"Journal.json": GOOD, "Second.json": "{" * 10}), 1),
    "linked folder": (_linked_folder, 1),
    # values of JSON
    "nan.json": (_raw('"sentiment":NaN,"x":Infinity,"y":-Infinity'), 1),
    "huge.json": (_raw(f'"x":{"9" * 50_000},"y":1e999999'), 1),
    "half a pair.json": (_raw('"tags":["\\ud800","\\udfff x"],"z":"\\ud83d"'), 1),
    "nul.json": (_json({"text": "a\0b", "tags": ["\0"]}), 1),
    "types.json": (
        _json({"tags": {"a": [1]}, "photos": "x", "starred": "yes", "location": [], "audios": [[], 3]}),
        1,
    ),
    "wrong text.json": (_json({"text": {"a": 1}, "starred": True}), 1),
    "zone.json": (_json({"timeZone": "../../../etc/passwd"}), 1),
    "zone of a folder.json": (_json({"timeZone": "Europe/"}), 1),
    "long zone.json": (_json({"timeZone": "A/" * 50_000}), 1),
    "name of a path.json": (
        _json({"uuid": "../../x", "photos": [{"md5": "../../../etc/passwd", "type": "x"}]}),
        1,
    ),
    "year 0.json": (_json({"creationDate": "0000-00-00T00:00:00Z"}), 0),
    "year 99999.json": (_json({"creationDate": "99999-01-01T00:00:00Z"}), 0),
    "last moment.json": (_json({"creationDate": "9999-12-31T23:59:59Z", "timeZone": "Pacific/Auckland"}), 0),
    "first moment.json": (_json({"creationDate": "0001-01-01T00:00:00Z", "timeZone": "America/New_York"}), 0),
    "date as a list.json": (_json({"creationDate": ["2024"]}), 0),
    "long text.json": (_json({"text": "x" * 3_000_000}), 0),
    "long tags.json": (_json({"tags": ["t" * 1_000_000] * 20}), 1),
    "script.json": (_json({"text": "<script>alert(1)</script>\x1b[2J\u202e"}), 1),
    "slashes.json": (_json({"text": "\\" * 200_000}), 1),
    "brackets.json": (_json({"text": "![" * 100_000 + "](dayone-moment:"}), 1),
    "fences.json": (_json({"text": "```" * 50_000 + "`" * 50_001 + "\\."}), 1),
    "no end of moments.json": (
        _file(
            json.dumps([{"date_journal": ms, "text": "x"} for ms in (1e300, -1e300, 1e15, None, "x", True)])
        ),
        0,
    ),
    # HTML, CSV, YAML, property lists
    "deep html.json": (
        _file(json.dumps({"date_journal": 0, "type": "html", "text": "<ul><li><blockquote>" * 20_000 + "x"})),
        1,
    ),
    "open tag.json": (_file(json.dumps({"date_journal": 0, "type": "html", "text": "<p " * 30_000})), 1),
    "formula.csv": (_file('full_date,mood,note\n2024-01-01,=cmd(),"=HYPERLINK(1)"\n'), 1),
    "quotes.csv": (_file('full_date,mood,note\n2024-01-01,good,"' + '"",' * 100_000), 1),
    "wide.csv": (_file("full_date,mood,note\n" + "2024-01-01," + "x," * 200_000 + "\n"), 1),
    "wrong.csv": (_file("full_date,mood,note\n\n,,\n2024-99-99,x,y\n" + "x\n" * 1000), 0),
    "aliases.md": (lambda path: _note(path, _ALIASES), 1),
    "tags.md": (lambda path: _note(path, "x: !!python/object/apply:os.system ['false']\n"), 1),
    "deep.md": (lambda path: _note(path, "a: " + "[" * 5_000 + "\n"), 1),
    "entities.doentry": (
        lambda path: _classic(path, f"{_ENTITY}]><plist><dict>&j;</dict></plist>".encode()),
        0,
    ),
    "deep.doentry": (lambda path: _classic(path, b"<plist>" + b"<array>" * 50_000), 0),
    "loop.doentry": (lambda path: _classic(path, plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY)[:-20]), 0),
}


def _note(path: Path, front: str) -> Path:
    path.mkdir()
    return written(path / "2024-01-01.md", f"---\n{front}---\ngood\n").parent


def _classic(path: Path, data: bytes) -> Path:
    return samples.foldered(path, {"entries/a.doentry": data})


def test_there_are_eighty() -> None:
    assert len(REFUSED) + len(BOUNDED) >= 80


READS = """
import io, json, resource, sys, time
from pathlib import Path
from companion.confined import confine
from companion.exchange import child

held = confine(memory_bytes=child.MEMORY_BYTES, cpu_s=child.CPU_S)
for name in sys.stdin.read().split("\\n"):
    out, began = io.BytesIO(), time.process_time()
    child.read(Path(name), out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    told = {"name": Path(name).name, "cpu_s": time.process_time() - began, "last": lines[-1],
            "entries": sum("entry" in line for line in lines)}
    print(json.dumps(told))
if sys.platform == "linux":  # what getrusage tells begins with the size of whoever started this process
    peak_kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
else:
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"held": held, "rss": peak_kb * 1024}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """What the process says of each file, and of itself."""
    folder = tmp_path_factory.mktemp("hostile")
    makers = {**REFUSED, **{name: make for name, (make, _) in BOUNDED.items()}}
    paths = [str(make(folder / name)) for name, make in makers.items()]
    done = subprocess.run(
        [sys.executable, "-c", READS], input="\n".join(paths), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *said, about = [json.loads(line) for line in done.stdout.splitlines()]
    assert not (folder.parent / "outside.json").exists()
    return {each["name"]: each for each in said}, about


@pytest.mark.parametrize("name", REFUSED)
def test_what_means_harm_is_refused_with_a_sentence(name: str, told: Any) -> None:
    said = told[0][name]
    assert said["entries"] == 0
    assert said["last"]["refused"].endswith("."), said


@pytest.mark.parametrize("name", BOUNDED)
def test_what_is_odd_is_bounded_and_told(name: str, told: Any) -> None:
    said, count = told[0][name], BOUNDED[name][1]
    account = said["last"]["done"]
    assert said["entries"] == count, said
    if not count:
        assert account["skipped_count"] > 0
    if name in ("slip.zip", "link.zip", "linked folder"):
        assert account["refused"]


def test_all_of_them_together_stay_below_the_limits(told: Any) -> None:
    said, about = told
    count = len(said)
    let_in = sum(said[name]["entries"] for name in REFUSED)
    let_in += sum(abs(said[name]["entries"] - right) for name, (_, right) in BOUNDED.items())
    prove(36, "hostile imports: entries let in wrongly", let_in, 0, cases=count)
    prove(36, "hostile imports: peak memory", about["rss"] / 2**20, 512, cases=count, unit="MB")
    spent = sum(each["cpu_s"] for each in said.values())
    prove(36, "hostile imports: processor time of all", spent, 60, cases=count, unit="s")
    if sys.platform == "linux":
        assert {"a limit to memory", "a limit to processor time"} <= set(about["held"])


# -- through the app ----------------------------------------------------------------------------------------


@pytest.fixture
async def journal(home: Home) -> AsyncIterator[SqlJournal]:
    journal = await open_journal(home, wrapping_key=KEY, cost=CHEAP)
    session = await journal.begin_session("open-reflection", 1_000.0, 0)
    await journal.save_user(session, "Said here.", 1_000.0, 0)
    yield journal
    await journal.close()


@pytest.mark.parametrize("name", ["bomb.zip", "deep.json", "cut.json", "noise.txt"])
async def test_a_refused_file_leaves_the_journal_as_it_was(
    journal: SqlJournal, tmp_path: Path, name: str
) -> None:
    path = REFUSED[name](tmp_path / name)
    with pytest.raises(CompanionError) as caught:
        await taken(journal, path)
    assert caught.value.kind is Kind.BAD_FILE
    assert caught.value.hint == "The journal is unchanged."
    assert [entry.words for entry in await all_of(journal)] == ["Said here."]


async def test_a_process_that_dies_or_babbles_is_no_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = samples.jrnl_text(tmp_path)
    from companion import children

    for code in (
        "import os; os.kill(os.getpid(), 9)",
        "print('{}')",
        "print('not JSON')",
        "import sys; sys.stdout.write('x' * 40_000_000)",
    ):

        async def start(_module: str, *_args: str, longest_line: int, code: str = code) -> Any:
            import asyncio

            pipe = asyncio.subprocess.PIPE
            return await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, stdin=pipe, stdout=pipe, limit=longest_line
            )

        monkeypatch.setattr(importing, "start_child", start)
        with pytest.raises(CompanionError, match="could not be read"):
            await importing.read(path)
    monkeypatch.setattr(importing, "start_child", children.start_child)
    assert (await importing.read(path)).preview.entries == 2


async def test_an_import_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    import asyncio

    many = [
        {"uuid": str(n), "creationDate": "2024-01-01T00:00:00Z", "text": "x" * 500} for n in range(20_000)
    ]
    path = written(tmp_path / "Journal.json", samples.journal(*many))
    stop = asyncio.Event()
    task = asyncio.ensure_future(importing.read(path, lambda _: stop.set()))
    await stop.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
