"""Answers that nobody reads to their end are closed on the window's loop, quietly."""

from __future__ import annotations

import os
import subprocess
import sys

LEAVES = """
import asyncio, gc
from PySide6.QtWidgets import QApplication
from companion.gui.main import _loop
from companion.providers import registry
from tests.providers.test_contract import REQUEST
from tests.servers.openai import OpenAIServer

async def leave():
    async with OpenAIServer() as server:
        server.script.token_delay_s = 0.02
        async with registry.provider_class("openai")(base_url=server.url, api_key="sk-test-0123456789abcdef") as provider:
            async for _ in provider.chat(REQUEST):
                break
            gc.collect()
            await asyncio.sleep(0.05)
    print("left")

_loop(QApplication([]), leave())
"""


def test_an_answer_that_is_left_prints_no_traceback() -> None:
    environ = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-X", "dev", "-c", LEAVES]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)
    assert done.stdout == "left\n"
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr
