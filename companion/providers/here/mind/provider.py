"""A model on this computer: the words of a conversation in, its answer out, through llama.cpp in a process of its own.

The process speaks OpenAI's dialect on loopback, so what asks it is the adapter of that dialect behind the gate, and
cancelling, silence and a broken answer are what they are with any server. A file that was never taught to converse, is not
whole, or is larger than the memory that is free, is refused before anything is loaded.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import (
    AIProviderError,
    AIProviderModelNotFoundError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, Health, Message, Speaker
from companion.kinds import Role
from companion.language import mark, tr
from companion.providers.here.mind import library
from companion.providers.here.mind.library import LocalModel, Pace
from companion.providers.here.models import measured
from companion.providers.here.models.listing import ModelKind
from companion.providers.here.models.store import ModelStore
from companion.providers.provider import AIProvider, BeginsWith, Policy, Spec

if TYPE_CHECKING:
    from companion.providers.here.mind.server import Minds, MindServer, Order
    from companion.providers.vendors.openai.provider import OpenAIProvider

INSTALL = "pip install 'reflection-companion[mind]'"
GONE_S = 1.0
"""A connection that breaks because the process died is known to be that within so long."""
_TRIAL = "Tell me in a few sentences what an evening by a river is like."
_TRIAL_TOKENS = 48

SPEC = Spec(
    name="mind",
    display_name=mark("A model on this computer"),
    roles=frozenset({Role.THINKS}),
    summary="A language model of your own that runs here, without any server; nothing leaves this computer.",
    install=INSTALL,
)


class MindProvider(AIProvider):
    """Thinks with a GGUF file.

    Args:
        models_dir: folder of the models of every kind, of which `mind` is one; empty: the app's own.
        model: name of a model in that folder, or the path of a file; empty: the first that is of use.
    """

    spec = SPEC
    policy = Policy(first_s=180.0, idle_s=60.0, attempts=2)
    """A model of gigabytes is read from the disk first, and a long conversation takes its time on a small computer. A
    process that died is replaced once."""

    def __init__(self, *, models_dir: Path | str = "", **rest: Any) -> None:
        super().__init__(**rest)
        self.store = ModelStore(models_dir or None)
        self.models_dir = self.store.folder / ModelKind.MIND
        self._minds: Minds | None = None
        self._asked_through: tuple[MindServer, OpenAIProvider] | None = None

    # -- thinking -------------------------------------------------------------------------------------------

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """Streams an answer. Closing it ends the writing.

        Raises:
            AIProviderError: ENGINE_MISSING without llama.cpp; MODEL_UNKNOWN for a file that is not there or of no use;
                UNAVAILABLE where memory is short; ENGINE_CRASHED, or CUT_OFF in the middle of an answer.
        """
        model = await self._usable(request.model)
        request = replace(request, model=model.name)
        has_said = False
        async with self._joined().serving(_order(model), self.spec) as server:
            try:
                async with aclosing(self._through(server, model).chat(request)) as deltas:
                    async for delta in deltas:
                        has_said = has_said or bool(delta.text)
                        yield delta
            except AIProviderError as error:
                if await server.has_ended(GONE_S):
                    raise self._crashed(error, has_said) from error.__cause__
                raise

    async def read_ahead(self, begins_with: BeginsWith) -> None:
        messages = begins_with()
        if not messages:
            return
        if messages[-1].role is not Speaker.USER:  # many templates want the person to speak last
            messages = (*messages, Message(Speaker.USER, "."))
        with suppress(CompanionError):  # whatever is wrong is told by the question itself
            await self._whole(ChatRequest(messages=messages, max_tokens=1))

    async def warm(self) -> None:
        """Has the model in memory."""
        with suppress(CompanionError):
            model = await self._usable("")
            async with self._joined().serving(_order(model), self.spec) as server:
                await self.net.warm(server.address)

    async def pace(self, model: str = "") -> Pace:
        """How fast `model` writes on this machine; takes some seconds and is remembered for the list.

        Raises:
            AIProviderError: as `chat`.
        """
        found = await self._usable(model)
        request = ChatRequest(
            messages=(Message(Speaker.USER, _TRIAL),), model=model, max_tokens=_TRIAL_TOKENS, temperature=0.0
        )
        came: list[float] = []
        async with aclosing(self.chat(request)) as deltas:
            async for delta in deltas:
                if delta.text:
                    came.append(time.perf_counter())
        took_s = came[-1] - came[0] if came else 0.0
        speed = (len(came) - 1) / took_s if took_s else 0.0
        if speed:
            await asyncio.to_thread(measured.keep, self.models_dir, found.name, round(speed, 1))
        return Pace(found, speed)

    async def models_here(self) -> Mapping[str, str]:
        """What can be chosen: name -> words for it. Models that are too small to be of use are left out."""
        models, speeds = await asyncio.to_thread(
            lambda: (library.models_in(self.store), measured.figures(self.models_dir))
        )
        offered = [model for model in models if not model.problem and not model.is_small]
        return {model.name: library.described(model, speeds.get(model.name)) for model in offered}

    async def check(self) -> Health:
        offered = tuple(await self.models_here())
        try:
            model = await self._usable("")
        except CompanionError as error:
            return Health(ok=False, detail=f"{error.message} {error.hint}", models=offered, kind=error.kind)
        speeds = await asyncio.to_thread(measured.figures, self.models_dir)
        about = library.described(model, speeds.get(model.name))
        detail = tr("Ready: {model}.", model=about)
        if model.is_small:
            detail += f" {tr(library.TOO_SMALL, name=model.name)}"
        listed = offered if model.name in offered else (*offered, self.models[Role.THINKS] or model.name)
        return Health(ok=True, detail=detail, models=listed)

    async def aclose(self) -> None:
        asked, self._asked_through = self._asked_through, None
        if asked is not None:
            await asked[1].aclose()
        minds, self._minds = self._minds, None
        if minds is not None:
            await minds.leave(self)
        await super().aclose()

    # -- which model, and who asks it -------------------------------------------------------------------------

    async def _model(self, wanted: str = "") -> LocalModel | None:
        name = wanted or self.models[Role.THINKS]
        return await asyncio.to_thread(library.find, self.store, name)

    async def _usable(self, wanted: str) -> LocalModel:
        """The model to ask, which can be asked.

        Raises:
            AIProviderError: ENGINE_MISSING, MODEL_UNKNOWN, UNAVAILABLE.
        """
        self._require_program()
        model = await self._model(wanted)
        if model is None:
            raise self._no_model(wanted or self.models[Role.THINKS])
        if model.problem:
            hint = tr("Fetch it again, or choose another model.") if model.is_damaged else ""
            raise self._unknown(
                model.problem, hint or tr("Choose an “instruct” model. What you said is kept.")
            )
        if not self._joined().runs(_order(model)):
            self._require_memory(model)
        self.thinker = model.name
        return model

    def _require_program(self) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            who = self.spec.display_name
            raise AIProviderUnavailableError(
                tr("llama.cpp, which runs models, is not installed on this computer."),
                self.spec.name,
                kind=Kind.ENGINE_MISSING,
                who=who,
                hint=tr("Install it in Settings under Thinking, or with: {install}", install=INSTALL),
            )

    def _require_memory(self, model: LocalModel) -> None:
        free = library.free_memory()
        if free is None:
            return
        free += self._joined().held
        if model.memory <= free:
            return
        needed, left = library.megabytes(model.memory), library.megabytes(free)
        raise AIProviderUnavailableError(
            tr(
                "There is not enough memory for {name}: it takes {needed}, and {left} are free.",
                name=model.name,
                needed=needed,
                left=left,
            ),
            self.spec.name,
            who=self.spec.display_name,
            hint=tr("Close other programs, or choose a smaller model. What you said is kept."),
            retryable=False,
        )

    def _no_model(self, name: str) -> AIProviderError:
        if name:
            return self._unknown(
                tr("The model {name} is not on this computer.", name=name),
                tr("Choose another in the settings."),
            )
        return self._unknown(
            tr("There is no model on this computer yet."),
            tr(
                "Fetch one in the settings under Thinking, or put the GGUF file of an “instruct” "
                "model with 1 to 4 billion parameters into {models_dir}.",
                models_dir=self.models_dir,
            ),
        )

    def _unknown(self, message: str, hint: str) -> AIProviderError:
        who = self.spec.display_name
        return AIProviderModelNotFoundError(message, self.spec.name, who=who, hint=hint)

    def _crashed(self, error: AIProviderError, has_said: bool) -> AIProviderError:
        who = self.spec.display_name
        if not has_said:
            return AIProviderUnavailableError("", self.spec.name, error, kind=Kind.ENGINE_CRASHED, who=who)
        return AIProviderStreamCutError(
            tr("{who} stopped unexpectedly in the middle of its answer; it is started again.", who=who),
            self.spec.name,
            error,
            who=who,
            retryable=False,
        )

    def _joined(self) -> Minds:
        if self._minds is None:
            from companion.providers.here.mind.server import shared_minds

            self._minds = shared_minds()
            self._minds.join(self)
        return self._minds

    def _through(self, server: MindServer, model: LocalModel) -> OpenAIProvider:
        """The adapter that asks this process."""
        if self._asked_through is None or self._asked_through[0] is not server:
            from companion.providers.vendors.openai.dialect import Dialect
            from companion.providers.vendors.openai.provider import OpenAIProvider

            class Adapter(OpenAIProvider):
                spec = SPEC
                dialect = Dialect(
                    max_tokens="max_tokens",
                    reasoning="",
                    leaves_out=frozenset({"user", "metadata", "name"}),
                    cannot=frozenset({"images", "sounds"}),
                )

            adapter = Adapter(api_key=server.key.reveal(), base_url=f"{server.address}/v1", net=self.net)
            adapter.windows.note(model.name, model.context)
            self._asked_through = (server, adapter)
        return self._asked_through[1]

    async def _whole(self, request: ChatRequest) -> None:
        async with aclosing(self.chat(request)) as deltas:
            async for _ in deltas:
                pass


PROVIDER = MindProvider


def _order(model: LocalModel) -> Order:
    from companion.providers.here.mind.server import Order

    return Order(model.name, model.path, model.context, model.memory)
