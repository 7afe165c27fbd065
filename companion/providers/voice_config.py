"""What a program's own voice is given: a class of named values, filled from arguments and the environment.

class MyProviderConfig(VoiceProviderConfig):
    provider_name: str = "myprovider"
    pitch: float = 1.0
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, dataclass_transform


@dataclass_transform(kw_only_default=True)
class _Named:
    """Makes a dataclass of every subclass, so that a program need not say so."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in vars(cls).get("__annotations__", ()):
            if name not in vars(
                cls
            ):  # named without a value: it has to be given, whatever the class above says
                setattr(cls, name, field())
        dataclass(kw_only=True, repr=False)(cls)


class VoiceProviderConfig(_Named):
    """Settings of one provider. Subclasses only name theirs; values are given by name. A key never shows."""

    provider_name: str = ""
    api_key: str = ""
    model: str = ""
    voice: str = ""
    sample_rate_input: int = 16_000
    """Of what it hears, int16 mono."""
    sample_rate_output: int = 24_000
    """Of the sound it gives, where that is not a file that says so itself."""

    def __repr__(self) -> str:
        shown: list[str] = [each.name for each in fields(self) if "key" not in each.name.lower()]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def config_named(name: str) -> type[VoiceProviderConfig] | None:
    """The newest class of that name; None: there is none."""
    kinds = [VoiceProviderConfig]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    return next((kind for kind in reversed(kinds) if kind.__name__ == name), None)
