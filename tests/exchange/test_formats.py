"""Each format gives what its program meant: days and hours of the person, words without marks, nothing lost in silence."""

from __future__ import annotations

import io
import json
import plistlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from companion.entries import Entry
from companion.exchange import child, importing
from companion.exchange.lines import from_document
from tests.exchange import samples
from tests.exchange.samples import foldered, written, zipped


@dataclass
class Got:
    """What the reading process sends."""

    entries: list[Entry]
    odd: list[str]
    account: dict[str, Any]
    refused: str = ""

    @property
    def local(self) -> list[str]:
        return [entry.when.local.isoformat(sep=" ", timespec="minutes") for entry in self.entries]

    @property
    def days(self) -> list[str]:
        return [entry.day.isoformat() for entry in self.entries]

    @property
    def words(self) -> list[str]:
        return [entry.words for entry in self.entries]

    @property
    def only(self) -> Entry:
        assert len(self.entries) == 1, self
        return self.entries[0]


def read(path: Path) -> Got:
    out = io.BytesIO()
    child.read(path, out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    found = [line for line in lines if "entry" in line]
    entries = [entry for line in found if (entry := from_document(line["entry"])) is not None]
    last = lines[-1]
    return Got(
        entries, [line.get("odd", "") for line in found], last.get("done", {}), last.get("refused", "")
    )


@pytest.fixture(autouse=True)
def in_vienna(travel: Callable[[str], None]) -> None:
    """This computer is an hour or two ahead of UTC: what has no zone was written on its clock."""
    travel("CET-1CEST,M3.5.0,M10.5.0/3")


# -- the formats --------------------------------------------------------------------------------------------


def test_day_one_shows_each_entry_on_the_day_and_hour_it_was_written(tmp_path: Path) -> None:
    got = read(samples.dayone(tmp_path))
    assert got.local == ["2024-03-10 00:30", "2024-04-18 00:00", "2024-04-20 06:00", "2019-10-27 02:30"]
    first = got.entries[0]
    assert (first.title, first.words) == (
        "A late walk",
        "The canal was still. I counted 12 herons (grey ones).",
    )
    assert first.is_starred
    assert set(first.tags) == {"walks", "spring"}
    assert first.source == "dayone:A0000000000000000000000000000001"
    assert not any("dayone-moment" in words or "\\" in words for words in got.words)
    assert got.account["journals"] == ["Journal", "Second Journal"]
    assert got.account["unkept"] == {"picture": 1, "place": 1, "weather report": 1}
    assert got.account["missing"] == 2


def test_day_one_classic_is_read_from_its_property_lists(tmp_path: Path) -> None:
    got = read(samples.classic(tmp_path))
    assert got.local == ["2013-05-17 11:39"]
    assert got.only.tags == ("home",)


def test_day_one_text_has_its_days(tmp_path: Path) -> None:
    got = read(samples.dayone_text(tmp_path))
    assert got.local == ["2024-01-15 07:05", "2024-02-29 12:00"]
    assert got.words[0] == "Frost on the saddle.\n\nI rode anyway."


@pytest.mark.parametrize("make", [samples.jrnl_json, samples.jrnl_text])
def test_jrnl_keeps_its_days_stars_and_tags(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    got = read(make(tmp_path))
    assert got.days == ["2020-03-29", "2020-03-30"]
    assert [entry.is_starred for entry in got.entries] == [True, False]
    assert got.entries[0].tags == ("garden",)
    assert got.local[1].startswith("2020-03-30 23:59")


def test_journey_reads_html_only_where_it_is_html(tmp_path: Path) -> None:
    got = read(samples.journey(tmp_path))
    assert got.local == ["2018-03-08 07:44", "2024-03-04 23:30"]
    assert got.words == ["*Plain* old entry.", "Rain & a good soup.\n\nTwo bowls\nand bread"]
    assert [entry.mood_after for entry in got.entries] == [None, 1]
    assert got.account["unkept"] == {"place": 1, "picture": 1}


def test_daylio_keeps_moods_without_a_note_and_moods_of_ones_own(tmp_path: Path) -> None:
    got = read(samples.daylio(tmp_path))
    assert got.local == ["2021-09-28 22:00", "2021-09-28 08:13", "2021-09-27 23:00"]
    assert [(entry.mood_word, entry.mood_after) for entry in got.entries] == [
        ("good", 1),
        ("meh", 0),
        ("wobbly", None),
    ]
    assert got.entries[0].tags == ("walk", "friends", '"deep" talk')
    assert got.words == ["We sat by the river.\nNobody looked at the clock", "", "two\nlines"]


def test_apple_journal_is_read_by_its_named_classes(tmp_path: Path) -> None:
    got = read(samples.apple(tmp_path))
    entry = got.only
    assert (entry.day.isoformat(), entry.title) == ("2025-02-03", "First light")
    assert entry.words.startswith("> What did the morning give you?\n\nSix gulls on the roof.")
    assert (entry.mood_after, entry.mood_word) == (1, "Slightly pleasant")
    assert got.account["unkept"] == {"picture": 1}


def test_daily_notes_come_in_and_other_notes_are_named(tmp_path: Path) -> None:
    got = read(samples.vault(tmp_path))
    assert got.days == ["2023-11-05", "2023-11-06"]
    assert got.entries[0].tags == ("family", "sunday", "tired")
    assert got.entries[0].mood_word == "4"
    assert "Pancakes for my aunt" in got.words[0]
    assert [what for what, _ in got.account["skipped"]] == ["Ideas.md"]
    assert got.account["unkept"] == {"picture": 1}


def test_the_other_lists_and_months_are_read(tmp_path: Path) -> None:
    lake = read(samples.diarium(tmp_path))
    assert lake.local == ["2024-05-17 21:40", "2024-05-18 08:05"]
    assert lake.entries[0].tags == ("holiday",)
    bread = read(samples.minidiary(tmp_path))
    assert (bread.days, bread.only.title, bread.words) == (["2024-03-10"], "Sunday", ["Bread, **slowly**."])
    snow = read(samples.rednotebook(tmp_path))
    assert snow.days == ["2024-01-03", "2024-01-04"]
    assert snow.entries[0].tags == ("winter",)
    assert (snow.entries[1].mood_word, snow.words[1]) == ("calm", "Two lines\nof thaw\n\nFilms: Stalker")


# -- the same in other clothes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Monday, February 3, 2025",
            "Montag, 3. Februar 2025",
            "lundi 3 février 2025",
            "lunes, 3 de febrero de 2025",
        ),
        *(
            "lunedì 3 febbraio 2025",
            "segunda-feira, 3 de fevereiro de 2025",
            "maandag 3 februari 2025",
            "3. feb. 2025",
        ),
        *(
            "2025年2月3日 月曜日",
            "2025년 2월 3일 월요일",
            "понедельник, 3 февраля 2025 г.",
            "3 Şubat 2025 Pazartesi",
        ),
        *(
            "maanantai 3. helmikuuta 2025",
            "poniedziałek, 3 lutego 2025",
            "pondělí 3. února 2025",
            "mån 3 februari 2025",
        ),
        *(
            "Δευτέρα 3 Φεβρουαρίου 2025",
            "2025. február 3., hétfő",
            "\u200fالاثنين، ٣ فبراير ٢٠٢٥",
            "יום שני, 3 בפברואר 2025",
        ),
        *(
            "Monday\u00a03\u202fFebruary 2025",
            "วันจันทร์ที่ 3 กุมภาพันธ์ 2568",
            "Thứ Hai, 3 tháng 2, 2025",
            "2025-02-03",
        ),
        *("03/02/2025", "2/3/2025"),
    ],
)
def test_apple_headings_of_any_language_give_the_day(tmp_path: Path, header: str) -> None:
    name = "Entries/2025-02-03_x.html" if "/" in header else "Entries/First light.html"
    got = read(zipped(tmp_path / "journal.zip", {f"AppleJournalEntries/{name}": samples.apple_page(header)}))
    assert got.days == ["2025-02-03"], got


