"""Writes a voice of random weights that Piper loads and lets speak: a pair of files, a few dozen kilobytes.

    python tiny_piper.py FOLDER NAME [SPEAKER ...]

Run in an environment with `piper-tts` and `onnx`. What it says is a buzz, as long as its sentence and as its pace wants.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

RATE_HZ = 16_000
SAMPLES = 800
"""Of one phoneme at the usual pace: 50 ms."""


def write(folder: Path, name: str, speakers: list[str]) -> None:
    symbols = 256
    weights = np.random.default_rng(7).uniform(-0.5, 0.5, (symbols, SAMPLES)).astype(np.float32)
    constants = {
        "weights": weights,
        "flat": np.array([1, 1, -1], dtype=np.int64),
        "one": np.array([1], dtype=np.int64),
        "two": np.array([2], dtype=np.int64),
        "ones": np.array([1.0, 1.0], dtype=np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["weights", "input"], ["sound"]),
        helper.make_node("Reshape", ["sound", "flat"], ["line"]),
        helper.make_node("Slice", ["scales", "one", "two"], ["pace"]),
        helper.make_node("Concat", ["ones", "pace"], ["stretch"], axis=0),
        helper.make_node("Resize", ["line", "", "stretch"], ["output"], mode="linear"),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "samples"])
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        [output],
        [onnx.numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, folder / f"{name}.onnx")
    about = {
        "audio": {"sample_rate": RATE_HZ, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US"},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "num_symbols": symbols,
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {speaker: number for number, speaker in enumerate(speakers)},
    }
    (folder / f"{name}.onnx.json").write_text(json.dumps(about))


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
