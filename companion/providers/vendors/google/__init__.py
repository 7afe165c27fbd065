"""Google Gemini.

provider    who it is, and its calls          wire        bodies and streams of `generateContent`
sound       ears and voices                   hearing     the live recogniser
live        speech to speech
"""

from companion.providers.vendors.google.provider import PROVIDER, SPEC

__all__ = ["PROVIDER", "SPEC"]
