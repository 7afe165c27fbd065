"""Moments as other programs and people write them: ISO, milliseconds, clocks of 12 and 24 hours, dates in many languages.

What has no zone was written on the clock of this computer's zone; what it shows never moves (`When` keeps the offset). A
date alone is put at noon. Pure but for the computer's zone.
"""

from __future__ import annotations

import math
import re
import time
import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

NOON = 12 * 3600
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of the person's own clock
_LEAST_YEAR = 1000
_ISO = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ]+(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)?)?\s*"
    r"(Z|UTC|GMT|[+-]\d{2}:?\d{2}(?::?\d{2})?|[+-]\d{2})?",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?<![\d./-])(\d{1,2}) ?(?::|\.|h|時|点|點|시) ?(\d{2})(?:[:.分분] ?(\d{2})(?:[.,]\d{1,6})?)?(?![\d/-]|\.\d)"
)
_BARE_HOUR = re.compile(r"(?<![\d./-])(\d{1,2}) ?(?:h|Uhr|時|시|(?=[ap]\.? ?m\b))(?!\d)", re.IGNORECASE)
_MORNING = re.compile(r"(?<!\w)(?:a\. ?m|am|π\. ?μ|πμ|de|dop|vorm|fm|ص)(?!\w)|上午|午前|오전", re.IGNORECASE)
_EVENING = re.compile(r"(?<!\w)(?:p\. ?m|pm|μ\. ?μ|μμ|du|odp|nachm|em|م)(?!\w)|下午|午後|오후", re.IGNORECASE)
_ZONES = re.compile(r"(?:UTC|GMT)[+-]\d{1,2}(?::?\d{2})?|[+-]\d{2}:?\d{2}|[A-Za-z]{2,5}")
_SIGNS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"))
_SPACES = re.compile(r"[\s\u00a0\u202f]+")
_ABBREVIATED = {
    name: minutes
    for minutes, names in {
        0: "utc gmt z wet",
        60: "cet mez bst west wat",
        120: "cest mesz eet sast cat",
        180: "eest msk trt eat",
        240: "gst",
        300: "pkt",
        330: "ist",
        345: "npt",
        420: "wib ict",
        480: "hkt sgt awst",
        540: "jst kst",
        570: "acst",
        600: "aest",
        630: "acdt",
        660: "aedt",
        720: "nzst",
        780: "nzdt",
        -150: "ndt",
        -180: "brt art adt",
        -210: "nst",
        -240: "ast edt",
        -300: "est cdt",
        -360: "cst mdt",
        -420: "mst pdt",
        -480: "pst akdt",
        -540: "akst",
        -600: "hst",
    }.items()
    for name in names.split()
}
"""Short name of a zone -> minutes ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was written."""

    at: float
    offset_s: int
    has_clock: bool = True
    """False: only the day is known."""

    @property
    def local(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.at + self.offset_s)


# -- moments ------------------------------------------------------------------------------------------------


def from_iso(text: object, zone: object = None) -> Moment | None:
    """A moment of the form of ISO 8601; None: it is none, or does not exist.

    Args:
        zone: where the person was, which turns a moment of UTC into theirs; without one, an offset in the text counts;
            without that too, it is seen from this computer's zone.
    """
    if not isinstance(text, str) or (found := _ISO.fullmatch(text.strip().translate(_SIGNS))) is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        local = datetime(year, month, day)  # noqa: DTZ001 - a clock on a wall
        local += _clock_time(hour, minute, min(second, 59))
    except (ValueError, OverflowError):
        return None
    place = zone_of(zone) if zone else None
    if found[7] is not None:
        if place is None and found[7][:1] not in "+-":
            place = _here()  # written in UTC: nobody's clock
        return _seen_in(local, _offset_of(found[7]), place)
    if found[4] is None:
        return on_day(local.date(), place)
    return on_clock(local, place)


def from_seconds(seconds: object, zone: object = None) -> Moment | None:
    """A moment counted from 1970; None: it is no number, or no moment."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    place = zone_of(zone) if zone else None
    try:
        utc = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    moment = _seen_in(utc, 0, place or _here())
    return moment and Moment(float(seconds), moment.offset_s)


def from_utc(moment: datetime, zone: object = None) -> Moment | None:
    """A moment of UTC, seen where the person was."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return _seen_in(moment, 0, (zone_of(zone) if zone else None) or _here())


