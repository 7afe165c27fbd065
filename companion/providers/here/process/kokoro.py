"""What sherpa-onnx wants to know of Kokoro 82M: its phonemes, its notes and the styles of its speakers. Only reads.

The files are as kokoro-onnx publishes them: a model without notes, and an archive of arrays with a style of 510 x 256
numbers for each speaker. Of the styles sherpa-onnx wants the numbers one after the other; too few end its process, so they
are counted here.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

STYLES = "voices*.bin"
RATE_HZ = 24_000
_STYLE_SHAPE = (510, 1, 256)
"""A style for each length of a text in phonemes."""
_PHONEMES = (
    (1, ";:,.!?"),
    (9, '—…"()“” \u0303ʣʥʦʨᵝꭧAI'),
    (31, "O"),
    (33, "Q"),
    (35, "ST"),
    (39, "W"),
    (41, "Yᵊabcdef"),
    (50, "hijklmnopqrstuvwxyzɑɐɒæ"),
    (75, "βɔɕç"),
    (80, "ɖðʤə"),
    (85, "ɚɛɜ"),
    (90, "ɟ"),
    (92, "ɡ"),
    (99, "ɥ"),
    (101, "ɨɪʝ"),
    (110, "ɯɰŋɳɲɴø"),
    (118, "ɸθœ"),
    (123, "ɹ"),
    (125, "ɾɻ"),
    (128, "ʁɽʂʃʈʧ"),
    (135, "ʊʋ"),
    (138, "ʌɣɤ"),
    (142, "χʎ"),
    (147, "ʒʔ"),
    (156, "ˈˌː"),
    (162, "ʰ"),
    (164, "ʲ"),
    (169, "↓"),
    (171, "→↗↘"),
    (177, "ᵻ"),
)
"""Phonemes that Kokoro was taught, as its configuration numbers them: the first number of a run, and the run."""
_LANGUAGES = {
    "a": ("en-US", "en-us"),
    "b": ("en-GB", "en-gb"),
    "e": ("es-ES", "es"),
    "f": ("fr-FR", "fr-fr"),
    "h": ("hi-IN", "hi"),
    "i": ("it-IT", "it"),
    "p": ("pt-BR", "pt-br"),
}
"""First letter of a speaker's name -> the language, and espeak-ng's name for it. Those of others (Japanese, Chinese) want
phonemes that espeak-ng does not give; they read English."""


def symbols() -> dict[str, int]:
    """Phoneme -> its number."""
    return {symbol: first + place for first, run in _PHONEMES for place, symbol in enumerate(run)}


def styles_beside(model: Path) -> Path | None:
    """The styles that belong to a model; None: it is no Kokoro."""
    return next(iter(sorted(model.parent.glob(STYLES))), None)


def speakers(styles: Path) -> tuple[str, ...]:
    """Names as `af_heart`, the makers' best first where it is there.

    Raises:
        OSError, zipfile.BadZipFile: it is no such archive.
    """
    with zipfile.ZipFile(styles) as archive:
        names = sorted(name.removesuffix(".npy") for name in archive.namelist())
    return tuple(sorted(names, key=lambda name: name != "af_heart"))


def tag_of(speaker: str) -> str:
    """Language of a speaker; empty: it is not offered."""
    return _LANGUAGES.get(speaker[:1], ("", ""))[0]


def espeak_voice_of(speaker: str) -> str:
    """What espeak-ng reads its texts with."""
    return _LANGUAGES.get(speaker[:1], _LANGUAGES["a"])[1]


def style_numbers(styles: Path) -> bytes:
    """The styles of `speakers`, in their order.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: one of them is not what it should be.
    """
    import numpy as np

    with np.load(styles, allow_pickle=False) as arrays:
        found = [arrays[name] for name in speakers(styles)]
    if not found or any(each.shape != _STYLE_SHAPE for each in found):
        raise ValueError("a style of another shape")
    return b"".join(each.astype("<f4").tobytes() for each in found)


def notes(count: int) -> Mapping[str, str]:
    """What sherpa-onnx looks for in the model, with so many speakers."""
    return {
        "model_type": "kokoro",
        "language": "multilingual",
        "voice": "en-us",
        "has_espeak": "1",
        "version": "1",
        "sample_rate": str(RATE_HZ),
        "style_dim": ",".join(map(str, _STYLE_SHAPE)),
        "n_speakers": str(count),
    }