@pytest.mark.parametrize(
    ("words", "mood"),
    [
        *(
            ("Very Pleasant", 3),
            ("Neutral", 0),
            ("Slightly unpleasant", -1),
            ("Sehr unangenehm", -3),
            ("Angenehm", 2),
        ),
        *(
            ("Légèrement agréable", 1),
            ("Très désagréable", -3),
            ("Muy agradable", 3),
            ("Ligeramente desagradable", -1),
        ),
        *(("Molto spiacevole", -3), ("とても快い", 3), ("매우 유쾌함", 3), ("blue", None)),
    ],
)
def test_a_state_of_mind_is_known_in_other_languages(tmp_path: Path, words: str, mood: int | None) -> None:
    page = samples.apple_page("3 February 2025", mood=words)
    entry = read(foldered(tmp_path / "A", {"Entries/a.html": page})).only
    assert (entry.mood_word, entry.mood_after) == (words, mood)


@pytest.mark.parametrize(
    ("clock", "shown"),
    [
        *(
            ("10:00 PM", "22:00"),
            ("12:05 AM", "00:05"),
            ("12:05 pm", "12:05"),
            ("7:05\u202fp.\u00a0m.", "19:05"),
        ),
        *(
            ("19.05", "19:05"),
            ("07:05:09", "07:05"),
            ("下午7:05", "19:05"),
            ("오후 7:05", "19:05"),
            ("", "12:00"),
        ),
    ],
)
def test_daylio_has_clocks_of_all_kinds(tmp_path: Path, clock: str, shown: str) -> None:
    table = f"full_date;date;weekday;time;mood;note\r\n2021-09-28;x;y;{clock};rad;\r\n"
    got = read(written(tmp_path / "export.csv", table))
    assert got.local == [f"2021-09-28 {shown}"]
    assert got.only.mood_after == 3


