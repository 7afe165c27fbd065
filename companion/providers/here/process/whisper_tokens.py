"""Whisper's tokens: numbers to text and, for words that are likely, text to numbers. From the files beside the model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

LANGUAGES_AFTER = "<|startoftranscript|>"
_END, _PREVIOUS = "<|endoftext|>", "<|startofprev|>"


class Tokens:
    """The tokens of one model.

    Args:
        words: every token in the order of its number, in GPT-2's spelling of bytes.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._numbers = {word: number for number, word in enumerate(words)}
        self.end = self._numbers[_END]
        self._bytes = _bytes_of_letters()
        self._letters = {byte: letter for letter, byte in self._bytes.items()}
        self._longest = max(map(len, words))

    @classmethod
    def read(cls, folder: Path) -> Tokens:
        """From `vocabulary.txt`, `vocabulary.json` or `tokenizer.json`, whichever is there.

        Raises:
            OSError, ValueError: no such file, or one that does not hold Whisper's tokens.
        """
        try:
            if (file := folder / "vocabulary.txt").is_file():
                return cls(file.read_text("utf-8").removesuffix("\n").split("\n"))
            if (file := folder / "vocabulary.json").is_file():
                return cls(json.loads(file.read_text("utf-8")))
            told = json.loads((folder / "tokenizer.json").read_text("utf-8"))
            numbers = dict(told["model"]["vocab"])
            numbers.update({added["content"]: added["id"] for added in told["added_tokens"]})
            words = [""] * (max(numbers.values()) + 1)
            for word, number in numbers.items():
                words[number] = word
            return cls(words)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{folder.name} holds no tokens of Whisper") from error

    def prompt(self, language: str, context: str = "") -> list[int]:
        """What the decoder is given to go on from; `language` is empty for a model of English only."""
        before = [self._numbers[_PREVIOUS], *self.encode(f" {context.strip()}")[-LONGEST_CONTEXT:]]
        names = [LANGUAGES_AFTER, *([f"<|{language}|>", "<|transcribe|>"] if language else [])]
        wanted = [self._numbers[name] for name in (*names, "<|notimestamps|>")]
        return [*before, *wanted] if context.strip() else wanted

    def knows(self, language: str) -> bool:
        return f"<|{language}|>" in self._numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """The text; what is no text is left out."""
        letters = "".join(self._words[number] for number in numbers if number < self.end)
        return bytes(self._bytes[letter] for letter in letters).decode("utf-8", "replace")

    def encode(self, text: str) -> list[int]:
        """Tokens that spell `text`, the longest first: near what the model saw in training, and enough for a hint."""
        letters = "".join(self._letters[byte] for byte in text.encode())
        found, start = [], 0
        while start < len(letters):
            size = min(self._longest, len(letters) - start)
            while letters[start : start + size] not in self._numbers:
                size -= 1
            found.append(self._numbers[letters[start : start + size]])
            start += size
        return found


LONGEST_CONTEXT = 200


def _bytes_of_letters() -> dict[str, int]:
    """GPT-2's spelling: bytes that can be seen stand for themselves, the others for the letters from U+0100 on."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(byte): byte for byte in seen}
    hidden = [byte for byte in range(256) if byte not in set(seen)]
    return letters | {chr(256 + place): byte for place, byte in enumerate(hidden)}
