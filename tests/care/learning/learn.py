"""Makes `resources/care/network.npz` and `pieces.txt` anew: `python -m tests.care.learning.learn ENCODER`, an hour or two.

Wants torch, transformers and wordfreq, which nothing else here does, and ENCODER, a folder with all-MiniLM-L6-v2 as its
makers publish it. The encoder is first taught whole; three of its layers, thinner and with a smaller vocabulary,
then learn from its judgements and from the labels, on texts as `words.plain` gives them. The numbers that are kept were
made so from the first four files of lines, and taught the later ones in five shorter rounds.
"""

from __future__ import annotations

import copy
import itertools
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch  # type: ignore[import-not-found]
from torch import nn  # type: ignore[import-not-found]
from transformers import AutoModel, AutoTokenizer  # type: ignore[import-not-found]

from companion.care.network import CLASSES
from companion.care.words import plain
from companion.kinds import Severity
from companion.paths import resources
from tests.care.sets import HERE, alternatives, examples_of, lines_of, of_the_program, other_days

Row = tuple[str, int, float]
"""What is said, which of CLASSES it is, how much it weighs."""
_NAMES = [
    "none",
    "suicide",
    "selfharm",
    "violence",
    "threat",
    "eating",
    "medical",
    "reality",
    "child",
    "third",
]
_LAYERS, _RANK, _INNER, _LONGEST, _BATCH = (0, 2, 4), 128, 768, 128, 32
_OTHER = re.compile(
    r"(my (daughter|son|friend|brother|husband|mum|ex|partner|wife|dad|uncle|neighbour|roommate|colleague)|a student|"
    r"a girl|he |she |grandma)"
)


def rows() -> list[Row]:
    """Everything that may be learnt from: no line of the sets that are only counted."""
    chance = random.Random(1)
    found: list[Row] = []
    for name in ("lines", "fresh", "later", *(f"learning/lines{at}" for at in range(1, 8))):
        for line in lines_of(f"{name}.txt"):
            if not any(len(mark) == 2 for mark in line.marks):  # English only
                kind = "none" if line.severity is Severity.CARE else line.kind
                found.append((line.text, _number(kind, "third" in line.marks), 1.0))
    found += [
        (line.text, _number(line.kind, "third" in line.marks), 1.0) for line in lines_of("other.txt")[::2]
    ]
    found += [(said, 0, 1.0) for said in other_days()[::2]]
    found += [(said, 0, 0.6) for said in of_the_program()[::2]]
    for file in sorted((HERE / "learning" / "patterns").glob("*.txt")):
        kind = file.stem
        for text in _texts(file):
            every = list(itertools.islice(alternatives(text), 200))
            for said in chance.sample(every, min(2, len(every))):
                is_other = kind == "suicide" and bool(_OTHER.match(said))
                found.append((said, _number("none" if kind == "harmless" else kind, is_other), 0.4))
    for file in sorted((resources() / "care" / "examples").glob("*.txt")):
        for mark, said in examples_of(file):
            if chance.random() < 0.5:
                found.append((said, _number(file.stem if mark == "+" else "none", is_other=False), 0.4))
    return found


def _number(kind: str, is_other: bool) -> int:
    kind = kind.replace("-", "").replace("_", "")
    return _NAMES.index("third" if is_other and kind == "suicide" else kind if kind in _NAMES else "none")


def _texts(file: Path) -> Iterator[str]:
    return (
        line for line in file.read_text("utf-8").splitlines() if line and not re.match(r"#|\[\w+\]$", line)
    )


