"""What one piece of a streamed answer costs: our providers, a raw httpx2 reader and the vendor's SDK read the same bytes.

    python -m tests.benchmarks.chunks [ROUNDS]

A server in a process of its own sends an answer of 2,000 pieces, each as a write of its own. Figures are processor time of
the client per piece, medians of rounds in which everybody takes a turn, and ratios within the run; it asserts nothing.
"Stacked" is the provider behind retries, clocks, breaker and caps, as the window uses it.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from companion.flow import ChatRequest, Message, Speaker
from companion.providers import registry
from companion.providers.provider import AIProvider

PIECES = 2_000
WORDS = [f" w{number}" for number in range(PIECES)]
KEY = "sk-benchmark-0123456789"
REQUEST = ChatRequest(messages=(Message(Speaker.USER, "Go on."),))
Reader = Callable[[], AsyncIterator[str]]


# -- the server ---------------------------------------------------------------------------------------------


def _sse(data: Any, event: str = "") -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def _openai() -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return _sse({**base, "system_fingerprint": None, "choices": [choice], "usage": None})

    return [*(chunk({"content": word}) for word in WORDS), chunk({}, "stop") + b"data: [DONE]\n\n"]


def _responses() -> list[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        numbers[0] += 1
        return _sse({"type": kind, **fields, "sequence_number": numbers[0]}, kind)

    numbers = [-1]
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    response = {
        "id": "resp_1",
        "object": "response",
        "model": "m",
        "status": "in_progress",
        "error": None,
        "output": [],
    }
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    first = event("response.created", response=response) + event(
        "response.output_item.added", output_index=0, item=item
    )
    deltas = [event("response.output_text.delta", **place, delta=word, logprobs=[]) for word in WORDS]
    whole = {**item, "status": "completed", "content": [{**part, "text": "".join(WORDS)}]}
    usage = {"input_tokens": 1, "output_tokens": PIECES, "total_tokens": PIECES + 1}
    ended = {**response, "status": "completed", "output": [whole], "usage": usage}
    return [
        first + event("response.content_part.added", **place, part=part),
        *deltas,
        event("response.output_text.done", **place, text="".join(WORDS), logprobs=[])
        + event("response.output_item.done", output_index=0, item=whole)
        + event("response.completed", response=ended),
    ]


def _anthropic() -> list[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        return _sse({"type": kind, **fields}, kind)

    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
               "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    deltas = [event("content_block_delta", index=0, delta={"type": "text_delta", "text": w}) for w in WORDS]
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        event("message_start", message=message)
        + event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *deltas,
        event("content_block_stop", index=0)
        + event("message_delta", delta=ended, usage={"output_tokens": PIECES})
        + event("message_stop"),
    ]


def _google() -> list[bytes]:
    def chunk(word: str, **fields: Any) -> bytes:
        candidate = {"content": {"role": "model", "parts": [{"text": word}]}, "index": 0, **fields}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        return _sse(
            {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}
        )

    return [*map(chunk, WORDS[:-1]), chunk(WORDS[-1], finishReason="STOP")]


def _ollama() -> list[bytes]:
    def line(text: str, **fields: Any) -> bytes:
        message = {"role": "assistant", "content": text}
        base = {"model": "m", "created_at": "2026-11-20T10:00:00Z", "message": message, "done": False}
        return json.dumps({**base, **fields}).encode() + b"\n"

    return [
        *map(line, WORDS),
        line("", done=True, done_reason="stop", prompt_eval_count=1, eval_count=PIECES),
    ]


ANSWERS = {
    "responses": _responses,
    "chat/completions": _openai,
    "messages": _anthropic,
    "GenerateContent": _google,
    "api/chat": _ollama,
}


async def serve() -> None:
    """Prints its port and answers every POST by the ending of its path."""
    answers = {part: make() for part, make in ANSWERS.items()}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode()
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.lower().splitlines()
                        if line.startswith(b"content-length")
                    ),
                    0,
                )
                await reader.readexactly(length)
                kind = "application/x-ndjson" if "api/chat" in path else "text/event-stream"
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                )
                for piece in next(pieces for part, pieces in answers.items() if part in path):
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    await asyncio.sleep(0)
                writer.write(b"0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# -- the readers --------------------------------------------------------------------------------------------


def ours(provider: AIProvider, *, stacked: bool) -> Reader:
    call = provider.stacked(provider.chat) if stacked else provider.chat

    async def read() -> AsyncIterator[str]:
        async with aclosing(call(REQUEST)) as deltas:  # type: ignore[type-var]
            async for delta in deltas:
                if delta.text:
                    yield delta.text

    return read


def raw(client: Any, url: str, prefix: str, text_of: Callable[[Any], str | None]) -> Reader:
    """What somebody writes by hand who knows the format."""

    async def read() -> AsyncIterator[str]:
        async with client.stream("POST", url, json={"messages": []}) as answer:
            async for line in answer.aiter_lines():
                if not line or not line.startswith(prefix) or line.endswith("[DONE]"):
                    continue
                if text := text_of(json.loads(line[len(prefix) :])):
                    yield text

    return read


def _responses_sdk(root: str) -> Reader:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=KEY, base_url=f"{root}/v1")

    async def read() -> AsyncIterator[str]:
        async for event in await client.responses.create(model="m", input="Go on.", stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    return read


def _openai_sdk(root: str) -> Reader:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=KEY, base_url=f"{root}/v1")

    async def read() -> AsyncIterator[str]:
        messages: Any = [{"role": "user", "content": "Go on."}]
        async for chunk in await client.chat.completions.create(model="m", messages=messages, stream=True):
            for choice in chunk.choices:
                if choice.delta.content:
                    yield choice.delta.content

    return read


def _anthropic_sdk(root: str) -> Reader:
    from anthropic import AsyncAnthropic

    client = AsyncAnthropic(api_key=KEY, base_url=root)

    async def read() -> AsyncIterator[str]:
        messages: Any = [{"role": "user", "content": "Go on."}]
        async for event in await client.messages.create(
            model="m", max_tokens=9, messages=messages, stream=True
        ):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text

    return read


def _choice_text(chunk: Any) -> str | None:
    return next((choice["delta"].get("content") for choice in chunk["choices"]), None)


def _delta_text(event: Any) -> str | None:
    return event["delta"] if event["type"] == "response.output_text.delta" else None


def _event_text(event: Any) -> str | None:
    return event["delta"]["text"] if event["type"] == "content_block_delta" else None


def _part_text(chunk: Any) -> str | None:
    return str(chunk["candidates"][0]["content"]["parts"][0]["text"])


def _line_text(line: Any) -> str | None:
    return str(line["message"]["content"])


DIALECTS: dict[str, tuple[str, str, str, Callable[[Any], str | None]]] = {
    "openai": ("/v1", "/v1/responses", "data: ", _delta_text),
    "compatible": ("/v1", "/v1/chat/completions", "data: ", _choice_text),
    "anthropic": ("", "/v1/messages", "data: ", _event_text),
    "google": ("", "/v1/models/m:streamGenerateContent?alt=sse", "data: ", _part_text),
    "ollama": ("", "/api/chat", "", _line_text),
}
"""Provider -> the end of its base URL, the path of a question, what begins a line, and how its text is found."""
SDKS = {"openai": _responses_sdk, "compatible": _openai_sdk, "anthropic": _anthropic_sdk}


async def once(read: Reader) -> float:
    """Microseconds of processor time per piece."""
    before = time.process_time()
    count = 0
    async for _ in read():
        count += 1
    assert count == PIECES, count
    return (time.process_time() - before) / PIECES * 1e6


async def measure(rounds: int) -> None:
    import httpx2

    command = [sys.executable, "-m", "tests.benchmarks.chunks", "serve"]
    server = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert server.stdout is not None
    root = f"http://127.0.0.1:{int(await server.stdout.readline())}"
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            for name, (base, path, prefix, text_of) in DIALECTS.items():
                cls = registry.provider_class(name)
                async with cls(base_url=root + base, api_key=KEY, model="m") as provider:
                    readers = {
                        "httpx2 by hand": raw(client, root + path, prefix, text_of),
                        "ours": ours(provider, stacked=False),
                        "ours, stacked": ours(provider, stacked=True),
                    }
                    if name in SDKS:
                        readers["SDK"] = SDKS[name](root)
                    await show(name, readers, rounds)
    finally:
        server.kill()
        await server.wait()


async def show(name: str, readers: dict[str, Reader], rounds: int) -> None:
    times: dict[str, list[float]] = {who: [] for who in readers}
    for index in range(rounds + 1):
        for who, read in readers.items():
            spent = await once(read)
            if index:  # the first round opens connections and imports
                times[who].append(spent)
    medians = {who: statistics.median(measured) for who, measured in times.items()}
    print(f"\n{name}: {PIECES} pieces, median of {rounds} (us of processor time per piece)")
    for who, median in medians.items():
        over = f"{median / medians['httpx2 by hand']:.2f} x httpx2 by hand"
        print(
            f"  {who:<16}{median:>8.1f}   {over}"
            + (f", {median / medians['SDK']:.2f} x SDK" if "SDK" in medians else "")
        )


if __name__ == "__main__":
    words = sys.argv[1:]
    asyncio.run(serve() if words == ["serve"] else measure(int(words[0]) if words else 15))
