"""What is known of models: context, price, abilities, retirement. Read from `resources/models.yaml` on first use.

The catalogue informs and never forbids: a model it does not know is used all the same, only without price and limits.
A name a person types becomes a model here: an id, an alias (`flux`, `haiku`), `provider/model`. The file is YAML whose
rows are written as JSON, so that the standard library reads it in a millisecond; freer YAML is read too, more slowly.
"""

from __future__ import annotations

import datetime
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

from companion.calls import Spelling
from companion.days import date_in_words
from companion.errors import CompanionError, Kind
from companion.flow import Usage
from companion.kinds import Role
from companion.language import mark, sentence, tr
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
BATCH_SHARE = 0.5
"""What vendors with batches ask for an answer in one, of its price."""
SOON = datetime.timedelta(days=60)
"""How long before its end a model is warned of."""
_HINT = "Put back the models.yaml that came with Companion."
_log = logging.getLogger(__name__)


_ENDED = mark("{label} ended on {day}")
_ENDS = mark("{label} ends on {day}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model of one provider. Prices are in US dollars; None: not known."""

    provider: str
    model: str
    role: Role
    label: str
    """As a person reads it: "Claude Haiku 5.5"."""
    aliases: tuple[str, ...] = ()
    """Short names for it; a role has each only once."""
    context_window: int | None = None
    """In tokens."""
    max_output: int | None = None
    """In tokens."""
    price_in: float | None = None
    """Per million tokens."""
    price_cached: float | None = None
    """Per million tokens read from the vendor's prompt cache."""
    price_out: float | None = None
    """Per million tokens; of a model that draws or films, per million tokens of picture or video."""
    price_audio_in: float | None = None
    """Per million tokens of sound, where it has a price of its own."""
    price_audio_cached: float | None = None
    price_audio_out: float | None = None
    price_hour: float | None = None
    """Per hour of sound, heard or spoken, or of video."""
    price_mchars: float | None = None
    """Per million characters spoken."""
    price_rises: bool = False
    """The price goes up with very long prompts; ours are short."""
    abilities: frozenset[str] = frozenset()
    """Of: streaming, vision, audio_in, reasoning, tools, json, batch."""
    refuses: frozenset[str] = frozenset()
    """Fields of `ChatRequest` that the model does not take."""
    efforts: tuple[str, ...] = ()
    """Values of `reasoning_effort` it takes; empty: not known."""
    dimensions: int | None = None
    """Of a model that makes vectors: how long they are unless asked otherwise."""
    realtime: bool = False
    """It hears, thinks and speaks in one go, and is chosen as such and not for a role (`Spec.realtime`)."""
    retires: datetime.date | None = None
    """From this day on requests fail."""
    successor: str = ""
    """Id of the model of the same provider that its vendor names instead."""
    config: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The program's own notes: the ranges of its parameters, for instance."""

    @property
    def id(self) -> str:
        """The same as `model`."""
        return self.model

    @property
    def name(self) -> str:
        """The same as `label`."""
        return self.label

    @property
    def capabilities(self) -> ModelCapabilities:
        """Its abilities as flags."""
        flags = {name: ability in self.abilities for name, ability in _ABILITIES.items()}
        return ModelCapabilities(max_tokens=self.max_output, **flags)

    @property
    def temperature(self) -> bool:
        """Whether the model takes this parameter."""
        return "temperature" not in self.refuses

    def is_retired(self, today: datetime.date | None = None) -> bool:
        return self.retires is not None and (today or _today()) >= self.retires

    def ends_soon(self, today: datetime.date | None = None) -> bool:
        """Whether it is gone or will be within `SOON`."""
        return self.retires is not None and self.retires - (today or _today()) <= SOON


_ABILITIES = {
    "supports_streaming": "streaming",
    "supports_vision": "vision",
    "supports_audio_input": "audio_in",
    "supports_reasoning": "reasoning",
    "supports_tools": "tools",
    "supports_json": "json",
    "supports_batch_api": "batch",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCapabilities:
    """What a model can do."""

    supports_streaming: bool = True
    supports_vision: bool = False
    supports_audio_input: bool = False
    supports_reasoning: bool = False
    supports_tools: bool = False
    supports_json: bool = False
    supports_batch_api: bool = False
    max_tokens: int | None = None
    """Longest answer; None: not known."""


class ModelConfig(ModelEntry, metaclass=Spelling):
    """`ModelEntry`, as a program writes its own: `ALL_MODELS.update({"my-model": ModelConfig(id="my-model", ...)})`."""

    def __new__(  # type: ignore[misc]
        cls,
        id: str,
        name: str,
        provider: str,
        capabilities: ModelCapabilities | None = None,
        config: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> ModelEntry:
        can = capabilities or ModelCapabilities()
        return ModelEntry(
            provider=provider,
            model=id,
            label=name,
            role=Role(others.pop("role", Role.THINKS)),
            max_output=can.max_tokens,
            abilities=frozenset(ability for flag, ability in _ABILITIES.items() if getattr(can, flag)),
            config=config or {},
            **others,
        )


class Named(NamedTuple):
    """What a name means."""

    provider: str | None
    """Whose model it is; None: nobody knows."""
    model: str
    """The id to send."""
    entry: ModelEntry | None
    """What is known of it; None: nothing, yet it is usable."""


class Catalogue:
    """All models, in the order they are best offered: newest family first, within it the cheaper first."""

    def __init__(self, entries: Iterable[ModelEntry]) -> None:
        self.entries: tuple[ModelEntry, ...] = ()
        self._by_model: dict[str, list[ModelEntry]] = {}
        self._by_alias: dict[str, list[ModelEntry]] = {}
        self.add(*entries)

    def add(self, *entries: ModelEntry) -> None:
        """Makes models known, behind those that are; one of the same provider, id and role takes the old one's place."""
        new = {(entry.provider, entry.model, entry.role) for entry in entries}
        kept = (each for each in self.entries if (each.provider, each.model, each.role) not in new)
        self.entries = (*kept, *entries)
        self._by_model.clear()
        self._by_alias.clear()
        for entry in self.entries:
            self._by_model.setdefault(entry.model, []).append(entry)
            for alias in entry.aliases:
                self._by_alias.setdefault(alias, []).append(entry)

    @staticmethod
    @cache
    def load() -> Catalogue:
        """The catalogue that came with the program, at the prices of today; read once per process."""
        rows = parse((resources() / "models.yaml").read_text(encoding="utf-8"))
        return Catalogue(_entry(row, _today()) for row in rows)

    def find(self, model: str, provider: str | None = None, role: Role | None = None) -> ModelEntry | None:
        """The model of that id, of which it is a dated version or an alias; None: not known, yet usable."""
        named = (self._by_model.get(model), self._by_model.get(_DATED.sub("", model)))
        for entries in (*named, self._by_alias.get(model.lower())):
            for entry in entries or ():
                if provider in (None, entry.provider) and role in (None, entry.role):
                    return entry
        return None

    def model_id(self, name: str, provider: str | None = None, role: Role | None = None) -> str:
        """The id to send for what a person typed: an alias becomes its model, everything else stays as it is."""
        if name in self._by_model:
            return name
        for entry in self._by_alias.get(name.lower(), ()):
            if provider in (None, entry.provider) and role in (None, entry.role):
                return entry.model
        return name

    def resolve(self, name: str, role: Role | None = None) -> Named:
        """Whose model is meant: by `provider/model`, by id, by alias, else by the way vendors name theirs.

        A gateway's id may look like `provider/model`; it is meant where that provider has no such model.
        """
        provider, _, rest = name.partition("/")
        is_addressed = bool(rest) and provider in {each.provider for each in self.entries}
        if is_addressed and (entry := self.find(rest, provider, role)) is not None:
            return Named(provider, self.model_id(rest, provider, role), entry)
        if (entry := self.find(name, role=role)) is not None:
            return Named(entry.provider, self.model_id(name, entry.provider, role), entry)
        if is_addressed:
            return Named(provider, rest, None)
        return Named(next((who for pattern, who in _FAMILIES if pattern.match(name)), None), name, None)

    def models(
        self,
        provider: str | None = None,
        role: Role | None = None,
        *,
        realtime: bool = False,
        today: datetime.date | None = None,
    ) -> tuple[ModelEntry, ...]:
        """What can be chosen for a role, or with `realtime` for speech to speech, on that day, best first."""
        return tuple(
            entry
            for entry in self.entries
            if provider in (None, entry.provider)
            and role in (None, entry.role)
            and entry.realtime is realtime
            and not entry.is_retired(today)
        )

    def provider_of(self, model: str) -> str | None:
        """Whose model it is: by the file, else by the way vendors name theirs."""
        return self.resolve(model).provider

    def warning(self, model: str, provider: str | None = None, today: datetime.date | None = None) -> str:
        """One sentence about a model that has ended or will soon, with what comes instead; empty: all is well."""
        entry = self.find(model, provider)
        if entry is None or entry.retires is None or not entry.ends_soon(today):
            return ""
        told = _ENDED if entry.is_retired(today) else _ENDS
        said = tr(told, label=entry.label, day=date_in_words(entry.retires))
        successor = self.find(entry.successor, entry.provider)
        if successor is None:
            return sentence(said)
        instead = tr(
            "its vendor names {label} ({model}) instead", label=successor.label, model=successor.model
        )
        return sentence(f"{said}; {instead}")

    def warn_once(self, model: str, provider: str) -> None:
        """Puts the warning about a model in use into the log, once per process."""
        if (model, provider) not in _warned and (said := self.warning(model, provider)):
            _warned.add((model, provider))
            _log.info("%s", said)


class _AllModels(MutableMapping[str, ModelEntry]):
    """The catalogue by model id, to look up and to add to: an entry, or a dictionary with `provider` and `config`."""

    def __getitem__(self, model: str) -> ModelEntry:
        entry = Catalogue.load().find(model)
        if entry is None:
            raise KeyError(model)
        return entry

    def __setitem__(self, model: str, value: ModelEntry | Mapping[str, Any]) -> None:
        entry = value if isinstance(value, ModelEntry) else value["config"]
        if not isinstance(value, ModelEntry):
            entry = replace(entry, provider=value["provider"])
        alias = () if model == entry.model else (model.lower(),)
        Catalogue.load().add(replace(entry, aliases=tuple(dict.fromkeys((*entry.aliases, *alias)))))

    def __delitem__(self, model: str) -> None:
        gone = self[model]
        catalogue = Catalogue.load()
        kept = [entry for entry in catalogue.entries if entry is not gone]
        catalogue.entries = ()
        catalogue.add(*kept)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(entry.model for entry in Catalogue.load().entries))

    def __len__(self) -> int:
        return len(list(iter(self)))


ALL_MODELS: MutableMapping[str, Any] = _AllModels()

_warned: set[tuple[str, str]] = set()


def _today() -> datetime.date:
    return datetime.date.today()  # noqa: DTZ011 - as people count days


def cost_usd(
    entry: ModelEntry | None, usage: Usage | None = None, *, seconds: float = 0.0, chars: int = 0
) -> float | None:
    """What a request cost, in US dollars: by tokens where they were counted and are what is charged for, else by `chars`
    spoken or `seconds` of sound. None: not known."""
    if entry is None or (usage is not None and not usage.is_plausible):
        return None
    if usage is not None and entry.price_in is not None and entry.price_out is not None:
        return _cost_of_tokens(entry, usage, entry.price_in, entry.price_out)
    if chars and entry.price_mchars is not None:
        return chars * entry.price_mchars / 1e6
    if seconds and entry.price_hour is not None:
        return seconds / 3600 * entry.price_hour
    return None if usage is not None or seconds or chars else 0.0


def _cost_of_tokens(entry: ModelEntry, usage: Usage, price_in: float, price_out: float) -> float:
    words = _tokens_cost(
        usage.input_tokens - usage.audio_input_tokens,
        usage.cached_tokens - usage.cached_audio_tokens,
        usage.output_tokens - usage.audio_output_tokens,
        prices=(price_in, entry.price_cached, price_out),
    )
    sound = _tokens_cost(
        usage.audio_input_tokens,
        usage.cached_audio_tokens,
        usage.audio_output_tokens,
        prices=(
            price_in if entry.price_audio_in is None else entry.price_audio_in,
            entry.price_cached if entry.price_audio_cached is None else entry.price_audio_cached,
            price_out if entry.price_audio_out is None else entry.price_audio_out,
        ),
    )
    return (words + sound) / 1e6


def _tokens_cost(read: int, cached: int, written: int, *, prices: tuple[float, float | None, float]) -> float:
    """`read` tokens, of which `cached` came from the vendor's cache, and `written` ones, in millionths of a dollar."""
    price_in, price_cached, price_out = prices
    cached = max(0, min(cached, read))
    fresh = max(0, read - cached) * price_in
    return fresh + cached * (price_in if price_cached is None else price_cached) + max(0, written) * price_out


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
    from companion import yaml_file

    try:
        return yaml_file.plain(yaml_file.parse(text))
    except yaml_file.BrokenFile as error:
        raise CompanionError(Kind.BAD_FILE, "models.yaml cannot be read.", hint=_HINT, cause=error) from error


def _entry(row: dict[str, Any], today: datetime.date) -> ModelEntry:
    values = dict(row)
    for later in values.pop("later", ()):
        if today >= _date(later["from"]):
            values |= {name: value for name, value in later.items() if name != "from"}
    retires = values.pop("retires", None)
    values["role"] = Role(values.get("role", Role.THINKS))
    for name in ("abilities", "refuses"):
        values[name] = frozenset(values.get(name, ()))
    for name in ("aliases", "efforts"):
        values[name] = tuple(values.get(name, ()))
    values.setdefault("label", values["model"])
    try:
        return ModelEntry(retires=_date(retires) if retires else None, **values)
    except TypeError as error:
        raise CompanionError(
            Kind.BAD_FILE,
            f"models.yaml: {values['model']} has a field nobody knows.",
            hint=_HINT,
            cause=error,
        ) from error


def _date(value: str | datetime.date) -> datetime.date:
    return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)
