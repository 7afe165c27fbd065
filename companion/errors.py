"""What can go wrong, told once: the kinds, the sentence and the next step of each.

An organ raises `CompanionError`; the engine catches once per turn and emits `Trouble`; the window shows the
card of the kind. The provider library's errors are the same tree, so one road serves both:

    CompanionError
      AIProviderError
        AIProviderAuthError            AIProviderQuotaError           AIProviderRateLimitError
          AIProviderKeyMissingError
        AIProviderInvalidRequestError  AIProviderModelNotFoundError   AIProviderContentRefusedError
        AIProviderNotSupportedError    AIProviderStreamCutError       AIProviderEmptyReplyError
        AIProviderMalformedReplyError
        AIProviderUnavailableError
          AIProviderTimeoutError       AIProviderCircuitOpenError

What a program got wrong (a request, a name, a key it forgot) is a `ValueError` too, and what a provider has no ability for
a `NotImplementedError`, as programs expect that know nothing of this tree.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from companion.language import Worded, mark, tr

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """Every fault a person can meet; each has one card in `CARDS`."""

    NO_MICROPHONE = "no_microphone"
    MICROPHONE_BUSY = "microphone_busy"
    MICROPHONE_DENIED = "microphone_denied"
    MICROPHONE_SILENT = "microphone_silent"
    MICROPHONE_LOST = "microphone_lost"
    HEARS_ITSELF = "hears_itself"
    NO_SPEAKER = "no_speaker"
    SPEAKER_LOST = "speaker_lost"
    NO_AUDIO_SYSTEM = "no_audio_system"
    HEARD_NOTHING = "heard_nothing"
    HEARING_FAILED = "hearing_failed"
    VOICE_FAILED = "voice_failed"
    KEY_MISSING = "key_missing"
    KEY_MALFORMED = "key_malformed"
    KEY_REFUSED = "key_refused"
    KEY_ELSEWHERE = "key_elsewhere"
    FORBIDDEN = "forbidden"
    NO_CREDIT = "no_credit"
    BUDGET_SPENT = "budget_spent"
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    CIRCUIT_OPEN = "circuit_open"
    MODEL_UNKNOWN = "model_unknown"
    INVALID_REQUEST = "invalid_request"
    CONTENT_REFUSED = "content_refused"
    CUT_OFF = "cut_off"
    EMPTY_REPLY = "empty_reply"
    MALFORMED_REPLY = "malformed_reply"
    NOT_AN_API = "not_an_api"
    NOT_SUPPORTED = "not_supported"
    PROVIDER_UNKNOWN = "provider_unknown"
    ENGINE_MISSING = "engine_missing"
    ENGINE_CRASHED = "engine_crashed"
    DOWNLOAD_FAILED = "download_failed"
    NETWORK_SHUT = "network_shut"
    UNSAFE_ADDRESS = "unsafe_address"
    NO_KEYRING = "no_keyring"
    KEYRING_TIMEOUT = "keyring_timeout"
    KEYRING_FAILED = "keyring_failed"
    SETTINGS_BROKEN = "settings_broken"
    SETTINGS_UNSAVED = "settings_unsaved"
    JOURNAL_LOCKED = "journal_locked"
    WRONG_PASSPHRASE = "wrong_passphrase"
    JOURNAL_MISSING = "journal_missing"
    JOURNAL_DAMAGED = "journal_damaged"
    JOURNAL_FOREIGN = "journal_foreign"
    JOURNAL_UNSAVED = "journal_unsaved"
    DISK_FULL = "disk_full"
    FOLDER_UNUSABLE = "folder_unusable"
    ALREADY_RUNNING = "already_running"
    BAD_FILE = "bad_file"
    TAKES_WAITING = "takes_waiting"
    TAKE_DAMAGED = "take_damaged"
    SLEPT = "slept"
    CRASHED = "crashed"
    INTERNAL = "internal"


class Action(StrEnum):
    """The one or two buttons of a card. The window and the command line both know what each does."""

    OPEN_KEYS = "open_keys"
    CHOOSE_MODEL = "choose_model"
    CHOOSE_MICROPHONE = "choose_microphone"
    CHOOSE_SPEAKER = "choose_speaker"
    CHOOSE_HEARING = "choose_hearing"
    CHOOSE_VOICE = "choose_voice"
    RETRY = "retry"
    ANSWER_OFFLINE = "answer_offline"
    HEAR_OFFLINE = "hear_offline"
    SPEAK_OFFLINE = "speak_offline"
    USE_PASSPHRASE = "use_passphrase"
    SHOW_FILE = "show_file"
    RESTORE_BACKUP = "restore_backup"
    NEW_JOURNAL = "new_journal"
    HEAR_WAITING = "hear_waiting"
    SHOW_WAITING = "show_waiting"
    CONTINUE = "continue"


_KEPT = (mark("What you said is kept."), mark("Your recording is kept."), mark("What arrived is kept."))
"""What the hints of faults in the middle of a reflection say beside what can be done."""


@dataclass(frozen=True, slots=True)
class Card(Worded):
    """One fault as a person reads it."""

    WORDS = frozenset({"sentence", "hint"})
    sentence: str
    """What happened. `{who}` is the provider or device."""
    hint: str
    """What is safe and what to do."""
    actions: tuple[Action, ...] = ()
    """Buttons, the first is the likeliest help."""
    retryable: bool = False
    """Whether the same request may succeed if it is simply sent again."""


_A = Action
_DENIED, _SILENT = {
    "darwin": (
        mark(
            "Open System Settings > Privacy & Security > Microphone, turn Companion on and start it again. "
            "You can write instead."
        ),
        mark(
            "No sound at all comes from it. Check its mute switch. Open System Settings > Privacy & Security > "
            "Microphone, turn Companion on and start it again."
        ),
    ),
    "win32": (
        mark(
            "Open Settings > Privacy & security > Microphone and let desktop apps use it. You can write instead."
        ),
        mark(
            "No sound at all comes from it. Check its mute switch. Open Settings > Privacy & security > "
            "Microphone and let desktop apps use it."
        ),
    ),
}.get(
    sys.platform,
    (
        mark(
            "It may be muted or switched off in the system's sound and privacy settings. You can write instead."
        ),
        mark(
            "No sound at all comes from it. Check its mute switch. It may be muted or switched off in the "
            "system's sound and privacy settings."
        ),
    ),
)
"""What to do about a microphone that is refused. macOS and Windows may also give silence instead."""
CARDS: Mapping[Kind, Card] = {
    Kind.NO_MICROPHONE: Card(
        "No microphone was found.",
        "Plug one in or choose another. You can write instead.",
        (_A.CHOOSE_MICROPHONE, _A.RETRY),
    ),
    Kind.MICROPHONE_BUSY: Card(
        "The microphone is in use by another program.",
        "Close the other program and try again. You can write instead.",
        (_A.RETRY, _A.CHOOSE_MICROPHONE),
    ),
    Kind.MICROPHONE_DENIED: Card(
        "This computer does not let Companion use the microphone.",
        _DENIED,
        (_A.CHOOSE_MICROPHONE,),
    ),
    Kind.MICROPHONE_SILENT: Card(
        "The microphone is silent.",
        _SILENT,
        (_A.CHOOSE_MICROPHONE,),
    ),
    Kind.MICROPHONE_LOST: Card(
        "The microphone went away.", "What you said up to then is kept.", (_A.CHOOSE_MICROPHONE, _A.RETRY)
    ),
    Kind.HEARS_ITSELF: Card(
        "Companion was answering its own voice, so the microphone was closed.",
        "Use headphones, install echo cancellation, or choose another microphone; Ctrl+M opens it again.",
        (_A.CHOOSE_MICROPHONE,),
    ),
    Kind.NO_SPEAKER: Card(
        "No speaker or headphones were found.", "The answer is shown as text.", (_A.CHOOSE_SPEAKER,)
    ),
    Kind.SPEAKER_LOST: Card("The speaker went away.", "The answer is shown as text.", (_A.CHOOSE_SPEAKER,)),
    Kind.NO_AUDIO_SYSTEM: Card(
        "The sound library PortAudio is missing on this computer.",
        "Install it (on Debian or Ubuntu: sudo apt-get install libportaudio2). You can write instead.",
        (),
    ),
    Kind.HEARD_NOTHING: Card(
        "I heard nothing.", "No speech was in the recording, so nothing was sent.", (_A.CHOOSE_MICROPHONE,)
    ),
    Kind.HEARING_FAILED: Card(
        "{who} could not understand the recording.",
        "Your recording is kept.",
        (_A.RETRY, _A.HEAR_OFFLINE),
        retryable=True,
    ),
    Kind.VOICE_FAILED: Card(
        "{who} could not speak the answer.",
        "The answer is shown as text.",
        (_A.CHOOSE_VOICE, _A.SPEAK_OFFLINE),
    ),
    Kind.KEY_MISSING: Card(
        "{who} needs a key.",
        "What you said is kept. Enter the key, or stay offline.",
        (_A.OPEN_KEYS, _A.ANSWER_OFFLINE),
    ),
    Kind.KEY_MALFORMED: Card(
        "That does not look like a key for {who}.",
        "Copy it again from the provider's page. The old key is unchanged.",
        (_A.OPEN_KEYS,),
    ),
    Kind.KEY_REFUSED: Card(
        "{who} did not accept the key.", "What you said is kept.", (_A.OPEN_KEYS, _A.ANSWER_OFFLINE)
    ),
    Kind.KEY_ELSEWHERE: Card(
        "The key for {who} was entered for a different address.",
        "Enter it again for the new address. What you said is kept.",
        (_A.OPEN_KEYS, _A.ANSWER_OFFLINE),
    ),
    Kind.FORBIDDEN: Card(
        "{who} does not allow this key to do that.",
        "Check the key's permissions. What you said is kept.",
        (_A.OPEN_KEYS, _A.ANSWER_OFFLINE),
    ),
    Kind.NO_CREDIT: Card(
        "The account at {who} has no credit left.",
        "What you said is kept.",
        (_A.ANSWER_OFFLINE, _A.OPEN_KEYS),
    ),
    Kind.BUDGET_SPENT: Card(
        "The budget you set for this month is used up.",
        "What you said is kept. Raise it in the settings, or go on offline.",
        (_A.ANSWER_OFFLINE,),
    ),
    Kind.RATE_LIMITED: Card(
        "{who} asks for a pause.",
        "Too many requests in a short time. What you said is kept.",
        (_A.RETRY, _A.ANSWER_OFFLINE),
        retryable=True,
    ),
    Kind.UNREACHABLE: Card(
        "{who} cannot be reached.",
        "Check the network. What you said is kept.",
        (_A.RETRY, _A.ANSWER_OFFLINE),
        retryable=True,
    ),
    Kind.UNAVAILABLE: Card(
        "{who} is not working at the moment.",
        "What you said is kept.",
        (_A.RETRY, _A.ANSWER_OFFLINE),
        retryable=True,
    ),
    Kind.TIMEOUT: Card(
        "{who} did not answer in time.",
        "What you said is kept.",
        (_A.RETRY, _A.ANSWER_OFFLINE),
        retryable=True,
    ),
    Kind.CIRCUIT_OPEN: Card(
        "{who} failed several times and gets a short rest.",
        "What you said is kept.",
        (_A.RETRY, _A.ANSWER_OFFLINE),
    ),
    Kind.MODEL_UNKNOWN: Card(
        "{who} does not have this model.",
        "Choose another model. What you said is kept.",
        (_A.CHOOSE_MODEL, _A.ANSWER_OFFLINE),
    ),
    Kind.INVALID_REQUEST: Card(
        "{who} did not accept the request.", "What you said is kept.", (_A.CHOOSE_MODEL, _A.ANSWER_OFFLINE)
    ),
    Kind.CONTENT_REFUSED: Card(
        "{who} declined to answer this.", "What you said is kept.", (_A.RETRY, _A.ANSWER_OFFLINE)
    ),
    Kind.CUT_OFF: Card(
        "The answer from {who} was cut off.", "What arrived is kept.", (_A.CONTINUE, _A.RETRY)
    ),
    Kind.EMPTY_REPLY: Card(
        "No answer came from {who}.", "What you said is kept.", (_A.RETRY, _A.ANSWER_OFFLINE), retryable=True
    ),
    Kind.MALFORMED_REPLY: Card(
        "The answer from {who} did not come in the form that was asked for.",
        "What you said is kept.",
        (_A.RETRY, _A.CHOOSE_MODEL),
        retryable=True,
    ),
    Kind.NOT_AN_API: Card(
        "Something other than {who} answered at that address.",
        "The network may want a sign-in first, or the address is wrong. What you said is kept.",
        (_A.OPEN_KEYS, _A.ANSWER_OFFLINE),
    ),
    Kind.NOT_SUPPORTED: Card("{who} cannot do that.", "Choose another provider for it.", (_A.CHOOSE_MODEL,)),
    Kind.PROVIDER_UNKNOWN: Card(
        "There is no provider of that name.", "Choose one from the list.", (_A.CHOOSE_MODEL,)
    ),
    Kind.ENGINE_MISSING: Card(
        "{who} is not installed on this computer.", "Install it, or choose another.", (_A.CHOOSE_HEARING,)
    ),
    Kind.ENGINE_CRASHED: Card(
        "{who} stopped unexpectedly and was started again.",
        "Nothing is lost; try once more.",
        (_A.RETRY,),
        retryable=True,
    ),
    Kind.DOWNLOAD_FAILED: Card(
        "{who} could not be fetched.",
        "Check the network and try again; what you have keeps working.",
        (_A.RETRY,),
    ),
    Kind.NETWORK_SHUT: Card(
        "Companion is offline by choice.", "Turn offline mode off to use {who}.", (_A.ANSWER_OFFLINE,)
    ),
    Kind.UNSAFE_ADDRESS: Card(
        "A key is not sent to {who} without encryption.", "Use an https address.", (_A.OPEN_KEYS,)
    ),
    Kind.NO_KEYRING: Card(
        "This computer has no safe place for keys.",
        "Choose a passphrase, or keep the key for this run only.",
        (_A.USE_PASSPHRASE,),
    ),
    Kind.KEYRING_TIMEOUT: Card(
        "The system's keyring does not answer.",
        "It may be waiting to be unlocked.",
        (_A.RETRY, _A.USE_PASSPHRASE),
    ),
    Kind.KEYRING_FAILED: Card(
        "The system's keyring did not save the key.",
        "Nothing was saved. Try again, or keep it for this run only.",
        (_A.RETRY, _A.USE_PASSPHRASE),
    ),
    Kind.SETTINGS_BROKEN: Card(
        "The settings file could not be read.",
        "The old file is kept beside the new one, and the usual settings are in use.",
        (_A.SHOW_FILE,),
    ),
    Kind.SETTINGS_UNSAVED: Card(
        "The settings could not be saved.",
        "They stay as you set them until you close the window.",
        (_A.RETRY,),
    ),
    Kind.JOURNAL_LOCKED: Card(
        "The journal is locked.", "Enter its passphrase to go on.", (_A.USE_PASSPHRASE,)
    ),
    Kind.WRONG_PASSPHRASE: Card(
        "That is not the journal's passphrase.", "Nothing was changed. Is Caps Lock on?", (_A.USE_PASSPHRASE,)
    ),
    Kind.JOURNAL_MISSING: Card(
        "The journal file is missing.",
        "Its keys are still here. Put the file back, or start a new journal beside it.",
        (_A.SHOW_FILE, _A.NEW_JOURNAL),
    ),
    Kind.JOURNAL_DAMAGED: Card(
        "The journal file is damaged.",
        "It is left as it is; nothing was removed.",
        (_A.SHOW_FILE, _A.NEW_JOURNAL),
    ),
    Kind.JOURNAL_FOREIGN: Card(
        "The journal file belongs to another journal or program.",
        "It is left as it is.",
        (_A.SHOW_FILE, _A.NEW_JOURNAL),
    ),
    Kind.JOURNAL_UNSAVED: Card(
        "The journal could not be written.", "Your words are kept in memory; try again.", (_A.RETRY,)
    ),
    Kind.DISK_FULL: Card(
        "The disk is full.", "Your words are kept in memory; make room and try again.", (_A.RETRY,)
    ),
    Kind.FOLDER_UNUSABLE: Card(
        "The folder for your reflections cannot be used.",
        "What you say stays in this window until it is closed. Start with another folder: companion --home FOLDER",
        (_A.RETRY,),
    ),
    Kind.ALREADY_RUNNING: Card("Companion is already open.", "Its window was brought to the front."),
    Kind.BAD_FILE: Card("That file could not be read.", "Use a WAV, FLAC, OGG or MP3 recording."),
    Kind.TAKES_WAITING: Card(
        "A recording is waiting to be written down.",
        "Companion closed too soon, or it could not be understood.",
        (_A.HEAR_WAITING, _A.SHOW_WAITING),
    ),
    Kind.TAKE_DAMAGED: Card(
        "A recording is damaged and cannot be opened.",
        "The others are not affected. It stays in the list until you discard it.",
        (_A.SHOW_WAITING,),
    ),
    Kind.SLEPT: Card(
        "Welcome back.",
        "The computer went to sleep in the middle of this. Everything you said and heard is kept.",
        (_A.CONTINUE, _A.RETRY),
    ),
    Kind.CRASHED: Card("An error ended Companion last time.", "What you said is kept.", (_A.SHOW_FILE,)),
    Kind.INTERNAL: Card(
        "Something inside Companion went wrong.",
        "Your words are kept. The details are in the log.",
        (_A.RETRY,),
    ),
}


class CompanionError(Exception):
    """One fault on its way to one card.

    Args:
        kind: what happened; decides sentence, hint and buttons.
        message: a sentence that replaces the card's, when more is known.
        hint: replaces the card's hint.
        who: the provider or device the sentence names.
        cause: the exception underneath, for the log.
        retryable: overrides the card's.
    """

    def __init__(
        self,
        kind: Kind,
        message: str = "",
        *,
        hint: str = "",
        who: str = "",
        cause: BaseException | None = None,
        retryable: bool | None = None,
    ) -> None:
        card = CARDS[kind]
        self.kind = kind
        self.who = who
        self.message = message or card.sentence.format(who=who or tr("The provider"))
        self.hint = hint or card.hint.format(who=who or tr("the provider"))
        self.actions = card.actions
        self.cause = cause
        self.retryable = card.retryable if retryable is None else retryable
        super().__init__(self.message)
        if cause is not None:
            self.__cause__ = cause

    @property
    def hint_in_window(self) -> str:
        """The hint for somebody whose words are kept meanwhile."""
        return self.hint


class AIProviderError(CompanionError):
    """A provider failed. Subclasses say how; `provider`, `status`, `request_id`, `retry_after_s` say where.

    Args:
        message: what happened, in one sentence; empty takes the card's.
        provider: the provider's registered name.
        original_error: the SDK's or transport's exception.
        status: HTTP status, where there was one.
        request_id: the vendor's id of the failed request.
        retry_after_s: seconds the vendor asks to wait.
        kind: a finer kind than the class's own.
    """

    default_kind: ClassVar[Kind] = Kind.UNAVAILABLE

    def __init__(
        self,
        message: str = "",
        provider: str = "",
        original_error: BaseException | None = None,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
        kind: Kind | None = None,
        hint: str = "",
        who: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(
            kind or self.default_kind,
            message,
            hint=hint,
            who=who or provider,
            cause=original_error,
            retryable=retryable,
        )
        self.provider = provider
        self.original_error = original_error
        self.status = status
        self.request_id = request_id
        self.retry_after_s = retry_after_s

    @property
    def hint(self) -> str:
        """What can be done about it, for whoever calls: a program that uses the library has said nothing that is kept."""
        said = self._hint
        for kept in _KEPT:
            said = said.replace(tr(kept), "")
        return " ".join(said.split())

    @hint.setter
    def hint(self, hint: str) -> None:
        self._hint = hint

    @property
    def hint_in_window(self) -> str:
        return self._hint

    @property
    def status_code(self) -> int | None:
        """The same as `status`."""
        return self.status


class AIProviderAuthError(AIProviderError):
    """The key is missing, refused, or may not do this (401, 403)."""

    default_kind = Kind.KEY_REFUSED


class AIProviderKeyMissingError(AIProviderAuthError, ValueError):
    """Nobody has given a key; nothing was sent."""

    default_kind = Kind.KEY_MISSING


class AIProviderQuotaError(AIProviderError):
    """The account has no credit left (402, or 429 with `insufficient_quota`). Never retried."""

    default_kind = Kind.NO_CREDIT


class AIProviderRateLimitError(AIProviderError):
    """Too many requests (429); `retry_after_s` says how long to wait, where the vendor does."""

    default_kind = Kind.RATE_LIMITED


class AIProviderUnavailableError(AIProviderError):
    """Not reachable, or failing on its side (connection refused, 5xx, 529)."""

    default_kind = Kind.UNAVAILABLE


class AIProviderTimeoutError(AIProviderUnavailableError):
    """No answer within the time allowed."""

    default_kind = Kind.TIMEOUT


class AIProviderCircuitOpenError(AIProviderUnavailableError):
    """Not asked at all: it failed several times a moment ago."""

    default_kind = Kind.CIRCUIT_OPEN


class AIProviderInvalidRequestError(AIProviderError, ValueError):
    """The request, or a name or value in it, is not accepted as it stands: by us, or by the vendor (400, 413, 422)."""

    default_kind = Kind.INVALID_REQUEST
    window: int = 0
    """Tokens the model reads at once, where a conversation was too long and the vendor says it."""
    counted: int = 0
    """Tokens of that conversation, where it says that too."""


class AIProviderModelNotFoundError(AIProviderError):
    """The vendor has no such model (404)."""

    default_kind = Kind.MODEL_UNKNOWN


class AIProviderVoiceNotFoundError(AIProviderModelNotFoundError):
    """The vendor has no such voice."""


class AIProviderContentRefusedError(AIProviderError):
    """The vendor or model declined the content."""

    default_kind = Kind.CONTENT_REFUSED


class AIProviderStreamCutError(AIProviderError):
    """The stream ended without its terminal event; what arrived before was delivered."""

    default_kind = Kind.CUT_OFF


class AIProviderEmptyReplyError(AIProviderError):
    """The stream ended well and said nothing."""

    default_kind = Kind.EMPTY_REPLY


class AIProviderMalformedReplyError(AIProviderError):
    """The answer is whole, but not the JSON that was asked for."""

    default_kind = Kind.MALFORMED_REPLY


class AIProviderNotSupportedError(AIProviderError, NotImplementedError):
    """This provider has no such ability; the message says what to configure instead."""

    default_kind = Kind.NOT_SUPPORTED


ProviderError = ProviderException = TTSError = AIProviderError
RateLimitError = AIProviderRateLimitError
ValidationError = AIProviderInvalidRequestError
"""The words other designs have for the same errors; programs written for those catch them by these names."""
