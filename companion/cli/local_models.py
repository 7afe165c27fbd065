"""The verbs of `companion models`: models that run on this computer, fetched, listed, removed, imported, exported."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.surroundings import print_json, remark
from companion.cli.usage import more
from companion.errors import CompanionError, Kind

if TYPE_CHECKING:
    from companion.app import Companion
    from companion.providers.here.models.fetcher import Progress
    from companion.providers.here.models.listing import LocalModel
    from companion.providers.here.models.store import Standing

VERBS = ("fetch", "list", "remove", "import", "export")
_NEEDS = {
    "list": "no name",
    "remove": "the name of a model; companion models list has them",
    "import": "a folder or an archive, and with --link a single one",
    "export": "the name of a model and a folder",
}
_BAR = 24
_STEP = 25
"""Percent between two lines where the output is no terminal."""


def declare(models: argparse.ArgumentParser) -> None:
    """The arguments of the verbs."""
    models.add_argument(
        "what",
        metavar="VERB",
        nargs="?",
        choices=VERBS,
        help="fetch, list, remove, import, export: those that run on this computer; without it: all providers'",
    )
    models.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="models (fetch without a name: the usual ones), or the folders and archives to import",
    )
    models.add_argument("--name", default="", help="import: what a model of your own is called")
    models.add_argument(
        "--link", action="store_true", help="import: use the folder where it lies instead of copying it"
    )
    models.add_argument(
        "--tries", type=int, default=0, metavar="N", help="fetch: ask each source so often; usually 5"
    )


async def run(app: Companion, args: argparse.Namespace) -> int:
    """One verb."""
    count = len(args.names)
    fits = {"fetch": True, "list": not count, "remove": count, "import": count, "export": count == 2}
    links_elsewhere = args.link and args.what != "import"
    if links_elsewhere or not fits[args.what] or (args.link and count != 1):
        needs = "no --link" if links_elsewhere else _NEEDS[args.what]
        remark(f"companion models {args.what} takes {needs}. {more('companion models')}")
        return 2
    work = {"fetch": _fetch, "list": _list, "remove": _remove, "import": _import, "export": _export}
    return await work[args.what](app, args)


async def _fetch(app: Companion, args: argparse.Namespace) -> int:
    from companion.providers.here.models import listing

    wanted = [listing.named(name) for name in args.names]
    for model in wanted or [
        listing.usual(kind)
        for kind in (listing.ModelKind.HEARING, listing.ModelKind.VOICE, listing.ModelKind.MEANING)
    ]:
        bar = _Bar(model)
        try:
            folder = await app.models.fetch(model, bar.show, tries=args.tries)
        finally:
            bar.end()
        print(f"{model.label} is on this computer: {folder}")
    return 0


class _Bar:
    """How far it is, on stderr: a line that grows in a terminal, some lines elsewhere."""

    def __init__(self, model: LocalModel) -> None:
        self._model, self._is_terminal = model, sys.stderr.isatty()
        self._told = -1
        self._is_open = False

    def show(self, progress: Progress) -> None:
        percent = int(progress.fraction * 100)
        step = 1 if self._is_terminal else _STEP
        if percent // step == self._told // step:
            return
        self._told = percent
        done, total = progress.bytes_done / 1e6, progress.bytes_total / 1e6
        if self._is_terminal:
            filled = round(progress.fraction * _BAR)
            bar = "█" * filled + "░" * (_BAR - filled)
            sys.stderr.write(f"\r{self._model.label:<24} {bar} {done:,.0f} of {total:,.0f} MB ")
            sys.stderr.flush()
            self._is_open = True
        elif percent >= step:
            remark(f"{self._model.label}: {done:,.0f} of {total:,.0f} MB")

    def end(self) -> None:
        if self._is_open:
            sys.stderr.write("\n")


async def _list(app: Companion, args: argparse.Namespace) -> int:
    standings = await app.models.all()
    if args.json:
        print_json([_row(each) for each in standings])
        return 0
    print(f"{'':<8} {'model':<26} {'state':<9} {'size':>8} {'memory':>8}  {'licence':<22} languages")
    for each in standings:
        model = each.model
        memory = f"{model.memory_mb:,} MB" if model.memory_mb else ""
        print(
            f"{model.kind:<8} {model.name:<26} {_word(each):<9} {model.size_mb:>5,} MB {memory:>8}  "
            f"{model.licence:<22} {model.spoken_languages}".rstrip()
        )
    print(f"\nThey lie in {app.models.store.folder}")
    return 0


def _word(standing: Standing) -> str:
    model, state = standing.model, standing.state
    if state == "absent":
        return "-" if model.can_be_fetched else "by hand"
    return "half" if state == "partial" else state


def _row(standing: Standing) -> dict[str, Any]:
    model = standing.model
    return {
        "kind": model.kind.value,
        "name": model.name,
        "label": model.label,
        "state": standing.state.value,
        "bytes": model.size,
        "bytes_here": standing.bytes_here,
        "memory_mb": model.memory_mb,
        "languages": list(model.languages),
        "licence": model.licence,
        "can_be_fetched": model.can_be_fetched,
    }


async def _remove(app: Companion, args: argparse.Namespace) -> int:
    for name in args.names:
        model = await _here(app, name)
        size = await app.models.remove(model)
        print(f"{model.label} is gone, {size / 1e6:,.0f} MB are free again.")
    return 0


async def _import(app: Companion, args: argparse.Namespace) -> int:
    if args.link:
        standing = _linked(app, Path(args.names[0]), args.name)
    else:
        standing = await app.models.add(*map(Path, args.names), name=args.name)
    if not standing.is_ready:
        remark(f"{standing.model.label} is {standing.state}.")
        return 1
    print(f"{standing.model.label} ({standing.model.kind}, {standing.model.name}) is on this computer.")
    return 0


def _linked(app: Companion, place: Path, name: str) -> Standing:
    from companion.providers.here.models.listing import ModelKind
    from companion.providers.here.models.store import has_shape

    inside = [each.name for each in place.expanduser().iterdir()] if place.expanduser().is_dir() else []
    kind = next((kind for kind in ModelKind if has_shape(kind, inside)), None)
    if kind is None:
        raise CompanionError(
            Kind.BAD_FILE,
            f"{place} is no folder with a model that can be used here.",
            hint="A recogniser has model.bin, a voice NAME.onnx with NAME.onnx.json, a language model one .gguf file.",
        )
    return app.models.store.point_to(kind, name or place.expanduser().absolute().name, place)


async def _export(app: Companion, args: argparse.Namespace) -> int:
    name, target = args.names
    print(await app.models.export(await _here(app, name), Path(target)))
    return 0


async def _here(app: Companion, name: str) -> LocalModel:
    """The model a person means, among those of the list and their own."""
    from companion.providers.here.models import listing

    return listing.named(name, [each.model for each in await app.models.all()])
