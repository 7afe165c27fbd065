"""`cached`: exactly the same request within a while is answered from memory, or from a cache of the program's own."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Hashable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol, TypeVar, cast

from companion.flow import ChatDelta, ChatRequest
from companion.ports import Call
from companion.providers.middleware.reactions import Middleware, is_live
from companion.providers.provider import opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")


def cached(
    call: Call[RequestT, ChunkT], *, ttl_s: float = 300.0, most: int = 256, most_bytes: int = 16 * 2**20
) -> Call[RequestT, ChunkT]:
    """Keeps whole answers for `ttl_s` and gives them again to an equal request, piece by piece as they came.

    What was cut off, failed or given up is not kept; live takes and text that is still written are never kept. An answer
    from memory uses no tokens and says so: its `usage` is gone. The one unused longest goes first.
    """
    shelf = _Shelf(most, most_bytes)

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        if is_live(request):
            async with opened(call, request) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        key = _key_of(request)
        now = asyncio.get_running_loop().time()
        kept = shelf.find(key, now)
        if kept is not None:
            for one in kept:
                yield _unpaid(cast(ChunkT, one))
            return
        came: list[ChunkT] = []
        room = most_bytes
        async with opened(call, request) as chunks:
            async for chunk in chunks:
                room -= _bytes_in(chunk)
                if room >= 0:
                    came.append(chunk)
                yield chunk
        if room >= 0:
            shelf.keep(key, tuple(came), now + ttl_s, most_bytes - room)

    return run


class Cache(Protocol):
    """A cache of the program's own: in memory, on disk, or shared by many. Must be quick."""

    def get(self, key: str, /) -> Any:
        """What was kept under a key and is still fresh; None: nothing."""

    def set(self, key: str, value: Any, ttl: float, /) -> None:
        """Keeps a value for `ttl` seconds: a `ChatResponse`, or of other calls the list of their chunks."""


def kept_in(
    call: Call[RequestT, ChunkT], cache: Cache, *, ttl_s: float = 300.0, owner: str = ""
) -> Call[RequestT, ChunkT]:
    """As `cached`, with a cache of the program's own.

    Args:
        owner: whose answers these are; the same question to another has another key.
    """

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        key = "" if is_live(request) else cache_key(request, owner)
        kept = cache.get(key) if key else None
        if isinstance(kept, tuple) and len(kept) == 2 and isinstance(kept[1], bool):
            kept = kept[0] if kept[1] else None  # with a word on whether it was found
        if kept is not None:
            for one in _chunks(kept):
                yield _unpaid(one)
            return
        came: list[ChunkT] = []
        async with opened(call, request) as chunks:
            async for chunk in chunks:
                came.append(chunk)
                yield chunk
        if key and came:
            cache.set(key, _whole(request, came), ttl_s)

    return run


def cache_key(request: object, owner: str = "") -> str:
    """A text that is the same for equal requests, in every process."""
    return hashlib.sha256(f"{owner}|{_canonical(request)}".encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(value: object) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return f"{type(value).__name__}{_canonical(inner)}"
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{key!r}:{_canonical(each)}" for key, each in value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return str(value.value) if isinstance(value, Enum) else repr(value)


def _whole(request: object, chunks: list[ChunkT]) -> object:
    if not isinstance(request, ChatRequest):
        return list(chunks)
    from companion.providers.response import Collected

    collected = Collected()
    for chunk in chunks:
        collected.add(cast(ChatDelta, chunk))
    return collected.whole("", request.messages)


def _chunks(kept: Any) -> Any:
    from companion.providers.response import ChatResponse

    return kept.deltas() if isinstance(kept, ChatResponse) else kept


def CachingMiddleware(cache: Cache | None = None, ttl: float = 300.0) -> Middleware:
    """`cached` for `Client.use`; with `cache` in the program's own, for `ttl` seconds."""
    if cache is None:
        return Middleware(lambda call, _: cached(call, ttl_s=ttl))
    return Middleware(lambda call, spec: kept_in(call, cache, ttl_s=ttl, owner=spec.name))


@dataclass(frozen=True, slots=True)
class _Kept:
    chunks: tuple[object, ...]
    until: float
    size: int


class _Shelf:
    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0

    def find(self, key: Hashable, now: float) -> tuple[object, ...] | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now >= kept.until:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.chunks

    def keep(self, key: Hashable, chunks: tuple[object, ...], until: float, size: int) -> None:
        self._drop(key)
        self._kept[key] = _Kept(chunks, until, size)
        self._bytes += size
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self._bytes -= kept.size


def _key_of(value: object) -> Hashable:
    """`value` as something that equals only its equal: types count, the order of a mapping does not."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return (type(value), *((field.name, _key_of(getattr(value, field.name))) for field in fields))
    if isinstance(value, Enum):
        return value
    if isinstance(value, Mapping):
        return (dict, frozenset((key, _key_of(each)) for key, each in value.items()))
    if isinstance(value, (list, tuple)):
        return (tuple, *(_key_of(each) for each in value))
    assert isinstance(value, Hashable)
    return (type(value), value)


def _bytes_in(value: object) -> int:
    """Roughly what a chunk holds."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return 100 + sum(_bytes_in(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return 100 + sum(_bytes_in(key) + _bytes_in(each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return 50 + sum(_bytes_in(each) for each in value)
    return 8


def _unpaid(chunk: ChunkT) -> ChunkT:
    if isinstance(chunk, ChatDelta) and chunk.usage is not None:
        return replace(chunk, usage=None)
    if getattr(chunk, "input_tokens", 0):
        changed: Any = replace(cast(Any, chunk), input_tokens=0)
        return cast(ChunkT, changed)
    return chunk
