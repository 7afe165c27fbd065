"""A model of this computer on the thinking page: it is tried before it takes the role, and what is slow is said first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QPushButton

from companion.errors import CompanionError, Kind
from companion.flow import Health
from companion.gui.settings.pages.thinking import MIND, ThinkingPage
from companion.kinds import Role
from companion.providers.here.mind.library import LocalModel, Pace, look_at
from companion.providers.here.models.listing import ModelKind, usual
from companion.providers.here.models.store import Standing, State
from tests.gui.running import until
from tests.gui.settings_host import StagedHost, shown
from tests.own_servers.tiny_gguf import U64, write


@pytest.fixture
def model(tmp_path: Path) -> LocalModel:
    return look_at("large", write(tmp_path / "large.gguf", general__parameter_count=(U64, 1_700_000_000)))


@pytest.fixture
def host(model: LocalModel) -> StagedHost:
    host = StagedHost()
    host.healths[MIND] = Health(ok=True, detail="Ready: large.", models=("large",))
    host.pace_found = Pace(model, 20.0)
    return host


@pytest.fixture
async def page(host: StagedHost, qapp: QApplication) -> AsyncIterator[ThinkingPage]:
    async with shown(host) as dialog:
        dialog.show_page("thinking")
        assert isinstance(dialog.page, ThinkingPage)
        await until(lambda: ("check", MIND, False) in host.log)
        yield dialog.page


def active(host: StagedHost) -> str:
    return host.settings.role(Role.THINKS).active


async def test_a_quick_model_takes_the_role_and_its_pace_is_told(
    page: ThinkingPage, host: StagedHost
) -> None:
    page.choose(MIND)
    await until(lambda: active(host) == MIND)
    assert "about 15 words a second" in page.cards[MIND].accessibleName()


async def test_a_slow_model_is_told_before_it_is_chosen(page: ThinkingPage, host: StagedHost) -> None:
    assert host.pace_found is not None
    host.pace_found = replace(host.pace_found, tokens_a_second=4.0)
    page.choose(MIND)
    await until(lambda: "about 3 words a second" in page.notice.text)
    assert "slow" in page.notice.text
    assert active(host) == "guide", "the present one stays until then"
    page.notice.findChildren(QPushButton)[0].click()
    await until(lambda: active(host) == MIND)


async def test_a_model_that_does_not_write_is_told(page: ThinkingPage, host: StagedHost) -> None:
    host.pace_found = CompanionError(Kind.ENGINE_CRASHED, who="A model on this computer")
    page.choose(MIND)
    await until(lambda: "stopped unexpectedly" in page.notice.text)
    assert active(host) == "guide"


async def test_a_fetched_model_is_tried_before_use_makes_it_the_one_that_thinks(
    page: ThinkingPage, host: StagedHost
) -> None:
    name = usual(ModelKind.MIND).name
    host.standings[name] = Standing(usual(ModelKind.MIND), State.READY)
    assert host.pace_found is not None
    host.pace_found = replace(host.pace_found, tokens_a_second=4.0)
    page.models.look()
    await until(lambda: page.models.rows)
    page.models.rows[name].use.click()
    await until(lambda: "slow" in page.notice.text)
    assert ("pace", MIND, name) in host.log
    assert active(host) == "guide"
    page.notice.findChildren(QPushButton)[0].click()
    await until(lambda: active(host) == MIND)
    assert host.settings.role(Role.THINKS).block(MIND).model == name
