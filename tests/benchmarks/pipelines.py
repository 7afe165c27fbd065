"""The same voice turn by several hands: our engine, a hand-written httpx2 pipeline, the vendor's SDK.

Each has `setup(base_url)`, `turn(take, on_release, on_audio)`, `reset()` and `close()`; history grows until `reset`.
`on_audio` is called with every piece of sound that is handed over. The hand-written ones cut sentences at the token that
ends in `.`, `!` or `?` without looking ahead: the earliest possible cut, and wrong for "3.5" or "Dr.".
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

from companion.app import Companion
from companion.audio.virtual import FileMicrophone
from companion.events import Event, Phase, PhaseChanged, TakeDiscarded, TurnFinished
from companion.flow import Audio, TurnRecord
from companion.kinds import ReplyState
from companion.paths import find_home
from companion.pcm import to_wav
from companion.vault import EnvironmentKey, MemoryVault, Vault

SYSTEM = "You are a helpful voice companion. Answer in short spoken sentences."
OnRelease = Callable[[], None]
OnAudio = Callable[[bytes], None]


class Pipeline(Protocol):
    async def setup(self, base_url: str) -> None: ...
    async def turn(self, take: Audio, on_release: OnRelease, on_audio: OnAudio) -> None: ...
    def reset(self, messages: int = 0) -> None: ...
    async def close(self) -> None: ...


# -- ours ---------------------------------------------------------------------------------------------------


class Sink:
    """A speaker that takes everything at once and tells when."""

    def __init__(self) -> None:
        self.on_audio: OnAudio = lambda pcm: None
        self._turn = -1
        self._seconds = 0.0
        self.level_db = -20.0

    def begin(self, turn: int) -> None:
        self._turn, self._seconds = turn, 0.0

    async def write(self, turn: int, audio: Audio) -> None:
        if turn == self._turn:
            self._seconds += audio.seconds
            self.on_audio(audio.pcm)

    async def drain(self, turn: int) -> None: ...

    def flush(self) -> float:
        self._turn = -1
        return self._seconds

    @property
    def heard_s(self) -> float:
        return self._seconds

    async def close(self) -> None: ...


class Ours:
    """The product's own engine: providers, prompt, sentence cutter, journal on disk."""

    hearing_model = "whisper-1"

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink or Sink()

    async def setup(self, base_url: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        home = find_home(self._folder.name)
        blocks = "".join(
            f"  {role}: {{active: openai, openai: {{base_url: '{base_url}'{model}}}}}\n"
            for role, model in (("llm", ""), ("stt", f", model: {self.hearing_model}"), ("tts", ""))
        )
        home.config.mkdir(parents=True)
        home.settings.write_text(f"providers:\n{blocks}talk: {{tail_ms: 0, tap_ms: 100, mode: hold}}\n")
        self._over = asyncio.Event()
        self._phase: dict[Phase, asyncio.Event] = {phase: asyncio.Event() for phase in Phase}

        async def vault() -> Vault:
            from companion.log import Secret
            from companion.net import origin

            key = EnvironmentKey(
                secret=Secret("sk-benchmark-0123456789"), origin=origin(base_url), variable=""
            )
            return MemoryVault(environment={"openai": key})

        self.microphone = Held()
        self.app = Companion(home, vault=vault, microphone=self.microphone, player=self._sink)
        self.app.events.watch(self._watch)
        await self.app.open()

    def _watch(self, event: Event) -> None:
        if isinstance(event, TurnFinished | TakeDiscarded):  # a take that is given up has no turn
            self._over.set()
        elif isinstance(event, PhaseChanged):
            self._phase[event.phase].set()

    async def listen(self, take: Audio) -> None:
        """Presses the talk key until all of the take is said."""
        self._phase[Phase.LISTENING].clear()
        self.microphone.take = take
        self.app.press_talk()
        await self._phase[Phase.LISTENING].wait()
        await self.microphone.file.ended.wait()

    async def turn(self, take: Audio, on_release: OnRelease, on_audio: OnAudio) -> None:
        self._sink.on_audio = on_audio
        self._over.clear()
        self._phase[Phase.READY].clear()
        await self.listen(take)
        await asyncio.sleep(0.05)
        on_release()
        self.app.release_talk()
        await self._over.wait()
        await self._phase[Phase.READY].wait()

    def reset(self, messages: int = 0) -> None:
        self.app.new_session()
        self.app.engine.history.extend(
            TurnRecord(
                id=index + 1, session_id=0, at=0.0, user_text="I said a few words about my day then.",
                reply_text="And I answered.", heard_text="And I answered.", reply_state=ReplyState.WHOLE,
            )
            for index in range(messages // 2)
        )  # fmt: skip

    async def close(self) -> None:
        await self.app.close()
        self._folder.cleanup()


class OursLive(Ours):
    """The same with a recogniser that listens along."""

    hearing_model = "gpt-live-transcribe"


class Held:
    """The microphone of the next take."""

    take: Audio
    file: FileMicrophone
    realtime = False

    async def open(self) -> Any:
        self.file = FileMicrophone(self.take, realtime=self.realtime, tail_silence_s=0.0)
        return await self.file.open()


# -- written by hand ----------------------------------------------------------------------------------------


class ByHand:
    """One task reads the model and cuts sentences, one speaks them in order."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, messages: int = 0) -> None:
        self.messages: list[dict[str, str]] = [{"role": "system", "content": SYSTEM}]
        for _ in range(messages // 2):
            self.messages.append({"role": "user", "content": "I said a few words about my day then."})
            self.messages.append({"role": "assistant", "content": "And I answered."})

    async def transcribe(self, wav: bytes) -> str:
        raise NotImplementedError

    def reply(self) -> AsyncIterator[str]:
        raise NotImplementedError

    def speak(self, text: str) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def turn(self, take: Audio, on_release: OnRelease, on_audio: OnAudio) -> None:
        await asyncio.sleep(0.05)
        on_release()
        self.messages.append({"role": "user", "content": await self.transcribe(to_wav(take))})
        sentences: asyncio.Queue[str | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._think(sentences))
            group.create_task(self._say(sentences, on_audio))

    async def _think(self, sentences: asyncio.Queue[str | None]) -> None:
        said, pending = "", ""
        async for token in self.reply():
            said, pending = said + token, pending + token
            if pending.rstrip()[-1:] in (".", "!", "?"):
                sentences.put_nowait(pending.strip())
                pending = ""
        self.messages.append({"role": "assistant", "content": said})
        if pending.strip():
            sentences.put_nowait(pending.strip())
        sentences.put_nowait(None)

    async def _say(self, sentences: asyncio.Queue[str | None], on_audio: OnAudio) -> None:
        while (sentence := await sentences.get()) is not None:
            async for pcm in self.speak(sentence):
                on_audio(pcm)


class Httpx2(ByHand):
    """Plain httpx2, events parsed by hand."""

    async def setup(self, base_url: str) -> None:
        import httpx2

        limits = httpx2.Limits(keepalive_expiry=300)
        headers = {"Authorization": "Bearer test"}
        self.client = httpx2.AsyncClient(
            base_url=base_url, headers=headers, timeout=60, limits=limits, trust_env=False
        )

    async def transcribe(self, wav: bytes) -> str:
        form = {"model": "gpt-transcribe", "language": "en"}
        answer = await self.client.post(
            "/audio/transcriptions", data=form, files={"file": ("take.wav", wav, "audio/wav")}
        )
        return str(answer.json()["text"])

    async def reply(self) -> AsyncIterator[str]:
        body = {"model": "chat", "messages": self.messages, "stream": True}
        async with self.client.stream("POST", "/chat/completions", json=body) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    for choice in json.loads(line[6:])["choices"]:
                        if token := choice["delta"].get("content"):
                            yield token

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        body = {"model": "voice", "voice": "alloy", "input": text, "response_format": "pcm"}
        async with self.client.stream("POST", "/audio/speech", json=body) as answer:
            async for chunk in answer.aiter_bytes():
                yield chunk

    async def close(self) -> None:
        await self.client.aclose()


class Sdk(ByHand):
    """The vendor's official client, as its documentation shows it."""

    async def setup(self, base_url: str) -> None:
        from openai import AsyncOpenAI

        self.client = AsyncOpenAI(api_key="test", base_url=base_url)

    async def transcribe(self, wav: bytes) -> str:
        file = ("take.wav", wav, "audio/wav")
        return (
            await self.client.audio.transcriptions.create(file=file, model="gpt-transcribe", language="en")
        ).text

    async def reply(self) -> AsyncIterator[str]:
        messages: Any = self.messages
        async for chunk in await self.client.chat.completions.create(
            model="chat", messages=messages, stream=True
        ):
            for choice in chunk.choices:
                if choice.delta.content:
                    yield choice.delta.content

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        call = self.client.audio.speech.with_streaming_response
        async with call.create(model="voice", voice="alloy", input=text, response_format="pcm") as answer:
            async for chunk in answer.iter_bytes():
                yield chunk

    async def close(self) -> None:
        await self.client.close()


PIPELINES: dict[str, Callable[[], Pipeline]] = {
    "companion": Ours,
    "companion live": OursLive,
    "httpx2 by hand": Httpx2,
    "openai SDK": Sdk,
}


def recording() -> Audio:
    """Five seconds of real speech."""
    from companion.decoding import read_file

    return read_file(Path(__file__).parent.parent / "data" / "austen-0890.wav")
