"""OpenAI, and every server that speaks its dialect.

provider    who it is, and its calls          requests    sent to one server, with its key
chat        bodies and streams of chat        responses   the same of the Responses API
endpoints   which of the two is asked         dialect     how a server differs from OpenAI, as data
sound       sound and words of audio calls    voice       voices behind the realtime socket
realtime    live transcription, and speech to speech
video       jobs that make a video            batch       many requests in one job
"""

from companion.providers.vendors.openai.provider import PROVIDER, SPEC

__all__ = ["PROVIDER", "SPEC"]
