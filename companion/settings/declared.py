"""Every setting there is. A form row, its validation, `config show`, the documentation and reset derive from the
declaration (`tree`), so adding a setting is adding one field here. Values only: frozen, no files, no parser.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from companion.frozen import Frozen
from companion.language import mark
from companion.settings.field import Page, setting
from companion.settings.languages import NAMES
from companion.settings.window import Appearance, General

if TYPE_CHECKING:
    from collections.abc import Mapping

    from companion.kinds import Role


class Block(Frozen):
    """One provider in one role. Empty text: the provider's own default."""

    model: str = setting("", label="Model", help="Empty: the provider's own default.")
    base_url: str = setting(
        "",
        label="Server address",
        help="Another address that speaks the same protocol.",
        takes_variables=True,
    )
    voice: str = setting("", label="Voice", help="Empty: the provider's own default.")
    speed: float = setting(1.0, label="Speed", help="1 is the voice's own pace.", low=0.5, high=2.0)


class RoleSettings(Frozen):
    """Who has a role, and how each provider is set up for it."""

    active: str
    stand_ins: str
    blocks: Mapping[str, Block] = field(default_factory=dict)
    """By the provider's registered name; a provider without choices of its own is absent."""

    def block(self, provider: str) -> Block:
        return self.blocks.get(provider, Block())


_ACTIVE_HELP = mark("Registered name of the provider.")
_STAND_INS_HELP = mark(
    "Who may be asked, in this order, when your choice fails. What you said then goes there."
)
OWN = ("active", "stand_ins")
"""The settings of a role that are not a provider's."""


class ThinkingSettings(RoleSettings):
    """Who thinks."""

    active: str = setting(
        "guide", label="Who thinks", help=_ACTIVE_HELP, page=Page.THINKING, environment="AI_PROVIDER"
    )
    stand_ins: str = setting("guide", label="Who answers instead", help=_STAND_INS_HELP, page=Page.THINKING)


class HearingSettings(RoleSettings):
    """Who hears."""

    active: str = setting(
        "builtin", label="Who hears", help=_ACTIVE_HELP, page=Page.HEARING, environment="AI_STT_PROVIDER"
    )
    stand_ins: str = setting("", label="Who hears instead", help=_STAND_INS_HELP, page=Page.HEARING)


class VoiceSettings(RoleSettings):
    """Who speaks."""

    active: str = setting(
        "builtin", label="Who speaks", help=_ACTIVE_HELP, page=Page.VOICE, environment="AI_TTS_PROVIDER"
    )
    stand_ins: str = setting("", label="Who speaks instead", help=_STAND_INS_HELP, page=Page.VOICE)


class Providers(Frozen):
    """Named by the values of `Role`."""

    llm: ThinkingSettings = ThinkingSettings()
    stt: HearingSettings = HearingSettings()
    tts: VoiceSettings = VoiceSettings()


class Server(Frozen):
    """One server of the person's own, or a cluster of servers that are alike."""

    address: str = setting(
        "",
        label="Address",
        help="Separate several with commas: if one does not answer, the next is asked.",
        takes_variables=True,
    )
    kind: str = setting(
        "openai",
        label="What it speaks",
        choices={
            "openai": "Like OpenAI (vLLM, Ray Serve, llama.cpp, LM Studio, speaches)",
            "wyoming": "Wyoming (hearing and voice)",
        },
    )
    label: str = setting("", label="Name", help="Whatever you like to call it.")
    does: str = setting(
        "", label="What it is used for", help="llm, stt, tts, embeddings. Empty: everything it can do."
    )


class Servers(Frozen):
    """Servers of the person's own, by the names they have among the providers."""

    by_name: Mapping[str, Server] = field(default_factory=dict)

    def server(self, name: str) -> Server:
        return self.by_name.get(name, Server())


