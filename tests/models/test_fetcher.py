"""Fetching a model: from a server that cuts, lies, stalls and changes; resumed, checked, told, and one at a time."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.net import Net
from companion.providers.here.models.fetcher import Fetcher, Progress
from companion.providers.here.models.listing import LocalModel, ModelKind
from companion.providers.here.models.store import ModelStore, State
from tests.models.conftest import FILES, a_model
from tests.servers.files import PIECE, FileServer
from tests.test_net import _self_signed

BIG = FILES["model.bin"]
Know = Callable[..., LocalModel]


async def failure(fetcher: Fetcher, model: LocalModel) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await fetcher.fetch(model)
    return caught.value


def asked_for(server: FileServer, name: str = "model.bin") -> list[tuple[str, str]]:
    return [(ranged, condition) for path, ranged, condition in server.asked if path.endswith(name)]


async def test_a_model_is_fetched_told_booked_and_ready(
    fetcher: Fetcher, model: LocalModel, store: ModelStore, net: Net
) -> None:
    told: list[Progress] = []
    folder = await fetcher.fetch(model, told.append)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."} == FILES
    assert store.path("hearing", "base") == folder
    assert [each.bytes_done for each in told] == sorted(each.bytes_done for each in told)
    assert (told[-1].bytes_done, told[-1].fraction) == (model.size, 1.0)
    assert any(each.is_checking for each in told)
    assert net.traffic["127.0.0.1"].received == model.size
    assert {account.who for account in net.ledger.today} == {"Whisper base"}


async def test_what_is_here_is_not_asked_for_again(
    fetcher: Fetcher, model: LocalModel, server: FileServer
) -> None:
    await fetcher.fetch(model)
    server.asked.clear()
    await fetcher.fetch(model)
    assert server.asked == []


@pytest.mark.parametrize("fault", ["cut", "stall"])
async def test_it_goes_on_where_the_connection_ended(
    fetcher: Fetcher, model: LocalModel, server: FileServer, fault: str
) -> None:
    server.fault, server.times, server.cut_after = fault, 5, 2 * PIECE
    await fetcher.fetch(model)
    ranges = asked_for(server)
    assert len(ranges) > 1
    assert all(
        ranged.startswith("bytes=") and condition == '"model.bin-1"' for ranged, condition in ranges[1:]
    )
    assert server.sent < len(BIG) * 1.5


async def test_a_server_that_cuts_for_ever_is_given_up_only_when_it_stands_still(
    fetcher: Fetcher, model: LocalModel, server: FileServer
) -> None:
    server.fault, server.cut_after = "cut", PIECE
    assert (await fetcher.fetch(model) / "model.bin").read_bytes() == BIG, "each time some of it came"
    assert len(asked_for(server)) > 5


@pytest.mark.parametrize("fault", ["status-503", "status-429"])
async def test_a_passing_fault_is_tried_five_times(
    fetcher: Fetcher, model: LocalModel, server: FileServer, fault: str
) -> None:
    server.fault, server.times = fault, 4
    await fetcher.fetch(model)
    server.fault, server.times = fault, None
    other = a_model(server.url, name="small")
    server.asked.clear()
    error = await failure(fetcher, other)
    assert error.kind is Kind.DOWNLOAD_FAILED
    assert "Whisper small could not be fetched" in error.message
    assert fault[7:] in error.message
    assert "kept for the next attempt" in error.hint
    assert len(server.asked) == 5


@pytest.mark.parametrize("fault", ["status-404", "status-403", "html", "gzip", "redirect-loop"])
async def test_a_lasting_fault_is_asked_once_and_then_the_next_source(
    fetcher: Fetcher, know: Know, server: FileServer, fault: str
) -> None:
    server.fault = fault
    async with FileServer(dict(FILES)) as second:
        model = know(a_model(server.url, second.url))
        await fetcher.fetch(model)
        assert len(asked_for(second)) == 1
    assert len(asked_for(server)) <= 6, "the redirects of one attempt"


@pytest.mark.parametrize("fault", ["short", "long", "more", "zeros"])
async def test_a_server_that_lies_leaves_no_ready_model(
    fetcher: Fetcher, model: LocalModel, server: FileServer, store: ModelStore, fault: str
) -> None:
    server.fault = fault
    error = await failure(fetcher, model)
    assert error.kind is Kind.DOWNLOAD_FAILED
    assert store.path("hearing", "base") is None
    assert store.state("hearing", "base") in (State.ABSENT, State.PARTIAL)
    assert server.sent <= 2 * model.size, "it is not asked for the whole file again and again"
    server.fault = ""
    await fetcher.fetch(model)
    assert store.state("hearing", "base") is State.READY


async def cancelled_half_way(fetcher: Fetcher, model: LocalModel, server: FileServer) -> None:
    server.pause_s = 0.02
    half = asyncio.Event()
    fetching = asyncio.ensure_future(
        fetcher.fetch(model, lambda it: half.set() if it.bytes_done > 3 * PIECE else None)
    )
    await half.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    server.pause_s = 0.0
    server.asked.clear()


async def test_a_cancelled_fetch_leaves_the_part_and_nothing_else(
    fetcher: Fetcher, model: LocalModel, server: FileServer, store: ModelStore
) -> None:
    await cancelled_half_way(fetcher, model, server)
    left = {path.name for path in (store.folder / "hearing").rglob("*") if path.is_file()}
    assert left - {".checked.json"} == {"config.json", "model.bin.part", "model.bin.part.json"}
    standing = store.standing(ModelKind.HEARING, "base")
    assert standing.state is State.PARTIAL
    assert 3 * PIECE < standing.bytes_here < model.size
    await fetcher.fetch(model)
    assert asked_for(server)[0][0].startswith("bytes=")
    assert {path.name for path in (store.folder / "hearing" / "base").iterdir()} == {".checked.json", *FILES}


@pytest.mark.parametrize("fault", ["416", "elsewhere", "no-range"])
async def test_a_server_that_cannot_go_on_begins_anew(
    fetcher: Fetcher, model: LocalModel, server: FileServer, fault: str
) -> None:
    await cancelled_half_way(fetcher, model, server)
    server.fault, server.times = fault, 1
    assert (await fetcher.fetch(model) / "model.bin").read_bytes() == BIG


async def test_a_file_that_changed_meanwhile_is_begun_anew(
    fetcher: Fetcher, model: LocalModel, server: FileServer
) -> None:
    await cancelled_half_way(fetcher, model, server)
    server.version = 2
    assert (await fetcher.fetch(model) / "model.bin").read_bytes() == BIG
    assert asked_for(server)[0][1] == '"model.bin-1"'


async def test_a_part_that_rotted_is_noticed_by_its_sum(
    fetcher: Fetcher, model: LocalModel, server: FileServer, store: ModelStore
) -> None:
    await cancelled_half_way(fetcher, model, server)
    part = store.folder / "hearing" / "base" / "model.bin.part"
    part.write_bytes(bytes(part.stat().st_size))
    assert (await fetcher.fetch(model) / "model.bin").read_bytes() == BIG


async def test_what_one_source_began_another_goes_on_with(
    fetcher: Fetcher, know: Know, server: FileServer
) -> None:
    async with FileServer(dict(FILES)) as second:
        model = know(a_model(server.url, second.url))
        await cancelled_half_way(fetcher, model, server)
        server.fault = "status-404"
        await fetcher.fetch(model)
        assert asked_for(second)[0][0].startswith("bytes=")
        assert asked_for(second)[0][1] == "", "an etag is its own server's"


async def test_a_redirect_to_the_storage_is_followed(
    fetcher: Fetcher, model: LocalModel, server: FileServer
) -> None:
    server.fault = "redirect"
    await fetcher.fetch(model)
    assert any(path.startswith("/storage/") for path, *_ in server.asked)


async def test_a_mirror_is_asked_first(
    store: ModelStore, net: Net, model: LocalModel, server: FileServer
) -> None:
    async with FileServer(dict(FILES)) as mirror:
        await Fetcher(store, net, mirror=f"{mirror.url}/all/").fetch(model)
        assert {path for path, *_ in mirror.asked} == {f"/all/hearing/base/{name}" for name in FILES}
    assert server.asked == []


async def test_a_model_without_sums_is_not_fetched_even_from_a_mirror(store: ModelStore, net: Net) -> None:
    bare = LocalModel(kind=ModelKind.MIND, name="own", label="Own")
    error = await failure(Fetcher(store, net, mirror="http://127.0.0.1:9/"), bare)
    assert error.kind is Kind.NOT_SUPPORTED
    assert "companion models import" in error.hint


async def test_only_the_damaged_file_is_fetched_again(
    fetcher: Fetcher, model: LocalModel, server: FileServer, store: ModelStore
) -> None:
    folder = await fetcher.fetch(model)
    (folder / "config.json").write_bytes(b"{}")
    assert store.state("hearing", "base") is State.DAMAGED
    server.asked.clear()
    await fetcher.fetch(model)
    assert [path for path, *_ in server.asked] == ["/models/config.json"]
    assert store.state("hearing", "base") is State.READY


async def test_a_full_disk_is_told_before_anything_is_asked(
    fetcher: Fetcher, model: LocalModel, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 1000)
    monkeypatch.setattr("companion.providers.here.models.store.shutil.disk_usage", lambda _: usage)
    error = await failure(fetcher, model)
    assert error.kind is Kind.DISK_FULL
    assert "not enough room for Whisper base" in error.message
    assert server.asked == []


async def test_a_disk_that_fills_up_meanwhile_is_told_as_such(
    fetcher: Fetcher, model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("companion.providers.here.models.fetcher._note", full)
    error = await failure(fetcher, model)
    assert error.kind is Kind.DISK_FULL
    assert "what is there is kept" in error.hint


async def test_a_folder_that_may_not_be_written_is_told(
    fetcher: Fetcher, model: LocalModel, store: ModelStore
) -> None:
    store.folder.parent.mkdir(parents=True, exist_ok=True)
    store.folder.write_text("a file where the folder should be")
    error = await failure(fetcher, model)
    assert str(store.folder) in error.message


async def test_a_damaged_folder_of_ones_own_is_replaced_by_our_copy(
    fetcher: Fetcher, model: LocalModel, store: ModelStore, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in FILES:
        (own / name).write_bytes(b"damaged")
    assert store.point_to("hearing", "base", own).state is State.DAMAGED
    assert await fetcher.fetch(model) == store.folder / "hearing" / "base"
    assert (own / "model.bin").read_bytes() == b"damaged", "what is the person's stays as it is"


async def test_offline_mode_holds_before_and_during(
    store: ModelStore, server: FileServer, know: Know
) -> None:
    net = Net()
    net.shut = True
    model = know(a_model("https://models.example"))
    assert (await failure(Fetcher(store, net), model)).kind is Kind.NETWORK_SHUT
    assert not list((store.folder / "hearing").rglob("*.part"))


async def test_the_proxy_of_the_environment_is_used_where_it_was_turned_on(
    store: ModelStore, net: Net, server: FileServer, know: Know, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    net.uses_proxy = True
    model = know(a_model("http://models.example"))
    await Fetcher(store, net).fetch(model)
    assert len(server.asked) == len(FILES), "they went to the proxy; nobody looked for models.example"


async def test_a_certificate_holds_only_where_a_person_vouches_for_it(
    fetcher: Fetcher, store: ModelStore, net: Net, know: Know, tmp_path: Path
) -> None:
    async with FileServer(dict(FILES), tls=_self_signed(tmp_path)) as server:
        model = know(a_model(server.url))
        error = await failure(fetcher, model)
        assert "certificate is not trusted" in error.message
        assert server.asked == []
        net.certificates = str(tmp_path / "certificate.pem")
        await fetcher.fetch(model)
        assert store.state("hearing", "base") is State.READY


async def test_two_windows_fetch_once(
    model: LocalModel, server: FileServer, store: ModelStore, net: Net
) -> None:
    server.pause_s = 0.005
    told: list[Progress] = []
    other = Fetcher(ModelStore(store.folder), net)
    await asyncio.gather(Fetcher(store, net).fetch(model), other.fetch(model, told.append))
    assert server.sent == model.size
    assert told[-1].fraction == 1.0


_CHILD = """
import asyncio, sys
from pathlib import Path
from companion.net import Net
from companion.providers.here.models import listing
from companion.providers.here.models.fetcher import Fetcher
from companion.providers.here.models.store import ModelStore
from tests.models.conftest import a_model
model = a_model(sys.argv[1])
listing.listed = lambda: (model,)
print("begun", flush=True)
asyncio.run(Fetcher(ModelStore(sys.argv[2]), Net()).fetch(model))
"""


async def test_killed_in_the_middle_it_goes_on_from_there(
    fetcher: Fetcher, model: LocalModel, server: FileServer, store: ModelStore
) -> None:
    server.pause_s = 0.05
    root = str(Path(__file__).parents[2])
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, server.url, str(store.folder), env={**os.environ, "PYTHONPATH": root}
    )
    part = store.folder / "hearing" / "base" / "model.bin.part"
    async with asyncio.timeout(20):
        while not part.exists() or part.stat().st_size < PIECE:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    child.kill()
    await child.wait()
    server.pause_s = 0.0
    server.asked.clear()
    assert (await fetcher.fetch(model) / "model.bin").read_bytes() == BIG
    assert asked_for(server)[0][0].startswith("bytes=")
