"""What is known of models."""

from __future__ import annotations

import csv
import datetime
import subprocess
import sys
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.flow import Role, Usage
from companion.paths import resources
from companion.providers import Catalogue, registry
from companion.providers.catalogue import ModelEntry, cost_usd, parse

NOVEMBER_2026 = datetime.date(2026, 11, 20)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def test_it_knows_sixty_models_of_ten_vendors_without_doubles(catalogue: Catalogue) -> None:
    keys = [(entry.provider, entry.model) for entry in catalogue.entries]
    assert len(keys) == len(set(keys)) >= 60
    vendors = {
        "openai",
        "anthropic",
        "google",
        "groq",
        "mistral",
        "ollama",
        "deepgram",
        "elevenlabs",
        "cartesia",
        "xai",
    }
    assert vendors <= {entry.provider for entry in catalogue.entries}
    assert {entry.role for entry in catalogue.entries} == set(Role)


def test_what_it_says_of_a_model_is_what_the_vendor_says(catalogue: Catalogue) -> None:
    haiku = catalogue.find("claude-haiku-5-5")
    assert haiku is not None
    assert (haiku.provider, haiku.label, haiku.role) == ("anthropic", "Claude Haiku 5.5", Role.THINKS)
    assert (haiku.context_window, haiku.max_output) == (1_000_000, 128_000)
    assert (haiku.price_in, haiku.price_cached, haiku.price_out) == (0.1, 0.01, 0.5)
    assert not haiku.temperature
    assert {"streaming", "vision", "tools", "reasoning"} <= haiku.abilities
    speech = catalogue.find("gpt-4o-mini-tts")
    assert speech is not None
    assert (speech.role, speech.retires) == (Role.SPEAKS, datetime.date(2027, 1, 6))


def test_chat_models_have_what_cost_and_trimming_need(catalogue: Catalogue) -> None:
    lacking = [
        entry.model
        for entry in catalogue.models("openai", Role.THINKS) + catalogue.models("anthropic", Role.THINKS)
        if not (entry.context_window and entry.max_output and entry.price_in and entry.price_out)
    ]
    assert lacking == []


def test_every_label_reads_like_a_name(catalogue: Catalogue) -> None:
    odd = [
        entry.label
        for entry in catalogue.entries
        if not entry.label or "-latest" in entry.label or "_" in entry.label
    ]
    assert odd == []


def test_retired_models_are_not_offered_from_their_day_on(catalogue: Catalogue) -> None:
    def offered(day: datetime.date) -> set[str]:
        return {entry.model for entry in catalogue.models("openai", today=day)}

    assert "gpt-5" in offered(datetime.date(2026, 12, 10))
    assert "gpt-5" not in offered(datetime.date(2026, 12, 11))
    assert {"gpt-4o", "gpt-4.1-mini"} <= offered(datetime.date(2027, 1, 13))
    assert not {"gpt-4o", "gpt-4.1-mini"} & offered(datetime.date(2027, 1, 14))
    assert "whisper-1" not in offered(datetime.date(2027, 2, 26))


def test_newer_models_are_offered_first_and_ending_ones_last(catalogue: Catalogue) -> None:
    openai = [entry.model for entry in catalogue.models("openai", Role.THINKS, today=NOVEMBER_2026)]
    assert openai.index("gpt-6-luna") < openai.index("gpt-5.4") < openai.index("gpt-5-mini")
    assert catalogue.models("openai", Role.HEARS, today=NOVEMBER_2026)[0].model == "gpt-transcribe"
    assert catalogue.models("anthropic", Role.THINKS, today=NOVEMBER_2026)[0].model == "claude-haiku-5-5"


def test_a_role_has_only_its_own_models(catalogue: Catalogue) -> None:
    hearing = {entry.model for entry in catalogue.models("openai", Role.HEARS, today=NOVEMBER_2026)}
    live = {"gpt-live-transcribe", "gpt-realtime-whisper"}
    assert hearing == live | {"gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1"}
    assert catalogue.models("anthropic", Role.SPEAKS) == ()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt-6-luna", "gpt-6-luna"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("llama3.2:latest", "llama3.2"),
        ("gpt-oss:20b", "gpt-oss:20b"),
    ],
)
def test_a_dated_version_is_found_under_its_model(catalogue: Catalogue, asked: str, found: str) -> None:
    entry = catalogue.find(asked)
    assert entry is not None
    assert entry.model == found


def test_the_same_name_at_two_vendors_is_told_apart(catalogue: Catalogue) -> None:
    assert catalogue.find("gpt-6-luna", "anthropic") is None
    assert catalogue.find("gemini-3.8-flash", "google") is not None


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-6-luna", "openai"),
        ("gpt-9-imagined", "openai"),
        ("claude-imagined-9", "anthropic"),
        ("gemini-9-imagined", "google"),
        ("llama3.2", "ollama"),
        ("somebody/finetune-7b", None),
    ],
)
def test_whose_a_model_is(catalogue: Catalogue, model: str, provider: str | None) -> None:
    assert catalogue.provider_of(model) == provider


