"""A model's missing files: from where the same bytes can be had, through the egress gate, into the store.

What was fetched of a file lies beside it as `NAME.part` with a record of its sum, its size and the server's etag, and is
gone on with next time, in this process or another. A source that fails is tried again with growing pauses, then the next
one is asked. A file gets its name only when its size and sum are right and the disk has it. On the loop's thread; sums are
read in another.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, urljoin, urlsplit

from companion.errors import CompanionError, Kind
from companion.language import mark, tr
from companion.ledger import Errand, on_errand
from companion.net import Net, is_this_computer, media_type
from companion.paths import sync_folder, write_atomically
from companion.places import read_notes
from companion.providers.here.models.listing import LocalModel, ModelFile
from companion.providers.here.models.store import (
    PART,
    RECORD,
    ModelStore,
    State,
    check_room,
    sum_of,
    unwritable,
)

if TYPE_CHECKING:
    import httpx2

STALL_S = 20.0
"""Longest silence of a source."""
TRIES = 5
"""How often one source is asked for one file without a byte of progress in between."""
ANEW = 1
"""How often a file is begun anew from the same source."""
FIRST_PAUSE_S = 0.5
"""Doubles with each try."""
MOST_REDIRECTS = 5
BUSY_S = 0.3
"""How often one looks how far another program is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a model is."""

    model: str
    bytes_done: int
    bytes_total: int
    is_checking: bool = False
    """All is here, and its sums are being read."""

    @property
    def fraction(self) -> float:
        """0..1."""
        return min(1.0, self.bytes_done / self.bytes_total) if self.bytes_total else 0.0


Tell = Callable[[Progress], None]


class _Failed(Exception):
    """One attempt came to nothing; the next may not."""

    def __init__(self, reason: str, *, is_final: bool = False, begins_anew: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final
        """The same source need not be asked again."""
        self.begins_anew = begins_anew
        """What is here of it must not be gone on with."""


class Fetcher:
    """Fetches models into a store.

    Args:
        mirror: address of a folder that holds the models as the store does (`<kind>/<name>/<file>`); it is asked first.
        tries: how often a source is asked.
    """

    def __init__(
        self,
        store: ModelStore,
        net: Net,
        *,
        mirror: str = "",
        tries: int = TRIES,
        stall_s: float = STALL_S,
        pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._store, self._net, self._mirror = store, net, mirror.strip()
        self._tries, self._stall_s, self._pause_s = tries, stall_s, pause_s

    async def fetch(self, model: LocalModel, on_progress: Tell = lambda _: None) -> Path:
        """The folder of `model`, once it is READY. Cancel the task to stop; what was fetched stays for the next time.

        Where another window or program is fetching it, that is waited for.

        Raises:
            CompanionError: DOWNLOAD_FAILED, DISK_FULL, NETWORK_SHUT; NOT_SUPPORTED for one that cannot be fetched.
        """
        if not model.files or not (model.can_be_fetched or self._mirror):
            message = tr(
                "{label} cannot be fetched: none of its sources has been checked.", label=model.label
            )
            hint = tr("Import it by hand: {command}", command="companion models import FOLDER")
            raise CompanionError(Kind.NOT_SUPPORTED, message, hint=hint)
        while True:
            if (place := await asyncio.to_thread(self._store.path, model.kind, model.name)) is not None:
                on_progress(Progress(model=model.name, bytes_done=model.size, bytes_total=model.size))
                return place
            with ExitStack() as held:
                try:
                    held.enter_context(self._store.lock(model))
                except TimeoutError:
                    on_progress(self._progress(model))
                    await asyncio.sleep(BUSY_S)
                    continue
                with on_errand(Errand(who=model.label)):
                    await self._fetch_all(model, on_progress)

    def _progress(self, model: LocalModel) -> Progress:
        """How far another program is, by the sizes of the files alone."""
        folder, done = self._store.folder / model.kind / model.name, 0
        for file in model.files:
            for path in (folder / file.name, folder / (file.name + PART)):
                with suppress(OSError):
                    done += path.stat().st_size
        return Progress(model=model.name, bytes_done=done, bytes_total=model.size)

    async def _fetch_all(self, model: LocalModel, on_progress: Tell) -> None:
        folder = self._store.folder / model.kind / model.name
        missing = [
            file
            for file in model.files
            if not await asyncio.to_thread(self._store.is_good, model, file, folder)
        ]
        done = model.size - sum(file.size for file in missing)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._store.point_nowhere(model)
            parts = sum(_begun(folder, file) for file in missing)
        except OSError as error:
            raise unwritable(folder, error) from error
        check_room(folder, model.size - done - parts, model.label)

        for file in missing:
            before = done

            def tell(here: int, before: int = before, *, is_checking: bool = False) -> None:
                total = before + here
                on_progress(
                    Progress(
                        model=model.name, bytes_done=total, bytes_total=model.size, is_checking=is_checking
                    )
                )

            await self._fetch_file(model, file, folder, tell)
            done += file.size
            tell(file.size)
        # the sums were read already; this remembers them
        if await asyncio.to_thread(self._store.state, model.kind, model.name) is not State.READY:
            raise _could_not(model, mark("it is not whole"))

    async def _fetch_file(
        self, model: LocalModel, file: ModelFile, folder: Path, tell: Callable[..., None]
    ) -> None:
        """Asks the sources in turn until one gave the file.

        Raises:
            CompanionError: DOWNLOAD_FAILED, DISK_FULL, NETWORK_SHUT.
        """
        reason = ""
        for address in self._addresses(model, file):
            try:
                await self._from_source(address, file, folder, tell)
            except _Failed as failed:
                reason = f"{urlsplit(address).hostname}: {failed}"
            except OSError as error:
                raise unwritable(folder, error) from error
            else:
                return
        raise _could_not(model, reason)

    def _addresses(self, model: LocalModel, file: ModelFile) -> list[str]:
        name = quote(file.name)
        mirror = [f"{self._mirror.rstrip('/')}/{model.kind}/{model.name}/{name}"] if self._mirror else []
        return [*mirror, *(home.replace("{file}", name) for home in model.homes)]

    async def _from_source(
        self, address: str, file: ModelFile, folder: Path, tell: Callable[..., None]
    ) -> None:
        left, pause_s, anew = self._tries, self._pause_s, 0
        while True:
            before = _begun(folder, file)
            try:
                await self._receive(address, file, folder, tell)
                await self._finish(file, folder, tell)
                return
            except _Failed as failed:
                if failed.begins_anew:
                    _discard(folder, file)
                    anew += 1
                elif _begun(folder, file) > before:  # it goes on: only standing still counts
                    left, pause_s = self._tries, self._pause_s
                left -= 1
                if failed.is_final or left <= 0 or anew > ANEW:
                    raise
            await asyncio.sleep(pause_s)
            pause_s *= 2

    # -- one answer -----------------------------------------------------------------------------------------

    async def _receive(self, address: str, file: ModelFile, folder: Path, tell: Callable[..., None]) -> None:
        """Appends what is missing to the part.

        Raises:
            _Failed, OSError: of the disk; CompanionError: NETWORK_SHUT.
        """
        import httpx2

        begun, etag = _begun(folder, file), _etag(folder, file, address)
        if begun == file.size:
            return
        headers = {"Range": f"bytes={begun}-"} if begun else {}
        if begun and etag:
            headers["If-Range"] = etag
        try:
            response = await self._ask(address, headers, file)
            try:
                begun = _place_of(response, file, begun, etag)
                _note(folder, file, address, response.headers.get("etag", ""))
                with (folder / (file.name + PART)).open("r+b" if begun else "wb") as sink:
                    sink.truncate(begun)
                    sink.seek(begun)
                    await self._pour(response, sink, file, begun, tell)
            finally:
                await response.aclose()
        except TimeoutError as error:
            raise _Failed(tr("nothing came for {stall_s:g} s", stall_s=self._stall_s)) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise _failure_of(error) from error
        except CompanionError as error:
            if error.kind in (Kind.NETWORK_SHUT, Kind.DISK_FULL):
                raise
            raise _Failed(error.message.rstrip("."), is_final=True) from error

    async def _ask(self, address: str, headers: dict[str, str], file: ModelFile) -> httpx2.Response:
        """The answer that has the file, after the redirects that its home may send on the way."""
        client = self._net.client(headers=headers, file_bytes=file.size)
        for _ in range(MOST_REDIRECTS + 1):
            request = client.build_request("GET", address)
            async with asyncio.timeout(self._stall_s):
                response = await client.send(request, stream=True)
            target = response.headers.get("location", "")
            if not 300 <= response.status_code < 400 or not target:
                return response
            await response.aclose()
            target = urljoin(address, target)
            is_weaker = urlsplit(address).scheme == "https" and urlsplit(target).scheme != "https"
            is_inward = is_this_computer(target) and not is_this_computer(address)
            if is_weaker or is_inward or urlsplit(target).scheme not in ("http", "https"):
                raise _Failed(tr("it sends us to an address that is not safe"), is_final=True)
            address = target
        raise _Failed(tr("it sends us on and on"), is_final=True)

    async def _pour(
        self,
        response: httpx2.Response,
        sink: BinaryIO,
        file: ModelFile,
        begun: int,
        tell: Callable[..., None],
    ) -> None:
        parts = response.aiter_raw()
        tell(begun)
        while True:
            async with asyncio.timeout(self._stall_s):
                try:
                    part = await anext(parts)
                except StopAsyncIteration:
                    break
            begun += len(part)
            if begun > file.size:
                raise _Failed(tr("it sends more than the file has"), is_final=True, begins_anew=True)
            sink.write(part)
            tell(begun)
        if begun < file.size:
            raise _Failed(tr("the connection ended early"))

    async def _finish(self, file: ModelFile, folder: Path, tell: Callable[..., None]) -> None:
        """Gives the part its name, if it is what it should be."""
        part = folder / (file.name + PART)
        tell(file.size, is_checking=True)
        if await asyncio.to_thread(_settled_sum, part) != file.sha256:
            raise _Failed(tr("what it sends is not the file (its sum is another)"), begins_anew=True)
        os.replace(part, folder / file.name)
        _discard(folder, file)
        await asyncio.to_thread(sync_folder, folder)


def _settled_sum(part: Path) -> str:
    """The sum of what the disk holds, which has it for good then."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    return sum_of(part)


