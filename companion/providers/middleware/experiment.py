"""`split`: some requests go one way and some another, the same key always the same way."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TypeVar

from companion.ports import Call
from companion.providers.provider import opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")


def split(
    arms: Mapping[str, tuple[float, Call[RequestT, ChunkT]]],
    *,
    key: Callable[[RequestT], str],
    name: str = "",
    on_arm: Callable[[str, str], None] | None = None,
) -> Call[RequestT, ChunkT]:
    """Sends each request to one of the arms, in proportion to their weights.

    Args:
        arms: name -> (weight, call).
        key: what is kept together: a person, a session. The choice needs no memory and is the same in every run.
        name: of the experiment; another name deals the keys anew.
        on_arm: hears key and arm of each request.

    Raises:
        ValueError: no arm has a weight above 0, or one has less than 0.
    """
    total = sum(weight for weight, _ in arms.values())
    if not total > 0 or any(weight < 0 for weight, _ in arms.values()):
        raise ValueError("weights of an A/B split are 0 or more, and not all 0")

    def arm_of(chosen_by: str) -> str:
        digest = hashlib.blake2b(f"{name}\0{chosen_by}".encode("utf-8", "surrogatepass"), digest_size=8)
        point = int.from_bytes(digest.digest(), "big") / 2**64 * total
        for arm, (weight, _) in arms.items():
            point -= weight
            if point < 0:
                return arm
        return next(arm for arm in reversed(list(arms)) if arms[arm][0] > 0)  # rounding at the very end

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        chosen_by = key(request)
        arm = arm_of(chosen_by)
        if on_arm is not None:
            on_arm(chosen_by, arm)
        async with opened(arms[arm][1], request) as chunks:
            async for chunk in chunks:
                yield chunk

    return run
