"""The library as a program sees it: names, laziness, and what the simple methods do."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import companion.providers as library
from companion import errors
from companion.errors import AIProviderRateLimitError, AIProviderUnavailableError, Kind
from companion.flow import ChatDelta, ChatRequest, ModelInfo
from companion.kinds import Role
from companion.providers import AIProvider, AIProviderError, MockAIProvider, Policy, Spec, registry

HEAVY = (
    "openai",
    "anthropic",
    "httpx2",
    "numpy",
    "soundfile",
    "soxr",
    "keyring",
    "ruamel",
    "websockets",
    "pydantic",
    "PySide6",
)


def run_fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_public_name_is_there() -> None:
    for name in library.__all__:
        assert getattr(library, name) is not None
    assert set(library.__all__) <= set(dir(library))
    source = Path(library.__file__).read_text("utf-8")
    typed = re.findall(r" (\w+) as \1\b", source)
    assert sorted(typed) == sorted(library.__all__), "whoever checks types knows other names"
    computed = re.search(r"^__all__ = (?!\[)", source, re.MULTILINE)
    assert computed is None, "whoever checks types would find no name with `import *`"
    with pytest.raises(AttributeError, match="HAL"):
        _ = library.HAL  # type: ignore[attr-defined]


def test_every_provider_error_is_part_of_the_face() -> None:
    missing = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, AIProviderError) and name not in library.__all__
    }
    assert missing == set()


def test_a_program_may_import_everything_at_once() -> None:
    assert (
        run_fresh("from companion.providers import *; print(get_provider_config('mock').display_name)")
        == "Mock\n"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import companion.providers",
        "from companion.providers import get_ai_provider, AIProviderFactory, MockAIProvider",
        "from companion.providers import AIProviderFactory; AIProviderFactory.get_available_providers()",
        "from companion.providers import PROVIDER_CONFIGS; dict(PROVIDER_CONFIGS)",
        "from companion.providers import AIProviderFactory; AIProviderFactory.create('openai', api_key='sk-x1234567')",
    ],
)
def test_no_heavy_library_is_loaded_before_it_is_needed(code: str) -> None:
    loaded = run_fresh(f"import sys\n{code}\nprint(*sorted(sys.modules))").split()
    assert "companion.providers" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_the_bare_import_does_not_even_load_asyncio() -> None:
    loaded = run_fresh("import sys, companion.providers\nprint(*sys.modules)").split()
    assert "asyncio" not in loaded
    assert [name for name in loaded if name.startswith("companion.providers.")] == []


def test_the_example_of_the_documentation_runs() -> None:
    assert library.__doc__ is not None
    lines = library.__doc__.split("\n\n")[1:4]
    code = "\n\n".join("\n".join(line[4:] for line in block.splitlines()) for block in lines)
    example = code[: code.index("asyncio.run(main())") + len("asyncio.run(main())")]
    assert "ModelInfo(provider='mock'" in run_fresh(
        f"import os\nos.environ['AI_PROVIDER'] = 'mock'\n{example}"
    )


def test_an_error_carries_who_and_why() -> None:
    cause = ValueError("socket")
    error = AIProviderRateLimitError(
        "Slow down.", "openai", cause, status=429, request_id="req_1", retry_after_s=3.0
    )
    assert isinstance(error, AIProviderError)
    assert (str(error), error.provider, error.original_error, error.kind) == (
        "Slow down.",
        "openai",
        cause,
        Kind.RATE_LIMITED,
    )
    assert (error.status, error.request_id, error.retry_after_s) == (429, "req_1", 3.0)


# -- the simple methods -------------------------------------------------------------------------------------


class Flaky(AIProvider):
    """Fails as often as it is told, then answers."""

    spec = Spec(name="flaky", display_name="Flaky", roles=frozenset({Role.THINKS}))

    def __init__(self, fails: int) -> None:
        super().__init__()
        self.fails = fails
        self.begun = 0
        self.closed = 0

    async def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        self.begun += 1
        try:
            if self.begun <= self.fails:
                raise AIProviderUnavailableError("", "flaky")
            for word in ("I ", "am ", "here."):
                yield ChatDelta(text=word)
            yield ChatDelta(finish_reason="stop")
        finally:
            self.closed += 1


async def test_the_simple_methods_are_patient_and_the_calls_make_one_attempt() -> None:
    provider = Flaky(fails=2)
    provider.policy = Policy(attempts=3, backoff_s=0.0)
    assert await provider.generate_completion("", "Are you there?") == "I am here."
    provider = Flaky(fails=1)
    with pytest.raises(AIProviderUnavailableError):
        await anext(provider.chat(ChatRequest(messages=())))
    assert provider.begun == 1


async def test_the_breaker_remembers_between_calls() -> None:
    provider = Flaky(fails=99)
    provider.policy = Policy(attempts=1, breaker_threshold=2)
    kinds: list[Kind] = []
    for _ in range(4):
        with pytest.raises(AIProviderError) as caught:
            await provider.generate_completion("", "Are you there?")
        kinds.append(caught.value.kind)
    assert kinds == [Kind.UNAVAILABLE, Kind.UNAVAILABLE, Kind.CIRCUIT_OPEN, Kind.CIRCUIT_OPEN]
    assert provider.begun == 2
    with pytest.raises(AIProviderError) as caught:
        await anext(provider.stacked(provider.chat)(ChatRequest(messages=())))
    assert caught.value.kind is Kind.CIRCUIT_OPEN
    assert "Flaky" in caught.value.message


async def test_leaving_a_streamed_answer_closes_it() -> None:
    provider = Flaky(fails=0)
    answer = provider.generate_completion_stream("", "Are you there?")
    assert await anext(answer) == "I "
    await answer.aclose()  # type: ignore[attr-defined]
    assert provider.closed == 1


def test_model_info_knows_limits_from_the_catalogue() -> None:
    info = registry.provider_class("anthropic")(api_key="sk-ant-x").get_model_info()
    assert info == ModelInfo(
        provider="anthropic", model_name="claude-haiku-5-5", max_tokens=128_000, context_window=1_000_000
    )
    unknown = MockAIProvider(model="nobody-knows-it").get_model_info()
    assert unknown == ModelInfo(provider="mock", model_name="nobody-knows-it", supports_tts=True)


async def test_a_class_with_only_its_own_method_is_a_provider() -> None:
    class Echo(AIProvider):
        async def generate_completion(
            self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
        ) -> str:
            return user_prompt

    async with Echo() as echo:
        assert await echo.generate_completion("", "hello") == "hello"
    assert (Echo.spec.display_name, Echo.spec.roles) == ("Echo", {Role.THINKS})
