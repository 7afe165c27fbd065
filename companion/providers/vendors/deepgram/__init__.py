"""Deepgram.

provider    who it is, and its calls          wire        the dialects of its recognisers, voices and refusals
"""

from companion.providers.vendors.deepgram.provider import PROVIDER, SPEC

__all__ = ["PROVIDER", "SPEC"]
