"""Brings `models.yaml` up to date: `python .ci/refresh_models.py prices`, or with a table of new models as a file.

`prices` takes prices, context windows and who answers batches from the installed package `genai-prices`, for the rows
there are. A table (CSV) adds models and their abilities: its `gp_*` columns (USD per million tokens, `*` = rises with
prompt length) are believed before `ll_*`, and flags are 1, 0 or empty. What is in `HAND_MADE` stays as a person wrote it,
and so do rows that neither source knows.
"""

from __future__ import annotations

import csv
import datetime
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

YAML_FILE = Path(__file__).parent.parent / "resources" / "models.yaml"
HEADER = """\
# The models Companion knows: context, limits, prices (US dollars), abilities, retirement. YAML, one JSON row per model.
# Refresh numbers with refresh_models.py; add a model by adding a row. Unknown models work too, only without a price.
# price_in, price_cached, price_out, price_audio_*: per million tokens. price_hour: of sound. price_mchars: per million
# characters. later: other values from a day on. refuses: fields of ChatRequest it does not take. aliases: short names.
"""
ROLES = {"chat": "llm", "audio_transcription": "stt", "audio_speech": "tts", "embedding": "embeddings"}
PROVIDERS = {"gemini": "google"}
ABILITIES = {
    "vision": "vision",
    "audio_in": "audio_in",
    "tools": "tools",
    "json_schema": "json",
    "reasoning": "reasoning",
}
HAND_MADE = ("label", "aliases", "retires", "successor", "refuses", "efforts", "later")
ORDER = (
    "openai",
    "anthropic",
    "google",
    "groq",
    "mistral",
    "deepseek",
    "xai",
    "cerebras",
    "openrouter",
    "nvidia",
    "huggingface",
    "ollama",
    "deepgram",
    "cartesia",
    "elevenlabs",
)
HAND_MADE_VENDORS = ("ollama",)
"""Theirs is what people fetch, and what a table says of it is about one size of it."""
NOT_FOR_TALKING = re.compile(
    r"preview|exp-|experimental|beta|-latest$|cyber|code|build|search|daybreak|rosalind|law|guard|devstral|container"
    r"|lyria|robotics|omni|learnlm|gemma-[23]|leanstral|glm|mamba|gv2|multi-agent|vision-exp|audio|translate|diarize"
    r"|streaming/|vibe|-1106|reasoning|arabic|deep-research|deepseek-(r1|v3|coder|v4-1)|^base|^enhanced"
    r"|^whisper(-tiny|-base|-small|-medium|-large)?$|^nova(-2.*|-general|-phonecall)?$|-tiny|open-mistral|pixtral"
    r"|mistral-(small|medium)$|mistral-(large|medium)-(2512|2604|3\.5)$|ministral-3-|voxtral.*-2\d{3}|-\d-0$"
    r"|live|realtime|llama2|internlm|-instruct|_v1$|turbo_v2$|flash_v2$"
    r"|ada-002|embed-2312|^llama-3\.1|^gpt-5\.6$|^gemma-4-31b$",
    re.IGNORECASE,
)
"""What is no partner in a conversation, an older name of something listed, or needs a connection we do not make."""
DATED = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|0309)$")
NO_TEMPERATURE = re.compile(r"claude-|gpt-[5-9]|o\d|gemini-(3\.[6-9]|3\.5-flash-lite|[4-9])")
"""Models that refuse the parameter, or any value but the default."""
PRICE_LISTS = {"xai": "x-ai"}
"""Our name of a vendor -> its name in genai-prices, where they differ."""
PRICES = {
    "price_in": "input_mtok",
    "price_cached": "cache_read_mtok",
    "price_out": "output_mtok",
    "price_audio_in": "input_audio_mtok",
    "price_audio_cached": "cache_audio_read_mtok",
    "price_audio_out": "output_audio_mtok",
    "price_hour": "audio_hours",
    "price_mchars": "input_mchars",
}
"""Our name of a price -> its name in genai-prices."""
WORDS = {"gpt": "GPT", "tts": "TTS", "oss": "OSS", "hd": "HD", "it": "", "deepseek": "DeepSeek", "o3": "o3"}


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: refresh_models.py prices | TABLE.csv", file=sys.stderr)  # noqa: T201 - a script
        return 2
    kept = {(row["provider"], row["model"]): row for row in _read(YAML_FILE)}
    if sys.argv[1] == "prices":
        for row in kept.values():
            row.update(listed(row))
    else:
        _take_table(kept, Path(sys.argv[1]))
    rows = sorted(kept.values(), key=_rank)
    body = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    YAML_FILE.write_text(f"{HEADER}[\n{body}\n]\n", encoding="utf-8")
    return 0


