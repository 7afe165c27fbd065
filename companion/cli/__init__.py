"""The command line: the same core without a window. `run(argv)` returns the exit code: 0, 1 problem, 2 usage.

    calls         ask one provider: say, transcribe, ask, embed, draw; reflect is one whole turn
    jobs          leave work with a vendor: film, batch
    lists         providers, models, voices, devices
    local_models  models that run on this computer: fetch, list, remove, import, export
    servers       servers of one's own
    journal       list, search, show, stats, export, import
    state         doctor, config
    surroundings  what commands share
    usage         wrong usage, said to a person

With `--json` stdout holds exactly one JSON document; remarks and problems go to stderr. Nothing heavy is imported before
the command is known, and nothing of this package beside this file for a start of the window.
"""

from __future__ import annotations

import argparse
import gc
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion import __version__
from companion.errors import AIProviderError, CompanionError, Kind
from companion.paths import Home, find_home
from companion.places import shown

if TYPE_CHECKING:
    from collections.abc import Callable


def run(argv: list[str]) -> int:
    """Runs one command."""
    args = argparse.Namespace(**_NO_COMMAND)
    _write_anything()
    try:
        if argv:
            _parser().parse_args(argv, args)
        return int(args.run(find_home(args.home), args))
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return int(stop.code or 0)
    except CompanionError as error:
        print(f"{error.message} {_what_next(error)}".strip(), file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):  # the reader of our output may have gone away
        return 1
    except OSError as error:  # of a file that was named: too long a name, a folder that nobody may look into
        if not isinstance(error.filename, str):
            raise
        print(f"{shown(Path(error.filename))} cannot be used: {error.strerror}.", file=sys.stderr)
        return 1


def _write_anything() -> None:
    """What a console's encoding lacks (an emoji in cp1252, the byte of an old file name) ends no command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _parser() -> argparse.ArgumentParser:
    from companion.cli import calls, jobs, journal, lists, servers, state
    from companion.cli.usage import Parser

    shared = Parser(add_help=False)
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
    parser = Parser(
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
    demo.add_argument(
        "--screenshots", metavar="DIR", help="only draw every page and state, in every view, into DIR"
    )
    demo.add_argument(
        "--chaos", action="store_true", help="show what the app says to a provider that fails in every way"
    )
    add("welcome", "Open the window with the pages of the first start.", _welcome)
    add("toggle-talk", "Begin to talk in the open window, or end it; for a key of the desktop.", _toggle_talk)
    add(
        "install-desktop-entry",
        "Put Companion into the desktop's menu, with its icon.",
        _install_desktop_entry,
    ).add_argument("--remove", action="store_true", help="take it out again")
    for part in (calls, jobs, lists, journal, servers, state):
        part.declare(add)
    return parser


def _flags(text: str) -> frozenset[str]:
    flags = frozenset(text.replace(" ", "").split(","))
    if unknown := flags - {"log", "events"}:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are: log, events")
    return flags


def _what_next(error: CompanionError) -> str:
    """The error's hint, in the words of a command line: nothing is kept here, and keys have variables."""
    if isinstance(error, AIProviderError) and error.provider and error.kind is not Kind.PROVIDER_UNKNOWN:
        from companion.providers import registry
        from companion.providers.validator import next_step

        with suppress(CompanionError):  # somebody else's provider may call itself anything
            spec = registry.find(error.provider)
            if step := next_step(error.kind, spec):
                return step
        if error.kind is Kind.ENGINE_MISSING and error.hint.startswith("Fetch it"):
            return f"{error.hint} In a terminal: companion models fetch"
    return error.hint.replace("What you said is kept.", "").strip()


# -- with a window ------------------------------------------------------------------------------------------


def _window(home: Home, args: argparse.Namespace) -> int:
    gc.disable()  # until the first frame: next to nothing of what a start makes is garbage
    from companion.gui.main import run_window

    return run_window(home, debug=args.debug)


def _welcome(home: Home, args: argparse.Namespace) -> int:
    from companion.gui.main import run_window

    return run_window(home, debug=args.debug, shows_welcome=True)


_NO_COMMAND: dict[str, Any] = {"run": _window, "home": None, "debug": frozenset()}
"""What `companion` alone means, known without building the parser."""


def _demo(home: Home, args: argparse.Namespace) -> int:
    if args.screenshots:
        from companion.gui.screenshots import make_screenshots

        for path in make_screenshots(Path(args.screenshots)):
            print(path)
        return 0
    from companion.gui.main import run_demo

    return run_demo(home, debug=args.debug, chaos=args.chaos)


def _install_desktop_entry(home: Home, args: argparse.Namespace) -> int:
    from companion.app import desktop_entry

    for path in desktop_entry.remove() if args.remove else desktop_entry.install(home):
        print(f"{'removed' if args.remove else 'written'}: {path}")
    return 0


def _toggle_talk(home: Home, args: argparse.Namespace) -> int:
    from companion.gui.main import toggle_talk

    return toggle_talk(home)