class Talk(Frozen):
    """How a take begins and ends."""

    key: str = setting(
        "Space",
        label="Talk key",
        help="Hold it and speak. It works everywhere except in a text field.",
        page=Page.SHORTCUTS,
    )
    engine: str = setting(
        "separate",
        label="How a conversation runs",
        help="Speech to speech: one voice model hears, thinks and speaks. It answers sooner; your voice goes there.",
        suggestions={
            "separate": "Hearing, thinking and voice apart",
            "openai-realtime": "OpenAI speech to speech",
            "google-realtime": "Gemini speech to speech",
        },
        page=Page.THINKING,
    )
    realtime_model: str = setting("", label="Model for speech to speech", page=Page.THINKING)
    realtime_voice: str = setting("", label="Voice for speech to speech", page=Page.THINKING)
    mode: str = setting(
        "auto",
        label="How the talk key works",
        help="A short tap can keep the microphone open until the next tap.",
        choices={
            "auto": "Hold, or tap to keep open",
            "hold": "Only hold",
            "tap": "Only tap",
            "free": "Hands-free: just speak",
        },
        page=Page.TALKING,
    )
    headphones: bool = setting(
        False,
        label="I wear headphones",
        help="Hands-free then never mistakes the answer for you, and you can always talk over it.",
        page=Page.TALKING,
    )
    everywhere: bool = setting(
        False,
        label="Talk from other windows too",
        help="Asks the desktop for a key. If it offers none, set one up there that runs: companion toggle-talk",
        page=Page.SHORTCUTS,
    )
    everywhere_key: str = setting(
        "CTRL+ALT+space",
        label="Key to ask the desktop for",
        help="The desktop may choose another one, or let you choose.",
        page=Page.SHORTCUTS,
    )
    review_before_sending: bool = setting(
        False, label="Let me read my words before they are sent", page=Page.TALKING
    )
    language: str = setting(
        "",
        label="Language you speak",
        help="Recognisers that can, find it out while you speak. In the settings file also a code such as pt-BR.",
        suggestions={"": "Found out while I speak", **dict(sorted(NAMES.items(), key=lambda each: each[1]))},
        page=Page.HEARING,
    )
    longest_take_s: int = setting(
        300,
        label="Longest recording",
        help="The microphone closes by itself after this time.",
        unit="s",
        low=10,
        high=3600,
        suggestions={
            60: "1 minute",
            120: "2 minutes",
            300: "5 minutes",
            600: "10 minutes",
            1800: "Half an hour",
            3600: "1 hour",
        },
        page=Page.TALKING,
    )
    tap_ms: int = setting(
        250,
        label="Longest tap",
        help="A longer press counts as holding.",
        unit="ms",
        low=100,
        high=1000,
        page=Page.TALKING,
    )
    tail_ms: int = setting(
        200,
        label="Keep recording after release",
        help="So that the last word is not cut off.",
        unit="ms",
        low=0,
        high=1000,
        page=Page.TALKING,
    )


class Sound(Frozen):
    """Microphone, speaker and what they are used for."""

    microphone: str = setting(
        "", label="Microphone", help="Name of the device; empty: the system's choice.", page=Page.SOUND
    )
    speaker: str = setting(
        "", label="Speaker", help="Name of the device; empty: the system's choice.", page=Page.SOUND
    )
    keep_microphone_open: bool = setting(
        False,
        label="Keep the microphone open between recordings",
        help="Recordings begin at once, without losing a syllable. The system will show the microphone as in use "
        "all the time.",
        page=Page.SOUND,
    )
    speak_answers: bool = setting(True, label="Speak the answers", page=Page.VOICE)
    cues: bool = setting(True, label="Soft sounds when the microphone opens and closes", page=Page.SOUND)
    volume: float = setting(1.0, label="Volume of the voice", low=0.0, high=1.0, page=Page.SOUND)


class Journal(Frozen):
    """What is kept."""

    keep: bool = setting(
        True,
        label="Keep my reflections",
        help="Encrypted, on this computer. Off: a new reflection is forgotten when the window closes.",
        page=Page.JOURNAL,
    )
    recall: bool = setting(
        True,
        label="Remember earlier reflections while we talk",
        help="The few that bear on what you say, shown above the button each time.",
        page=Page.JOURNAL,
    )
    recall_to: str = setting(
        "",
        label="Who else may be told of them",
        help="Names of providers. Whoever thinks on this computer may; nobody else until you allow it.",
        page=None,
    )
    meaning_by: str = setting(
        "here",
        label="Search by meaning with",
        help="Anybody but this computer is sent the words of your journal, and what you look for, to make numbers of them. "
        "It may cost money, within your budget. What you say in private never goes there.",
        choices={
            "here": "This computer",
            "openai": "OpenAI",
            "google": "Google",
            "mistral": "Mistral",
            "ollama": "Ollama",
        },
        page=Page.JOURNAL,
    )
    keep_sound: str = setting(
        "until_written",
        label="Keep recordings of what I say and of the answers",
        help="Encrypted, beside the words; answers only for some days or always. Never: what could not be written down is "
        "lost when the window closes. Choosing less removes only what is older than the days you choose.",
        choices={
            "never": "Never",
            "until_written": "Until they are written down",
            "days": "For some days",
            "always": "Always",
        },
        page=Page.JOURNAL,
    )
    sound_days: int = setting(
        30,
        label="Days to keep recordings",
        help="If they are kept for some days.",
        unit="days",
        low=1,
        high=3650,
        page=Page.JOURNAL,
    )
    backup_folder: str = setting(
        "",
        label="Folder for backups",
        help="Encrypted, like the journal. Empty: beside it. Another drive also helps when this one breaks.",
        is_folder=True,
        page=Page.JOURNAL,
    )
    lock_after_min: int = setting(
        10,
        label="Lock when I am away for",
        help="Closes the journal and hides every word; not while you speak or listen. Ctrl+Shift+L: at once. 0: never.",
        unit="minutes",
        none="Never",
        low=0,
        high=720,
        page=Page.JOURNAL,
    )
    lock_with_screen: bool = setting(
        True,
        label="Lock with the screen and when the computer sleeps",
        page=Page.JOURNAL,
    )


