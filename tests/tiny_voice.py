"""Writes a voice of Piper's or Kokoro's shape, with weights made up by a rule: a pair of files, a hundred kilobytes.

    python tiny_voice.py FOLDER NAME [SPEAKER ...]

What it says is a buzz, 50 ms for each phoneme at its own pace; a second speaker buzzes half as loud. The model is put
together byte by byte (protobuf), so that nothing but numpy is needed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

RATE_HZ = 16_000
SAMPLES = 800
"""Of one phoneme at the usual pace."""
SYMBOLS = (
    "_^$ !'(),-.:;?abcdefhijklmnopqrstuvwxyzæçðøħŋœɐɑɒɔɕɖəɚɛɜɡɪɫɬɭɯɲɳɵɸɹɻɾʀʁʃʈʊʋʌʎʏʐʒʔʝˈˌːˑθχβɣ\u0303\u0329"
)
FLOAT, INT64 = 1, 7


def write(
    folder: Path,
    name: str,
    speakers: list[str] | None = None,
    *,
    language: str = "en_US",
    voice: str = "en-us",
) -> Path:
    """Returns the model's path."""
    speakers = speakers or []
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(model(has_speakers=bool(speakers)))
    about = {
        "audio": {"sample_rate": RATE_HZ, "quality": "low"},
        "espeak": {"voice": voice},
        "language": {"code": language},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(SYMBOLS)},
        "num_symbols": len(SYMBOLS),
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {speaker: number for number, speaker in enumerate(speakers)},
    }
    (folder / f"{name}.onnx.json").write_text(json.dumps(about), encoding="utf-8")
    return folder / f"{name}.onnx"


def write_kokoro(folder: Path, speakers: tuple[str, ...] = ("af_heart", "bm_george", "jf_alpha")) -> Path:
    """A model of Kokoro's shape, whose first speaker is the loudest."""
    folder.mkdir(parents=True, exist_ok=True)
    buzz = (np.sin(np.arange(SAMPLES) / 10) * 0.3).astype(np.float32)
    constants = {
        "weights": np.tile(buzz, (178, 1)),
        "flat": np.array([-1], np.int64),
        "first": np.array([0], np.int64),
    }
    nodes = [
        node("Gather", ["weights", "tokens"], "sound"),
        node("Reshape", ["sound", "flat"], "line"),
        node("Reshape", ["style", "flat"], "numbers"),
        node("Gather", ["numbers", "first"], "level"),
        node("Mul", ["line", "level"], "audio"),
    ]
    inputs = [value("tokens", INT64, (1, "phonemes")), value("style", FLOAT, (1, 256))]
    inputs.append(value("speed", FLOAT, (1,)))
    (folder / "tiny.onnx").write_bytes(_file(nodes, constants, inputs, value("audio", FLOAT, ("samples",))))
    write_styles(folder / "voices-tiny.bin", dict.fromkeys(speakers, (510, 1, 256)))
    return folder / "tiny.onnx"


def write_styles(archive: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Of the speakers the second is half as loud as the first, the third a third."""
    styles = {
        name: np.full(shape, 1 / number, np.float32) for number, (name, shape) in enumerate(shapes.items(), 1)
    }
    with archive.open("wb") as sink:
        np.savez(sink, **styles)  # type: ignore[arg-type]


def model(*, has_speakers: bool = False) -> bytes:
    """An ONNX file: looks each phoneme's samples up and stretches them to the pace that is asked for."""
    buzz = (np.sin(np.arange(SAMPLES) / 10) * 0.3).astype(np.float32)
    weights = np.tile(buzz, (len(SYMBOLS), 1))
    weights[0] = 0.0  # what stands between two phonemes
    constants = {
        "weights": weights,
        "flat": np.array([1, 1, -1], np.int64),
        "one": np.array([1], np.int64),
        "two": np.array([2], np.int64),
        "ones": np.array([1.0, 1.0], np.float32),
        "loudness": np.array([1.0, 0.5], np.float32),
    }
    nodes = [
        node("Gather", ["weights", "input"], "sound"),
        node("Reshape", ["sound", "flat"], "line"),
        node("Slice", ["scales", "one", "two"], "pace"),
        node("Concat", ["ones", "pace"], "stretch"),
        node("Resize", ["line", "", "stretch"], "stretched" if has_speakers else "output"),
    ]
    inputs = [
        value("input", INT64, (1, "phonemes")),
        value("input_lengths", INT64, (1,)),
        value("scales", FLOAT, (3,)),
    ]
    if has_speakers:
        nodes += [node("Gather", ["loudness", "sid"], "level"), node("Mul", ["stretched", "level"], "output")]
        inputs.append(value("sid", INT64, (1,)))
    return _file(nodes, constants, inputs, value("output", FLOAT, (1, 1, "samples")))


def _file(nodes: list[bytes], constants: dict[str, np.ndarray], inputs: list[bytes], output: bytes) -> bytes:
    graph = b"".join(_bytes(1, each) for each in nodes) + _text(2, "tiny")
    graph += b"".join(_bytes(5, tensor(name, content)) for name, content in constants.items())
    graph += b"".join(_bytes(11, each) for each in inputs) + _bytes(12, output)
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _text(1, "") + _number(2, 17))


def node(kind: str, inputs: list[str], output: str) -> bytes:
    parts = [_text(1, name) for name in inputs] + [_text(2, output), _text(4, kind)]
    if kind == "Concat":
        parts.append(_bytes(5, _text(1, "axis") + _number(3, 0) + _number(20, 2)))
    if kind == "Resize":
        parts.append(_bytes(5, _text(1, "mode") + _text(4, "linear") + _number(20, 3)))
    return b"".join(parts)


def tensor(name: str, content: np.ndarray) -> bytes:
    dims = b"".join(_number(1, size) for size in content.shape)
    kind = FLOAT if content.dtype == np.float32 else INT64
    return dims + _number(2, kind) + _text(8, name) + _bytes(9, content.tobytes())


def value(name: str, kind: int, shape: tuple[int | str, ...]) -> bytes:
    dims = b"".join(
        _bytes(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, dims)))


def _number(field: int, content: int) -> bytes:
    return _varint(field << 3) + _varint(content)


def _text(field: int, content: str) -> bytes:
    return _bytes(field, content.encode())


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low = bytearray()
    while number > 0x7F:
        low.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*low, number))


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
