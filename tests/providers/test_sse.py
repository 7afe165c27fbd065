"""The event-stream reader against the rules of the WHATWG page, in blocks of every size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

import pytest

from companion.bounds import MAX_EVENT, MAX_LINE
from companion.providers.wire.sse import AnswerSplitter, ServerSentEvent, events


async def read(blocks: Iterable[bytes]) -> list[ServerSentEvent]:
    async def arriving() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    async with aclosing(events(arriving())) as found:
        return [event async for event in found]


def message(data: str, event: str = "message", event_id: str = "") -> ServerSentEvent:
    return ServerSentEvent(event, data, event_id)


STREAM = (
    "\ufeff: hello\nevent: add\ndata: Grüße 🌿\ndata:\ndata:  two\nid: 7\n\n"
    "retry: 3\n\ndata\n\nnonsense: x\ndata: [DONE]\n\n"
)
EXPECTED = [
    message("Grüße 🌿\n\n two", "add", "7"),
    message("[DONE]", event_id="7"),
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
async def test_events_are_the_same_however_the_bytes_arrive(end: str, size: int) -> None:
    raw = STREAM.replace("\n", end).encode()
    assert await read(raw[at : at + size] for at in range(0, len(raw), size)) == EXPECTED


async def test_an_event_that_is_a_block_of_its_own_is_the_same_event() -> None:
    blocks = [b"data: a\n\n", b"data: b\r\r", b"data: c\n\n", b"\n", b"data:  \n\n", b"id: 7\ndata: d\n\n", b"data: e\n\n",
              b"data: f\ndata: g\n\n", b"data: h\n", b"data: i\n\n", b"data: a\xffb\n\n"]  # fmt: skip
    assert await read(blocks) == await read([b"".join(blocks)])


async def test_an_event_ended_by_carriage_returns_does_not_wait_for_more() -> None:
    gate: list[str] = []

    async def arriving() -> AsyncIterator[bytes]:
        yield b"data: now\r\r"
        gate.append("asked for more")
        yield b"\ndata: next\r\n\r\n"

    async with aclosing(events(arriving())) as found:
        assert await anext(found) == message("now")
        assert not gate
        assert await anext(found) == message("next")


@pytest.mark.parametrize("end", ["", "\n", "\r", "\r\n"])
async def test_the_last_event_needs_no_empty_line(end: str) -> None:
    assert await read([b"data: one\n\n", b"data: two" + end.encode()]) == [message("one"), message("two")]


@pytest.mark.parametrize(
    "sign", ["data:\n\n", "data: \n\n", "data\n\n", ": hello\n\n", "event: ping\ndata:\n\n", "\n\n"]
)
async def test_an_event_that_says_nothing_is_none(sign: str) -> None:
    assert await read([b"data: one\n\n", sign.encode(), b"data: two\n\n"]) == [message("one"), message("two")]


ONE, TWO = '{"a": "one"}', '{"a": "two"}'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (f"data: {ONE}\n\ndata: {TWO}", [ONE, TWO]),
        (f": hello\n\ndata: {ONE}\n\n", [ONE]),
        (f"\ufeff{ONE}", [ONE]),
        (f"\n\n{ONE}\n{TWO}\n", [ONE, TWO]),
        ('{\n  "a": "one"\n}\n', ['{\n  "a": "one"\n}']),
        (f"[{ONE},\n{TWO}]", [f"[{ONE},\n{TWO}]"]),
        ("", []),
    ],
    ids=["events", "comment first", "one value", "one a line", "one over lines", "list", "nothing"],
)
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_what_is_no_event_stream_is_read_as_what_it_is(raw: str, expected: list[str], size: int) -> None:
    splitter, whole = AnswerSplitter(), raw.encode()
    found = [event for at in range(0, len(whole), size) for event in splitter.feed(whole[at : at + size])]
    assert [event.data for event in (*found, *splitter.rest())] == expected


async def test_only_one_byte_order_mark_and_only_at_the_start_is_left_out() -> None:
    assert await read([b"\xef\xbb", b"\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n"]) == [
        message("a"),
        message("\ufeffb"),
    ]


async def test_an_id_with_a_null_and_unknown_fields_are_passed_over() -> None:
    assert await read([b"id: 1\nid: a\0b\nfoo\n:\ndata:x\n\n"]) == [message("x", event_id="1")]


@pytest.mark.parametrize(
    "blocks",
    [
        [b"data: "] + [b"x" * 65536] * (MAX_LINE // 65536 + 1),
        [b"data: " + b"x" * 65536 + b"\n"] * (MAX_EVENT // 65536 + 1),
    ],
    ids=["line", "event"],
)
async def test_what_is_longer_than_an_answer_can_be_is_refused(blocks: list[bytes]) -> None:
    with pytest.raises(ValueError, match="too long"):
        await read(blocks)


async def test_broken_characters_are_replaced() -> None:
    assert await read([b"data: a\xffb\n\n"]) == [message("a\ufffdb")]
