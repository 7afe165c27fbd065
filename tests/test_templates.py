"""Prompt templates: what is wrong in a file is known when it is loaded, by line and by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.templates import PromptTemplate, TemplateError

REVIEW = "It is the $part.\n\nThey walked for ${minutes} minutes and paid $$5.\n$part again."


def test_gaps_are_filled_with_what_is_given() -> None:
    template = PromptTemplate.parse(REVIEW)
    assert template.variables == {"part", "minutes"}
    assert template.render(part="evening", minutes=20) == (
        "It is the evening.\n\nThey walked for 20 minutes and paid $5.\nevening again."
    )


def test_what_a_value_holds_is_never_read_as_a_template() -> None:
    template = PromptTemplate.parse("$said")
    for said in ("$said and $part", "${part}", "$$", "{0.__class__}", "\\g<0>", "%(x)s"):
        assert template.render(said=said) == said


@pytest.mark.parametrize("text", ["{part.__class__.__mro__}", "{part!r}", "%s", "{{part}}", "<% part %>"])
def test_no_other_way_of_writing_templates_does_anything(text: str) -> None:
    assert PromptTemplate.parse(text, variables={"part"}).render() == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one\ntwo $prat", "evening.md, line 2: there is no variable $prat; did you mean $part?"),
        ("$part\n\n${weather}", "evening.md, line 3: there is no variable $weather; there are: $part, $step"),
        ("5 $ please", "evening.md, line 1: a lone $; write $$ for a dollar sign"),
        ("a\n${part", "evening.md, line 2: a lone $"),
        ("${part.upper()}", "evening.md, line 1: a lone $"),
        ("${}", "evening.md, line 1: a lone $"),
        ("$partÄ $größe", "evening.md, line 1: there is no variable $gr"),
    ],
)
def test_a_wrong_file_is_refused_when_it_is_loaded(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "evening.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        PromptTemplate.load(path, variables={"part", "step"})
    assert str(caught.value).startswith(told)


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "evening.md"
    path.write_bytes("\ufeffGrüße am $day.\r\n\r\n".encode())
    template = PromptTemplate.load(path, variables={"day", "never used"})
    assert template.render(day="Montag") == "Grüße am Montag."


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 300_000])
def test_a_file_that_is_no_prompt_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "evening.md"
    path.write_bytes(content)
    with pytest.raises(TemplateError, match=r"evening\.md"):
        PromptTemplate.load(path)


def test_values_must_fit_the_gaps() -> None:
    template = PromptTemplate.parse(REVIEW, name="review")
    with pytest.raises(TemplateError, match=r"review: no value for \$part \(line 1\), \$minutes \(line 3\)"):
        template.render()
    with pytest.raises(TemplateError, match=r"no variable \$minute; did you mean \$minutes\?"):
        template.render(part="morning", minutes=3, minute=3)
    with pytest.raises(TemplateError, match="there are none"):
        PromptTemplate.parse("no gaps").render(part="morning")
