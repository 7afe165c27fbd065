"""The vault: on a real keyring, on bad ones, and on none."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from companion import vault as vault_module
from companion.errors import CompanionError, Kind
from companion.log import Secret, redact
from companion.vault import EnvironmentKey, KeyState, MemoryVault, Vault, is_safe
from tests.whole.secrets import need_keyring, private_bus, private_keyring

OPENAI = "https://api.openai.com:443"
EVIL = "https://evil.example:443"
CANARY = "sk-canary-Zq81xY77b0"


class Shelf:
    """A keyring backend in memory, with the faults of real ones."""

    def __init__(
        self, *, loses: bool = False, mangles: bool = False, hangs: threading.Event | None = None
    ) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.loses, self.mangles, self.hangs = loses, mangles, hangs

    def get_password(self, service: str, username: str) -> str | None:
        if self.hangs is not None:
            self.hangs.wait()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.loses:
            self.kept[service, username] = password[::-1] if self.mangles else password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Failing(Shelf):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(f"the bus is gone, and so is {CANARY}")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def vault(shelf: Shelf) -> Iterator[Vault]:
    vault = Vault(shelf, limit_s=0.3)
    yield vault
    vault.close()


@pytest.fixture(scope="module")
def keyring_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    need_keyring()
    with private_keyring(tmp_path_factory.mktemp("keyring")) as environ:
        yield environ


def run(code: str, environ: Mapping[str, str], *args: str) -> str:
    """What an async program around `code` prints, in a process of its own."""
    program = (
        "import asyncio, sys\nfrom companion.vault import *\nfrom companion.errors import CompanionError\n"
        "async def main():\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
        + "asyncio.run(main())\n"
    )
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DBUS_", "PYTHON_KEYRING"))
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# -- the real thing -----------------------------------------------------------------------------------------


def test_a_key_is_found_again_by_the_next_process_and_gone_after_removal(
    keyring_environ: Mapping[str, str],
) -> None:
    put = f"v = await Vault.open()\nawait v.put('openai', Secret({CANARY!r}), sys.argv[1])\nprint(v.where)"
    assert run(put, keyring_environ, OPENAI) == "keyring"
    found = "v = await Vault.open()\nk = await v.get('openai', sys.argv[1])\nprint(k.reveal(), await v.describe('openai'))"
    assert run(found, keyring_environ, OPENAI) == f"{CANARY} " + str(
        KeyState(present=True, ending=CANARY[-4:], where="keyring", origin=OPENAI)
    )
    elsewhere = (
        "v = await Vault.open()\ntry:\n    await v.get('openai', sys.argv[1])\n"
        "except CompanionError as e:\n    print(e.kind, e.message)"
    )
    said = run(elsewhere, keyring_environ, EVIL)
    assert said == "key_elsewhere This key was entered for api.openai.com, so it is not sent to evil.example."
    removed = (
        "v = await Vault.open()\nawait v.remove('openai')\nawait v.remove('openai')\n"
        "print(await v.get('openai', sys.argv[1]))"
    )
    assert run(removed, keyring_environ, OPENAI) == "None"


def test_the_journal_key_is_found_again_under_its_own_journal(keyring_environ: Mapping[str, str]) -> None:
    put = "v = await Vault.open()\nawait v.put_journal_key('one', bytes(range(32)))\nprint('ok')"
    assert run(put, keyring_environ) == "ok"
    found = "v = await Vault.open()\nprint((await v.get_journal_key('one')).hex(), await v.get_journal_key('two'))"
    assert run(found, keyring_environ) == f"{bytes(range(32)).hex()} None"


def test_no_key_reaches_the_disk_in_clear(keyring_environ: Mapping[str, str]) -> None:
    run(f"v = await Vault.open()\nawait v.put('x', Secret({CANARY!r}), 'o')", keyring_environ)
    files = [path for path in Path(keyring_environ["HOME"]).rglob("*") if path.is_file()]
    assert any(path.suffix == ".keyring" for path in files)
    for path in files:
        assert CANARY.encode() not in path.read_bytes()


OFFER = """\
v = await Vault.open()
print(v.where)
try:
    await v.put('openai', Secret('sk-canary-0000'), 'o')
except CompanionError as error:
    print(error.kind)