def test_daylio_of_old_versions_has_the_year_apart(tmp_path: Path) -> None:
    table = "year,date,weekday,time,mood,activities,note\n2019,June 2,Sunday,11:05 pm,awful,a | b,\n"
    got = read(written(tmp_path / "old.csv", table))
    assert (got.local, got.only.mood_after, got.only.tags) == (["2019-06-02 23:05"], -3, ("a", "b"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings_are_told_apart(tmp_path: Path, encoding: str) -> None:
    text = "[2020-03-29 09:00] Grüße\r\nSchöne Tage, sehr schöne Tage.\r\n"
    got = read(written(tmp_path / "journal.txt", text.encode(encoding)))
    assert (got.only.title, got.words) == ("Grüße", ["Schöne Tage, sehr schöne Tage."])


def test_day_one_text_of_other_languages_is_read(tmp_path: Path) -> None:
    text = (
        "\tDatum:\t15. Januar 2024 um 07:05:00 MEZ\n\tWetter:\t-2°C\n\nFrost.\n\n"
        "\tDatum:\t30. Februar 2024\n\nDen gab es nicht.\n\n\tDatum:\t16. Januar 2024 um 19:05:00 GMT+2\n\nTau.\n"
    )
    got = read(written(tmp_path / "Tagebuch.txt", text))
    assert got.local == ["2024-01-15 07:05", "2024-01-16 19:05"]
    assert [entry.offset_s for entry in got.entries] == [3600, 7200]
    assert got.account["skipped"][0][0] == "the entry of 30. Februar 2024"


def test_day_one_without_text_or_zone_or_with_its_rich_text_only(tmp_path: Path) -> None:
    rich = {"uuid": "1", "creationDate": "2024-01-01T10:00:00Z"}
    rich["richText"] = json.dumps({"contents": [{"text": "Only "}, {"text": "rich."}]})
    nowhere = {"uuid": "2", "creationDate": "2024-01-01T10:00:00Z", "timeZone": "Mars/Olympus", "text": "x"}
    empty = {"uuid": "3", "creationDate": "2024-01-01T10:00:00Z", "text": "  "}
    got = read(written(tmp_path / "Journal.json", samples.journal(rich, nowhere, empty)))
    assert got.words == ["Only rich.", "x"]
    assert got.local == ["2024-01-01 11:00", "2024-01-01 11:00"]
    assert list(got.account["remarks"].values()) == [1]
    assert got.account["skipped"] == [["Journal: 3", "nothing is written in it"]]


def test_an_export_within_an_archive_and_within_a_folder_is_found(tmp_path: Path) -> None:
    inner = samples.dayone(tmp_path).read_bytes()
    outer = zipped(tmp_path / "download.zip", {"Takeout/dayone.zip": inner, "__MACOSX/._x": b"x"})
    assert len(read(outer).entries) == 4
    deeper = zipped(tmp_path / "deeper.zip", {"download.zip": outer.read_bytes()})
    assert "No journal was found" in read(deeper).refused
    unpacked = tmp_path / "unpacked" / "Day One"
    with zipfile.ZipFile(io.BytesIO(inner)) as archive:
        archive.extractall(unpacked)
    got = read(tmp_path / "unpacked")
    assert len(got.entries) == 4
    assert got.account["unkept"]["picture"] == 1


@pytest.mark.parametrize("make", samples.ALL)
def test_every_format_is_known_inside_a_zip_too(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    plain = read(path)
    if path.is_dir():
        members = {
            f"{path.name}/{each.relative_to(path).as_posix()}": each.read_bytes()
            for each in path.rglob("*")
            if each.is_file()
        }
    elif zipfile.is_zipfile(path):
        return
    else:
        members = {f"export/{path.name}": path.read_bytes()}
    packed = read(zipped(tmp_path / "packed.zip", members))
    assert packed.words == plain.words
    assert [entry.source for entry in packed.entries] == [entry.source for entry in plain.entries]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        *(
            ("20231105.md", "2023-11-05"),
            ("2023-11-05 Sunday.md", "2023-11-05"),
            ("Journal 2023_11_05.md", "2023-11-05"),
        ),
        *(
            ("2023/11/05.md", "2023-11-05"),
            ("5 November 2023.md", "2023-11-05"),
            ("05-11-2023.md", "2023-11-05"),
        ),
        *(
            ("2023/11-November/2023-11-05-Sunday.markdown", "2023-11-05"),
            ("November 5, 2023.md", "2023-11-05"),
        ),
        *(("2023-13-05.md", ""), ("Route 66.md", ""), ("daily/2023-11-05.txt", "2023-11-05")),
    ],
)
def test_notes_are_dated_by_their_names(tmp_path: Path, name: str, day: str) -> None:
    got = read(foldered(tmp_path / "notes", {name: "A sentence.", "2020-01-01.md": "Another one."}))
    assert sorted(got.days) == sorted(filter(None, ["2020-01-01", day]))


def test_front_matter_may_be_broken_or_say_the_hour(tmp_path: Path) -> None:
    notes = {
        "2023-11-05.md": "---\ndate: 2023-11-05T21:10:00\nmood: [calm, tired]\nstarred: true\ntags: a, b\n---\nWords.",
        "2023-11-06.md": "---\ntitle: Tea: with milk\ntags: [x\n---\nMore words.",
        "note.md": "---\ndate: 7 November 2023\n---\nDated inside.",
    }
    got = read(foldered(tmp_path / "notes", notes))
    assert got.local == ["2023-11-05 21:10", "2023-11-06 12:00", "2023-11-07 12:00"]
    assert (got.entries[0].mood_word, got.entries[0].is_starred, got.entries[0].tags) == (
        "calm, tired",
        True,
        ("a", "b"),
    )
    assert got.entries[1].title == "Tea: with milk"


def test_jrnl_text_of_old_versions_and_with_dates_that_do_not_exist(tmp_path: Path) -> None:
    old = read(
        written(tmp_path / "journal.txt", "2014-06-22 11:38 Starred. *\nbody\n\n2014-06-23 08:00 Next.\n")
    )
    assert old.local == ["2014-06-22 11:38", "2014-06-23 08:00"]
    assert old.entries[0].is_starred
    odd = read(
        written(tmp_path / "odd.txt", "[2020-13-45 09:00] Never.\nbody\n[2020-01-02 10:00] Once.\nbody\n")
    )
    assert odd.days == ["2020-01-02"]
    assert odd.account["skipped"] == [["[2020-13-45 09:00] Never.", "it has no date that exists"]]
    us = read(written(tmp_path / "us.txt", "[3/4/2020 9:00 AM] First.\n[3/28/2020 9:00 AM] Later.\n"))
    assert us.days == ["2020-03-04", "2020-03-28"]


def test_one_file_for_each_entry_of_diarium_and_people_and_html(tmp_path: Path) -> None:
    page = {"date": "2024-05-17T21:40:00", "html": "<p>Dusk <b>fell</b>.</p><ul><li>a</li><li>b</li></ul>"}
    page |= {"people": ["Mira"], "tags": ["#lake"], "rating": 4}  # type: ignore[dict-item]
    got = read(foldered(tmp_path / "Diarium", {"2024-05-17.json": json.dumps(page)}))
    assert got.words == ["Dusk fell.\n\n- a\n- b"]
    assert (got.only.people, got.only.tags) == (("Mira",), ("lake",))
    assert got.account["unkept"] == {"rating": 1}


def test_binary_property_lists_and_damaged_ones(tmp_path: Path) -> None:
    entry = {"UUID": "C2", "Creation Date": "2013-05-17T18:39:20Z", "Entry Text": "x", "Time Zone": "UTC"}
    files = {
        "entries/a.doentry": plistlib.dumps(entry, fmt=plistlib.FMT_BINARY),
        "entries/b.doentry": b"<?xml version='1.0'?><plist><dict><key>",
    }
    got = read(foldered(tmp_path / "Journal.dayone", files))
    assert got.local == ["2013-05-17 18:39"]
    assert got.account["skipped"] == [["entries/b.doentry", "it is damaged"]]


# -- what is odd --------------------------------------------------------------------------------------------


def test_odd_dates_come_in_marked_and_impossible_ones_do_not(tmp_path: Path) -> None:
    dates = (
        "2024-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
        "1789-07-14T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "99999",
        "",
        None,
    )
    entries = [{"uuid": str(number), "creationDate": at, "text": "x"} for number, at in enumerate(dates)]
    got = read(written(tmp_path / "Journal.json", samples.journal(*entries)))
    assert got.odd == ["", "future", "early"]
    assert got.account["skipped_count"] == 4


def test_the_same_name_twice_keeps_both_where_they_differ(tmp_path: Path) -> None:
    one = {"uuid": "X", "creationDate": "2024-01-01T00:00:00Z", "text": "one"}
    other = {**one, "text": "other"}
    got = read(written(tmp_path / "Journal.json", samples.journal(one, one, other)))
    assert [(entry.words, entry.source) for entry in got.entries] == [
        ("one", "dayone:X"),
        ("other", "dayone:X#2"),
    ]
    assert got.odd == ["", "twice"]
    assert got.account["skipped"] == [["Journal: X", "the same entry is there twice"]]


async def test_the_process_gives_a_preview_in_plain_sentences(tmp_path: Path) -> None:
    told: list[int] = []
    many = [{"uuid": str(n), "creationDate": "2024-01-01T00:00:00Z", "text": f"{n}"} for n in range(60)]
    path = zipped(
        tmp_path / "many.zip", {"Journal.json": samples.journal(*many, {"uuid": "z"}, *samples.DAYONE)}
    )
    incoming = await importing.read(path, told.append)
    preview = incoming.preview
    assert told == [25, 50]
    assert preview.headline == "64 reflections from Day One, 27 October 2019 to 20 April 2024"
    assert preview.left_outside() == ["Journal: z: its date is missing or does not exist"]
    assert any(
        "Companion cannot keep these yet: 1 place, 1 weather report" in note for note in preview.notes()
    )
    assert len(list(incoming.entries())) == 64
    again = incoming.without({"dayone:1", "dayone:2"})
    assert (again.preview.new, again.preview.here) == (62, 2)