class Reply(Frozen):
    """How the companion answers."""

    longest_answer: int = setting(
        300,
        label="Longest answer",
        unit="tokens",
        low=50,
        high=8000,
        suggestions={
            120: "A sentence or two",
            300: "About four sentences",
            700: "A few paragraphs",
            2000: "As long as it needs",
        },
        page=Page.THINKING,
    )
    monthly_budget_usd: float = setting(
        0.0,
        label="Most to spend in a month",
        help="As far as prices are known. Once it is used up, nothing that costs money is asked. 0 means no limit.",
        unit="$",
        none="No limit",
        low=0,
        high=10_000,
        page=Page.THINKING,
    )


class Care(Frozen):
    """Who can be reached when somebody may be in danger. There is no switch that leaves care out."""

    region: str = setting(
        "",
        label="Country whose help is shown",
        help="Whose numbers are shown when things are bad. In the settings file: two letters such as DE.",
        page=Page.PRIVACY,
    )
    trusted_person: str = setting(
        "",
        label="Somebody you trust",
        help="A name, as you say it. It is mentioned when things are bad; nobody is told or called.",
        page=Page.PRIVACY,
    )


class Practice(Frozen):
    """What a reflection follows."""

    current: str = setting(
        "open-reflection", label="Practice", help="The practice a new reflection begins with.", page=None
    )
    ask_mood: bool = setting(
        True,
        label="Ask how I am before and after a practice",
        help="Seven marks and a word, kept with the reflection. You can always leave them out.",
        page=Page.GENERAL,
    )


class Network(Frozen):
    """What may leave this computer, and how patiently."""

    offline: bool = setting(
        False,
        label="Offline mode",
        help="Nothing leaves this computer, whatever else is chosen. Anything under way stops at once.",
        page=Page.PRIVACY,
    )
    keys_in_own_network: bool = setting(
        False,
        label="Send keys to servers of my own network without encryption",
        help="For a server at home that speaks only http. Whoever shares the network can read the key.",
        page=Page.PRIVACY,
    )
    use_proxy: bool = setting(
        False,
        label="Use the proxy of this computer's environment",
        help="HTTPS_PROXY and HTTP_PROXY. Off: they are ignored.",
        page=Page.PRIVACY,
    )
    certificates: str = setting(
        "",
        label="Certificate of my own server",
        help="A file of certificates to trust in addition to the system's own. Checking cannot be switched off.",
        is_file=True,
        page=Page.PRIVACY,
    )
    models_mirror: str = setting(
        "",
        label="Mirror of the models",
        help="Address of a copy of the models (kind/name/file). It is asked first, and its files must match the "
        "known checksums.",
        page=Page.ADVANCED,
    )
    timeout_s: float = setting(
        60.0, label="Longest wait for an answer", unit="s", low=1, high=600, environment="AI_TIMEOUT"
    )
    max_retries: int = setting(
        2,
        label="Further attempts",
        help="Only before the first word of an answer has arrived.",
        low=0,
        high=10,
        environment="AI_MAX_RETRIES",
    )
    retry_backoff_s: float = setting(
        0.5,
        label="Pause before the second attempt",
        help="It doubles with each further one.",
        unit="s",
        low=0,
        high=60,
        environment="AI_RETRY_BACKOFF",
    )
    circuit_breaker: bool = setting(
        True,
        label="Leave a failing provider alone for a while",
        environment="AI_CIRCUIT_BREAKER",
    )
    circuit_breaker_threshold: int = setting(
        5,
        label="Failures in a row before that",
        low=1,
        high=100,
        environment="AI_CIRCUIT_BREAKER_THRESHOLD",
    )
    requests_per_min: int = setting(
        0,
        label="Most requests in a minute",
        help="0 means no limit of ours.",
        none="No limit",
        low=0,
        high=10_000,
        environment="AI_RATE_LIMIT",  # in requests a second
        environment_unit=60,
    )


class Settings(Frozen):
    """The whole tree. `Settings()` is what a person starts with."""

    practice: Practice = Practice()
    providers: Providers = Providers()
    servers: Servers = Servers()
    reply: Reply = Reply()
    talk: Talk = Talk()
    sound: Sound = Sound()
    appearance: Appearance = Appearance()
    general: General = General()
    journal: Journal = Journal()
    network: Network = Network()
    care: Care = Care()

    def role(self, role: Role) -> RoleSettings:
        """Who thinks, hears or speaks, with each provider's block."""
        choice: RoleSettings = getattr(self.providers, role.value)
        return choice
