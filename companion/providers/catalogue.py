"""What is known of models: context, price, retirement, abilities. Read from `resources/models.yaml` on first use.

The catalogue informs and never forbids: a model it does not know is used all the same, only without price and limits.
The file is YAML whose rows are written as JSON, so that the standard library reads it in a millisecond; a file edited
into freer YAML is read as well, more slowly.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from companion.errors import CompanionError, Kind
from companion.flow import Role, Usage
from companion.paths import resources

_DATED = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})$|:latest$")
_FAMILIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"(gpt-(?!oss)|chatgpt-|o\d(-|$)|tts-|whisper-1)"), "openai"),
    (re.compile(r"(gemini|gemma)-"), "google"),
    (re.compile(r"(mi[sn]tral|ministral|magistral|codestral|voxtral|pixtral)"), "mistral"),
    (re.compile(r"grok-"), "xai"),
    (re.compile(r"deepseek-"), "deepseek"),
    (re.compile(r"(nova-|flux-|aura-)"), "deepgram"),
    (re.compile(r"(sonic-|ink-)"), "cartesia"),
    (re.compile(r"(eleven_|scribe_)"), "elevenlabs"),
)
"""How vendors name their models, for those the file does not hold yet."""


_HINT = "Put back the models.yaml that came with Companion."


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model of one provider. Prices are in US dollars; None: not known."""

    provider: str
    model: str
    role: Role
    label: str
    """As a person reads it: "Claude Haiku 5.5"."""
    context_window: int | None = None
    max_output: int | None = None
    price_in: float | None = None
    """Per million tokens."""
    price_cached: float | None = None
    """Per million tokens read from the vendor's prompt cache."""
    price_out: float | None = None
    """Per million tokens."""
    price_hour: float | None = None
    """Per hour of sound, heard or spoken."""
    price_mchars: float | None = None
    """Per million characters spoken."""
    price_rises: bool = False
    """The price goes up with very long prompts; ours are short."""
    abilities: frozenset[str] = frozenset()
    """Of: streaming, vision, audio_in, reasoning, tools, json."""
    temperature: bool = True
    """Whether the model takes this parameter."""
    retires: datetime.date | None = None
    """From this day on requests fail."""

    def is_retired(self, today: datetime.date | None = None) -> bool:
        return self.retires is not None and (today or datetime.date.today()) >= self.retires  # noqa: DTZ011 - as people count days


class Catalogue:
    """All models, in the order they are best offered: newest family first, within it the cheaper first."""

    def __init__(self, entries: Iterable[ModelEntry]) -> None:
        self.entries = tuple(entries)
        self._by_model: dict[str, list[ModelEntry]] = {}
        for entry in self.entries:
            self._by_model.setdefault(entry.model, []).append(entry)

    @staticmethod
    @cache
    def load() -> Catalogue:
        """The catalogue that came with the program; read once per process."""
        return Catalogue(
            _entry(row) for row in parse((resources() / "models.yaml").read_text(encoding="utf-8"))
        )

    def find(self, model: str, provider: str | None = None) -> ModelEntry | None:
        """The model of that id, or the one of which it is a dated version; None: not known, yet usable."""
        for name in (model, _DATED.sub("", model)):
            for entry in self._by_model.get(name, ()):
                if provider is None or entry.provider == provider:
                    return entry
        return None

    def models(
        self,
        provider: str | None = None,
        role: Role | None = None,
        *,
        today: datetime.date | None = None,
    ) -> tuple[ModelEntry, ...]:
        """What can be chosen on that day, best first; retired models are left out."""
        return tuple(
            entry
            for entry in self.entries
            if provider in (None, entry.provider)
            and role in (None, entry.role)
            and not entry.is_retired(today)
        )

    def provider_of(self, model: str) -> str | None:
        """Whose model it is: by the file, else by the way vendors name theirs."""
        entry = self.find(model)
        if entry is not None:
            return entry.provider
        return next((provider for pattern, provider in _FAMILIES if pattern.match(model)), None)


def cost_usd(
    entry: ModelEntry | None, usage: Usage | None = None, *, seconds: float = 0.0, chars: int = 0
) -> float | None:
    """What a request cost, in US dollars: tokens for thinking, `seconds` of sound, `chars` spoken. None: not known."""
    if entry is None:
        return None
    cost = 0.0
    if usage is not None:
        if entry.price_in is None or entry.price_out is None:
            return None
        cached_price = entry.price_in if entry.price_cached is None else entry.price_cached
        fresh = max(0, usage.input_tokens - usage.cached_tokens)
        cost += (
            fresh * entry.price_in
            + usage.cached_tokens * cached_price
            + usage.output_tokens * entry.price_out
        )
    if seconds or chars:
        if entry.price_mchars is not None:
            cost += chars * entry.price_mchars
        elif entry.price_hour is not None:
            cost += seconds / 3600 * entry.price_hour * 1e6
        else:
            return None
    return cost / 1e6


def parse(text: str) -> list[dict[str, Any]]:
    """The rows of a models file.

    Raises:
        CompanionError: BAD_FILE for what is no list of rows.
    """
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    try:
        rows = json.loads("\n".join(lines))
    except ValueError:
        rows = _parse_yaml(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CompanionError(Kind.BAD_FILE, "models.yaml is not a list of models.", hint=_HINT)
    return rows


def _parse_yaml(text: str) -> object:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except (YAMLError, RecursionError) as error:
        raise CompanionError(Kind.BAD_FILE, "models.yaml cannot be read.", hint=_HINT, cause=error) from error


def _entry(row: dict[str, Any]) -> ModelEntry:
    values = dict(row)
    retires = values.pop("retires", None)
    if isinstance(retires, str):
        retires = datetime.date.fromisoformat(retires)
    role = Role(values.pop("role", Role.THINKS))
    abilities = frozenset(values.pop("abilities", ()))
    values.setdefault("label", values["model"])
    try:
        return ModelEntry(role=role, abilities=abilities, retires=retires, **values)
    except TypeError as error:
        raise CompanionError(
            Kind.BAD_FILE,
            f"models.yaml: {values['model']} has a field nobody knows.",
            hint=_HINT,
            cause=error,
        ) from error