def _place_of(response: httpx2.Response, file: ModelFile, begun: int, etag: str) -> int:
    """Where in the file the answer begins.

    Raises:
        _Failed: it is no such file, or not the one that was begun.
    """
    status, headers = response.status_code, response.headers
    if status == 416 or (status == 206 and not begun):
        raise _Failed(tr("it does not know that part of the file"), begins_anew=True)
    if status not in (200, 206):
        is_passing = status in (408, 425, 429) or status >= 500
        raise _Failed(tr("it answers {status}", status=status), is_final=not is_passing)
    if media_type(response) == "text/html" or headers.get("content-encoding", "identity") != "identity":
        raise _Failed(tr("it sends a web page instead of the file"), is_final=True)
    if status == 206:
        told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", "").strip())
        if told is None or int(told[1]) != begun or told[2] not in ("*", str(file.size)):
            raise _Failed(tr("it sends another part of the file"), begins_anew=True)
        if etag and headers.get("etag", etag) != etag:
            raise _Failed(tr("its file has changed"), begins_anew=True)
    else:
        begun = 0
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) != file.size - begun:
        raise _Failed(tr("its file has another size"), is_final=True, begins_anew=status == 206)
    return begun


# -- what is here of a file ---------------------------------------------------------------------------------


def _begun(folder: Path, file: ModelFile) -> int:
    """Bytes that can be gone on with."""
    part, record = folder / (file.name + PART), _record(folder, file)
    try:
        size = part.stat().st_size
    except OSError:
        return 0
    if record.get("sha256") != file.sha256 or size > file.size:
        _discard(folder, file)
        return 0
    return size


