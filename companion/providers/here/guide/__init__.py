"""The offline guide.

provider    who it is, and how it answers     noticing    what it notices in somebody's words
"""

from companion.providers.here.guide.provider import PROVIDER, SPEC

__all__ = ["PROVIDER", "SPEC"]
