"""A provider and the server it asks, as the fixtures of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from companion.providers.provider import AIProvider
from tests.servers import VendorServer


def pair_of(
    server_class: type[VendorServer], provider_class: type[AIProvider], **options: Any
) -> tuple[Any, Any]:
    """The fixtures `server` and `provider`, which is made with the server's address and `options`."""

    @pytest.fixture
    async def server() -> AsyncIterator[VendorServer]:
        async with server_class() as server:
            yield server

    @pytest.fixture
    async def provider(server: VendorServer) -> AsyncIterator[AIProvider]:
        async with provider_class(base_url=server.url, **options) as provider:
            yield provider

    return server, provider
