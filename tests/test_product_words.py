"""The words of the product: what `resources/voice.md` says we do not write any more is written nowhere."""

from __future__ import annotations

import re
from functools import cache

from companion.paths import resources
from tests.product_words import sentences as all_sentences


@cache
def sentences() -> tuple[tuple[str, str], ...]:
    return tuple(all_sentences())


STIFF = re.compile(
    r"\bholds? at once\b|\bnobody could make it out\b|\bTo whom\b|\bbe heard rightly\b|\bgives none\b"
    r"|\bwaits? for (?:its|their) words\b|\bThe key of\b",
    re.IGNORECASE,
)


def table() -> list[tuple[str, str]]:
    lines = (resources() / "voice.md").read_text("utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [(before, after) for before, after in rows if before != "before"]


def test_the_page_has_ten_examples_and_no_old_sentence_is_written_any_more() -> None:
    assert len(table()) >= 10
    said = sentences()
    assert len(said) > 1_000, "they are not found any more"
    for before, _ in table():
        old = before.replace("OpenAI", "{who}").replace("openai", "{who}")
        assert not [where for where, text in said if old in text], before


def test_nothing_is_written_in_words_that_nobody_says() -> None:
    assert not [f"{where}: {text}" for where, text in sentences() if STIFF.search(text)]


def test_every_new_sentence_of_the_page_is_in_the_product() -> None:
    said = " ".join(re.sub(r"\s+", " ", re.sub(r"\{\w+\}", "{}", text)) for _, text in sentences())
    for _, after in table():
        shape = re.sub(r"\b(?:api\.openai\.com|attic\.local|OpenAI)\b", "{}", after)
        assert shape in said, after
