"""What a file is, by its bytes: the media type of a sound, a picture, or of what is neither. Pure; no library.

Labels, endings and what was asked for are often wrong; the first bytes are not.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_HEAD = 4_100
"""So many bytes say what a file is, if it can be said at all; two frames of an MP3 are less."""
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b".snd", "audio/basic"),
    (b"caff", "audio/x-caf"),
    (b"RIFX", "audio/wav"),
    (b"riff\x2e\x91\xcf\x11", "audio/x-w64"),
    (b"#!AMR", "audio/amr"),
    (b"\x1a\x45\xdf\xa3", "audio/webm"),
    (b"wvpk", "audio/x-wavpack"),
    (b"MAC ", "audio/x-ape"),
    (b"TTA1", "audio/x-tta"),
    (b"MThd", "audio/midi"),
    (b"ADIF", "audio/aac"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "audio/x-ms-wma"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
)
_FORMS = {
    b"WAVE": "audio/wav",
    b"WEBP": "image/webp",
    b"AVI ": "video/x-msvideo",
    b"AIFF": "audio/aiff",
    b"AIFC": "audio/aiff",
}
_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"M4", "audio/mp4"),
    (b"3g", "audio/3gpp"),
    (b"avi", "image/avif"),
    (b"hei", "image/heic"),
    (b"hev", "image/heic"),
    (b"mif1", "image/heic"),
    (b"msf1", "image/heic"),
    (b"qt", "video/quicktime"),
)
"""Of the family of MP4, by the beginnings of their brands; the others are films, with sound."""
_SPOKEN_OF = {
    "audio/mp4": "M4A (AAC)",
    "video/mp4": "MP4",
    "video/quicktime": "QuickTime",
    "audio/3gpp": "3GP",
    "audio/aac": "AAC",
    "audio/webm": "WebM",
    "audio/amr": "AMR",
    "audio/mpeg": "MP3",
    "audio/x-ms-wma": "WMA",
    "text/html": "a web page",
    "application/json": "JSON",
    "text/plain": "text",
}
_BIT_RATES = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s of MPEG-1 and of MPEG-2 and 2.5, layer III (ISO/IEC 11172-3, 13818-3)."""
_FRAME_HZ = (44_100, 48_000, 32_000)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def media_type_of(data: bytes) -> str:
    """The media type of a file by its beginning, or "" where nothing is recognised."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[:4] in (b"RIFF", b"RF64", b"BW64", b"FORM"):
        return _FORMS.get(data[8:12], "")
    if data[:2] == b"BM" and data[6:10] == bytes(4) and len(data) > 14:
        return "image/bmp"
    if data[:4] == b"\0\0\1\0" and data[4:6] != b"\0\0" and data[18:22] == _after_icons(data):
        return "image/x-icon"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return next((kind for start, kind in _BRANDS if brand.startswith(start)), "video/mp4")
    if _repeats(data, mp3_frame):
        return "audio/mpeg"
    if _repeats(data, _adts_frame):
        return "audio/aac"
    return _text_kind(data)


def is_textual(media_type: str) -> bool:
    """Whether that is something to read."""
    return media_type.startswith("text/") or media_type in ("application/json", "image/svg+xml")


def spoken_of(media_type: str) -> str:
    """What a person calls it: `M4A (AAC)`, `PNG`."""
    plain = media_type.rpartition("/")[2].removeprefix("x-").removesuffix("+xml").upper()
    return _SPOKEN_OF.get(media_type, plain)


def mp3_frame(data: bytes | bytearray, at: int = 0) -> int:
    """Length in bytes of the frame of an MP3 (layer III) that begins at `at`; 0: none does."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return 0
    rate, sampling = head[2] >> 4, (head[2] >> 2) & 3
    if rate in (0, 15) or sampling == 3 or head[3] & 3 == 2:
        return 0
    version = (head[1] >> 3) & 3  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    hz = _FRAME_HZ[sampling] >> {3: 0, 2: 1, 0: 2}[version]
    slots, kbit = (144, 1) if version == 3 else (72, 2)
    return slots * _BIT_RATES[kbit][rate] * 1000 // hz + ((head[2] >> 1) & 1)


def may_become_sound(data: bytes) -> bool:
    """Whether a beginning that is not recognised yet may be that of a WAV, MP3 or AAC of which more must come."""
    if len(data) < 12 and data[:4] in (b"RIFF", b"RF64", b"BW64", b"FORM"):
        return True
    return any(frame(data, 0) > 0 and len(data) < frame(data, 0) + 4 for frame in (mp3_frame, _adts_frame))


def _adts_frame(data: bytes, at: int = 0) -> int:
    head = data[at : at + 6]
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or (head[2] >> 2) & 15 > 12:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else 0


def _after_icons(data: bytes) -> bytes:
    """Where the first picture of an icon must begin, as its entry says it: quiet sound begins like an icon does."""
    return (6 + 16 * int.from_bytes(data[4:6], "little")).to_bytes(4, "little")


def _repeats(data: bytes, frame: Callable[[bytes, int], int]) -> bool:
    """Whether one frame follows another, or the one frame is all there is: single headers come up by chance."""
    first = frame(data, 0)
    return first > 0 and (first == len(data) or frame(data, first) > 0)


def _text_kind(data: bytes) -> str:
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") and head[2:40].count(0) * 2 >= len(head[2:40]) > 8:
        return "text/plain"
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return ""
    if len(head) < 4 or _CONTROL.search(text):
        return ""
    text = text.lstrip().lower()
    if text.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "text/html"
    if text.startswith("<svg") or (text.startswith("<?xml") and "<svg" in text):
        return "image/svg+xml"
    return "application/json" if text.startswith(("{", "[")) else "text/plain"
