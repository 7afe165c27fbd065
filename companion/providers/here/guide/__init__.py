"""The offline guide.

provider    who it is                       answering   what it says, and whether it asks
noticing    what it notices in words        clauses     words cut into clauses
turning     "I" turned to "you"             lexicon     its word lists
wording     a choice of written sentences   occasions   messages that are of one kind
told        what need not be asked          foreign     other languages
"""

from companion.providers.here.guide.provider import PROVIDER, SPEC

__all__ = ["PROVIDER", "SPEC"]