def test_default_models_of_vendors_are_known_and_current(catalogue: Catalogue) -> None:
    for spec in registry.specs():
        if spec.needs_key:
            for role, model in spec.default_models.items():
                entry = catalogue.find(model, spec.name)
                assert entry is not None, f"{spec.name}: {model}"
                assert entry.role is role
                assert not entry.is_retired(NOVEMBER_2026)


def test_cost_counts_cached_tokens_at_their_own_price(catalogue: Catalogue) -> None:
    haiku = catalogue.find("claude-haiku-5-5")
    usage = Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=200_000)
    assert cost_usd(haiku, usage) == pytest.approx(0.6 * 0.1 + 0.4 * 0.01 + 0.2 * 0.5)


def test_cost_of_hearing_and_speaking(catalogue: Catalogue) -> None:
    assert cost_usd(catalogue.find("gpt-transcribe"), seconds=3600) == pytest.approx(0.27)
    assert cost_usd(catalogue.find("tts-1"), seconds=60, chars=1_000_000) == pytest.approx(15)
    assert cost_usd(catalogue.find("gpt-4o-mini-tts"), seconds=3600, chars=40_000) == pytest.approx(0.9)


def test_an_unknown_price_is_not_called_free(catalogue: Catalogue) -> None:
    assert cost_usd(None, Usage(input_tokens=5)) is None
    unpriced = ModelEntry(provider="x", model="y", role=Role.THINKS, label="Y")
    assert cost_usd(unpriced, Usage(input_tokens=5)) is None
    assert cost_usd(unpriced, seconds=5.0) is None
    assert cost_usd(catalogue.find("llama3.2"), Usage(input_tokens=5, output_tokens=5)) == 0


def test_a_file_edited_into_freer_yaml_is_read_the_same() -> None:
    rows = parse("# comment\n- provider: openai\n  model: gpt-7 # new\n  price_in: 0.5\n")
    assert rows == parse(
        '# comment\n[\n  # here too\n  {"provider": "openai", "model": "gpt-7", "price_in": 0.5}\n]'
    )


@pytest.mark.parametrize("text", ["", "just words", "{a: 1}", "- - 1", "[{]", "[" * 500])
def test_a_broken_file_is_told(text: str) -> None:
    with pytest.raises(CompanionError) as caught:
        parse(text)
    assert caught.value.kind is Kind.BAD_FILE


def test_refreshing_keeps_what_a_person_wrote_and_takes_new_numbers(tmp_path: Path) -> None:
    script = tmp_path / "refresh_models.py"
    script.write_bytes((resources() / "refresh_models.py").read_bytes())
    (tmp_path / "models.yaml").write_text(
        '[{"provider": "openai", "model": "gpt-7-nova", "role": "llm", "label": "My Nova", "price_in": 9},\n'
        ' {"provider": "ollama", "model": "mine", "role": "llm", "label": "Mine"}]'
    )
    plain = (
        "provider",
        "model",
        "mode",
        "deprecation",
        "vision",
        "audio_in",
        "tools",
        "json_schema",
        "reasoning",
    )
    priced = (
        "in",
        "cache_read",
        "out",
        "ctx",
        "max_in",
        "max_out",
        "per_sec_in",
        "per_char_in",
        "per_sec_out",
    )
    columns = [*plain, *(f"{table}_{name}" for table in ("gp", "ll") for name in priced)]
    with open(tmp_path / "table.csv", "w", newline="") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        table.writerow(
            {"provider": "openai", "model": "gpt-7-nova", "mode": "chat", "gp_in": "0.3*", "gp_out": "1.5"}
        )
        table.writerow(
            {"provider": "openai", "model": "gpt-8-terra", "mode": "chat", "ll_in": "2.0", "tools": "1"}
        )
        dated = {"model": "gpt-8-terra-2028-01-01", "mode": "chat", "deprecation": "2029-01-01"}
        table.writerow({"provider": "openai", **dated})
        table.writerow({"provider": "openai", "model": "text-embedding-9", "mode": "embedding"})
    subprocess.run([sys.executable, script, tmp_path / "table.csv"], check=True, timeout=30)
    rows = {row["model"]: row for row in parse((tmp_path / "models.yaml").read_text())}
    assert set(rows) == {"gpt-7-nova", "gpt-8-terra", "mine"}
    assert rows["gpt-7-nova"]["label"] == "My Nova"
    assert (rows["gpt-7-nova"]["price_in"], rows["gpt-7-nova"]["price_rises"]) == (0.3, True)
    assert rows["gpt-8-terra"]["label"] == "GPT-8 Terra"
    assert rows["gpt-8-terra"]["retires"] == "2029-01-01"
    assert rows["gpt-8-terra"]["temperature"] is False
