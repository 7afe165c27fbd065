"""Who has which role: settings in, names, addresses and what the window's pills show out. Pure reading, any thread.

Knows no keys and makes no providers: the first frame of the window needs it before the loop begins.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from companion.errors import CompanionError
from companion.events import EngineInUse
from companion.kinds import Role
from companion.language import tr
from companion.providers import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from companion.calls import RealtimeChoice
    from companion.providers.catalogue import ModelEntry
    from companion.providers.spec import Spec
    from companion.settings import Settings

OFFLINE: Mapping[Role, str] = {Role.THINKS: "guide", Role.HEARS: "builtin", Role.SPEAKS: "builtin"}
"""Who does a role on this computer, always."""
FINDS_OUT: Mapping[Role, str] = {**OFFLINE, Role.THINKS: "mind"}
"""Who finds out for itself which of this computer's models does a role."""
REALTIME = "-realtime"
"""Ends the value of `talk.engine` for a conversation with one voice model; before it stands the provider's name."""


def name_of(settings: Settings, role: Role, offline: frozenset[Role] = frozenset()) -> str:
    """The provider that has the role; roles in `offline` stay on this computer whatever is chosen."""
    name = settings.role(role).active
    if role in offline or (settings.network.offline and not _is_here(settings, role, name)):
        return OFFLINE[role]
    return name


def stand_ins(settings: Settings, role: Role, name: str) -> tuple[str, ...]:
    """Who may do the role when `name` fails: those ticked, in order, whoever always works here last."""
    ticked = settings.role(role).stand_ins.replace(",", " ").split()
    ordered = dict.fromkeys(sorted(ticked, key=lambda each: each == OFFLINE[role]))
    known = [each for each in ordered if each != name and _can(role, each)]
    return tuple(each for each in known if not settings.network.offline or _is_here(settings, role, each))


def address_of(settings: Settings, role: Role, name: str) -> str:
    """Where this provider is asked; empty: nowhere outside this process and its worker."""
    return settings.role(role).block(name).base_url or registry.find(name).base_url


def model_of(settings: Settings, role: Role, name: str) -> str:
    return settings.role(role).block(name).model or registry.find(name).default_models.get(role, "")


def full_name_of(settings: Settings, role: Role, name: str) -> str:
    """ "provider/model", as the journal keeps it."""
    model = model_of(settings, role, name)
    return f"{name}/{model}" if model else name


def entry_of(settings: Settings, role: Role, name: str) -> ModelEntry | None:
    """What the catalogue knows of the model."""
    from companion.providers.catalogue import Catalogue

    return Catalogue.load().find(model_of(settings, role, name), name)


def speech_to_speech(settings: Settings) -> Spec | None:
    """Whose voice model hears, thinks and speaks in one; None: three engines do."""
    engine = settings.talk.engine
    if settings.network.offline or not engine.endswith(REALTIME):
        return None
    try:
        spec = registry.find(engine.removesuffix(REALTIME))
    except CompanionError:
        return None
    return spec if spec.realtime else None


def realtime_choice(settings: Settings, spec: Spec) -> RealtimeChoice:
    """What a person chose for conversations with `spec`; a model or voice that is known to be another vendor's is not."""
    from companion.calls import RealtimeChoice

    talk = settings.talk
    others = [each for each in registry.specs() if each.name != spec.name]
    foreign = {name for each in others for name in (*each.realtime, *each.realtime_voices)}
    own = {*spec.realtime, *spec.realtime_voices}
    model, voice = (
        "" if name in foreign - own else name for name in (talk.realtime_model, talk.realtime_voice)
    )
    return RealtimeChoice(
        model=model or spec.realtime[0],
        voice=voice,
        language=language_of(settings),
        is_spoken=settings.sound.speak_answers,
    )


def label_of(full_name: str) -> str:
    """How a person knows "provider/model": by the model where it is asked at an address, else by the provider."""
    name, _, model = full_name.partition("/")
    try:
        spec = registry.find(name)
    except CompanionError:
        from companion.providers.model_names import label_of_model

        return label_of_model(model) or name
    return _label_elsewhere(name, model) or spec.display_name if spec.base_url else spec.display_name


def _label_elsewhere(name: str, model: str) -> str:
    """How a person knows a model that is asked at an address; empty: it has no name."""
    from companion.providers.catalogue import Catalogue
    from companion.providers.model_names import label_of_model

    entry = Catalogue.load().find(model, name)
    return entry.label if entry is not None else label_of_model(model)


