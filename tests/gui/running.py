"""The window with its dialogs on the real app, started and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from companion.app import Companion
from companion.gui.shell import Shell

Start = Callable[..., AbstractAsyncContextManager[tuple[Shell, Companion]]]
"""Given more lines of settings, the window of an app that is open."""


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never was")
