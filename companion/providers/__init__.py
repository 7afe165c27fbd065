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
        ChatOptions,
        DrawRequest,
        EmbeddingRequest,
        EmbeddingResponse,
        Embeddings,
        EmbedRequest,
        Function,
        GenerationSettings,
        JsonSchema,
        Picture,
        SoundFile,
        Tool,
        ToolCall,
        ToolFunction,
        VADInfo,
    )
    from companion.errors import (
        AIProviderAuthError,
        AIProviderCircuitOpenError,
        AIProviderContentRefusedError,
        AIProviderEmptyReplyError,
        AIProviderError,
        AIProviderInvalidRequestError,
        AIProviderKeyMissingError,
        AIProviderMalformedReplyError,
        AIProviderModelNotFoundError,
        AIProviderNotSupportedError,
        AIProviderQuotaError,
        AIProviderRateLimitError,
        AIProviderStreamCutError,
        AIProviderTimeoutError,
        AIProviderUnavailableError,
        AIProviderVoiceNotFoundError,
        CompanionError,
        Kind,
        ProviderError,
        ProviderException,
        RateLimitError,
        TTSError,
        ValidationError,
    )
    from companion.flow import (
        Audio,
        AudioChunk,
        ChatDelta,
        ChatRequest,
        ChatStreamChunk,
        CompletionRequest,
        Health,
        HearRequest,
        Message,
        MessageRole,
        ModelInfo,
        Speaker,
        SpeakRequest,
        TextChunk,
        Transcript,
        TranscriptChunk,
        TranscriptionResult,
        TTSRequest,
        TurnSignal,
        Usage,
    )
    from companion.jobs import (
        BatchAnswer,
        BatchProgress,
        BatchRequest,
        Video,
        VideoProgress,
        VideoRequest,
    )
    from companion.kinds import Role, VoiceInfo
    from companion.providers.catalogue import (
        ALL_MODELS,
        Catalogue,
        ModelCapabilities,
        ModelConfig,
        ModelEntry,
    )
    from companion.providers.client import Client
    from companion.providers.config import (
        PROVIDER_CONFIGS,
        AIProviderFactory,
        ProviderConfig,
        get_ai_provider,
        get_ai_provider_uncached,
        get_provider_config,
    )
    from companion.providers.config_file import Config, ConfigManager, load_config, load_from_env
    from companion.providers.env_file import load_dotenv
    from companion.providers.factories import (
        LLMFactory,
        STTFactory,
        TTSFactory,
        VoiceProviderFactory,
        get_text_provider,
        register_text_provider,
    )
    from companion.providers.here.mock import MockAIProvider, MockProvider
    from companion.providers.middleware import (
        Cache,
        CachingMiddleware,
        CircuitBreakerMiddleware,
        LoggingMiddleware,
        MetricsCollector,
        MetricsMiddleware,
        Middleware,
        RateLimitMiddleware,
        RetryMiddleware,
        TracingMiddleware,
    )
    from companion.providers.provider import (
        AIProvider,
        BaseAudioProvider,
        BaseImageProvider,
        BaseRealtimeProvider,
        BaseTextProvider,
        BaseTTSProvider,
        BaseVoiceProvider,
        LLMProvider,
        Policy,
        Provider,
        Spec,
        STTProvider,
        TTSProvider,
    )
    from companion.providers.request import ChatStream, RequestBuilder
    from companion.providers.response import ChatResponse, ProviderResponse
    from companion.providers.schema import schema_of
    from companion.providers.tools import Toolbox, tool_from
    from companion.providers.validator import (
        ProviderValidator,
        Verdict,
        validate,
        validate_all,
        validate_config,
    )
    from companion.providers.vendors.anthropic.provider import AnthropicProvider
    from companion.providers.vendors.cartesia import CartesiaTTSProvider
    from companion.providers.vendors.compatible import GroqLLMProvider
    from companion.providers.vendors.deepgram.provider import DeepgramFluxSTTProvider, DeepgramSTT
    from companion.providers.vendors.ollama import LocalProvider
    from companion.providers.vendors.openai.provider import OpenAIProvider
    from companion.providers.voice_config import VoiceProviderConfig
    from companion.templates import PromptTemplate, TemplateError
    from companion.tokens import estimate_request, estimate_tokens, trim_messages

