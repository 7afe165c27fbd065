"""Small exports of other journals, written in the forms those programs write; nobody's own words."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import plistlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
MD5 = hashlib.md5(PICTURE, usedforsecurity=False).hexdigest()


def zipped(path: Path, members: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def foldered(path: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, data in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def written(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


# -- Day One ------------------------------------------------------------------------------------------------

DAYONE: list[dict[str, Any]] = [
    {
        "uuid": "A0000000000000000000000000000001",
        "creationDate": "2024-03-09T23:30:00Z",
        "timeZone": "Europe/Berlin",
        "isAllDay": False,
        "starred": True,
        "tags": ["walks", "spring"],
        "text": "# A late walk\n\nThe canal was still\\. I counted 12 herons \\(grey ones\\)\\.\n\n"
        "![](dayone-moment://B0000000000000000000000000000001)",
        "photos": [{"identifier": "B0000000000000000000000000000001", "type": "png", "md5": MD5}],
        "location": {"latitude": 52.5, "longitude": 13.4},
        "weather": {"temperatureCelsius": 7},
    },
    {
        "uuid": "A0000000000000000000000000000002",
        "creationDate": "2024-04-17T23:00:00Z",
        "timeZone": "Europe/London",
        "isAllDay": True,
        "text": "The whole day belongs to 18 April in London\\.",
    },
    {
        "uuid": "A0000000000000000000000000000003",
        "creationDate": "2024-04-20T10:00:00Z",
        "timeZone": "America/New_York",
        "photos": [{"identifier": "B0000000000000000000000000000002", "type": "jpeg"}],
    },
    {
        "uuid": "A0000000000000000000000000000004",
        "creationDate": "2019-10-27T00:30:00Z",
        "timeZone": "Europe/Berlin",
        "text": "Clocks go back tonight\\. ![](dayone-moment:/audio/B0000000000000000000000000000003)",
        "audios": [{"identifier": "B0000000000000000000000000000003", "md5": "0" * 32, "duration": 12.5}],
    },
]


def journal(*entries: Mapping[str, Any]) -> str:
    return json.dumps({"metadata": {"version": "1.0"}, "entries": list(entries)})


def dayone(folder: Path) -> Path:
    members = {"Journal.json": journal(*DAYONE[:3]), "Second Journal.json": journal(*DAYONE[3:])}
    return zipped(folder / "dayone.zip", {**members, f"photos/{MD5}.png": PICTURE})


def classic(folder: Path) -> Path:
    entry = {
        "UUID": "C0000000000000000000000000000001",
        "Creation Date": dt.datetime(2013, 5, 17, 18, 39, 20),  # noqa: DTZ001 - property lists are in UTC
        "Time Zone": "America/Los_Angeles",
        "Entry Text": "First page, and the kettle sings.",
        "Starred": False,
        "Tags": ["home"],
    }
    name = "entries/C0000000000000000000000000000001.doentry"
    return foldered(folder / "classic.dayone", {name: plistlib.dumps(entry)})


def dayone_text(folder: Path) -> Path:
    return written(
        folder / "dayone.txt",
        "\tDate:\t15 January 2024 at 07:05:00 CET\n\tWeather:\t-2°C Clear\n\nFrost on the saddle.\n\nI rode anyway.\n\n"
        "\tDate:\t29 February 2024\n\nLeap day, and a spare hour.\n",
    )


# -- jrnl, Journey, Daylio ----------------------------------------------------------------------------------


def jrnl_json(folder: Path) -> Path:
    beans = {"title": "Beans are up.", "body": "Three rows, @garden.", "date": "2020-03-29", "time": "09:00"}
    nothing = {"title": "Nothing much.", "body": "", "date": "2020-03-30", "time": "23:59"}
    entries = [
        {**beans, "tags": ["@garden"], "starred": True},
        {**nothing, "tags": [], "starred": False},
    ]
    return written(folder / "jrnl.json", json.dumps({"tags": {"@garden": 1}, "entries": entries}))


def jrnl_text(folder: Path) -> Path:
    return written(
        folder / "jrnl.txt",
        "[2020-03-29 09:00] Beans are up. *\nThree rows, @garden.\n\n[2020-03-30 11:59:30 PM] Nothing much.\n\n"
        "[note] a bracket at the start of a line is no new entry\n",
    )


NONE = 1.7976931348623157e308
"""What Journey writes for nothing."""


def journey(folder: Path) -> Path:
    soup = {
        "id": "1709595000000-aa11bb22cc33dd44",
        "date_journal": 1709595000000,
        "timezone": "Europe/London",
        "text": '<p dir="auto">Rain &amp; a good soup.</p>\n<p dir="auto"><strong>Two</strong> bowls<br>and bread</p>',
        "lat": NONE,
        "lon": NONE,
        "photos": ["1709595000000-aa11bb22cc33dd44-1.png"],
        "sentiment": 1.25,
        "tags": ["food"],
        "type": "html",
    }
    plain = {
        "id": "1520462657525-ee55ff66aa77bb88",
        "date_journal": 1520462657525,
        "timezone": "Asia/Tokyo",
        "text": "*Plain* old entry.",
        "lat": 35.68,
        "lon": 139.69,
        "address": "Tokyo",
        "favourite": True,
        "sentiment": 0,
        "photos": [],
        "tags": [],
        "type": "",
    }
    members = {f"{entry['id']}.json": json.dumps(entry) for entry in (soup, plain)}
    return zipped(folder / "journey.zip", {**members, "1709595000000-aa11bb22cc33dd44-1.png": PICTURE})


def daylio(folder: Path) -> Path:
    return written(
        folder / "daylio.csv",
        "\ufefffull_date,date,weekday,time,mood,activities,note_title,note\r\n"
        '2021-09-28,September 28,Tuesday,10:00 PM,good,"walk | friends | ""deep"" talk","Long evening",'
        '"We sat by the river.<br><b>Nobody</b> looked at the clock"\r\n'
        '2021-09-28,28 September,Tuesday,08:13,meh,"","",""\r\n'
        '2021-09-27,27 September,Monday,23:00,wobbly,"bad sleep","","two\nlines"\r\n',
    )


# -- Apple Journal ------------------------------------------------------------------------------------------


def apple_page(header: str, body: str = "Six gulls on the roof.", mood: str = "Slightly pleasant") -> str:
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><style>span.s1 {font-weight: bold;}</style></head><body>\n'
        f'<div class="pageHeader">{header}</div><div class="assetGrid">'
        '<div id="5F0C" class="gridItem assetType_photo"><img src="../Resources/5F0C.png"></div>'
        f'<div id="5F0D" class="gridItem assetType_stateOfMind"><div class="gridItemOverlayHeader">{mood}</div></div></div>'
        '<div class="title">First light</div><div class="reflectionPrompt">What did the morning give you?</div>'
        f'<div class="bodyText"><p class="p2"><span class="s1">{body[:3]}</span><span class="s2">{body[3:]}</span></p>'
        '<blockquote class="p2"><span class="s2">Slow is smooth.</span></blockquote></div></body></html>'
    )


def apple(folder: Path) -> Path:
    files: dict[str, str | bytes] = {
        "Entries/2025-02-03_First_light.html": apple_page("Monday 3 February 2025")
    }
    return foldered(folder / "AppleJournalEntries", {**files, "Resources/5F0C.png": PICTURE})


# -- files by day -------------------------------------------------------------------------------------------


def vault(folder: Path) -> Path:
    return foldered(
        folder / "vault",
        {
            "daily/2023-11-05.md": "---\ndate: 2023-11-05\ntags: [family, sunday]\nmood: 4\naliases: []\n---\n# Sunday\n\n"
            "Pancakes for [[Aunt Mo|my aunt]], and ![[stove.png]]\n\n## Log\n- 08:30 flour everywhere\n"
            "- 21:10 dishes, finally #tired\n",
            "daily/2023-11-06.md": "No front matter here, only a sentence.\n",
            "daily/Ideas.md": "A note without a date in its name.\n",
            "daily/stove.png": PICTURE,
            ".obsidian/app.json": '{"entries": []}',
        },
    )


def diarium(folder: Path) -> Path:
    lake = {"date": "2024-05-17 21:40:00", "heading": "To the lake", "text": "We reached the water by dusk."}
    rain = {"date": "2024-05-18 08:05:00", "heading": "", "text": "Rain again."}
    entries = [{**lake, "tags": [{"name": "holiday"}], "location": {"latitude": 47.6}}, rain]
    return written(folder / "diarium.json", json.dumps({"entries": entries}))


def minidiary(folder: Path) -> Path:
    entries = {"2024-03-10": {"dateUpdated": "x", "title": "Sunday", "text": "Bread, **slowly**."}}
    document = {"metadata": {"application": "Mini Diary", "version": "3.3.0"}, "entries": entries}
    return written(folder / "minidiary.json", json.dumps(document))


def rednotebook(folder: Path) -> Path:
    month = (
        "3: {text: 'Snow, **at last**. #winter'}\n"
        "4:\n  text: |-\n    Two lines\n    of thaw\n  Mood: {calm: null}\n  Films: {Stalker: null}\n"
    )
    return foldered(folder / "rednotebook", {"data/2024-01.txt": month})


ALL: tuple[Callable[[Path], Path], ...] = (
    *(dayone, classic, dayone_text, jrnl_json, jrnl_text, journey, daylio),
    *(apple, vault, diarium, minidiary, rednotebook),
)
