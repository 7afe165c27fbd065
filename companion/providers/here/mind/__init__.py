"""A model on this computer: GGUF files in, answers out, through llama.cpp in a process of its own.

provider    who is asked                          library    which files there are, and what they need
gguf        what a file says of itself            server     the process, from its first word to its last
"""

from companion.providers.here.mind.provider import PROVIDER, SPEC

__all__ = ["PROVIDER", "SPEC"]
