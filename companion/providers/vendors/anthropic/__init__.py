"""Anthropic's Claude.

provider    who it is, and its calls          messages    the words of the Messages API
"""

from companion.providers.vendors.anthropic.provider import PROVIDER, SPEC

__all__ = ["PROVIDER", "SPEC"]
