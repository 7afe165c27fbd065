"""Writes a Whisper model of random weights, a few hundred kilobytes, that faster-whisper loads and lets hear.

    python tiny_whisper.py FOLDER

Run in an environment with `faster-whisper`. What it hears is a random row of a few words, which is enough to see sound go
in and words come out.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ctranslate2.specs import WhisperSpec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

WIDTH, MELS, SECONDS_30, LONGEST = 64, 80, 1500, 448
WORDS = ["Ġthe", "Ġriver", "Ġcalm", "Ġevening", "Ġwalk", "Ġand", "Ġslow", "Ġmore"]
SPECIAL = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>",
    "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
]  # fmt: skip
STAMPS = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
dice = np.random.default_rng(7)


def some(*shape: int) -> np.ndarray:
    return dice.normal(0, 0.05, shape).astype(np.float32)


def norm(spec: object) -> None:
    spec.gamma, spec.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def linear(spec: object, out: int, into: int = WIDTH) -> None:
    spec.weight, spec.bias = some(out, into), np.zeros(out, np.float32)


def layer(spec: object, *, hears: bool) -> None:
    norm(spec.self_attention.layer_norm)
    linear(spec.self_attention.linear[0], 3 * WIDTH)
    linear(spec.self_attention.linear[1], WIDTH)
    if hears:
        norm(spec.attention.layer_norm)
        linear(spec.attention.linear[0], WIDTH)
        linear(spec.attention.linear[1], 2 * WIDTH)
        linear(spec.attention.linear[2], WIDTH)
    norm(spec.ffn.layer_norm)
    linear(spec.ffn.linear_0, 4 * WIDTH)
    linear(spec.ffn.linear_1, WIDTH, 4 * WIDTH)


def write(folder: Path) -> None:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *WORDS, *SPECIAL, *STAMPS]
    spec = WhisperSpec(1, 1, 1, 1)
    for conv, into in ((spec.encoder.conv1, MELS), (spec.encoder.conv2, WIDTH)):
        conv.weight, conv.bias = some(WIDTH, into, 3), np.zeros(WIDTH, np.float32)
    spec.encoder.position_encodings.encodings = some(SECONDS_30, WIDTH)
    norm(spec.encoder.layer_norm)
    layer(spec.encoder.layer[0], hears=False)
    spec.decoder.embeddings.weight = some(len(tokens), WIDTH)
    spec.decoder.position_encodings.encodings = some(LONGEST, WIDTH)
    norm(spec.decoder.layer_norm)
    layer(spec.decoder.layer[0], hears=True)
    head = np.zeros((len(tokens), WIDTH), np.float32)
    words = slice(len(letters), len(letters) + len(WORDS))
    head[words] = dice.normal(0, 2.0, (len(WORDS), WIDTH))  # it hears words and not odd letters
    spec.decoder.projection.weight = head
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids, spec.config.alignment_heads = [tokens.index("<|en|>")], [[0, 0]]
    spec.validate()
    spec.optimize()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    vocabulary = {token: number for number, token in enumerate([*letters, *WORDS])}
    merges: list[tuple[str, str]] = []
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_tokens([AddedToken(stamp, special=False) for stamp in STAMPS])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": MELS}))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
