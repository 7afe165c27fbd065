"""The provider library: one shape for everyone who can think, hear or speak. Usable without the window.

    import asyncio
    from companion.providers import get_ai_provider

    async def main() -> None:
        async with get_ai_provider() as provider:          # AI_PROVIDER, else a key in the environment, else offline
            async for piece in provider.generate_completion_stream("Be brief.", "How do I begin?"):
                print(piece, end="")
            print(provider.get_model_info())

    asyncio.run(main())

Four rooms. This one is the library's face: `provider` (what a provider is, and its policy), `registry` (who there is),
`config` (environment and factory), `config_file` (YAML), `servers` (a person's own, by name), `client`, `response`,
`tools`, `schema`, `catalogue` (models and prices), `validator` (keys and checks), `simple` and `written` (the simple
methods, and classes written with them), `factories` (for one role), and `middleware` (retry, deadlines,
breaker, limit, fallback, caps). `wire` is what dialects share, `vendors` is one file or package per vendor, `here` is
what runs on this computer. Every name is loaded when it is first used, and no vendor's SDK before the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from companion.calls import (
        ChatOptions as ChatOptions,
        DrawRequest as DrawRequest,
        EmbeddingRequest as EmbeddingRequest,
        EmbeddingResponse as EmbeddingResponse,
        Embeddings as Embeddings,
        EmbedRequest as EmbedRequest,
        Function as Function,
        GenerationSettings as GenerationSettings,
        JsonSchema as JsonSchema,
        Picture as Picture,
        SoundFile as SoundFile,
        Tool as Tool,
        ToolCall as ToolCall,
        ToolFunction as ToolFunction,
        VADInfo as VADInfo,
    )
    from companion.errors import (
        AIProviderAuthError as AIProviderAuthError,
        AIProviderCircuitOpenError as AIProviderCircuitOpenError,
        AIProviderContentRefusedError as AIProviderContentRefusedError,
        AIProviderEmptyReplyError as AIProviderEmptyReplyError,
        AIProviderError as AIProviderError,
        AIProviderInvalidRequestError as AIProviderInvalidRequestError,
        AIProviderKeyMissingError as AIProviderKeyMissingError,
        AIProviderMalformedReplyError as AIProviderMalformedReplyError,
        AIProviderModelNotFoundError as AIProviderModelNotFoundError,
        AIProviderNotSupportedError as AIProviderNotSupportedError,
        AIProviderQuotaError as AIProviderQuotaError,
        AIProviderRateLimitError as AIProviderRateLimitError,
        AIProviderStreamCutError as AIProviderStreamCutError,
        AIProviderTimeoutError as AIProviderTimeoutError,
        AIProviderUnavailableError as AIProviderUnavailableError,
        AIProviderVoiceNotFoundError as AIProviderVoiceNotFoundError,
        CompanionError as CompanionError,
        Kind as Kind,
        ProviderError as ProviderError,
        ProviderException as ProviderException,
        RateLimitError as RateLimitError,
        TTSError as TTSError,
        ValidationError as ValidationError,
    )
    from companion.flow import (
        Audio as Audio,
        AudioChunk as AudioChunk,
        ChatDelta as ChatDelta,
        ChatRequest as ChatRequest,
        ChatStreamChunk as ChatStreamChunk,
        CompletionRequest as CompletionRequest,
        Health as Health,
        HearRequest as HearRequest,
        Message as Message,
        MessageRole as MessageRole,
        ModelInfo as ModelInfo,
        Speaker as Speaker,
        SpeakRequest as SpeakRequest,
        TextChunk as TextChunk,
        Transcript as Transcript,
        TranscriptChunk as TranscriptChunk,
        TranscriptionResult as TranscriptionResult,
        TTSRequest as TTSRequest,
        TurnSignal as TurnSignal,
        Usage as Usage,
    )
    from companion.jobs import (
        BatchAnswer as BatchAnswer,
        BatchProgress as BatchProgress,
        BatchRequest as BatchRequest,
        Video as Video,
        VideoProgress as VideoProgress,
        VideoRequest as VideoRequest,
    )
    from companion.kinds import Role as Role, VoiceInfo as VoiceInfo
    from companion.providers.catalogue import (
        ALL_MODELS as ALL_MODELS,
        Catalogue as Catalogue,
        ModelCapabilities as ModelCapabilities,
        ModelConfig as ModelConfig,
        ModelEntry as ModelEntry,
    )
    from companion.providers.client import Client as Client
    from companion.providers.config import (
        PROVIDER_CONFIGS as PROVIDER_CONFIGS,
        AIProviderFactory as AIProviderFactory,
        ProviderConfig as ProviderConfig,
        get_ai_provider as get_ai_provider,
        get_ai_provider_uncached as get_ai_provider_uncached,
        get_provider_config as get_provider_config,
    )
    from companion.providers.config_file import (
        Config as Config,
        ConfigManager as ConfigManager,
        load_config as load_config,
        load_from_env as load_from_env,
    )
    from companion.providers.env_file import load_dotenv as load_dotenv
    from companion.providers.factories import (
        LLMFactory as LLMFactory,
        STTFactory as STTFactory,
        TTSFactory as TTSFactory,
        VoiceProviderFactory as VoiceProviderFactory,
        get_text_provider as get_text_provider,
        register_text_provider as register_text_provider,
    )
    from companion.providers.here.mock import MockAIProvider as MockAIProvider, MockProvider as MockProvider
    from companion.providers.middleware import (
        Cache as Cache,
        CachingMiddleware as CachingMiddleware,
        CircuitBreakerMiddleware as CircuitBreakerMiddleware,
        LoggingMiddleware as LoggingMiddleware,
        MetricsCollector as MetricsCollector,
        MetricsMiddleware as MetricsMiddleware,
        Middleware as Middleware,
        RateLimitMiddleware as RateLimitMiddleware,
        RetryMiddleware as RetryMiddleware,
        TracingMiddleware as TracingMiddleware,
    )
    from companion.providers.provider import (
        AIProvider as AIProvider,
        BaseAudioProvider as BaseAudioProvider,
        BaseImageProvider as BaseImageProvider,
        BaseRealtimeProvider as BaseRealtimeProvider,
        BaseTextProvider as BaseTextProvider,
        BaseTTSProvider as BaseTTSProvider,
        BaseVoiceProvider as BaseVoiceProvider,
        LLMProvider as LLMProvider,
        Policy as Policy,
        Provider as Provider,
        Spec as Spec,
        STTProvider as STTProvider,
        TTSProvider as TTSProvider,
    )
    from companion.providers.request import ChatStream as ChatStream, RequestBuilder as RequestBuilder
    from companion.providers.response import (
        ChatResponse as ChatResponse,
        ProviderResponse as ProviderResponse,
    )
    from companion.providers.schema import schema_of as schema_of
    from companion.providers.tools import Toolbox as Toolbox, tool_from as tool_from
    from companion.providers.validator import (
        ProviderValidator as ProviderValidator,
        Verdict as Verdict,
        validate as validate,
        validate_all as validate_all,
        validate_config as validate_config,
    )
    from companion.providers.vendors.anthropic.provider import AnthropicProvider as AnthropicProvider
    from companion.providers.vendors.cartesia import CartesiaTTSProvider as CartesiaTTSProvider
    from companion.providers.vendors.compatible import GroqLLMProvider as GroqLLMProvider
    from companion.providers.vendors.deepgram.provider import (
        DeepgramFluxSTTProvider as DeepgramFluxSTTProvider,
        DeepgramSTT as DeepgramSTT,
    )
    from companion.providers.vendors.ollama import LocalProvider as LocalProvider
    from companion.providers.vendors.openai.provider import OpenAIProvider as OpenAIProvider
    from companion.providers.voice_config import VoiceProviderConfig as VoiceProviderConfig
    from companion.templates import PromptTemplate as PromptTemplate, TemplateError as TemplateError
    from companion.tokens import (
        estimate_request as estimate_request,
        estimate_tokens as estimate_tokens,
        trim_messages as trim_messages,
    )

_NAMES = {
    "companion.calls": (
        "ChatOptions DrawRequest EmbedRequest EmbeddingRequest EmbeddingResponse Embeddings Function "
        "GenerationSettings JsonSchema Picture SoundFile Tool ToolCall ToolFunction VADInfo"
    ),
    "companion.errors": (
        "AIProviderAuthError AIProviderCircuitOpenError AIProviderContentRefusedError "
        "AIProviderEmptyReplyError AIProviderError AIProviderInvalidRequestError "
        "AIProviderKeyMissingError AIProviderMalformedReplyError AIProviderModelNotFoundError "
        "AIProviderNotSupportedError AIProviderQuotaError AIProviderRateLimitError "
        "AIProviderStreamCutError AIProviderTimeoutError AIProviderUnavailableError "
        "AIProviderVoiceNotFoundError CompanionError Kind ProviderError ProviderException RateLimitError "
        "TTSError ValidationError"
    ),
    "companion.flow": (
        "Audio AudioChunk ChatDelta ChatRequest ChatStreamChunk CompletionRequest Health HearRequest "
        "Message MessageRole ModelInfo SpeakRequest Speaker TTSRequest TextChunk Transcript "
        "TranscriptChunk TranscriptionResult TurnSignal Usage"
    ),
    "companion.jobs": "BatchAnswer BatchProgress BatchRequest Video VideoProgress VideoRequest",
    "companion.kinds": "Role VoiceInfo",
    "companion.providers.catalogue": "ALL_MODELS Catalogue ModelCapabilities ModelConfig ModelEntry",
    "companion.providers.client": "Client",
    "companion.providers.config": (
        "AIProviderFactory PROVIDER_CONFIGS ProviderConfig get_ai_provider get_ai_provider_uncached "
        "get_provider_config"
    ),
    "companion.providers.config_file": "Config ConfigManager load_config load_from_env",
    "companion.providers.env_file": "load_dotenv",
    "companion.providers.factories": (
        "LLMFactory STTFactory TTSFactory VoiceProviderFactory get_text_provider register_text_provider"
    ),
    "companion.providers.here.mock": "MockAIProvider MockProvider",
    "companion.providers.middleware": (
        "Cache CachingMiddleware CircuitBreakerMiddleware LoggingMiddleware MetricsCollector "
        "MetricsMiddleware Middleware RateLimitMiddleware RetryMiddleware TracingMiddleware"
    ),
    "companion.providers.provider": (
        "AIProvider BaseAudioProvider BaseImageProvider BaseRealtimeProvider BaseTTSProvider "
        "BaseTextProvider BaseVoiceProvider LLMProvider Policy Provider STTProvider Spec TTSProvider"
    ),
    "companion.providers.request": "ChatStream RequestBuilder",
    "companion.providers.response": "ChatResponse ProviderResponse",
    "companion.providers.schema": "schema_of",
    "companion.providers.tools": "Toolbox tool_from",
    "companion.providers.validator": "ProviderValidator Verdict validate validate_all validate_config",
    "companion.providers.vendors.anthropic.provider": "AnthropicProvider",
    "companion.providers.vendors.cartesia": "CartesiaTTSProvider",
    "companion.providers.vendors.compatible": "GroqLLMProvider",
    "companion.providers.vendors.deepgram.provider": "DeepgramFluxSTTProvider DeepgramSTT",
    "companion.providers.vendors.ollama": "LocalProvider",
    "companion.providers.vendors.openai.provider": "OpenAIProvider",
    "companion.providers.voice_config": "VoiceProviderConfig",
    "companion.templates": "PromptTemplate TemplateError",
    "companion.tokens": "estimate_request estimate_tokens trim_messages",
}
"""Where the names are that the library is made of."""
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
if (
    not TYPE_CHECKING
):  # a list that is computed says nothing to whoever checks types: then no name would be public
    __all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(_HOMES)
