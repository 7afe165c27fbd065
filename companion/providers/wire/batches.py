"""What batches of all vendors share: ids by which answers find their requests, and one entry for every request."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import replace

from companion.errors import (
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
)
from companion.flow import ChatDelta, ChatRequest
from companion.jobs import BatchAnswer, BatchRequest
from companion.providers.provider import Spec

MOST_BYTES = 200 * 10**6
"""Of the requests of one batch, together."""
MOST_RESULTS = 2**28
"""Longest file of results, bytes."""
MOST_LINE = 2**23
"""Longest line in it, bytes: one whole answer."""
_ID = re.compile(r"request-(\d{1,9})")


def requests_of(batch: BatchRequest, default: str, spec: Spec, most: int) -> tuple[ChatRequest, ...]:
    """The requests of a batch, each with its model.

    Raises:
        AIProviderInvalidRequestError: there is none, too many, or they go to several models.
    """
    who, hint = spec.display_name, "Nothing was sent."
    if not batch.requests:
        raise AIProviderInvalidRequestError("The batch has no requests.", spec.name, who=who, hint=hint)
    if len(batch.requests) > most:
        said = f"The batch has {len(batch.requests)} requests; {who} takes {most} at once."
        raise AIProviderInvalidRequestError(said, spec.name, who=who, hint=f"Make several. {hint}")
    usual = batch.model or default
    found = tuple(each if each.model else replace(each, model=usual) for each in batch.requests)
    if len({each.model for each in found}) > 1:
        said = "The requests of a batch go to one model."
        raise AIProviderInvalidRequestError(said, spec.name, who=who, hint=f"Make a batch for each. {hint}")
    return found


def require_size(size: int, spec: Spec) -> None:
    """Returns for a batch that is not too large to be sent.

    Raises:
        AIProviderInvalidRequestError: it is.
    """
    if size > MOST_BYTES:
        said = f"The batch has {size / 1e6:.0f} MB; {MOST_BYTES / 1e6:.0f} MB can be sent at once."
        raise AIProviderInvalidRequestError(
            said, spec.name, who=spec.display_name, hint="Make several. Nothing was sent."
        )


def id_of(index: int) -> str:
    """What a request is called at the vendor."""
    return f"request-{index}"


class Results:
    """The lines of the results as they come, in whatever order."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._found: dict[int, BatchAnswer] = {}

    def add(self, name: object, result: ChatDelta | AIProviderError) -> None:
        """What came of the request of that id; one that is not ours is counted on. The first word stands."""
        ours = _ID.fullmatch(str(name))
        index = int(ours[1]) if ours else max(self._found, default=-1) + 1
        answer, error = (result, None) if isinstance(result, ChatDelta) else (None, result)
        self._found.setdefault(index, BatchAnswer(index=index, answer=answer, error=error))

    def in_order(
        self,
        total: int | None,
        missing: AIProviderError | None = None,
        notices: Iterable[tuple[str, ...]] = (),
    ) -> tuple[BatchAnswer, ...]:
        """One entry for each of `total` requests (None: as many as came); `missing`: why there is nothing for one."""
        count = max(self._found, default=-1) + 1 if total is None else total
        why = missing or AIProviderEmptyReplyError("", self._spec.name, who=self._spec.display_name)
        found = [self._found.get(index) or BatchAnswer(index=index, error=why) for index in range(count)]
        for index, left_out in enumerate(notices):
            if index < count and left_out and (answer := found[index].answer) is not None:
                found[index] = replace(found[index], answer=replace(answer, notices=left_out))
        return tuple(found)


def whole(deltas: Iterable[ChatDelta | None], last: ChatDelta) -> ChatDelta:
    """An answer in one piece."""
    told = [delta for delta in (*deltas, last) if delta is not None]
    text, reasoning = "".join(each.text for each in told), "".join(each.reasoning for each in told)
    return replace(last, text=text, reasoning=reasoning)


def cancelled(spec: Spec) -> AIProviderError:
    said = f"{spec.display_name} did not get to it before the batch was cancelled."
    return AIProviderUnavailableError(said, spec.name, who=spec.display_name, hint="Ask it again.")


def expired(spec: Spec) -> AIProviderError:
    said = f"{spec.display_name} did not get to it within a day."
    return AIProviderTimeoutError(said, spec.name, who=spec.display_name, hint="Ask it again.")


def count(counts: Mapping[str, object], *names: str) -> int:
    """The sum of some counts of a batch; what is no count is left out."""
    found = (counts.get(name) for name in names)
    return sum(each for each in found if isinstance(each, int) and each > 0)


async def lines(blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The lines of a body, without empty ones; the last need not be ended.

    Raises:
        ValueError: one is longer than an answer can be.
    """
    rest = b""
    async for block in blocks:
        first, *others = block.split(b"\n")
        rest += first
        for other in others:
            if line := rest.strip():
                yield line
            rest = other
        if len(rest) > MOST_LINE:
            raise ValueError("a line of the results is too long")
    if line := rest.strip():
        yield line
