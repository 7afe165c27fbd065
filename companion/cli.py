"""The command line: the same core without a window. `run(argv)` returns the exit code: 0, 1 problem, 2 usage.

With `--json` stdout holds exactly one JSON document; remarks and problems go to stderr. Nothing heavy is imported before
the command is known.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from companion import __version__
from companion.errors import CompanionError, Kind
from companion.paths import Home, find_home

if TYPE_CHECKING:
    from companion.app import Companion

T = TypeVar("T")
Command = Callable[["Companion", argparse.Namespace], Coroutine[Any, Any, int]]


def run(argv: list[str]) -> int:
    """Runs one command."""
    args = argparse.Namespace(**_NO_COMMAND)
    try:
        if argv:
            _parser().parse_args(argv, args)
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return int(stop.code or 0)
    home = find_home(args.home)
    try:
        return int(args.run(home, args))
    except CompanionError as error:
        return _complain(error)
    except (KeyboardInterrupt, BrokenPipeError):  # the reader of our output may have gone away
        return 1


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--home", metavar="DIR", default=argparse.SUPPRESS, help="keep settings, journal and log below DIR"
    )
    shared.add_argument(
        "-D",
        "--debug",
        metavar="FLAGS",
        type=_flags,
        default=argparse.SUPPRESS,
        help="comma-separated: log (write more into the log), events (all events to stderr, with what is said)",
    )
    parser = argparse.ArgumentParser(
        prog="companion",
        parents=[shared],
        description="A private voice companion for reflection. Without a command it opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"companion {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, does: str, run: Callable[[Home, argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=does, description=does, parents=[shared])
        command.set_defaults(run=run)
        return command

    demo = add("demo", "Show a scripted conversation; needs no key, network or microphone.", _demo)
    demo.add_argument("--screenshots", metavar="DIR", help="only draw every state, light and dark, into DIR")

    say = add("say", "Speak a text, or write the sound to a file.", _with_app(_say))
    say.add_argument("text")
    say.add_argument("--out", metavar="FILE", help="a .wav, .flac, .ogg or .mp3 file instead of the speaker")
    say.add_argument("--voice", default="")
    say.add_argument("--provider", metavar="P", default="")

    transcribe = add("transcribe", "Write down what a recording says.", _with_app(_transcribe))
    transcribe.add_argument("file")
    transcribe.add_argument("--provider", metavar="P", default="")
    transcribe.add_argument("--json", action="store_true")

    ask = add("ask", "Ask whoever thinks, and print the answer as it comes.", _with_app(_ask))
    ask.add_argument("text")
    ask.add_argument("--provider", metavar="P", default="")

    reflect = add("reflect", "One whole voice turn without a window.", _reflect)
    reflect.add_argument(
        "--mic", metavar="FILE", required=True, help="recording that stands in for the microphone"
    )
    reflect.add_argument(
        "--speaker", metavar="FILE", help="where the spoken answer goes (.wav, .flac, .ogg, .mp3)"
    )
    reflect.add_argument("--fast", action="store_true", help="do not keep to real time")
    reflect.add_argument("--incognito", action="store_true", help="keep nothing in the journal")
    reflect.add_argument("--json", action="store_true")

    devices = add("devices", "List microphones and speakers.", _devices)
    devices.add_argument("--json", action="store_true")

    providers = add("providers", "List who can think, hear and speak.", _with_app(_providers))
    providers.add_argument("name", nargs="?", help="only this one")
    providers.add_argument("--check", action="store_true", help="ask each one whether it works")
    providers.add_argument("--json", action="store_true")

    doctor = add("doctor", "Look for what could be wrong with this computer or these settings.", _doctor)
    doctor.add_argument("--json", action="store_true")

    config = add("config", "Show the settings in force.", _config)
    config.add_argument("what", choices=["show"])
    config.add_argument("--json", action="store_true")
    return parser


def _flags(text: str) -> frozenset[str]:
    flags = frozenset(text.replace(" ", "").split(","))
    if unknown := flags - {"log", "events"}:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are: log, events")
    return flags


def _complain(error: CompanionError) -> int:
    print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
    return 1


def _print_json(document: object) -> None:
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


# -- with a window ------------------------------------------------------------------------------------------


def _window(home: Home, args: argparse.Namespace) -> int:
    gc.disable()  # until the first frame: next to nothing of what a start makes is garbage
    from companion.gui.main import run_window

    return run_window(home, debug=args.debug)


_NO_COMMAND: dict[str, Any] = {"run": _window, "home": None, "debug": frozenset()}
"""What `companion` alone means, known without building the parser."""


def _demo(home: Home, args: argparse.Namespace) -> int:
    if args.screenshots:
        from companion.gui.screenshots import make_screenshots

        for path in make_screenshots(Path(args.screenshots)):
            print(path)
        return 0
    from companion.gui.main import run_demo

    return run_demo(home, debug=args.debug)


# -- with the core only -------------------------------------------------------------------------------------


def _with_app(command: Command, **parts: Any) -> Callable[[Home, argparse.Namespace], int]:
    """`command` with an app around it that is closed afterwards."""

    def run_it(home: Home, args: argparse.Namespace) -> int:
        async def live() -> int:
            from companion.app import Companion
            from companion.app.tape import write_tape

            app = Companion(home, **parts)
            if "events" in args.debug:
                write_tape(app.events, sys.stderr)
            try:
                return await command(app, args)
            finally:
                await app.close()

        _start_log(home, args)
        return _run_loop(live())

    return run_it


def _run_loop(work: Coroutine[Any, Any, T]) -> T:
    import asyncio  # here, because the window paints its first frame before it

    try:
        return asyncio.run(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _start_log(home: Home, args: argparse.Namespace) -> None:
    from companion.log import start_log

    start_log(home.log, debug="log" in args.debug)


async def _say(app: Companion, args: argparse.Namespace) -> int:
    from companion.flow import Audio, Role, SpeakRequest
    from companion.pcm import write_file
    from companion.providers.provider import opened

    name = args.provider or app.settings.role(Role.SPEAKS).active
    provider = await app.staff.provider(Role.SPEAKS, name)
    block = app.settings.role(Role.SPEAKS).block(provider.spec.name)
    request = SpeakRequest(
        text=args.text, voice=args.voice or block.voice, speed=block.speed, model=block.model
    )
    chunks: list[Audio] = []
    player = None if args.out else app.player()
    if player is not None:
        player.begin(0)
    async with opened(provider.stacked(provider.speak), request) as sound:
        async for audio in sound:
            if player is None:
                chunks.append(audio)
            else:
                await player.write(0, audio)
    if player is not None:
        await player.drain(0)
    elif chunks:
        write_file(Path(args.out), Audio(pcm=b"".join(c.pcm for c in chunks), rate_hz=chunks[0].rate_hz))
    else:
        raise CompanionError(Kind.VOICE_FAILED, "There was nothing to say.", hint="No file was written.")
    return 0


async def _transcribe(app: Companion, args: argparse.Namespace) -> int:
    from companion.conversation.recording import Recording
    from companion.flow import HearRequest, Role
    from companion.pcm import read_file
    from companion.providers.provider import opened

    recording = Recording(read_file(Path(args.file)).pcm)
    name = args.provider or app.settings.role(Role.HEARS).active
    provider = await app.staff.provider(Role.HEARS, name)
    block = app.settings.role(Role.HEARS).block(provider.spec.name)
    request = HearRequest(frames=recording.stream(), language=app.settings.talk.language, model=block.model)
    text = ""
    async with opened(provider.stacked(provider.transcribe), request) as transcripts:
        async for transcript in transcripts:
            text = transcript.text
    if args.json:
        _print_json({"transcript": text, "provider": provider.spec.name, "seconds": recording.seconds})
    else:
        print(text)
    return 0


async def _ask(app: Companion, args: argparse.Namespace) -> int:
    from companion.conversation.prompt import build_messages
    from companion.flow import ChatRequest, Role
    from companion.providers.provider import opened

    name = args.provider or app.settings.role(Role.THINKS).active
    provider = await app.staff.provider(Role.THINKS, name)
    request = ChatRequest(
        messages=build_messages(app.engine.practice, 0, (), args.text, now=_now()),
        model=app.settings.role(Role.THINKS).block(provider.spec.name).model,
        max_tokens=app.settings.reply.longest_answer,
        practice=app.engine.practice.name,
    )
    async with opened(provider.stacked(provider.chat), request) as deltas:
        async for delta in deltas:
            print(delta.text, end="", flush=True)
    print()
    return 0


def _now() -> Any:
    from datetime import datetime

    return datetime.now().astimezone()


def _reflect(home: Home, args: argparse.Namespace) -> int:
    from companion.audio.virtual import CapturingPlayer, FileMicrophone
    from companion.pcm import read_file, write_file

    take = read_file(Path(args.mic))

    async def one_turn(app: Companion, _: argparse.Namespace) -> int:
        from companion.app.headless import reflect_once

        outcome = await reflect_once(app, microphone)
        if args.speaker and (sound := player.audio()).pcm:
            write_file(Path(args.speaker), sound)
        for trouble in outcome.troubles:
            print(trouble, file=sys.stderr)
        if args.json:
            _print_json(outcome.document())
        else:
            print(f"You: {outcome.transcript}\n\nCompanion: {outcome.reply}")
        return 0 if outcome.is_whole else 1

    microphone = FileMicrophone(take, realtime=not args.fast)
    player = CapturingPlayer(realtime=not args.fast)
    run_it = _with_app(one_turn, microphone=microphone, player=player, in_memory=args.incognito)
    return run_it(home, args)


def _devices(home: Home, args: argparse.Namespace) -> int:
    from companion.audio.devices import list_devices

    found = list_devices()
    if args.json:
        _print_json(
            {"inputs": [asdict(d) for d in found.inputs], "outputs": [asdict(d) for d in found.outputs]}
        )
        return 0
    for title, devices in (("Microphones", found.inputs), ("Speakers", found.outputs)):
        print(f"{title}:")
        for device in devices:
            print(f"  {'*' if device.is_default else ' '} {device.name}")
        if not devices:
            print("    none")
    return 0


async def _providers(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.checkup import provider_rows

    rows = await provider_rows(app, only=args.name, check=args.check)
    if args.json:
        _print_json(rows)
    else:
        for row in rows:
            roles = " ".join(row["roles"])
            mark = {True: "works", False: "PROBLEM", None: ""}[row["ok"]]
            print(f"{row['name']:<11} {row['display_name']:<26} {roles:<12} {mark:<8} {row['detail']}")
    return (
        1
        if any(row["ok"] is False and row["is_in_use"] for row in rows) or _named_and_failed(rows, args)
        else 0
    )


def _named_and_failed(rows: list[dict[str, Any]], args: argparse.Namespace) -> bool:
    return bool(args.name) and any(row["ok"] is False for row in rows)


def _doctor(home: Home, args: argparse.Namespace) -> int:
    from companion.app.checkup import examine

    _start_log(home, args)
    findings = _run_loop(examine(home))
    if args.json:
        _print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = {"ok": "ok     ", "hint": "hint   ", "problem": "PROBLEM"}[finding.level]
            print(f"{mark} {finding.subject}: {finding.detail}")
    return 1 if any(finding.level == "problem" for finding in findings) else 0


def _config(home: Home, args: argparse.Namespace) -> int:
    from companion.settings import describe, load_settings

    loaded = load_settings(home)
    rows = describe(loaded)
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    if args.json:
        _print_json({row.name: {"value": row.value, "source": row.source} for row in rows})
    else:
        for row in rows:
            print(f"{row.name} = {row.value}    # {row.source}")
    return 0
