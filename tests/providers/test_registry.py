"""Who there is: built-in providers, a program's own, and installed packages'."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import companion.providers
from companion.errors import AIProviderError, AIProviderInvalidRequestError, Kind
from companion.kinds import Role
from companion.providers import AIProvider, MockAIProvider, Spec, registry


class Parrot(AIProvider):
    """A program's own provider, with nothing but the one method it needs."""

    async def generate_completion(
        self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
    ) -> str:
        return user_prompt


@pytest.fixture(autouse=True)
def leave_no_provider_behind() -> Iterator[None]:
    yield
    registry.unregister("parrot")
    registry.unregister("mock")


def test_the_first_house_of_providers_is_complete() -> None:
    names = {spec.name for spec in registry.specs()}
    assert {"openai", "anthropic", "ollama", "guide", "builtin", "whisper", "mock"} <= names


def test_no_module_with_a_spec_is_left_out() -> None:
    for module in pkgutil.walk_packages(companion.providers.__path__, "companion.providers."):
        loaded = importlib.import_module(module.name)
        if isinstance(vars(loaded).get("SPEC"), Spec):
            assert registry.find(loaded.SPEC.name) is loaded.SPEC
            assert registry.provider_class(loaded.SPEC.name) is loaded.PROVIDER
            assert loaded.PROVIDER.spec is loaded.SPEC


def test_every_spec_says_what_a_settings_card_needs() -> None:
    taken: set[str] = set()
    for spec in registry.specs():
        assert spec.display_name, spec.name
        assert spec.summary, spec.name
        assert spec.roles, spec.name
        if spec.needs_key:
            assert spec.key_page.startswith("https://"), spec.name
            assert spec.key_env, spec.name
        names = {spec.name, *spec.aliases}
        assert not names & taken, spec.name
        taken |= names


@pytest.mark.parametrize(
    ("asked", "name"), [("local", "ollama"), ("offline", "guide"), ("OpenAI", "openai"), (" mock ", "mock")]
)
def test_aliases_and_any_case_of_letters_are_found(asked: str, name: str) -> None:
    assert registry.find(asked).name == name
    assert registry.provider_class(asked).spec.name == name


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(AIProviderError) as caught:
        registry.find("hal9000")
    assert caught.value.kind is Kind.PROVIDER_UNKNOWN
    for name in ("hal9000", "openai", "anthropic", "ollama", "mock"):
        assert name in caught.value.message


def test_roles_are_told_apart() -> None:
    assert "anthropic" in {spec.name for spec in registry.with_role(Role.THINKS)}
    assert "anthropic" not in {spec.name for spec in registry.with_role(Role.SPEAKS)}
    assert {"openai", "builtin", "mock"} <= {spec.name for spec in registry.with_role(Role.HEARS)}


async def test_a_programs_own_provider_is_found_listed_and_used() -> None:
    registry.register("Parrot", Parrot)
    spec = registry.find("parrot")
    assert spec in registry.specs()
    assert spec.roles == {Role.THINKS}
    assert await registry.provider_class("parrot")().generate_completion("", "hello") == "hello"


@pytest.mark.parametrize("thing", [object, dict, "Parrot", None, MockAIProvider()])
def test_what_is_no_provider_is_refused(thing: object) -> None:
    with pytest.raises(AIProviderInvalidRequestError):
        registry.register("parrot", thing)  # type: ignore[arg-type]
    with pytest.raises(AIProviderError):
        registry.find("parrot")


@pytest.mark.parametrize("name", ["mock", "OPENAI", "local", ""])
def test_a_taken_or_empty_name_is_refused(name: str) -> None:
    with pytest.raises(AIProviderInvalidRequestError):
        registry.register(name, Parrot)


def test_a_name_is_replaced_when_that_is_meant_and_given_back() -> None:
    registry.register("mock", Parrot, replace_existing=True)
    assert registry.provider_class("mock") is Parrot
    registry.unregister("mock")
    assert registry.provider_class("mock") is MockAIProvider


@pytest.fixture
def installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package in site-packages that adds one provider which works and one which cannot be imported."""
    (tmp_path / "parrot_package.py").write_text(
        "from companion.providers import AIProvider\nclass Parrot(AIProvider):\n    def chat(self, request): ...\n"
    )
    info = tmp_path / "parrot_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[companion.providers]\nparrot = parrot_package:Parrot\nbroken = parrot_package:Missing\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry._installed.cache_clear()
    yield
    registry._installed.cache_clear()
    sys.modules.pop("parrot_package", None)


@pytest.mark.usefixtures("installed_package")
def test_an_installed_package_adds_a_provider_and_a_broken_one_harms_nobody(
    expected_warnings: pytest.LogCaptureFixture,
) -> None:
    assert registry.find("parrot").roles == {Role.THINKS}
    assert registry.provider_class("parrot").__module__ == "parrot_package"
    names = {spec.name for spec in registry.specs()}
    assert "parrot" in names
    assert "broken" not in names
    assert "parrot_package:Missing" in expected_warnings.text