await v.put('openai', Secret('sk-canary-0000'), 'o', this_run_only=True)
print((await v.get('openai', 'o')).reveal(), (await v.describe('openai')).where)"""
HONEST = "memory\nno_keyring\nsk-canary-0000 memory"


def test_without_a_session_bus_the_choice_is_offered(tmp_path: Path) -> None:
    assert run(OFFER, {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}) == HONEST


def test_a_bus_without_a_keyring_is_no_keyring(tmp_path: Path) -> None:
    need_keyring()
    with private_bus(tmp_path) as environ:
        assert run(OFFER, environ) == HONEST


@pytest.mark.parametrize("name", ["null", "fail"])
def test_backends_that_keep_nothing_are_refused(keyring_environ: Mapping[str, str], name: str) -> None:
    environ = {**keyring_environ, "PYTHON_KEYRING_BACKEND": f"keyring.backends.{name}.Keyring"}
    assert run(OFFER, environ) == HONEST


PLAIN = """\
import keyring
from keyring.backends.SecretService import Keyring as Real
class PlaintextKeyring(Real):
    priority = 99
    def set_password(self, *args): print('WROTE IN CLEAR')
    def get_password(self, *args): return None
keyring.set_keyring(PlaintextKeyring())
"""


def test_a_stranger_is_refused_even_as_a_child_of_a_good_one(keyring_environ: Mapping[str, str]) -> None:
    assert run(PLAIN + OFFER, keyring_environ) == HONEST


def test_behind_a_chain_the_safe_member_is_used_itself(keyring_environ: Mapping[str, str]) -> None:
    chain = (
        "import keyring\nfrom keyring.backend import KeyringBackend\nfrom keyring.backends.chainer import ChainerBackend\n"
        + PLAIN.split("keyring.set_keyring", maxsplit=1)[0].replace("import keyring\n", "")
        + "keyring.set_keyring(ChainerBackend())\nprint([type(b).__name__ for b in keyring.get_keyring().backends])\n"
        "v = await Vault.open()\nawait v.put('chained', Secret('sk-canary-0000'), 'o')\nprint(v.where)"
    )
    members, where = run(chain, keyring_environ).splitlines()
    assert "PlaintextKeyring" in members
    assert where == "keyring"


HANGING = """\
import time, keyring
from keyring.backends import SecretService
SecretService.Keyring.get_password = lambda *args: time.sleep(60)
SecretService.Keyring.priority = 99
keyring.set_keyring(SecretService.Keyring())
v = await Vault.open(limit_s=0.4)
async def tick():
    global gaps
    gaps, before = [], time.monotonic()
    while True:
        await asyncio.sleep(0.01)
        gaps.append(time.monotonic() - before)
        before = time.monotonic()
beat = asyncio.create_task(tick())
for _ in range(3):
    try:
        await v.get('openai', 'o')
    except CompanionError as error:
        print(error.kind)
await v.put('openai', Secret('sk-canary-0000'), 'o', this_run_only=True)
print((await v.get('openai', 'o')).reveal(), len(gaps) > 10)
beat.cancel()"""


def test_a_keyring_that_hangs_for_a_minute_holds_up_nothing(keyring_environ: Mapping[str, str]) -> None:
    said = run(HANGING, keyring_environ)  # returns at all: the hanging thread does not hold up the exit
    assert said == "keyring_timeout\n" * 3 + "sk-canary-0000 True"


def test_the_keyring_library_is_loaded_only_when_it_is_needed() -> None:
    assert run("print([m for m in sys.modules if m.startswith('keyring')])", {}) == "[]"


# -- faults of a backend ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["loses", "mangles"])
async def test_what_cannot_be_read_back_is_not_called_saved(vault: Vault, shelf: Shelf, fault: str) -> None:
    await vault.put("openai", Secret("the-old-key-1234"), OPENAI)
    setattr(shelf, fault, True)
    with pytest.raises(CompanionError) as caught:
        await vault.put("openai", Secret("the-new-key-5678"), OPENAI)
    assert caught.value.kind is Kind.KEYRING_FAILED
    shelf.mangles = False
    if fault == "loses":
        kept = await vault.get("openai", OPENAI)
        assert kept is not None
        assert kept.reveal() == "the-old-key-1234"


async def test_a_failing_backend_is_one_plain_sentence_without_the_key() -> None:
    vault = Vault(Failing(), limit_s=0.3)
    with pytest.raises(CompanionError) as caught:
        await vault.get("openai", OPENAI)
    assert caught.value.kind is Kind.KEYRING_FAILED
    assert CANARY not in caught.value.message
    vault.close()


async def test_a_call_that_timed_out_while_waiting_never_writes_later(shelf: Shelf, vault: Vault) -> None:
    shelf.hangs = threading.Event()
    for _ in range(2):
        with pytest.raises(CompanionError) as caught:
            await vault.put("openai", Secret(CANARY), OPENAI)
        assert caught.value.kind is Kind.KEYRING_TIMEOUT
    shelf.hangs.set()
    async with asyncio.timeout(5):
        while True:
            with suppress(CompanionError):
                await vault.get("other", OPENAI)
                break
            await asyncio.sleep(0.01)
    assert shelf.kept == {}


class Slow(Shelf):
    """Holds a change until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go, self.over = threading.Event(), threading.Event(), threading.Event()

    def set_password(self, service: str, username: str, password: str) -> None:
        self.begun.set()
        self.go.wait(10)
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self.begun.set()
        self.go.wait(10)
        super().delete_password(service, username)