def on_clock(local: datetime, zone: tzinfo | None = None) -> Moment | None:
    """What a clock on the wall showed; None: not a year people have kept journals in."""
    if local.year < _LEAST_YEAR:
        return None
    offset_s = _offset_at(local, zone or _here())
    return Moment((local - _EPOCH).total_seconds() - offset_s, offset_s)


def on_day(day: date, zone: tzinfo | None = None) -> Moment | None:
    """A day without a clock: noon."""
    local = datetime(day.year, day.month, day.day) + timedelta(seconds=NOON)  # noqa: DTZ001
    moment = on_clock(local, zone)
    return moment and Moment(moment.at, moment.offset_s, has_clock=False)


def _seen_in(local: datetime, offset_s: int, place: tzinfo | None) -> Moment | None:
    at = (local - _EPOCH).total_seconds() - offset_s
    if place is not None:
        try:
            offset = place.utcoffset((_EPOCH + timedelta(seconds=at)).replace(tzinfo=UTC).astimezone(place))
        except (OverflowError, ValueError):
            return None
        offset_s = int(offset.total_seconds()) if offset is not None else 0
    try:
        shown = _EPOCH + timedelta(seconds=at + offset_s)
    except OverflowError:
        return None
    return Moment(at, offset_s) if shown.year >= _LEAST_YEAR else None


def _clock_time(hour: int, minute: int, second: int) -> timedelta:
    if hour > 24 or minute > 59 or (hour == 24 and (minute or second)):
        raise ValueError("no time of a day")
    return timedelta(hours=hour, minutes=minute, seconds=second)


# -- zones --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def zone_of(name: object) -> tzinfo | None:
    """The zone called so: "Europe/Berlin", "GMT+02:00", "CET"; None: there is none."""
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 60:
        return None
    name = name.strip().translate(_SIGNS)
    if re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)+", name):
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            return None
    minutes = _ABBREVIATED.get(name.casefold())
    if minutes is not None:
        return timezone(timedelta(minutes=minutes))
    if (found := _OFFSET.fullmatch(name.replace("\u2212", "-"))) is not None:
        size = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        if size < timedelta(hours=16):
            return timezone(-size if found[1] == "-" else size)
    return None


def _offset_of(text: str) -> int:
    sign, digits = text[:1], re.sub(r"\D", "", text)
    if sign not in "+-" or not digits:
        return 0
    size = int(digits[:2]) * 3600 + int(digits[2:4] or 0) * 60 + int(digits[4:6] or 0)
    return -size if sign == "-" else size


