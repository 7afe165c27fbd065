"""The offline guide.

provider    who it is                       answering   what it says, and whether it asks
noticing    what it notices in words        clauses     words cut into clauses
turning     "I" turned to "you"             lexicon     its word lists
wording     a choice of written sentences   occasions   messages that are of one kind
told        what need not be asked          foreign     other languages
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from companion.kinds import Role
from companion.language import mark
from companion.providers.spec import Spec

if TYPE_CHECKING:
    from companion.providers.here.guide.provider import PROVIDER

__all__ = ["PROVIDER", "SPEC"]

SPEC = Spec(
    name="guide",
    display_name=mark("Offline guide"),
    roles=frozenset({Role.THINKS}),
    aliases=("offline",),
    default_models={Role.THINKS: "guide"},
    summary="Written rules on this computer that reflect back and ask; no AI model, and nothing leaves this computer.",
)


def __getattr__(name: str) -> object:
    """What does the work is loaded when somebody asks for it."""
    if name != "PROVIDER":
        raise AttributeError(f"{__name__} has no {name}")
    return importlib.import_module(f"{__name__}.provider").PROVIDER