def _etag(folder: Path, file: ModelFile, address: str) -> str:
    """The server's own name for what is here; empty: it gave none that holds byte for byte, or another server did."""
    record = _record(folder, file)
    etag = str(record.get("etag", ""))
    return etag if record.get("address") == address and etag.startswith('"') else ""


def _record(folder: Path, file: ModelFile) -> dict[str, object]:
    return read_notes(folder / (file.name + RECORD))


def _note(folder: Path, file: ModelFile, address: str, etag: str) -> None:
    record = {"sha256": file.sha256, "size": file.size, "address": address, "etag": etag}
    write_atomically(folder / (file.name + RECORD), json.dumps(record).encode(), mode=0o644)


def _discard(folder: Path, file: ModelFile) -> None:
    for tail in (PART, RECORD):
        with suppress(OSError):
            (folder / (file.name + tail)).unlink()


# -- words --------------------------------------------------------------------------------------------------


def _failure_of(error: Exception) -> _Failed:
    """Why a connection failed, without what a library prints."""
    import ssl

    import httpx2

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = tr(
                "its certificate is not trusted; one of your own can be named in the settings under Privacy"
            )
            return _Failed(reason, is_final=True)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.ProxyError):
        return _Failed(tr("the proxy does not let us through"))
    if isinstance(error, httpx2.ConnectError | httpx2.TimeoutException):
        return _Failed(tr("it cannot be reached"))
    return _Failed(tr("the connection broke"))


def _could_not(model: LocalModel, reason: str) -> CompanionError:
    message = (
        tr("{label} could not be fetched ({reason}).", label=model.label, reason=tr(reason))
        if reason
        else tr("{label} could not be fetched.", label=model.label)
    )
    hint = tr("What was fetched is kept for the next attempt. Check the network, or import it by hand.")
    return CompanionError(Kind.DOWNLOAD_FAILED, message, hint=hint)