class _Here(tzinfo):
    """This computer's zone, with its rules of every year."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        if moment is None:
            return timedelta(0)
        bare = moment.replace(tzinfo=None)
        try:
            parts = (*bare.timetuple()[:6], 0, 1, -1)
            return timedelta(seconds=time.localtime(time.mktime(parts)).tm_gmtoff)
        except (OverflowError, ValueError, OSError):  # further away than its calendar reaches
            return timedelta(seconds=time.localtime().tm_gmtoff)

    def dst(self, _moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, _moment: datetime | None) -> str:
        return "here"

    def fromutc(self, moment: datetime) -> datetime:
        at = (moment.replace(tzinfo=None) - _EPOCH).total_seconds()
        try:
            offset_s = time.localtime(at).tm_gmtoff
        except (OverflowError, ValueError, OSError):
            offset_s = time.localtime().tm_gmtoff
        return moment + timedelta(seconds=offset_s)


_HERE = _Here()


def _here() -> tzinfo:
    return _HERE


def _offset_at(local: datetime, zone: tzinfo) -> int:
    """Of a clock on the wall; where it shows an hour twice, the first of them."""
    try:
        offset = zone.utcoffset(local.replace(tzinfo=zone))
    except (OverflowError, ValueError):
        offset = None
    return int(offset.total_seconds()) if offset is not None else 0


# -- dates and clocks in words ------------------------------------------------------------------------------

_MONTHS = (
    "january januar jänner janvier enero gennaio janeiro januari januari tammikuu tammikuuta styczeń stycznia leden ledna "
    "január ianuarie gener ocak январь января січень січня ιανουάριος ιανουαρίου يناير ינואר जनवरी มกราคม tháng1",
    "february februar feber février febrero febbraio fevereiro februari helmikuu helmikuuta luty lutego únor února "
    "február februarie febrer şubat февраль февраля лютий лютого φεβρουάριος φεβρουαρίου فبراير פברואר फरवरी फ़रवरी กุมภาพันธ์",
    "march märz mars marzo março maart marts maaliskuu maaliskuuta marzec marca březen března marec március martie març "
    "mart март марта березень березня μάρτιος μαρτίου مارس מרץ मार्च มีนาคม mrt",
    "april avril abril aprile huhtikuu huhtikuuta kwiecień kwietnia duben dubna apríl április aprilie nisan апрель апреля "
    "квітень квітня απρίλιος απριλίου أبريل إبريل אפריל अप्रैल เมษายน",
    "may mai mayo maggio maio mei maj toukokuu toukokuuta maja květen května máj mája május maig mayıs май мая травень "
    "травня μάιος μαΐου مايو מאי मई พฤษภาคม",
    "june juni juin junio giugno junho kesäkuu kesäkuuta czerwiec czerwca červen června jún júna június iunie juny "
    "haziran июнь июня червень червня ιούνιος ιουνίου يونيو יוני जून มิถุนายน",
    "july juli juillet julio luglio julho heinäkuu heinäkuuta lipiec lipca červenec července júl júla július iulie juliol "
    "temmuz июль июля липень липня ιούλιος ιουλίου يوليو יולי जुलाई กรกฎาคม",
    "august août agosto augustus elokuu elokuuta sierpień sierpnia srpen srpna augusztus agost ağustos augusti август "
    "августа серпень серпня αύγουστος αυγούστου أغسطس אוגוסט अगस्त สิงหาคม",
    "september septembre septiembre setiembre settembre setembro syyskuu syyskuuta wrzesień września září septembra "
    "szeptember septembrie setembre eylül сентябрь сентября вересень вересня σεπτέμβριος σεπτεμβρίου سبتمبر ספטמבר "
    "सितंबर กันยายน",
    "october oktober octobre octubre ottobre outubro lokakuu lokakuuta październik października říjen října október "
    "októbra octombrie ekim октябрь октября жовтень жовтня οκτώβριος οκτωβρίου أكتوبر אוקטובר अक्टूबर ตุลาคม",
    "november novembre noviembre novembro marraskuu marraskuuta listopad listopada novembra noiembrie kasım ноябрь ноября "
    "листопад листопада νοέμβριος νοεμβρίου نوفمبر נובמבר नवंबर พฤศจิกายน",
    "december dezember décembre diciembre dicembre dezembro desember joulukuu joulukuuta grudzień grudnia prosinec "
    "prosince decembra decembrie desembre aralık декабрь декабря грудень грудня δεκέμβριος δεκεμβρίου ديسمبر "
    "דצמבר दिसंबर ธันวาคม",
)
"""The names of each month in the languages that journals are exported in, with the forms that stand in a date."""
_THAI_ERA = 543


def _folded(word: str) -> str:
    """Without accents and capitals."""
    decomposed = unicodedata.normalize("NFD", word.casefold())
    return "".join(char for char in decomposed if unicodedata.category(char) != "Mn" or char > "\u0370")


@lru_cache(maxsize=1)
def _month_names() -> dict[str, int]:
    return {_folded(name): number for number, names in enumerate(_MONTHS, 1) for name in names.split()}


@lru_cache(maxsize=4096)
def month_of(word: str) -> int:
    """1 to 12 for a month's name or the first three letters of it; 0: it is none."""
    folded, names = _folded(word.strip(".,")), _month_names()
    for form in (folded, re.sub(r"^(?:ב|د|d)[’']?", "", folded)):  # "of May" in one word
        if form in names:
            return names[form]
        if len(form) >= 3:
            found = Counter(number for name, number in names.items() if name.startswith(form)).most_common(2)
            if found and (len(found) == 1 or found[0][1] > 2 * found[1][1]):  # "mar" is March, not marraskuu
                return found[0][0]
    return 0