def voice_choice(settings: Settings) -> tuple[str, RealtimeChoice] | None:
    """Which voice model a person talks to, and how; None: recogniser, model and voice are three."""
    spec = speech_to_speech(settings)
    return (spec.name, realtime_choice(settings, spec)) if spec is not None else None


def may_recall(settings: Settings, name: str) -> bool:
    """Whether whoever thinks may be told what the person said on earlier days: on this computer, or where they said so."""
    if not settings.journal.recall:
        return False
    return _is_here(settings, Role.THINKS, name) or name in recalled_to(settings)


def thinkers_elsewhere(settings: Settings) -> dict[str, str]:
    """Who is asked, or may stand in, or is allowed to know the journal, and is not this computer: name -> label."""
    name = name_of(settings, Role.THINKS)
    names = [name, *stand_ins(settings, Role.THINKS, name), *recalled_to(settings)]
    if (voice_model := speech_to_speech(settings)) is not None:
        names.insert(0, voice_model.name)
    found = {}
    for each in names:
        try:
            if not _is_here(settings, Role.THINKS, each):
                found[each] = registry.find(each).display_name
        except CompanionError:  # the settings name a provider that is not there
            continue
    return found


def recalled_to(settings: Settings) -> list[str]:
    """Those elsewhere who may know the journal."""
    return [name for name in re.split(r"[,\s]+", settings.journal.recall_to) if name]


def language_of(settings: Settings) -> str:
    """The language a person says they speak, as a tag; empty: it is to be found out."""
    return "" if settings.talk.language.strip().lower() == "auto" else settings.talk.language.strip()


def in_use(settings: Settings, role: Role, found: str = "") -> EngineInUse:
    """Who has a role now, as the window shows it; `found`: which model of this computer, where that was found out."""
    if (voice_model := speech_to_speech(settings)) is not None:
        return _in_conversation(settings, role, voice_model)
    try:
        name = name_of(settings, role)
        spec, address = registry.find(name), address_of(settings, role, name)
    except CompanionError as error:  # the settings name a provider that is not there
        return EngineInUse(role=role, provider=settings.role(role).active, label=error.message, host="")
    label, host = spec.display_name, _host(address)
    if address:
        label = _label_elsewhere(name, model_of(settings, role, name)) or label
    elif model := _model_here(settings, role, name, found):
        label = tr("This computer, {model}", model=model)
    return EngineInUse(role=role, provider=name, label=label, host=host)


def _model_here(settings: Settings, role: Role, name: str, found: str) -> str:
    """Which model of this computer has a role, as a person knows it; empty: none has, or it is not known yet."""
    block = settings.role(role).block(name)
    chosen = {
        "whisper": block.model or registry.find(name).default_models.get(role, ""),
        "piper": block.voice.partition("#")[0],
        "mind": block.model,
    }.get(name, "")
    model = chosen or (found if name == FINDS_OUT[role] else "")
    if not model:
        return ""
    if role is Role.HEARS:
        from companion.providers.here.whisper import label_of as recogniser_label

        return recogniser_label(model)
    from companion.providers.here.models.listing import ModelKind, find
    from companion.providers.here.voices import label_of as voice_label

    listed = find(ModelKind.VOICE if role is Role.SPEAKS else ModelKind.MIND, model)
    if listed is not None:
        return listed.label
    return voice_label(model) if role is Role.SPEAKS else PurePath(model).name.removesuffix(".gguf")


def _in_conversation(settings: Settings, role: Role, spec: Spec) -> EngineInUse:
    from companion.providers.catalogue import Catalogue

    model = realtime_choice(settings, spec).model
    entry = Catalogue.load().find(model, spec.name)
    host = _host(address_of(settings, Role.THINKS, spec.name))
    return EngineInUse(role=role, provider=spec.name, label=entry.label if entry else model, host=host)


def _host(address: str) -> str:
    """Where data goes outside this computer; empty: nowhere."""
    elsewhere = [each for each in address.split() if not _is_this_computer(each)]
    hosts = (each.partition("://")[2].partition("/")[0] for each in elsewhere)
    return ", ".join(each.rpartition("@")[2] for each in hosts)  # a name and a password are nobody's to read


def _can(role: Role, name: str) -> bool:
    try:
        return role in registry.find(name).roles
    except CompanionError:
        return False


def _is_here(settings: Settings, role: Role, name: str) -> bool:
    address = address_of(settings, role, name)
    return not address or _is_this_computer(address)


def _is_this_computer(address: str) -> bool:
    from companion.hosts import is_this_computer  # a window without a provider elsewhere need not wait for it

    return is_this_computer(address)
