"""Vendors and servers that speak OpenAI's dialect in ways of their own, one class each, as their documentation has it.

What a real one refuses is refused here, so a row of `resources/vendors.yaml` that does not fit its vendor fails.
"""

from __future__ import annotations

from tests.servers.openai import OpenAIServer, Ways

_OPEN_MODELS = frozenset({"max_completion_tokens", "random_seed", "reasoning"})
_MESSAGE_NAMES = frozenset({"name"})


class AzureServer(OpenAIServer):
    name = "azure"
    base_path = "/openai/v1"
    default_models = ("my-luna", "my-transcribe", "my-voice", "my-vectors", "my-pictures")
    ways = Ways(key_header="api-key", empty_first=True, sound_query="api-version=")


class CerebrasServer(OpenAIServer):
    name = "cerebras"
    default_models = ("gpt-oss-120b", "qwen-3.8-27b")
    ways = Ways(
        unknown=frozenset(
            {"random_seed", "reasoning", "frequency_penalty", "presence_penalty", "metadata", "name"}
        )
    )


class CompatibleServer(OpenAIServer):
    """A server of the speaches kind: no key, voices of its own."""

    name = "compatible"
    default_models = ("local-model", "faster-whisper-small", "kokoro", "nomic-embed")
    voices = ("af_heart", "bm_george")
    ways = Ways(wants_key=False, unknown=_OPEN_MODELS, usage="last", streams_words=False)


class DeepSeekServer(OpenAIServer):
    name = "deepseek"
    default_models = ("deepseek-v4-flash", "deepseek-v4-pro")
    ways = Ways(unknown=_OPEN_MODELS | {"seed", "user", "metadata"}, thoughts_back="reasoning_content")


class GroqServer(OpenAIServer):
    name = "groq"
    base_path = "/openai/v1"
    default_models = (
        "openai/gpt-oss-20b", "openai/gpt-oss-120b", "whisper-large-v3-turbo", "canopylabs/orpheus-v1-english",
    )  # fmt: skip
    voices = ("autumn", "diana", "hannah", "austin", "daniel", "troy")
    ways = Ways(
        unknown=frozenset({"random_seed", "reasoning", "metadata", "name"}),
        usage="x_groq",
        form_fields=frozenset({"file", "model", "language", "prompt", "response_format"}),
        streams_words=False,
        sound="wav",
        longest_text=200,
    )


class HuggingFaceServer(OpenAIServer):
    name = "huggingface"
    default_models = ("openai/gpt-oss-120b", "Qwen/Qwen3.8-27B")
    ways = Ways(unknown=_OPEN_MODELS | {"metadata"}, usage="last")


class LlamaCppServer(OpenAIServer):
    name = "llamacpp"
    default_models = ("tinystories.gguf",)
    ways = Ways(wants_key=False, unknown=_OPEN_MODELS | _MESSAGE_NAMES, numbers_tools=False)


class LMStudioServer(OpenAIServer):
    name = "lmstudio"
    default_models = ("qwen3-8b", "text-embedding-nomic")
    ways = Ways(wants_key=False, unknown=_OPEN_MODELS | _MESSAGE_NAMES, usage="last")


class MistralServer(OpenAIServer):
    name = "mistral"
    default_models = (
        "mistral-medium-3-5", "voxtral-mini-transcribe-3", "voxtral-mini-tts-3", "mistral-embed",
    )  # fmt: skip
    voices = ("voice_478", "voice_447", "voice_485", "voice_484", "voice_592", "voice_481", "voice_483", "voice_482",
              "voice_480", "voice_479")  # fmt: skip
    ways = Ways(
        unknown=frozenset({"max_completion_tokens", "seed", "stream_options", "user", "name", "reasoning"}),
        refusal=422,
        usage="last",
        error_shape="flat",
        parts=True,
        any_tool="any",
        call_ids="[A-Za-z0-9]{9}",
        answers_first=True,
        whole_tools=True,
        form_fields=frozenset(
            {"file", "model", "language", "stream", "diarize", "context_bias", "timestamp_granularities"}
        ),
        word_events="transcription",
        sound="json",
        voice_field="voice_id",
        dimensions="output_dimension",
        vectors_id="emb_test_1",
    )


class NvidiaServer(OpenAIServer):
    name = "nvidia"
    default_models = ("openai/gpt-oss-20b", "nvidia/llama-3.2-nv-embedqa-1b-v2")
    ways = Ways(
        unknown=_OPEN_MODELS | {"user", "metadata", "name"},
        refusal=422,
        usage="last",
        query_field="input_type",
    )


class OpenRouterServer(OpenAIServer):
    name = "openrouter"
    base_path = "/api/v1"
    default_models = ("openai/gpt-6-luna", "anthropic/claude-haiku-5.5")
    ways = Ways(
        unknown=frozenset({"max_completion_tokens", "metadata", "reasoning_effort"}),
        usage="last",
        comments=True,
    )


class VllmServer(OpenAIServer):
    name = "vllm"
    default_models = ("Qwen/Qwen3-8B",)
    ways = Ways(wants_key=False, unknown=_OPEN_MODELS | {"metadata"}, error_shape="flat")


class XaiServer(OpenAIServer):
    name = "xai"
    default_models = ("grok-4.7", "grok-4.6")
    ways = Ways(unknown=frozenset({"random_seed", "reasoning", "metadata"}))


COMPATIBLE: dict[str, type[OpenAIServer]] = {
    server.name: server
    for server in (
        AzureServer, CerebrasServer, CompatibleServer, DeepSeekServer, GroqServer, HuggingFaceServer, LlamaCppServer,
        LMStudioServer, MistralServer, NvidiaServer, OpenRouterServer, VllmServer, XaiServer,
    )
}  # fmt: skip
