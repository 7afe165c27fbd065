"""`Spec`: what is known of a provider before its code is loaded."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from companion.frozen import Frozen
from companion.language import Worded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from companion.kinds import Role, VoiceInfo


class Spec(Worded, Frozen):
    """What is known of a provider before its code is loaded: enough for settings, validation and `PROVIDER_CONFIGS`."""

    WORDS = frozenset({"display_name", "summary", "summaries"})
    name: str
    """Registered name, lower case."""
    display_name: str
    roles: frozenset[Role]
    aliases: tuple[str, ...] = ()
    needs_key: bool = False
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold the key, the first wins."""
    key_prefixes: tuple[str, ...] = ()
    """How its keys begin, to notice a key pasted under the wrong vendor."""
    key_page: str = ""
    """Where a person gets a key."""
    base_url: str = ""
    """Default address; empty: there is none, the work is done here."""
    own_address: bool = False
    """The address is the person's own, `base_url` only a guess or an example; so are its keys and models."""
    address_env: str = ""
    """Environment variable that may hold it."""
    is_server: bool = False
    """A person declared it, with its address and its name; both are changed where it was declared."""
    default_models: Mapping[Role, str] = field(default_factory=dict)
    voices: tuple[VoiceInfo, ...] = ()
    """Voices that are known without asking."""
    hears_live: bool = False
    """Its recogniser works while the person still speaks; others wait for the end of the take."""
    live_models: frozenset[str] = frozenset()
    """The models that do so where the others do not."""
    follows_turns: bool = False
    """Its recogniser tells when a turn begins and ends (`Transcript.signal`)."""
    streams_text: bool = False
    """Its voice takes the text while it is written (`SpeakRequest.pieces`)."""
    batches: bool = False
    """Takes many chat requests at once (`AIProvider.batch`)."""
    realtime: tuple[str, ...] = ()
    """Models that hear, think and speak in one go (`AIProvider.realtime`), the default first; empty: none."""
    realtime_voices: tuple[str, ...] = ()
    """The voices of those models, the default first."""
    summary: str = ""
    """One sentence for the settings card: what it is and where the words go."""
    summaries: Mapping[Role, str] = field(default_factory=dict)
    """Another sentence on the card of a role, where the one for all would speak of something else."""
    install: str = ""
    """How to install it, where it is an extra."""
    usual_window: int = 8192
    """Tokens that every chat model of it can take, for those nobody knows."""
