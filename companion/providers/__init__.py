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
`tools`, `schema`, `catalogue` (models and prices), `validator` (keys and checks), and `middleware` (retry, deadlines,
breaker, limit, fallback, caps). `wire` is what dialects share, `vendors` is one file or package per vendor, `here` is
what runs on this computer. Every name is loaded when it is first used, and no vendor's SDK before the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from companion.calls import (
        DrawRequest,
        Embeddings,
        EmbedRequest,
        JsonSchema,
        Picture,
        SoundFile,
        Tool,
        ToolCall,
    )
    from companion.errors import (
        AIProviderAuthError,
        AIProviderCircuitOpenError,
        AIProviderContentRefusedError,
        AIProviderEmptyReplyError,
        AIProviderError,
        AIProviderInvalidRequestError,
        AIProviderMalformedReplyError,
        AIProviderModelNotFoundError,
        AIProviderNotSupportedError,
        AIProviderQuotaError,
        AIProviderRateLimitError,
        AIProviderStreamCutError,
        AIProviderTimeoutError,
        AIProviderUnavailableError,
        CompanionError,
        Kind,
    )
    from companion.flow import (
        Audio,
        ChatDelta,
        ChatRequest,
        Health,
        HearRequest,
        Message,
        ModelInfo,
        Role,
        Speaker,
        SpeakRequest,
        Transcript,
        Usage,
        VoiceInfo,
    )
    from companion.jobs import (
        BatchAnswer,
        BatchProgress,
        BatchRequest,
        Video,
        VideoProgress,
        VideoRequest,
    )
    from companion.providers.catalogue import Catalogue, ModelEntry
    from companion.providers.client import ChatStream, Client, RequestBuilder
    from companion.providers.config import (
        PROVIDER_CONFIGS,
        AIProviderFactory,
        ProviderConfig,
        get_ai_provider,
        get_ai_provider_uncached,
        get_provider_config,
    )
    from companion.providers.config_file import Config, load_config
    from companion.providers.here.mock import MockAIProvider
    from companion.providers.provider import AIProvider, Policy, Spec
    from companion.providers.response import ChatResponse
    from companion.providers.schema import schema_of
    from companion.providers.tools import Toolbox, tool_from
    from companion.providers.validator import Verdict, validate, validate_all, validate_config
    from companion.templates import PromptTemplate, TemplateError
    from companion.tokens import estimate_request, estimate_tokens, trim_messages

__all__ = [
    "PROVIDER_CONFIGS",
    "AIProvider",
    "AIProviderAuthError",
    "AIProviderCircuitOpenError",
    "AIProviderContentRefusedError",
    "AIProviderEmptyReplyError",
    "AIProviderError",
    "AIProviderFactory",
    "AIProviderInvalidRequestError",
    "AIProviderMalformedReplyError",
    "AIProviderModelNotFoundError",
    "AIProviderNotSupportedError",
    "AIProviderQuotaError",
    "AIProviderRateLimitError",
    "AIProviderStreamCutError",
    "AIProviderTimeoutError",
    "AIProviderUnavailableError",
    "Audio",
    "BatchAnswer",
    "BatchProgress",
    "BatchRequest",
    "Catalogue",
    "ChatDelta",
    "ChatRequest",
    "ChatResponse",
    "ChatStream",
    "Client",
    "CompanionError",
    "Config",
    "DrawRequest",
    "EmbedRequest",
    "Embeddings",
    "Health",
    "HearRequest",
    "JsonSchema",
    "Kind",
    "Message",
    "MockAIProvider",
    "ModelEntry",
    "ModelInfo",
    "Picture",
    "Policy",
    "PromptTemplate",
    "ProviderConfig",
    "RequestBuilder",
    "Role",
    "SoundFile",
    "SpeakRequest",
    "Speaker",
    "Spec",
    "TemplateError",
    "Tool",
    "ToolCall",
    "Toolbox",
    "Transcript",
    "Usage",
    "Verdict",
    "Video",
    "VideoProgress",
    "VideoRequest",
    "VoiceInfo",
    "estimate_request",
    "estimate_tokens",
    "get_ai_provider",
    "get_ai_provider_uncached",
    "get_provider_config",
    "load_config",
    "schema_of",
    "tool_from",
    "trim_messages",
    "validate",
    "validate_all",
    "validate_config",
]

_HOMES = {
    "companion.calls": (
        "DrawRequest",
        "EmbedRequest",
        "Embeddings",
        "JsonSchema",
        "Picture",
        "SoundFile",
        "Tool",
        "ToolCall",
    ),
    "companion.jobs": (
        "BatchAnswer",
        "BatchProgress",
        "BatchRequest",
        "Video",
        "VideoProgress",
        "VideoRequest",
    ),
    "companion.templates": ("PromptTemplate", "TemplateError"),
    "companion.tokens": ("estimate_request", "estimate_tokens", "trim_messages"),
    "companion.providers.client": ("ChatStream", "Client", "RequestBuilder"),
    "companion.providers.provider": ("AIProvider", "Policy", "Spec"),
    "companion.providers.response": ("ChatResponse",),
    "companion.providers.schema": ("schema_of",),
    "companion.providers.tools": ("Toolbox", "tool_from"),
    "companion.providers.here.mock": ("MockAIProvider",),
    "companion.providers.catalogue": ("Catalogue", "ModelEntry"),
    "companion.providers.config": (
        "PROVIDER_CONFIGS",
        "AIProviderFactory",
        "ProviderConfig",
        "get_ai_provider",
        "get_ai_provider_uncached",
        "get_provider_config",
    ),
    "companion.providers.config_file": ("Config", "load_config"),
    "companion.providers.validator": ("Verdict", "validate", "validate_all", "validate_config"),
}
_WORDS = ("companion.errors", "companion.flow", "companion.calls")
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