async def _let_go(shelf: Slow, vault: Vault) -> None:
    """What was given up happens now; returns when the thread is free again."""
    shelf.go.set()
    async with asyncio.timeout(5):
        while True:
            with suppress(CompanionError):
                await vault.describe("somebody else")
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("before", [None, "sk-the-key-before"])
async def test_a_write_that_was_given_up_in_the_middle_is_undone(before: str | None) -> None:
    shelf = Slow()
    vault = Vault(shelf, limit_s=0.1)
    if before is not None:
        shelf.go.set()
        await vault.put("openai", Secret(before), OPENAI)
        shelf.go.clear()
    with pytest.raises(CompanionError) as caught:
        await vault.put("openai", Secret(CANARY), OPENAI)
    assert caught.value.kind is Kind.KEYRING_TIMEOUT
    await _let_go(shelf, vault)
    key = await vault.get("openai", OPENAI)
    assert (key and key.reveal()) == before, "the person was told that it was not kept"
    await vault.put("openai", Secret(CANARY), OPENAI)
    kept = await vault.get("openai", OPENAI)
    assert kept is not None
    assert kept.reveal() == CANARY, "another try works"
    vault.close()


async def test_a_removal_that_was_given_up_in_the_middle_is_undone() -> None:
    shelf = Slow()
    vault = Vault(shelf, limit_s=0.1)
    shelf.go.set()
    await vault.put("openai", Secret(CANARY), OPENAI)
    shelf.go.clear()
    with pytest.raises(CompanionError):
        await vault.remove("openai")
    await _let_go(shelf, vault)
    assert (await vault.describe("openai")).present
    vault.close()


async def test_a_journal_key_that_was_given_up_is_not_there_at_the_next_try() -> None:
    shelf = Slow()
    vault = Vault(shelf, limit_s=0.1)
    with pytest.raises(CompanionError):
        await vault.put_journal_key("j", bytes(32))
    await _let_go(shelf, vault)
    assert await vault.get_journal_key("j") is None
    await vault.put_journal_key("j", bytes(range(32)))
    assert await vault.get_journal_key("j") == bytes(range(32))
    vault.close()


async def test_the_thread_ends_when_there_is_nothing_to_do(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_module, "IDLE_S", 0.01)

    def threads() -> int:
        return sum(thread.name == "keyring" for thread in threading.enumerate())

    others = threads()
    vaults = [Vault(shelf) for _ in range(5)]
    for each in vaults:
        await each.put("openai", Secret(CANARY), OPENAI)
    async with asyncio.timeout(5):
        while threads() > others:  # noqa: ASYNC110 - a thread has no event
            await asyncio.sleep(0.01)
    assert await vaults[0].get("openai", OPENAI) is not None, "and begins again"


async def test_more_calls_than_can_wait_are_refused_at_once(shelf: Shelf, vault: Vault) -> None:
    shelf.hangs = threading.Event()
    kinds = await asyncio.gather(*(vault.get(str(n), OPENAI) for n in range(30)), return_exceptions=True)
    assert {kind.kind for kind in kinds if isinstance(kind, CompanionError)} == {Kind.KEYRING_TIMEOUT}
    assert len(kinds) == 30
    shelf.hangs.set()


@pytest.mark.parametrize("stray", ["not json", "[]", '{"key": 5, "origin": "o"}', '{"key": ""}', "[" * 3000])
async def test_what_another_program_left_in_our_place_is_no_key(
    vault: Vault, shelf: Shelf, stray: str
) -> None:
    shelf.kept[vault_module.SERVICE, "key:openai"] = stray
    assert await vault.get("openai", OPENAI) is None
    assert await vault.describe("openai") == KeyState(present=False)