def in_words(text: str, *, is_month_first: bool = False) -> Moment | None:
    """A date in whatever language and order, with or without a clock and a zone; None: it is none.

    Args:
        is_month_first: how "3/4/2025" is meant where nothing else tells.
    """
    text = _SPACES.sub(" ", text.translate(_SIGNS).replace("\u2212", "-")).strip()
    if len(text) > 120:
        return None
    if (moment := from_iso(text)) is not None:
        return moment
    clock, rest, zone = _split_clock(text)
    day = day_in(rest, is_month_first=is_month_first)
    if day is None:
        return None
    if clock is None:
        return on_day(day, zone)
    return on_clock(datetime(day.year, day.month, day.day) + clock, zone)  # noqa: DTZ001


def clock_in(text: str) -> timedelta | None:
    """The time of day: "10:00 PM", "22:00", "7.05 Uhr", "下午3:20"; None: there is none."""
    text = _SPACES.sub(" ", text.translate(_SIGNS)).strip()
    return _split_clock(text)[0] if len(text) <= 60 else None


def _split_clock(text: str) -> tuple[timedelta | None, str, tzinfo | None]:
    """The clock, what stands beside it, and the zone behind it."""
    found = _clock_found(text)
    if found is None:
        return None, text, None
    start, end, hour, minute, second = found
    behind = text[end:]
    zone = None
    for word in (behind.strip(" ,()"), *_ZONES.findall(behind)):
        if zone := zone_of(word):
            break
    around = f"{text[max(0, start - 6) : start]} {behind[:8]}"
    is_evening, is_morning = _EVENING.search(around) is not None, _MORNING.search(around) is not None
    if hour <= 12 and is_evening != is_morning:
        hour = hour % 12 + (12 if is_evening else 0)
    try:
        clock = _clock_time(hour, minute, min(second, 59))
    except ValueError:
        return None, text, None
    return clock, f"{text[:start]} {behind if zone is None else ''}", zone


def _clock_found(text: str) -> tuple[int, int, int, int, int] | None:
    if (found := _CLOCK.search(text)) is not None:
        return found.start(), found.end(), int(found[1]), int(found[2]), int(found[3] or 0)
    if (found := _BARE_HOUR.search(text)) is not None:
        return found.start(), found.end(), int(found[1]), 0, 0
    return None


def day_in(text: str, *, is_month_first: bool = False) -> date | None:
    """The date in a text that says little else; None: there is none, or it does not exist."""
    numbers = [(found.start(), int(found[0]), len(found[0])) for found in re.finditer(r"\d+", text)]
    if not 2 <= len(numbers) <= 3 or any(length > 4 for _, _, length in numbers):
        return None
    words = [
        (found.start(), month)
        for found in re.finditer(r"[^\s\d,.;:()/-]+", text)
        if (month := month_of(found[0]))
    ]
    values = [value for _, value, _ in numbers]
    years = [place for place, (_, value, length) in enumerate(numbers) if length == 4]
    if words and len(numbers) == 2 and len(years) == 1:
        # Of two words that could be a month the last is one: "mar. 4 févr. 2025" begins with a weekday.
        month, year, day = words[-1][1], values[years[0]], values[1 - years[0]]
    elif len(numbers) == 3 and len(years) == 1 and years[0] in (0, 2):
        first, second = values[1:] if years[0] == 0 else values[:2]
        year = values[years[0]]
        month, day = (first, second) if years[0] == 0 else _ordered(first, second, text, is_month_first)
    else:
        return None
    if year > 2400 and any(0x0E00 <= ord(char) < 0x0E80 for char in text):
        year -= _THAI_ERA
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _ordered(first: int, second: int, text: str, is_month_first: bool) -> tuple[int, int]:
    """Month and day of "first/second/year"."""
    if first > 12 or second > 12:
        return (second, first) if first > 12 else (first, second)
    return (first, second) if is_month_first and "/" in text else (second, first)
