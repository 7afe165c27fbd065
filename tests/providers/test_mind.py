"""A model on this computer: which files are refused and why, and llama.cpp's own server with a model of half a megabyte."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.net import Net
from companion.paths import Home
from companion.providers import AIProviderFactory
from companion.providers.here.mind import library
from companion.providers.here.mind.gguf import NoModel, about
from companion.providers.here.mind.provider import INSTALL, MindProvider
from companion.providers.here.mind.server import Order, shared_minds
from companion.providers.here.models import measured
from companion.providers.here.models.listing import ModelKind, of_kind
from companion.providers.here.models.store import PART, ModelStore
from tests.own_servers.running import companion
from tests.own_servers.tiny_gguf import ARRAY, CONTEXT, HEAD, STRING, TEMPLATE, U64, write

ENDS_S = 20.0
"""Longest wait for something that takes a moment."""


def asking(text: str = "How was your evening?", max_tokens: int | None = 12) -> ChatRequest:
    return ChatRequest(messages=(Message(Speaker.USER, text),), max_tokens=max_tokens)


async def answer(provider: MindProvider, request: ChatRequest | None = None) -> list[ChatDelta]:
    return [delta async for delta in provider.stacked(provider.chat)(request or asking())]


async def refusal(provider: MindProvider, request: ChatRequest | None = None) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await answer(provider, request)
    return caught.value


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def until_gone(pid: int) -> None:
    def wait() -> None:
        until = time.monotonic() + ENDS_S
        while is_running(pid):
            assert time.monotonic() < until, "it runs on"
            time.sleep(0.02)

    await asyncio.to_thread(wait)


def listening_at(pid: int) -> set[str]:
    """The addresses where a process waits for connections, as the kernel writes them."""
    own = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [
        line.split() for kind in ("tcp", "tcp6") for line in Path("/proc/net", kind).read_text().splitlines()
    ]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own}


def killed_app(folder: Path) -> int:
    """The process that an app had for its model when it was killed in the middle of an answer."""
    app = subprocess.Popen([sys.executable, "-c", APP, folder.parent], stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    with app.stdout:
        pid = int(app.stdout.readline())
        assert is_running(pid)
        app.kill()
        app.wait()
    return pid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mind"


@pytest.fixture
async def provider(folder: Path) -> AsyncIterator[MindProvider]:
    write(folder / "tiny" / "tiny-f32.gguf")
    async with MindProvider(models_dir=folder.parent) as provider:
        yield provider


# -- what a file says of itself -----------------------------------------------------------------------------


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    found = about(write(tmp_path / "tiny.gguf"))
    assert (found.name, found.architecture, found.template) == ("tiny", "llama", TEMPLATE)
    assert (found.context, found.file_type, found.vocabulary) == (CONTEXT, "F32", 272)
    assert found.parameters == 117_056
    assert found.size == (tmp_path / "tiny.gguf").stat().st_size
    assert found.missing == 0
    assert found.state_per_token == 2 * 2 * 64 * 2, (
        "keys and values of two layers of 64 numbers, two bytes each"
    )


def test_a_file_whose_end_is_missing_says_how_much(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.gguf")
    whole = path.stat().st_size
    os.truncate(path, whole - 100_000)
    assert about(path).missing == 100_000


def test_a_head_cut_anywhere_is_no_model(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.gguf", tokenizer__ggml__merges=(ARRAY, (STRING, ["a b"] * 5000)))
    head = path.read_bytes()[: -about(path).parameters * 4]
    for length in (*range(0, 400, 7), *range(400, len(head) - 2000, 4999)):
        path.write_bytes(head[:length])
        with pytest.raises(NoModel):
            about(path)


@pytest.mark.parametrize(
    "head",
    [
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63),
        b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0),
        b"GGUF" + struct.pack("<IQQ", 99, 0, 0),
        b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62) + b"x" * 64,
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 77),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1) + b"\0" * 64,
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**60) + b"\0" * 64,
        b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<I", 2**31),
    ],
    ids=["keys", "tensors", "version", "big-endian", "name", "type", "nested", "list", "dimensions"],
)
def test_a_hostile_head_is_no_model(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(head)
    with pytest.raises(NoModel):
        about(path)


# -- which models are offered, and which are refused --------------------------------------------------------


async def test_large_models_are_offered_with_what_they_need(folder: Path) -> None:
    large = {"general__parameter_count": (U64, 1_700_000_000)}
    write(folder / "large" / "model.gguf", **large)
    write(folder / "mine.gguf", **large)
    write(folder / "small" / "model.gguf")
    write(folder / "untaught" / "model.gguf", without=("tokenizer.chat_template",), **large)
    write(folder / "large" / "mmproj-large.gguf")
    (folder / "half").mkdir()
    (folder / "half" / "model.gguf.part").write_bytes(b"GGUF")
    async with MindProvider(models_dir=folder.parent) as provider:
        here = await provider.models_here()
        health = await provider.check()
    assert set(here) == {"large", "mine"}
    assert "1.7 B parameters in F32" in here["large"]
    assert "of memory" in here["large"]
    assert health.ok
    assert health.models == ("large", "mine")
    assert "large" in health.detail


async def test_a_small_file_of_ones_own_is_allowed_with_a_word(folder: Path, tmp_path: Path) -> None:
    own = write(tmp_path / "elsewhere" / "little.gguf")
    async with MindProvider(models_dir=folder.parent, model=str(own)) as provider:
        health = await provider.check()
    assert health.ok
    assert "little is very small" in health.detail
    assert str(own) in health.models


async def test_a_file_that_was_never_taught_to_converse_is_refused_by_name(folder: Path) -> None:
    write(folder / "gemma-base" / "model.gguf", without=("tokenizer.chat_template",))
    async with MindProvider(models_dir=folder.parent) as provider:
        error = await refusal(provider)
        health = await provider.check()
    assert error.kind is Kind.MODEL_UNKNOWN
    assert "gemma-base" in error.message
    assert "chat template" in error.message
    assert not health.ok
    assert "gemma-base" in health.detail
    assert health.models == ()
    assert shared_minds().pid is None, "it was not loaded to find that out"


async def test_a_file_that_is_not_whole_is_refused_with_what_is_missing(folder: Path) -> None:
    path = write(folder / "half" / "model.gguf")
    os.truncate(path, 200_000)
    async with MindProvider(models_dir=folder.parent) as provider:
        error = await refusal(provider)
    assert "half is incomplete" in error.message
    assert "Fetch it again" in error.hint
    assert shared_minds().pid is None


async def test_a_model_of_the_list_whose_sum_is_another_is_refused_and_what_was_begun_is_not_there(
    folder: Path,
) -> None:
    damaged, begun = of_kind(ModelKind.MIND)[:2]
    write(folder / damaged.name / damaged.files[0].name)
    (folder / begun.name).mkdir()
    (folder / begun.name / (begun.files[0].name + PART)).write_bytes(b"GGUF")
    async with MindProvider(models_dir=folder.parent, model=damaged.name) as provider:
        error = await refusal(provider)
        assert (await provider.check()).models == ()
    assert f"{damaged.name} is damaged" in error.message
    assert "Fetch it again" in error.hint
    async with MindProvider(models_dir=folder.parent, model=begun.name) as provider:
        assert "not on this computer" in (await refusal(provider)).message


async def test_a_model_that_lies_elsewhere_is_used_where_it_lies(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "mine" / "model.gguf")
    ModelStore(folder.parent).point_to("mind", "mine", tmp_path / "mine")
    async with MindProvider(models_dir=folder.parent, model="mine") as provider:
        assert (await provider.check()).ok


async def test_another_kind_of_file_is_no_model(folder: Path) -> None:
    write(folder / "letter.gguf").write_text("Dear all", encoding="ascii")
    async with MindProvider(models_dir=folder.parent) as provider:
        error = await refusal(provider)
    assert "letter is not a model" in error.message


async def test_without_a_model_the_folder_is_named(folder: Path) -> None:
    async with MindProvider(models_dir=folder.parent) as provider:
        assert str(folder) in (await refusal(provider)).hint
        assert (
            "gone" in (await refusal(provider, ChatRequest(messages=asking().messages, model="gone"))).message
        )
        health = await provider.check()
    assert not health.ok
    assert "no model" in health.detail


def test_the_command_line_says_what_to_do_without_a_model(home: Home) -> None:
    done = companion("ask", "How was it?", "--provider", "mind", code=1, told=True)
    assert f"into {home.models / 'mind'}" in done
    assert "--live" not in done


async def test_a_model_larger_than_the_free_memory_is_not_loaded(
    provider: MindProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "free_memory", lambda: 90_000_000)
    error = await refusal(provider)
    assert error.kind is Kind.UNAVAILABLE
    assert not error.retryable
    assert "not enough memory for tiny" in error.message
    assert "90 MB are free" in error.message
    assert not (await provider.check()).ok
    assert shared_minds().pid is None


async def test_without_llama_cpp_it_says_how_to_get_it(
    provider: MindProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = await refusal(provider)
    assert error.kind is Kind.ENGINE_MISSING
    assert INSTALL in error.hint


async def test_a_kind_of_model_that_llama_cpp_does_not_know_is_refused_in_its_words(folder: Path) -> None:
    odd = {
        name.replace("llama.", "gibberish."): key for name, key in HEAD.items() if name.startswith("llama.")
    }
    write(folder / "odd" / "m.gguf", general__architecture=(STRING, "gibberish"), **odd)
    async with MindProvider(models_dir=folder.parent) as provider:
        error = await refusal(provider)
    assert error.kind is Kind.MODEL_UNKNOWN
    assert "The model odd cannot be loaded: unknown model architecture" in error.message


# -- llama.cpp itself ---------------------------------------------------------------------------------------


async def test_an_answer_streams_ends_well_and_costs_nothing(provider: MindProvider) -> None:
    provider.net.shut = True  # offline mode: this computer is no network
    *deltas, last = await answer(provider)
    assert len([delta for delta in deltas if delta.text]) > 5
    assert last.finish_reason == "length"
    assert last.model == "tiny", "a name, no path"
    assert last.usage is not None
    assert last.usage.output_tokens == 12
    assert not provider.may_cost
    assert set(provider.net.traffic) == {"127.0.0.1"}


async def test_an_answer_nobody_wants_any_more_is_not_written_on(provider: MindProvider) -> None:
    """It does one thing at a time: the next question is answered only when the first was given up."""
    stream = provider.chat(asking("Tell me everything.", max_tokens=None))
    await anext(stream)
    await stream.aclose()
    reading = asyncio.ensure_future(answer(provider, asking("Everything.", max_tokens=None)))
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with asyncio.timeout(ENDS_S):
        assert (await answer(provider))[-1].finish_reason == "length"


async def test_a_process_that_dies_in_the_middle_is_told_and_replaced(provider: MindProvider) -> None:
    pids = []

    async def read() -> None:
        async for delta in provider.stacked(provider.chat)(asking(max_tokens=None)):
            if delta.text and not pids:
                pids.append(shared_minds().pid)
                os.kill(pids[0], signal.SIGKILL)

    with pytest.raises(AIProviderError) as caught:
        await read()
    assert caught.value.kind is Kind.CUT_OFF
    assert "stopped unexpectedly" in caught.value.message
    assert (await answer(provider))[-1].finish_reason == "length"
    assert shared_minds().pid not in (None, *pids)


async def test_a_process_that_died_before_the_question_is_replaced_without_a_word(
    provider: MindProvider,
) -> None:
    await provider.warm()
    first = shared_minds().pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert (await answer(provider))[-1].finish_reason == "length"
    assert shared_minds().pid != first


async def test_who_dies_again_and_again_is_told(
    provider: MindProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "xllamacpp.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    error = await refusal(provider)
    assert error.kind is Kind.ENGINE_CRASHED
    assert "tiny" in error.message


async def test_what_was_read_ahead_is_not_read_again(provider: MindProvider) -> None:
    told = Message(Speaker.SYSTEM, "Listen well, and answer in a few words. " * 10)
    await provider.read_ahead(lambda: (told,))
    *_, last = await answer(provider, ChatRequest(messages=(told, *asking().messages), max_tokens=5))
    assert last.usage is not None
    assert last.usage.cached_tokens > 0.9 * (last.usage.input_tokens - 40)


async def test_a_conversation_longer_than_its_window_loses_its_beginning(provider: MindProvider) -> None:
    said = (Message(Speaker.USER, "A slow walk. " * 40), Message(Speaker.ASSISTANT, "Tell me more. " * 10))
    long = ChatRequest(messages=(*said * 15, *asking().messages), max_tokens=5)
    *_, last = await answer(provider, long)
    assert "oldest part of the conversation was left out" in " ".join(last.notices)
    async with shared_minds().serving(_running(), provider.spec) as server:
        address, key = f"{server.address}/v1", server.key.reveal()
        async with AIProviderFactory.create("compatible", base_url=address, api_key=key) as other:
            *_, last = [
                delta async for delta in other.chat(long)
            ]  # a server's window is found out when it refuses
            assert "oldest part of the conversation was left out" in " ".join(last.notices)
            with pytest.raises(CompanionError, match="longer than the model can read at once"):
                _ = [delta async for delta in other.chat(asking("word " * 9000))]


def _running() -> Order:
    server = shared_minds()._server
    assert server is not None
    return server.order


async def test_its_pace_is_measured_and_kept_for_the_list(provider: MindProvider) -> None:
    pace = await provider.pace()
    assert pace.tokens_a_second > 0
    assert pace.model.name == "tiny"
    assert measured.figures(provider.models_dir)["tiny"] > 0
    assert "words a second" in (await provider.check()).detail


def test_a_slow_model_is_told_before_it_is_chosen(tmp_path: Path) -> None:
    large = library.look_at(
        "large", write(tmp_path / "large.gguf", general__parameter_count=(U64, 3_000_000_000))
    )
    assert not library.Pace(large, 20.0).objection
    assert "about 4 words a second" in library.Pace(large, 5.0).objection
    small = library.look_at("small", write(tmp_path / "small.gguf"))
    assert "very small" in library.Pace(small, 50.0).objection


async def test_only_who_has_the_key_is_answered_and_only_from_here(provider: MindProvider) -> None:
    await answer(provider)
    async with shared_minds().serving(_running(), provider.spec) as server, Net().client() as stranger:
        assert server.address.startswith("http://127.0.0.1:")
        asked = await stranger.post(f"{server.address}/v1/chat/completions", json={})
        assert asked.status_code == 401
        assert (await stranger.get(f"{server.address}/slots")).status_code in (401, 501)
    pid = shared_minds().pid
    assert pid is not None
    assert listening_at(pid) == {"0100007F"}, "127.0.0.1 alone"


async def test_two_share_one_process_until_the_last_has_left(folder: Path) -> None:
    write(folder / "one" / "m.gguf")
    write(folder / "two" / "m.gguf")
    async with (
        MindProvider(models_dir=folder.parent) as first,
        MindProvider(models_dir=folder.parent) as second,
    ):
        await asyncio.gather(answer(first), answer(second))
        shared = shared_minds().pid
        two = ChatRequest(messages=asking().messages, max_tokens=5, model="two")
        writing = first.chat(asking("Everything.", max_tokens=200))
        await anext(writing)
        other = asyncio.ensure_future(answer(second, two))  # waits until nobody asks the first any more
        async with asyncio.timeout(ENDS_S):
            assert [delta async for delta in writing][-1].finish_reason == "length"
            assert (await other)[-1].model == "two"
        assert shared is not None
        await until_gone(shared)
        pid = shared_minds().pid
        assert pid is not None
        await first.aclose()
        assert is_running(pid)
    await until_gone(pid)


APP = """
import asyncio, sys
from companion.flow import ChatRequest, Message, Speaker
from companion.providers.here.mind.provider import MindProvider
from companion.providers.here.mind.server import shared_minds

async def main():
    provider = MindProvider(models_dir=sys.argv[1])
    await anext(provider.chat(ChatRequest(messages=(Message(Speaker.USER, "Hello"),))))
    print(shared_minds().pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_it_ends_with_an_app_that_is_killed(folder: Path) -> None:
    write(folder / "tiny" / "m.gguf")
    await until_gone(await asyncio.to_thread(killed_app, folder))
