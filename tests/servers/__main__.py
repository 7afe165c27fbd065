"""`python -m tests.servers NAME [--port N]`: one vendor until killed; `--help` lists the names."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json

from tests.servers import (
    AnthropicServer,
    DeepgramServer,
    GoogleServer,
    OllamaServer,
    OpenAIServer,
    VendorServer,
)
from tests.servers.compatible import COMPATIBLE

_SERVERS: dict[str, type[VendorServer]] = {
    server.name: server
    for server in (
        OpenAIServer,
        AnthropicServer,
        GoogleServer,
        OllamaServer,
        DeepgramServer,
        *COMPATIBLE.values(),
    )
}


async def _serve(name: str, port: int) -> None:
    async with _SERVERS[name](port=port) as server:
        print(json.dumps({"name": name, "port": server.port, "url": server.url}), flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers")
    parser.add_argument("name", choices=sorted(_SERVERS))
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.name, options.port))


if __name__ == "__main__":
    main()
