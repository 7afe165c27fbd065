"""Vendors' services on this machine: real HTTP servers that speak each vendor's wire format and misbehave on request.

In a test: `async with OpenAIServer() as server:` and hand `server.url` to the provider as its `base_url`; set
`server.script` to change what it says or how it fails; read `server.requests`. As a process of its own:
`python -m tests.servers openai --port 0` prints one line of JSON with the address and is steered over HTTP
(`POST /_control/script`, `GET /_control/requests`, `POST /_control/reset`).
"""

from tests.servers.anthropic import AnthropicServer
from tests.servers.deepgram import DeepgramServer
from tests.servers.google import GoogleServer
from tests.servers.ollama import OllamaServer
from tests.servers.openai import OpenAIServer
from tests.servers.script import Script, Seen
from tests.servers.server import VendorServer

__all__ = [
    "AnthropicServer",
    "DeepgramServer",
    "GoogleServer",
    "OllamaServer",
    "OpenAIServer",
    "Script",
    "Seen",
    "VendorServer",
]
