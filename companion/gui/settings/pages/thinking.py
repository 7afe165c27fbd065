"""Thinking: who answers, with which model, and how long answers may be."""

from __future__ import annotations

from companion.flow import Role
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo
from companion.gui.settings.role_page import RolePage
from companion.gui.theme import Look
from companion.settings import Page


class ThinkingPage(RolePage):
    role = Role.THINKS

    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, "Thinking")

    def add_own_rows(self) -> None:
        self.add_pair(self.row("reply.longest_answer"), self.row("reply.monthly_budget_usd"))
        self.add_rows("talk.engine")
        self.add_pair(self.row("talk.realtime_model"), self.row("talk.realtime_voice"))


PAGE = PageInfo(
    name=Page.THINKING,
    title="Thinking",
    order=20,
    build=ThinkingPage,
    words="key api model provider answer openai anthropic claude gpt ollama guide server address price",
)