class Teacher(nn.Module):
    """The whole encoder, with a judgement on top."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.tokens = AutoTokenizer.from_pretrained(folder)
        self.encoder = AutoModel.from_pretrained(folder)
        self.judge = nn.Linear(384, len(CLASSES))

    def forward(self, texts: Sequence[str]) -> Any:
        given = self.tokens(
            list(texts), padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt"
        )
        hidden, mask = self.encoder(**given).last_hidden_state, given["attention_mask"].unsqueeze(-1)
        return self.judge(nn.functional.dropout((hidden * mask).sum(1) / mask.sum(1), 0.1, self.training))


class Pupil(nn.Module):
    """Some of its layers, thinner, over a smaller vocabulary."""

    def __init__(self, teacher: Teacher, texts: Sequence[str]) -> None:
        super().__init__()
        words, encoder = teacher.encoder.embeddings, teacher.encoder.encoder
        self.tokens, self.kept = teacher.tokens, _vocabulary(teacher.tokens, texts)
        self.place = {token: at for at, token in enumerate(self.kept)}
        table = words.word_embeddings.weight.detach()[self.kept]
        middle = table.mean(0)
        _, _, turned = torch.linalg.svd(table - middle, full_matrices=False)
        self.pieces = nn.Embedding.from_pretrained((table - middle) @ turned[:_RANK].T, freeze=False)
        self.spread = nn.Parameter(turned[:_RANK].clone())
        places = words.position_embeddings.weight.detach()[:_LONGEST]
        self.places = nn.Parameter(places + words.token_type_embeddings.weight.detach()[0] + middle)
        self.first_norm = copy.deepcopy(words.LayerNorm)
        self.layers = nn.ModuleList(_thinner(encoder.layer[at]) for at in _LAYERS)
        self.judge = copy.deepcopy(teacher.judge)

    def forward(self, texts: Sequence[str]) -> Any:
        cut = self.tokens([plain(text) for text in texts], truncation=True, max_length=_LONGEST)["input_ids"]
        unknown, longest = self.place[self.tokens.unk_token_id], max(map(len, cut))
        ids = torch.zeros(len(cut), longest, dtype=torch.long)
        mask = torch.zeros(len(cut), longest)
        for row, pieces in enumerate(cut):
            ids[row, : len(pieces)] = torch.tensor([self.place.get(piece, unknown) for piece in pieces])
            mask[row, : len(pieces)] = 1
        if self.training:  # some words are not understood
            ids = ids.masked_fill((torch.rand(ids.shape) < 0.06) & (mask == 1), unknown)
        x = self.first_norm(self.pieces(ids) @ self.spread + self.places[:longest])
        x = nn.functional.dropout(x, 0.1, self.training)
        for layer in self.layers:
            x = layer(x, (1 - mask[:, None, None, :]) * -1e4)
            x = x[0] if isinstance(x, tuple) else x
        pooled = (x * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        return self.judge(nn.functional.dropout(pooled, 0.1, self.training))


def _vocabulary(tokens: Any, texts: Sequence[str]) -> list[int]:
    """The signs, then the pieces of usual English, the most usual words first."""
    import wordfreq  # type: ignore[import-not-found]

    ids: dict[str, int] = tokens.get_vocab()
    usual = [word for word in wordfreq.top_n_list("en", 40_000) if re.fullmatch(r"[a-z']{1,18}", word)]
    needed = Counter(
        piece
        for cut in tokens([*usual, *map(plain, texts)], add_special_tokens=False)["input_ids"]
        for piece in cut
    )
    needed.update(at for piece, at in ids.items() if re.fullmatch(r"(##)?[a-z0-9'.]", piece))
    ranks = {ids[word]: at for at, word in reversed(list(enumerate(usual))) if word in ids}
    signs = [ids[each] for each in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")]
    return signs + sorted(set(needed) - set(signs), key=lambda at: (ranks.get(at, 10**9), at))


def _thinner(layer: Any) -> Any:
    """A copy with the inner numbers that weigh most."""
    layer = copy.deepcopy(layer)
    wide, narrow = layer.intermediate.dense, layer.output.dense
    weight = wide.weight.norm(dim=1) * narrow.weight.norm(dim=0)
    kept = weight.topk(_INNER).indices.sort().values
    layer.intermediate.dense, layer.output.dense = nn.Linear(384, _INNER), nn.Linear(_INNER, 384)
    layer.intermediate.dense.weight.data = wide.weight.data[kept].clone()
    layer.intermediate.dense.bias.data = wide.bias.data[kept].clone()
    layer.output.dense.weight.data = narrow.weight.data[:, kept].clone()
    layer.output.dense.bias.data = narrow.bias.data.clone()
    layer.intermediate.intermediate_act_fn = nn.GELU("tanh")
    return layer


def fit(net: nn.Module, said: list[Row], epochs: int, rate: float, judged: Any = None) -> None:
    """Teaches `net`; `judged`: what a teacher says of each row, which counts as much as its label."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    mixed = len(said) // 6 if judged is not None else 0
    steps, step = epochs * ((len(said) + mixed) // _BATCH + 1), 0
    for epoch in range(epochs):
        goals = nn.functional.one_hot(torch.tensor([row[1] for row in said]), len(CLASSES)).float()
        goals = goals * 0.95 + 0.05 / len(CLASSES)
        if judged is not None:
            goals = (goals + judged) / 2
        batch_of = list(zip(said, goals, strict=True)) + list(_mixed(said, mixed))
        random.shuffle(batch_of)
        blocks = [
            sorted(batch_of[at : at + 16 * _BATCH], key=lambda each: len(each[0][0]))
            for at in range(0, len(batch_of), 16 * _BATCH)
        ]
        batches = [block[at : at + _BATCH] for block in blocks for at in range(0, len(block), _BATCH)]
        random.shuffle(batches)
        net.train()
        for batch in batches:
            step += 1
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1, step / (0.06 * steps)) * max(0.03, 1 - step / steps)
            goal = torch.stack([goal for _, goal in batch])
            loss = -(goal * net([row[0] for row, _ in batch]).log_softmax(1)).sum(1)
            weighed = (loss * torch.tensor([row[2] for row, _ in batch])).mean()
            optimiser.zero_grad()
            weighed.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
        print(f"epoch {epoch + 1} of {epochs}: {weighed.item():.3f}", flush=True)
    net.eval()