@pytest.mark.parametrize("stray", ["short", "A" * 44 + "!", "QUJD"])
async def test_a_journal_key_that_is_none_is_said(vault: Vault, shelf: Shelf, stray: str) -> None:
    shelf.kept[vault_module.SERVICE, "journal:j"] = stray
    with pytest.raises(CompanionError) as caught:
        await vault.get_journal_key("j")
    assert caught.value.kind is Kind.JOURNAL_LOCKED


# -- whose key, for where -----------------------------------------------------------------------------------


async def test_a_key_goes_only_where_it_was_entered_for(vault: Vault) -> None:
    await vault.put("openai", Secret(CANARY), OPENAI)
    for other in (
        EVIL,
        "http://api.openai.com:80",
        "https://api.openai.com:8443",
        "https://api.openai.com.evil.example:443",
    ):
        with pytest.raises(CompanionError) as caught:
            await vault.get("openai", other)
        assert caught.value.kind is Kind.KEY_ELSEWHERE
        assert CANARY not in caught.value.message
    assert await vault.get("anthropic", OPENAI) is None


async def test_the_environment_comes_first_and_is_bound_and_read_only(shelf: Shelf) -> None:
    given = EnvironmentKey(secret=Secret("from-the-environment"), origin=OPENAI, variable="OPENAI_API_KEY")
    vault = Vault(shelf, {"openai": given}, limit_s=0.3)
    assert await vault.get("openai", OPENAI) == given.secret
    with pytest.raises(CompanionError) as caught:
        await vault.get("openai", EVIL)
    assert caught.value.kind is Kind.KEY_ELSEWHERE
    await vault.put("openai", Secret("for-another-server"), EVIL)
    assert await vault.get("openai", EVIL) == Secret("for-another-server")
    assert await vault.get("openai", OPENAI) == given.secret
    await vault.remove("openai")
    state = await vault.describe("openai")
    assert (state.where, state.variable, state.ending) == ("environment", "OPENAI_API_KEY", "ment")
    vault.close()


async def test_memory_is_forgotten_and_the_keyring_is_not_touched(vault: Vault, shelf: Shelf) -> None:
    await vault.put("openai", Secret(CANARY), OPENAI, this_run_only=True)
    assert (await vault.describe("openai")).where == "memory"
    assert shelf.kept == {}
    bring_back = await vault.remove("openai")
    assert await vault.get("openai", OPENAI) is None
    await bring_back()
    assert (await vault.describe("openai")).where == "memory"
    assert await vault.get("openai", OPENAI) == Secret(CANARY)
    assert shelf.kept == {}


async def test_a_removed_key_comes_back_for_the_address_it_was_for(vault: Vault, shelf: Shelf) -> None:
    await vault.put("openai", Secret(CANARY), EVIL)
    kept = dict(shelf.kept)
    bring_back = await vault.remove("openai")
    assert shelf.kept == {}
    await bring_back()
    assert shelf.kept == kept


async def test_the_memory_vault_keeps_everything_for_this_run() -> None:
    vault = MemoryVault()
    await vault.put("openai", Secret(CANARY), OPENAI)
    await vault.put_journal_key("j", bytes(32))
    assert await vault.get("openai", OPENAI) == Secret(CANARY)
    assert await vault.get_journal_key("j") == bytes(32)
    assert (vault.where, (await vault.describe("openai")).where) == ("memory", "memory")


async def test_what_is_kept_is_hidden_from_the_log(vault: Vault, shelf: Shelf) -> None:
    shelf.kept[vault_module.SERVICE, "key:openai"] = json.dumps(
        {"key": "homely-sounding-words", "origin": OPENAI}
    )
    assert redact("homely-sounding-words") == "homely-sounding-words"
    await vault.get("openai", OPENAI)
    assert redact("homely-sounding-words") == "***"


def test_only_encrypting_backends_are_safe() -> None:
    from keyring.backends import SecretService, chainer, fail, kwallet, libsecret, macOS, null

    assert all(
        is_safe(object.__new__(cls))
        for cls in (SecretService.Keyring, libsecret.Keyring, kwallet.DBusKeyring, macOS.Keyring)
    )
    assert not any(
        is_safe(object.__new__(cls)) for cls in (fail.Keyring, null.Keyring, chainer.ChainerBackend, Shelf)
    )
