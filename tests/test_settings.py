"""Settings: layers, hostile files, saving without loss, addresses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings as trials, strategies as st

from companion.errors import CompanionError, Kind
from companion.kinds import TURN_ROLES, Role
from companion.paths import Home
from companion.settings import Loaded, Settings, all_fields, changed, describe, load_settings, save, value_of
from companion.settings.address import normalise_base_url

GOOD = """\
# my settings
talk:
  tap_ms: 300   # slow fingers
  longest_take_s: 120
providers:
  llm:
    active: openai
    openai:
      model: gpt-x
      organisation: acme   # of a later version
appearance:
  theme: dark
"""


def written(home: Home, content: str | bytes) -> Path:
    home.config.mkdir(parents=True, exist_ok=True)
    home.settings.write_bytes(content.encode() if isinstance(content, str) else content)
    return home.settings


def loaded(home: Home, content: str | bytes, **environ: str) -> Loaded:
    written(home, content)
    return load_settings(home, environ)


def test_without_a_file_the_companion_is_complete_and_offline(home: Home) -> None:
    result = load_settings(home, {})
    assert (result.problems, result.settings) == ((), Settings())
    assert result.settings.role(Role.THINKS).active == "guide"
    assert result.settings.role(Role.HEARS).active == result.settings.role(Role.SPEAKS).active == "builtin"
    assert not home.config.exists()


def test_a_file_is_read_with_its_sources(home: Home) -> None:
    result = loaded(home, GOOD)
    assert result.problems == ()
    assert result.settings.talk.tap_ms == 300
    assert result.settings.role(Role.THINKS).block("openai").model == "gpt-x"
    assert result.settings.role(Role.THINKS).block("anthropic").model == ""
    assert result.sources["talk.tap_ms"] == "settings.yaml:3"


def test_layers_lie_over_each_other_in_order(home: Home) -> None:
    written(home, "talk: {tap_ms: 300}\nproviders: {llm: {active: anthropic}}\n")
    (home.config / "settings.dev.yaml").write_text(
        "talk: {tap_ms: 150, tail_ms: 50}\nappearance: {theme: dark}\nproviders: {llm: {active: openai}}\n"
    )
    environ = {"COMPANION_ENV": "dev", "AI_PROVIDER": "mock", "COMPANION_TALK__TAIL_MS": "75"}
    result = load_settings(home, environ)
    settings = result.settings
    assert (settings.talk.tap_ms, settings.talk.tail_ms, settings.appearance.theme) == (300, 75, "dark")
    assert settings.role(Role.THINKS).active == "mock"
    assert result.sources["providers.llm.active"] == "environment AI_PROVIDER"
    assert load_settings(home, {}).settings.talk.tail_ms == 200


def test_the_environment_names_of_the_library(home: Home) -> None:
    result = load_settings(
        home,
        {
            "OPENAI_MODEL": "a",
            "OPENAI_TTS_MODEL": "b",
            "OPENAI_TTS_VOICE": "c",
            "ANTHROPIC_MODEL": "d",
            "LOCAL_MODEL_URL": "http://127.0.0.1:9",
            "LOCAL_MODEL_NAME": "e",
            "AI_TIMEOUT": "12.5s",
            "AI_MAX_RETRIES": "4",
            "AI_RETRY_BACKOFF": "100ms",
            "AI_CIRCUIT_BREAKER": "false",
            "AI_CIRCUIT_BREAKER_THRESHOLD": "9",
            "AI_RATE_LIMIT": "30",
            "COMPANION_PROVIDERS__STT__OPENAI__MODEL": "f",
        },
    )
    thinks, hears, speaks = (result.settings.role(role) for role in TURN_ROLES)
    assert result.problems == ()
    assert (thinks.block("openai").model, thinks.block("anthropic").model) == ("a", "d")
    assert (speaks.block("openai").model, speaks.block("openai").voice) == ("b", "c")
    assert (thinks.block("ollama").base_url, thinks.block("ollama").model) == ("http://127.0.0.1:9", "e")
    assert hears.block("openai").model == "f"
    network = result.settings.network
    assert (network.timeout_s, network.max_retries, network.retry_backoff_s) == (12.5, 4, 0.1)
    assert (network.circuit_breaker, network.circuit_breaker_threshold, network.requests_per_min) == (
        False,
        9,
        1800,
    )


def test_a_bad_variable_is_named_and_costs_only_itself(home: Home) -> None:
    result = load_settings(home, {"AI_TIMEOUT": "soon", "AI_MAX_RETRIES": "1", "COMPANION_TALK__NOPE": "1"})
    assert result.settings.network.max_retries == 1
    assert result.settings.network.timeout_s == Settings().network.timeout_s
    assert {problem.field for problem in result.problems} == {"AI_TIMEOUT", "COMPANION_TALK__NOPE"}


def test_addresses_may_refer_to_the_environment_but_never_to_a_secret_and_all_else_is_text(
    home: Home,
) -> None:
    text = (
        "providers:\n  llm:\n    openai:\n      base_url: https://${HOST}/v1\n      model: ${OPENAI_API_KEY}\n"
        "    groq: {base_url: 'https://x.org/${OPENAI_API_KEY}'}\n    mistral: {base_url: 'https://${UNSET}'}\n"
        "servers: {home: {address: 'http://${HOST}:8080'}}\n"
        "talk: {tap_ms: '${TAP}', key: $(reboot)}\nsound: {microphone: '${HOST}'}\n"
    )
    result = loaded(home, text, HOST="example.org", OPENAI_API_KEY="sk-canary-000000000000", TAP="400")
    block = result.settings.role(Role.THINKS).block("openai")
    assert (block.base_url, block.model) == ("https://example.org/v1", "${OPENAI_API_KEY}")
    assert result.settings.servers.by_name["home"].address == "http://example.org:8080"
    assert result.settings.sound.microphone == "${HOST}", "a device may be called so"
    assert result.settings.talk.key == "$(reboot)"
    assert {problem.field for problem in result.problems} == {
        "talk.tap_ms", "providers.llm.groq.base_url", "providers.llm.mistral.base_url",
    }  # fmt: skip
    assert "canary" not in repr(result)


@pytest.mark.parametrize(
    "line",
    [
        "providers: {llm: {openai: {api_key: sk-canary-1234567890abcdef}}}",
        "providers: {llm: {openai: {model: sk-canary-1234567890abcdef}}}",
    ],
)
def test_a_key_in_the_file_is_not_used_and_not_repeated(home: Home, line: str) -> None:
    result = loaded(home, line)
    assert len(result.problems) == 1
    assert "key" in result.problems[0].message
    assert "canary" not in repr(result)


def test_a_count_of_tokens_is_not_taken_for_a_key(home: Home) -> None:
    assert loaded(home, "answers: {max_tokens: 300}").problems == ()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("tap_ms: -5", "100 to 1000 ms"),
        ("tap_ms: 1e999", "with an end"),
        ("tap_ms: '250'", "a number is needed"),
        ("tap_ms: 2.5", "whole number"),
        ("tap_ms: true", "a number is needed"),
        ("tap_ms: [1]", "a list"),
        ("tap_ms: {a: 1}", "a group"),
        ("tap_ms:", "nothing"),
        ("tap_ms: !!python/object/apply:os.system ['touch boom']", "not understood"),
        ("tap_ms: !secret x", "not understood"),
        ("mode: sideways", "one of auto, hold, tap"),
        ("review_before_sending: 3", "yes or no"),
        ("language: false", "text is needed"),
        ('language: "a\\nb"', "one line"),
    ],
)
def test_a_bad_value_costs_only_its_own_field(home: Home, value: str, says: str) -> None:
    result = loaded(home, f"talk:\n  tail_ms: 100\n  {value}\n")
    assert result.settings == changed(Settings(), {"talk.tail_ms": 100})
    [problem] = result.problems
    assert says in problem.message.replace("None", "nothing")
    assert (problem.line, problem.column) == (3, 3)
    assert str(problem).startswith("settings.yaml:3:3: talk.")
    assert result.trouble is not None
    assert result.trouble.kind is Kind.SETTINGS_BROKEN


def test_infinity_and_words_for_yes(home: Home) -> None:
    result = loaded(home, "network: {timeout_s: .inf, offline: on}\ntalk: {language: no}\n")
    assert [problem.field for problem in result.problems] == ["network.timeout_s"]
    assert result.settings.network.offline is True
    assert result.settings.talk.language == "no"


def test_a_name_written_twice_names_both_lines(home: Home) -> None:
    result = loaded(home, "talk:\n  tap_ms: 300\n  tail_ms: 5\n  tap_ms: 400\n")
    assert (result.settings.talk.tap_ms, result.settings.talk.tail_ms) == (250, 5)
    assert "line 2 and in line 4" in result.problems[0].message
    save(home, {"talk.tail_ms": 6})
    [aside] = home.config.glob("settings.yaml.bad-*")
    assert "tap_ms: 300" in aside.read_text()
    assert "tap_ms: 400" in aside.read_text()


def test_a_group_that_is_no_group(home: Home) -> None:
    result = loaded(home, "talk: 5\nproviders: [1]\nappearance: {theme: dark}\n")
    assert {problem.field for problem in result.problems} == {"talk", "providers"}
    assert result.settings.appearance.theme == "dark"


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[" * 500, 1),
        (b"{a: " * 500, 1),
        (b"talk:\n\ttap_ms: 1\n", 2),
        (b"talk\nsound: {\n", 2),
        (b"talk:\n  tap_ms: \x00\n", 2),
        (b"talk: {tap_ms: 5}\n\xff\xfe\xff\n", 2),
        ("talk: {}\n".encode("utf-16-le"), 1),
        (BOMB.encode(), 5),
        (b"just words", 1),
        (b"- a\n- b\n", 1),
        (b"a: 1\n---\nb: 2\n", 3),
        (b"a: *nowhere\n", 1),
        (b"!!python/object/apply:os.system [x]", 1),
    ],
)
def test_a_file_that_is_no_settings_is_kept_aside_and_its_place_is_named(
    home: Home, content: bytes, line: int
) -> None:
    result = loaded(home, content)
    assert result.settings == Settings()
    [problem] = result.problems
    assert problem.line == line
    assert problem.column >= 1
    [aside] = home.config.iterdir()
    assert aside.name.startswith("settings.yaml.bad-")
    assert aside.read_bytes() == content
    assert aside.name in problem.message


@pytest.mark.parametrize(
    "encode",
    [
        lambda t: b"\xef\xbb\xbf" + t.encode(),
        lambda t: t.replace("\n", "\r\n").encode(),
        lambda t: t.encode("utf-16"),
    ],
)
def test_files_of_other_editors_are_read(home: Home, encode: object) -> None:
    assert callable(encode)
    result = loaded(home, encode(GOOD))
    assert (result.problems, result.settings.talk.tap_ms) == ((), 300)


def test_an_empty_file_is_said_and_left(home: Home) -> None:
    result = loaded(home, b"")
    assert result.settings == Settings()
    assert "empty" in result.problems[0].message
    assert home.settings.exists()
    assert loaded(home, "# only a comment\n").problems == ()


def test_a_huge_file_is_left_as_it_is(home: Home) -> None:
    path = written(home, b"")
    os.truncate(path, 200_000_000)
    result = load_settings(home, {})
    assert "larger than 256 kB" in result.problems[0].message
    with pytest.raises(CompanionError, match="larger"):
        save(home, {"talk.tap_ms": 300})
    assert path.stat().st_size == 200_000_000


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
def test_something_else_at_the_path_neither_hangs_nor_is_replaced(home: Home, kind: str) -> None:
    home.config.mkdir(parents=True)
    make = {
        "folder": home.settings.mkdir,
        "pipe": lambda: os.mkfifo(home.settings),
        "loop": lambda: home.settings.symlink_to(home.settings),
    }
    make[kind]()
    result = load_settings(home, {})
    assert (result.settings, len(result.problems)) == (Settings(), 1)
    with pytest.raises(CompanionError) as caught:
        save(home, {"talk.tap_ms": 300})
    assert caught.value.kind is Kind.SETTINGS_UNSAVED
    assert not home.settings.is_file()


@trials(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_of_a_good_file_stops_the_start(home: Home, data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from(
                [
                    b"[",
                    b"{",
                    b"\t",
                    b"\n",
                    b"&a ",
                    b"*a",
                    b"!!x ",
                    b"%",
                    b": ",
                    b"\x00",
                    b"\xff",
                    b"'",
                    b"|",
                    b"-",
                    b"no",
                    b"\xc3\xa9",
                ]
            )
        )
    result = loaded(home, bytes(raw))
    assert all(problem.line >= 1 for problem in result.problems)
    save(home, {"talk.tap_ms": 345})
    assert load_settings(home, {}).settings.talk.tap_ms == 345


def test_saving_keeps_comments_and_what_a_later_version_wrote(home: Home) -> None:
    written(home, GOOD + "later:\n  thing: 1\n")
    save(home, {"talk.tap_ms": 500, "providers.tts.openai.voice": "nova", "sound.speak_answers": False})
    text = home.settings.read_text()
    for kept in ("# my settings", "# slow fingers", "organisation: acme   # of a later version", "thing: 1"):
        assert kept in text
    result = load_settings(home, {})
    assert result.problems == ()
    assert (result.settings.talk.tap_ms, result.settings.sound.speak_answers) == (500, False)
    assert result.settings.role(Role.SPEAKS).block("openai").voice == "nova"
    assert home.settings.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "odd", ["!!x tap_ms: 300", "? tap_ms\n  : 300", "tap_ms: 300\n  tap_ms: 301", "tap_ms: &a !!x 3"]
)
def test_a_value_saved_over_an_odd_name_is_the_one_that_is_read(home: Home, odd: str) -> None:
    written(home, f"talk:\n  {odd}\n  tail_ms: 250\n")
    save(home, {"talk.tap_ms": 345})
    assert load_settings(home, {}).settings.talk.tap_ms == 345


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "null", "1.0", "~", "a: b", "# x", "*a", "{", "Ä 'quoted' \"twice\"", "-", "0x1f", "${X}"],
)
def test_any_text_survives_saving_and_loading(home: Home, text: str) -> None:
    save(home, {"sound.microphone": text})
    assert load_settings(home, {"X": "another"}).settings.sound.microphone == text


def test_every_setting_survives_a_round_trip_and_a_reset(home: Home) -> None:
    values: dict[str, object] = {}
    for each in all_fields():
        if each.declared.choices:
            values[each.name] = list(each.declared.choices)[-1]
        else:
            values[each.name] = {
                bool: not each.default,
                int: each.declared.high,
                float: each.declared.high,
                str: "x",
            }[each.kind]
    save(home, values)
    settings = load_settings(home, {}).settings
    assert {name: value_of(settings, name) for name in values} == values
    save(home, dict.fromkeys(values))
    assert load_settings(home, {}).settings == Settings()


def test_a_comment_only_file_keeps_its_comments(home: Home) -> None:
    written(home, "# keep me\n")
    save(home, {"talk.tap_ms": 300})
    assert home.settings.read_text().startswith("# keep me\n")
    assert load_settings(home, {}).settings.talk.tap_ms == 300


def test_a_linked_file_is_replaced_where_it_lives(home: Home, tmp_path: Path) -> None:
    home.config.mkdir(parents=True)
    target = tmp_path / "dotfiles.yaml"
    target.write_text("talk: {tap_ms: 300}\n")
    home.settings.symlink_to(target)
    save(home, {"talk.tail_ms": 5})
    assert home.settings.is_symlink()
    assert "tail_ms: 5" in target.read_text()


def test_what_cannot_be_saved_is_said_and_the_old_file_stays(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(home, GOOD)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        os, "replace", full
    )  # root may write anywhere, so a read-only folder proves nothing here
    with pytest.raises(CompanionError, match="No space left") as caught:
        save(home, {"talk.tap_ms": 300})
    assert caught.value.kind is Kind.SETTINGS_UNSAVED
    assert home.settings.read_text() == GOOD
    assert list(home.config.iterdir()) == [home.settings]


@pytest.mark.parametrize(
    "change",
    [
        {"talk.tap_ms": 5},
        {"talk.nope": 1},
        {"providers.llm.active.model": "x"},
        {"providers.llm.openai.model": "sk-proj-1234567890abcdef1234"},
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_is_written(
    home: Home, change: dict[str, object]
) -> None:
    for refuse in (lambda: changed(Settings(), change), lambda: save(home, change)):
        with pytest.raises(CompanionError) as caught:
            refuse()
        assert caught.value.kind is Kind.SETTINGS_UNSAVED
        assert "1234567890" not in caught.value.message
    assert not home.config.exists()


def test_every_setting_explains_itself(home: Home) -> None:
    for row in describe(loaded(home, GOOD)):
        assert row.declared.label, row.name
    shown = {row.name: row for row in describe(load_settings(home, {"AI_TIMEOUT": "5"}))}
    assert shown["providers.llm.openai.model"].value == "gpt-x"
    assert shown["providers.llm.openai.model"].source == "settings.yaml:9"
    assert shown["network.timeout_s"].source == "environment AI_TIMEOUT"
    assert shown["talk.tail_ms"].source == "default"


def test_no_yaml_parser_is_loaded_without_a_file(home: Home) -> None:
    code = (
        "import sys; from companion.paths import find_home; from companion.settings import load_settings\n"
        "load_settings(find_home()); print([m for m in sys.modules if m.startswith(('ruamel', 'httpx', 'yaml'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "url", "says"),
    [
        ("", "", ""),
        ("https://api.openai.com/v1", "https://api.openai.com/v1", ""),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1", ""),
        ("api.openai.com/v1", "https://api.openai.com/v1", "https:// was added"),
        ("localhost:11434", "http://localhost:11434", "http:// was added"),
        ("127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1", "http:// was added"),
        (" https://api.openai .com/v1 ", "https://api.openai.com/v1", "Spaces"),
        ("“https://x.org”".strip("“”"), "https://x.org", ""),
        ("https://x.org/v1//v1/", "https://x.org/v1", "shortened"),
        ("https://x.org/v1/v1/v1/", "https://x.org/v1", "shortened"),
        ("https://x.org/v1/chat/completions", "https://x.org/v1", "shortened"),
        ("https://X.ORG:443/v1?a=b#c", "https://x.org/v1", "removed"),
        ("https://api.openai.com@evil.example/v1", "https://evil.example/v1", "server is evil.example"),
        ("https://user:pw@127.0.0.1@evil.example", "https://evil.example", "server is evil.example"),
        ("https://xn--pple-43d.com", "https://xn--pple-43d.com", "\u0430pple.com"),
        ("https://\u0430pi.openai.com", "https://xn--pi-6kc.openai.com", "xn--pi-6kc"),
        ("https://x.org.", "https://x.org", ""),
        ("http://[::1]:9/v1", "http://[::1]:9/v1", ""),
        ("http://192.168.1.5:11434", "http://192.168.1.5:11434", "own network"),
        ("http://x.org", "http://x.org", "unencrypted through the internet"),
        ("http://\uff11\uff12\uff17.0.0.1", "http://127.0.0.1", "127.0.0.1"),
    ],
)
def test_an_address_is_made_plain(text: str, url: str, says: str) -> None:
    address = normalise_base_url(text)
    assert address.url == url
    assert says in address.notice
    assert normalise_base_url(address.url).url == url
    if not says:
        assert address.notice == ""


@pytest.mark.parametrize(
    "text",
    [
        "ftp://x.org",
        "file:///etc/passwd",
        "javascript://x",
        "https://",
        "https://x.org:99999",
        "https://a..b",
        "https://api.openai.com\\@evil.example",
        "https://1.2.3",
        "https://2130706433",
        "https://0x7f.1",
        "https://[::1",
        "https://-x.org",
        "https://a%2fb.org",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(CompanionError) as caught:
        normalise_base_url(text)
    assert caught.value.kind is Kind.UNSAFE_ADDRESS


@pytest.mark.parametrize(
    "text",
    [
        "http://api.openai.com",
        "http://192.168.1.5:1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
    ],
)
def test_no_key_travels_in_clear(text: str) -> None:
    with pytest.raises(CompanionError, match="without encryption"):
        normalise_base_url(text, with_key=True)


def test_a_key_may_cross_the_own_network_where_a_person_said_so() -> None:
    for text in ("http://192.168.1.5:1", "http://box.lan/v1"):
        assert normalise_base_url(text, with_key=True, trusts_own_network=True).url == text
    with pytest.raises(CompanionError, match="without encryption"):
        normalise_base_url("http://api.openai.com", with_key=True, trusts_own_network=True)


def test_a_key_may_go_to_this_computer() -> None:
    assert normalise_base_url("http://127.0.0.1:9/v1", with_key=True).url == "http://127.0.0.1:9/v1"