def _take_table(kept: dict[tuple[str, str], dict[str, Any]], path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as table:
        lines = list(csv.DictReader(table))
    ends = _ends_of_dated_versions(lines)
    for row in filter(None, map(_row, lines)):
        key = (row["provider"], row["model"])
        if key in ends:
            row.setdefault("retires", ends[key])
        before = kept.get(key, {})
        if "batch" in before.get("abilities", ()):
            row["abilities"] = [*row.get("abilities", ()), "batch"]
        kept[key] = before | row | {name: before[name] for name in HAND_MADE if name in before}


# -- prices of the package ----------------------------------------------------------------------------------


def listed(row: dict[str, Any], today: datetime.date | None = None) -> dict[str, Any]:
    """What the installed genai-prices says about a row: prices of that day and later ones, context, batches."""
    model = _listed_model(row)
    if model is None:
        return {}
    today = today or datetime.date.today()  # noqa: DTZ011 - as people count days
    steps = list(_price_steps(model, row["role"]))
    found: dict[str, Any] = {}
    for since, prices in steps:
        if since is None or since <= today:
            found |= prices
    later = [{"from": str(since), **prices} for since, prices in steps if since is not None and since > today]
    if later:
        found["later"] = later
    if model.context_window and "context_window" not in row:
        found["context_window"] = model.context_window
    if _has_batch_price(model):
        found["abilities"] = [*(each for each in row.get("abilities", ()) if each != "batch"), "batch"]
    return found


def _listed_model(row: dict[str, Any]) -> Any:
    from genai_prices.data import providers

    name = PRICE_LISTS.get(row["provider"], row["provider"])
    vendor = next((each for each in providers if each.id == name), None)
    return vendor.find_model(row["model"]) if vendor is not None else None


def _price_steps(model: Any, role: str) -> Iterator[tuple[datetime.date | None, dict[str, float]]]:
    """Prices with the day they begin; those of single hours of the day are left out."""
    steps = model.prices if isinstance(model.prices, list) else [None]
    for step in steps:
        constraint = getattr(step, "constraint", None)
        if constraint is not None and not hasattr(constraint, "start_date"):
            continue
        source = model.prices if step is None else step.prices
        yield getattr(constraint, "start_date", None), _prices(source, role)


def _prices(source: Any, role: str) -> dict[str, float]:
    found: dict[str, float] = {}
    names = dict(PRICES)
    if role == "images" and getattr(source, "output_image_mtok", None):
        names["price_out"] = "output_image_mtok"
    for name, theirs in names.items():
        value = getattr(source, theirs, None)
        if value is not None:
            _put(found, name, float(getattr(value, "base", value)))
            if name == "price_in" and hasattr(value, "base"):
                found["price_rises"] = True
    if role == "embeddings" and found:
        found["price_out"] = 0
    return found


def _has_batch_price(model: Any) -> bool:
    return any(variant.when.get("processing") == "batch" for variant in model.price_variants or ())


# -- models of a table --------------------------------------------------------------------------------------


def _ends_of_dated_versions(lines: list[dict[str, str]]) -> dict[tuple[str, str], str]:
    """A model ends with the last of its dated versions, which is where some vendors write the date."""
    ends: dict[tuple[str, str], str] = {}
    for line in lines:
        if DATED.search(line["model"]) and line["deprecation"]:
            key = (PROVIDERS.get(line["provider"], line["provider"]), DATED.sub("", line["model"]))
            ends[key] = max(ends.get(key, ""), line["deprecation"])
    return ends


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    from companion.providers.catalogue import parse

    return parse(path.read_text(encoding="utf-8"))


def _row(line: dict[str, str]) -> dict[str, Any] | None:
    provider = PROVIDERS.get(line["provider"], line["provider"])
    model, role = line["model"], ROLES.get(line["mode"])
    if (
        role is None
        or provider not in ORDER
        or provider in HAND_MADE_VENDORS
        or NOT_FOR_TALKING.search(model)
        or DATED.search(model)
    ):
        return None
    row: dict[str, Any] = {"provider": provider, "model": model, "role": role, "label": label(model)}
    _put(row, "context_window", _number(line["gp_ctx"] or line["ll_max_in"]), whole=True)
    _put(row, "max_output", _number(line["ll_max_out"]), whole=True)
    _put_prices(row, line)
    if role == "embeddings":
        row["price_out"] = 0
    abilities = [name for column, name in ABILITIES.items() if line[column] == "1"]
    if role == "llm":
        row["abilities"] = ["streaming", *abilities]
        if NO_TEMPERATURE.match(model):
            row["refuses"] = ["temperature", "top_p"]
    if line["deprecation"]:
        row["retires"] = line["deprecation"]
    return row


def _put_prices(row: dict[str, Any], line: dict[str, str]) -> None:
    for name, column in (("price_in", "in"), ("price_cached", "cache_read"), ("price_out", "out")):
        _put(row, name, _number(line[f"gp_{column}"] or line[f"ll_{column}"]))
    if "*" in line["gp_in"]:
        row["price_rises"] = True
    if row["role"] != "llm":
        per_second = _number(line["ll_per_sec_in"]) or _number(line["ll_per_sec_out"])
        _put(row, "price_hour", round(per_second * 3600, 4) if per_second else None)
        per_char = _number(line["ll_per_char_in"])
        _put(row, "price_mchars", round(per_char * 1e6, 4) if per_char else None)


def _put(row: dict[str, Any], name: str, value: float | None, *, whole: bool = False) -> None:
    if value is not None:
        row[name] = int(value) if whole or value == int(value) else value


def _number(text: str) -> float | None:
    return float(text.rstrip("*")) if text else None


def label(model: str) -> str:
    """How a person reads a model's id: `claude-haiku-5-5` is "Claude Haiku 5.5"."""
    name = model.rsplit("/", 1)[-1].replace("_", "-")
    name = re.sub(r"(?<=[-v])(\d)-(\d)(?=-|$)", r"\1.\2", name)
    name = re.sub(r"([A-Za-z]{3,})(\d)", r"\1-\2", name)
    words = [WORDS.get(word, _capitalised(word)) for word in re.split(r"[-:]", name)]
    return re.sub(r"^(GPT|TTS) (\S)", r"\1-\2", " ".join(word for word in words if word))


def _capitalised(word: str) -> str:
    if re.fullmatch(r"v[\d.]+", word):
        return word
    return word.upper() if re.fullmatch(r"[ae]?\d+b", word) else word[:1].upper() + word[1:]


def _rank(row: dict[str, Any]) -> tuple[object, ...]:
    """Newest first, then the cheaper; what is about to end comes last."""
    numbers = [float(text) for text in re.findall(r"\d+(?:\.\d+)?", label(row["model"]))]
    version = next((number for number in numbers if number < 100), 0.0)
    price = row.get("price_in", row.get("price_hour", row.get("price_mchars", 0)))
    role = ("llm", "stt", "tts", "embeddings", "images").index(row["role"])
    kind = (role, row.get("realtime", False), "retires" in row)
    return (ORDER.index(row["provider"]), *kind, -version, price, row["model"])


if __name__ == "__main__":
    raise SystemExit(main())