__all__ = [
    "ALL_MODELS",
    "PROVIDER_CONFIGS",
    "AIProvider",
    "AIProviderAuthError",
    "AIProviderCircuitOpenError",
    "AIProviderContentRefusedError",
    "AIProviderEmptyReplyError",
    "AIProviderError",
    "AIProviderFactory",
    "AIProviderInvalidRequestError",
    "AIProviderKeyMissingError",
    "AIProviderMalformedReplyError",
    "AIProviderModelNotFoundError",
    "AIProviderNotSupportedError",
    "AIProviderQuotaError",
    "AIProviderRateLimitError",
    "AIProviderStreamCutError",
    "AIProviderTimeoutError",
    "AIProviderUnavailableError",
    "AIProviderVoiceNotFoundError",
    "AnthropicProvider",
    "Audio",
    "AudioChunk",
    "BaseAudioProvider",
    "BaseImageProvider",
    "BaseRealtimeProvider",
    "BaseTTSProvider",
    "BaseTextProvider",
    "BaseVoiceProvider",
    "BatchAnswer",
    "BatchProgress",
    "BatchRequest",
    "Cache",
    "CachingMiddleware",
    "CartesiaTTSProvider",
    "Catalogue",
    "ChatDelta",
    "ChatOptions",
    "ChatRequest",
    "ChatResponse",
    "ChatStream",
    "ChatStreamChunk",
    "CircuitBreakerMiddleware",
    "Client",
    "CompanionError",
    "CompletionRequest",
    "Config",
    "ConfigManager",
    "DeepgramFluxSTTProvider",
    "DeepgramSTT",
    "DrawRequest",
    "EmbedRequest",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "Embeddings",
    "Function",
    "GenerationSettings",
    "GroqLLMProvider",
    "Health",
    "HearRequest",
    "JsonSchema",
    "Kind",
    "LLMFactory",
    "LLMProvider",
    "LocalProvider",
    "LoggingMiddleware",
    "Message",
    "MessageRole",
    "MetricsCollector",
    "MetricsMiddleware",
    "Middleware",
    "MockAIProvider",
    "MockProvider",
    "ModelCapabilities",
    "ModelConfig",
    "ModelEntry",
    "ModelInfo",
    "OpenAIProvider",
    "Picture",
    "Policy",
    "PromptTemplate",
    "Provider",
    "ProviderConfig",
    "ProviderError",
    "ProviderException",
    "ProviderResponse",
    "ProviderValidator",
    "RateLimitError",
    "RateLimitMiddleware",
    "RequestBuilder",
    "RetryMiddleware",
    "Role",
    "STTFactory",
    "STTProvider",
    "SoundFile",
    "SpeakRequest",
    "Speaker",
    "Spec",
    "TTSError",
    "TTSFactory",
    "TTSProvider",
    "TTSRequest",
    "TemplateError",
    "TextChunk",
    "Tool",
    "ToolCall",
    "ToolFunction",
    "Toolbox",
    "TracingMiddleware",
    "Transcript",
    "TranscriptChunk",
    "TranscriptionResult",
    "TurnSignal",
    "Usage",
    "VADInfo",
    "ValidationError",
    "Verdict",
    "Video",
    "VideoProgress",
    "VideoRequest",
    "VoiceInfo",
    "VoiceProviderConfig",
    "VoiceProviderFactory",
    "estimate_request",
    "estimate_tokens",
    "get_ai_provider",
    "get_ai_provider_uncached",
    "get_provider_config",
    "get_text_provider",
    "load_config",
    "load_dotenv",
    "load_from_env",
    "register_text_provider",
    "schema_of",
    "tool_from",
    "trim_messages",
    "validate",
    "validate_all",
    "validate_config",
]

_HOMES = {
    "companion.providers.catalogue": (
        "ALL_MODELS",
        "Catalogue",
        "ModelCapabilities",
        "ModelConfig",
        "ModelEntry",
    ),
    "companion.providers.client": ("Client",),
    "companion.jobs": (
        "BatchAnswer",
        "BatchProgress",
        "BatchRequest",
        "Video",
        "VideoProgress",
        "VideoRequest",
    ),
    "companion.providers.config": (
        "AIProviderFactory",
        "PROVIDER_CONFIGS",
        "ProviderConfig",
        "get_ai_provider",
        "get_ai_provider_uncached",
        "get_provider_config",
    ),
    "companion.providers.config_file": (
        "Config",
        "ConfigManager",
        "load_config",
        "load_from_env",
    ),
    "companion.providers.env_file": ("load_dotenv",),
    "companion.providers.factories": (
        "LLMFactory",
        "STTFactory",
        "TTSFactory",
        "VoiceProviderFactory",
        "get_text_provider",
        "register_text_provider",
    ),
    "companion.providers.here.mock": (
        "MockAIProvider",
        "MockProvider",
    ),
    "companion.providers.middleware": (
        "Cache",
        "CachingMiddleware",
        "CircuitBreakerMiddleware",
        "LoggingMiddleware",
        "MetricsCollector",
        "MetricsMiddleware",
        "Middleware",
        "RateLimitMiddleware",
        "RetryMiddleware",
        "TracingMiddleware",
    ),
    "companion.providers.provider": (
        "AIProvider",
        "BaseAudioProvider",
        "BaseImageProvider",
        "BaseRealtimeProvider",
        "BaseTTSProvider",
        "BaseTextProvider",
        "BaseVoiceProvider",
        "LLMProvider",
        "Policy",
        "Provider",
        "STTProvider",
        "Spec",
        "TTSProvider",
    ),
    "companion.providers.request": (
        "ChatStream",
        "RequestBuilder",
    ),
    "companion.providers.response": (
        "ChatResponse",
        "ProviderResponse",
    ),
    "companion.providers.schema": ("schema_of",),
    "companion.providers.tools": (
        "Toolbox",
        "tool_from",
    ),
    "companion.providers.validator": (
        "ProviderValidator",
        "Verdict",
        "validate",
        "validate_all",
        "validate_config",
    ),
    "companion.providers.vendors.anthropic.provider": ("AnthropicProvider",),
    "companion.providers.vendors.cartesia": ("CartesiaTTSProvider",),
    "companion.providers.vendors.compatible": ("GroqLLMProvider",),
    "companion.providers.vendors.deepgram.provider": (
        "DeepgramFluxSTTProvider",
        "DeepgramSTT",
    ),
    "companion.providers.vendors.ollama": ("LocalProvider",),
    "companion.providers.vendors.openai.provider": ("OpenAIProvider",),
    "companion.providers.voice_config": ("VoiceProviderConfig",),
    "companion.templates": (
        "PromptTemplate",
        "TemplateError",
    ),
    "companion.tokens": (
        "estimate_request",
        "estimate_tokens",
        "trim_messages",
    ),
}
_WORDS = ("companion.errors", "companion.kinds", "companion.flow", "companion.calls")
"""Where a name is that has no home above."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    homes = [home for home, names in _HOMES.items() if name in names] or _WORDS
    home = next(module for module in map(import_module, homes) if hasattr(module, name))
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
