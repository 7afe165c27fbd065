"""The offline guide: answers from written rules, on this computer, without any model. Request in, words streamed out.

It says little: what was said, turned back where that surely comes out right, and at most one question, taken from those
words or from the chosen practice. Somebody who takes leave is let go. What it has said before it reads from the request's
own messages, so it keeps no state, never repeats a sentence within a session, and the same messages give the same answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncGenerator
from dataclasses import replace

from companion.flow import ChatDelta, ChatRequest, Speaker
from companion.language import language
from companion.providers.here.guide import SPEC
from companion.providers.provider import AIProvider

_CANNOT = ("tools", "schema", "images", "sounds")
_NO_USE_FOR = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
    "reasoning_effort",
)


class Guide(AIProvider):
    """Thinks by rules. Needs no key, no network, no model."""

    spec = SPEC

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        import asyncio  # the window asks this file who the guide is before it has a loop

        notices = _require_a_plain_question(request)
        answer = write_answer(request)
        for word in re.findall(r"\S+\s*", answer):
            yield ChatDelta(text=word)
            await asyncio.sleep(0)
        yield ChatDelta(finish_reason="stop", model="guide", notices=notices)

    async def warm(self) -> None:
        from companion.providers.here.guide.lexicon import load_lexicon
        from companion.providers.here.guide.tongues import load_tongue, spoken
        from companion.providers.here.guide.wording import load_wordings

        load_lexicon()
        load_wordings()
        if language() in spoken():
            load_tongue(language())


PROVIDER = Guide


def _require_a_plain_question(request: ChatRequest) -> tuple[str, ...]:
    """Notices of the numbers that mean nothing to rules.

    Raises:
        AIProviderNotSupportedError: tools, a form, pictures or sound are asked for.
    """
    from companion.calls import JsonSchema
    from companion.providers.fitting import left_out, notice, require_abilities

    form = JsonSchema(schema={}) if request.json else None
    require_abilities(replace(request, schema=request.schema or form), SPEC, None, _CANNOT)
    return tuple(notice(SPEC.display_name, name) for name in left_out(request, None, _NO_USE_FOR))


def write_answer(request: ChatRequest) -> str:
    """One to four sentences, at most one of them a question."""
    from hashlib import blake2b

    from companion.providers.here.guide.answering import answer
    from companion.providers.here.guide.recalling import recalled
    from companion.providers.here.guide.tongues import tongue_of
    from companion.providers.here.guide.translated import answer_in
    from companion.providers.here.guide.wording import Wording, load_wordings

    said_by_user = [message.content for message in request.messages if message.role is Speaker.USER] or [""]
    answers = [message.content for message in request.messages if message.role is Speaker.ASSISTANT]
    seed = "\x1f".join([request.practice, *said_by_user, *answers]).encode("utf-8", "replace")
    chance = random.Random(int.from_bytes(blake2b(seed, digest_size=8).digest(), "big"))
    wording = Wording(answers, chance)
    tongue = tongue_of(said_by_user)
    pools = load_wordings(tongue.code if tongue is not None else "")
    brought_up, is_asked = recalled(request.messages, wording, pools)
    if is_asked:
        return brought_up
    if tongue is not None:
        found = answer_in(tongue, said_by_user, wording, request.practice, chance)
    else:
        found = answer(said_by_user, wording, request.practice, chance)
    return f"{brought_up} {found}".strip()
