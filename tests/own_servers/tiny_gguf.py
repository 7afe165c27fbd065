"""Writes a language model of random weights, a few hundred kilobytes, that llama.cpp loads and lets write.

    python tiny_gguf.py FILE

Run in an environment with `gguf` and `numpy`. What it writes is gibberish of printable letters, which is enough for
streaming, cancelling, lists and errors.
"""

import sys

import gguf
import numpy as np

WIDTH, HEADS, LAYERS, HIDDEN, CONTEXT = 64, 4, 2, 128, 512
WORDS = [
    "▁the",
    "▁a",
    "▁river",
    "▁calm",
    "▁evening",
    "▁walk",
    "▁and",
    "▁I",
    "▁feel",
    "▁slow",
    ".",
    ",",
    "▁more",
]


def write(path: str) -> None:
    dice = np.random.default_rng(7)
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("tiny")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(HIDDEN)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *WORDS]
    kind = gguf.TokenType
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256, *[kind.NORMAL] * len(WORDS)]
    out.add_tokenizer_model("llama")
    out.add_token_list(tokens)
    out.add_token_scores([0.0] * 259 + [float(-index) for index in range(len(WORDS))])
    out.add_token_types(kinds)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)

    def tensor(name: str, *shape: int) -> None:
        out.add_tensor(name, dice.normal(0, 0.2, shape).astype(np.float32))

    def ones(name: str) -> None:
        out.add_tensor(name, np.ones(WIDTH, dtype=np.float32))

    tensor("token_embd.weight", len(tokens), WIDTH)
    # Bytes and control tokens are pushed away, so that it writes words until it is stopped.
    head = dice.normal(0, 0.2, (len(tokens), WIDTH)).astype(np.float32)
    head[:259] = 0.0
    head[259:] *= 4
    out.add_tensor("output.weight", head)
    ones("output_norm.weight")
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        ones(at + "attn_norm.weight")
        ones(at + "ffn_norm.weight")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"{at}{name}.weight", WIDTH, WIDTH)
        tensor(at + "ffn_gate.weight", HIDDEN, WIDTH)
        tensor(at + "ffn_up.weight", HIDDEN, WIDTH)
        tensor(at + "ffn_down.weight", WIDTH, HIDDEN)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    write(sys.argv[1])