def _mixed(said: list[Row], count: int) -> Iterator[tuple[Row, Any]]:
    """Longer messages: danger among what is harmless, or nothing but that."""
    calm = [row for row in said if row[1] == 0 and row[2] == 1.0]
    grave = [row for row in said if row[1] != 0 and row[2] == 1.0]
    for at in range(count):
        both = [random.choice(calm), random.choice(grave if at % 2 else calm)]
        random.shuffle(both)
        number = max(row[1] for row in both)
        goal = nn.functional.one_hot(torch.tensor(number), len(CLASSES)).float() * 0.94 + 0.06 / len(CLASSES)
        yield (". ".join(row[0] for row in both), number, 0.7), goal


def save(pupil: Pupil, folder: Path) -> None:
    """Each table in one byte a number with one scale a column; the rest in two bytes."""
    kept: dict[str, Any] = {}

    def small(name: str, table: Any) -> None:
        numbers = table.detach().numpy()
        scale = np.abs(numbers).max(0) / 127 + 1e-12
        kept[name], kept[f"{name}_scale"] = (
            np.rint(numbers / scale).astype(np.int8),
            scale.astype(np.float32),
        )

    def half(name: str, *tables: Any) -> None:
        each = [table.detach().numpy().astype(np.float16) for table in tables]
        kept[name] = each[0] if len(each) == 1 else np.stack(each)

    small("pieces", pupil.pieces.weight)
    half("spread", pupil.spread)
    half("places", pupil.places)
    half("first_norm", pupil.first_norm.weight, pupil.first_norm.bias)
    for at, layer in enumerate(pupil.layers):
        own = layer.attention.self
        small(f"{at}_attend", torch.cat([part.weight.T for part in (own.query, own.key, own.value)], 1))
        half(f"{at}_attend_bias", torch.cat([own.query.bias, own.key.bias, own.value.bias]))
        for name, dense in (
            ("gather", layer.attention.output.dense),
            ("widen", layer.intermediate.dense),
            ("narrow", layer.output.dense),
        ):
            small(f"{at}_{name}", dense.weight.T)
            half(f"{at}_{name}_bias", dense.bias)
        first, last = layer.attention.output.LayerNorm, layer.output.LayerNorm
        half(f"{at}_norm", first.weight, first.bias, last.weight, last.bias)
    half("judge", pupil.judge.weight.T)
    half("judge_bias", pupil.judge.bias)
    np.savez(folder / "network.npz", **kept)
    names = {at: piece for piece, at in pupil.tokens.get_vocab().items()}
    (folder / "pieces.txt").write_text("\n".join(names[at] for at in pupil.kept) + "\n", encoding="utf-8")


def main(encoder: str) -> None:
    torch.manual_seed(0)
    random.seed(0)
    said = rows()
    teacher = Teacher(encoder)
    fit(teacher, said, epochs=4, rate=4e-5)
    with torch.inference_mode():
        judged = torch.cat([teacher([row[0]]).softmax(1) for row in said])
    pupil = Pupil(teacher, [row[0] for row in said])
    fit(pupil, said, epochs=5, rate=6e-5, judged=judged)
    save(pupil, resources() / "care")


if __name__ == "__main__":
    main(sys.argv[1])
