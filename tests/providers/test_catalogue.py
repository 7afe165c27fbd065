"""What is known of models."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.flow import ChatRequest, Usage
from companion.kinds import Role
from companion.paths import resources
from companion.providers import Catalogue, registry
from companion.providers.catalogue import ModelEntry, _entry as entry_of, cost_usd, parse

REFRESH = Path(__file__).parents[2] / ".ci" / "refresh_models.py"
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
        "openrouter",
        "nvidia",
        "huggingface",
    }
    assert vendors <= {entry.provider for entry in catalogue.entries}
    assert any(entry.realtime for entry in catalogue.entries)
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


def test_abilities_and_parameters_are_of_the_known_words(catalogue: Catalogue) -> None:
    abilities = {ability for entry in catalogue.entries for ability in entry.abilities}
    assert abilities == {"streaming", "vision", "audio_in", "reasoning", "tools", "json", "batch"}
    parameters = {field.name for field in dataclasses.fields(ChatRequest)}
    assert {parameter for entry in catalogue.entries for parameter in entry.refuses} <= parameters
    efforts = {"none", "minimal", "low", "medium", "high", "xhigh", "max"}
    assert {effort for entry in catalogue.entries for effort in entry.efforts} <= efforts


def test_vectors_and_pictures_have_their_prices(catalogue: Catalogue) -> None:
    small = catalogue.find("text-embedding-3-small")
    assert small is not None
    assert (small.role, small.dimensions, small.context_window) == (Role.EMBEDS, 1536, 8192)
    assert cost_usd(small, Usage(input_tokens=1_000_000)) == pytest.approx(0.02)
    picture = catalogue.find("gpt-image-2.5-flare")
    assert picture is not None
    assert (picture.role, picture.price_in, picture.price_out) == (Role.DRAWS, 5, 30)


def test_a_model_for_conversations_is_not_offered_for_writing(catalogue: Catalogue) -> None:
    live = {entry.model for entry in catalogue.models("openai", realtime=True, today=NOVEMBER_2026)}
    assert {"gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-live-1"} <= live
    assert not live & {entry.model for entry in catalogue.models("openai", today=NOVEMBER_2026)}
    spoken = Usage(input_tokens=1_000_000, audio_input_tokens=1_000_000)
    assert cost_usd(catalogue.find("gpt-realtime-2.1"), spoken) == pytest.approx(32)


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


def test_a_model_that_ends_has_a_successor_that_stays(catalogue: Catalogue) -> None:
    for entry in catalogue.entries:
        if entry.retires is None:
            assert not entry.successor
            continue
        if entry.role is Role.FILMS and entry.provider == "openai":  # the whole API ended with its models
            assert not catalogue.models("openai", Role.FILMS, today=NOVEMBER_2026)
            continue
        successor = catalogue.find(entry.successor, entry.provider)
        assert successor is not None, entry.model
        assert successor.retires is None or successor.retires > entry.retires, entry.model


def test_a_model_within_sixty_days_of_its_end_is_warned_of(catalogue: Catalogue) -> None:
    def said(day: datetime.date) -> str:
        return catalogue.warning("gpt-4o", "openai", day)

    assert said(datetime.date(2026, 11, 14)) == ""
    assert said(datetime.date(2026, 11, 15)) == (
        "GPT-4o ends on 14 January 2027; its vendor names GPT-6 Luna (gpt-6-luna) instead."
    )
    assert said(datetime.date(2027, 1, 14)).startswith("GPT-4o ended on 14 January 2027;")
    assert catalogue.warning("gpt-4o-2024-08-06", today=NOVEMBER_2026).startswith("GPT-4o ends")
    assert catalogue.warning("gpt-6-luna", today=NOVEMBER_2026) == ""
    assert catalogue.warning("somebody/finetune-7b", today=NOVEMBER_2026) == ""


def test_a_model_in_use_is_warned_of_in_the_log_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.catalogue._warned", set())
    ending = ModelEntry(
        provider="x", model="y-1", role=Role.THINKS, label="Y 1", retires=datetime.date(2001, 2, 3)
    )
    with caplog.at_level("INFO"):
        for _ in range(3):
            Catalogue([ending]).warn_once("y-1", "x")
    assert caplog.messages == ["Y 1 ended on 3 February 2001."]


def test_a_price_that_changes_holds_from_its_day_on() -> None:
    row = {"provider": "x", "model": "y", "price_in": 1, "later": [{"from": "2027-01-01", "price_in": 2}]}
    assert entry_of(row, datetime.date(2026, 12, 31)).price_in == 1
    assert entry_of(row, datetime.date(2027, 1, 1)).price_in == 2


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


@pytest.mark.parametrize(
    ("name", "role", "provider", "model"),
    [
        ("flux", Role.HEARS, "deepgram", "flux-general-en"),
        ("flux", Role.SPEAKS, "deepgram", "flux-alexis-en"),
        ("nova", None, "deepgram", "nova-3"),
        ("Sonic", None, "cartesia", "sonic-3.5"),
        ("ink", None, "cartesia", "ink-2"),
        ("scribe", None, "elevenlabs", "scribe_v3"),
        ("haiku", Role.THINKS, "anthropic", "claude-haiku-5-5"),
        ("gemini", None, "google", "gemini-3.8-flash"),
        ("google/flash", Role.THINKS, "google", "gemini-3.8-flash"),
        ("anthropic/claude-haiku-4-5-20251001", None, "anthropic", "claude-haiku-4-5-20251001"),
        ("openai/gpt-oss-120b", None, "groq", "openai/gpt-oss-120b"),
        ("openai/gpt-6-luna", None, "openai", "gpt-6-luna"),
        ("anthropic/claude-haiku-5.5", None, "openrouter", "anthropic/claude-haiku-5.5"),
        ("openai/gpt-9-imagined", None, "openai", "gpt-9-imagined"),
        ("gpt-9-imagined", None, "openai", "gpt-9-imagined"),
        ("somebody/finetune-7b", None, None, "somebody/finetune-7b"),
    ],
)
def test_a_name_becomes_a_model_and_its_vendor(
    catalogue: Catalogue, name: str, role: Role | None, provider: str | None, model: str
) -> None:
    named = catalogue.resolve(name, role)
    assert (named.provider, named.model) == (provider, model)
    assert (named.entry is None) == ("imagined" in model or "somebody" in model)


def test_an_alias_means_one_model_of_a_vendor_and_role(catalogue: Catalogue) -> None:
    meant = [(entry.provider, entry.role, alias) for entry in catalogue.entries for alias in entry.aliases]
    assert len(meant) == len(set(meant)) >= 20
    ids = {entry.model for entry in catalogue.entries}
    assert not ids & {alias for *_, alias in meant}


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
    script = tmp_path / ".ci" / "refresh_models.py"
    for folder in (script.parent, tmp_path / "resources"):
        folder.mkdir()
    script.write_bytes(REFRESH.read_bytes())
    (tmp_path / "resources" / "models.yaml").write_text(
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
        table.writerow({"provider": "openai", "model": "text-embedding-9", "mode": "moderation"})
        table.writerow({"provider": "openai", "model": "vector-9", "mode": "embedding"})
    subprocess.run([sys.executable, script, tmp_path / "table.csv"], check=True, timeout=30)
    rows = {row["model"]: row for row in parse((tmp_path / "resources" / "models.yaml").read_text())}
    assert set(rows) == {"gpt-7-nova", "gpt-8-terra", "mine", "vector-9"}
    assert rows["gpt-7-nova"]["label"] == "My Nova"
    assert (rows["gpt-7-nova"]["price_in"], rows["gpt-7-nova"]["price_rises"]) == (0.3, True)
    assert rows["gpt-8-terra"]["label"] == "GPT-8 Terra"
    assert rows["gpt-8-terra"]["retires"] == "2029-01-01"
    assert rows["gpt-8-terra"]["refuses"] == ["temperature", "top_p"]
    assert rows["vector-9"]["role"] == "embeddings"


@pytest.mark.long
def test_prices_and_context_windows_are_those_of_the_public_list() -> None:
    """Against genai-prices, which its maintainers keep; where it moved on, `refresh_models.py prices` follows."""
    location = importlib.util.spec_from_file_location("refresh_models", REFRESH)
    assert location is not None
    assert location.loader is not None
    refresh = importlib.util.module_from_spec(location)
    location.loader.exec_module(refresh)
    rows = parse((resources() / "models.yaml").read_text(encoding="utf-8"))
    compared, stale = 0, []
    for row in rows:
        found = refresh.listed(row)
        compared += bool(found)
        stale += [
            f"{row['provider']} {row['model']}: {name} {row.get(name)}, listed {value}"
            for name, value in found.items()
            if row.get(name) != value
        ]
    assert stale == []
    assert compared > 100
