"""Commands that leave work with a vendor: film a text, have a file of questions answered in one batch.

Ctrl+C cancels the job where the vendor can; with --keep it goes on, and --job takes it up again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.calls import picture_of
from companion.cli.surroundings import Add, asked, place_for, print_json, remark, takes_provider, with_app
from companion.errors import CompanionError, Kind
from companion.flow import ChatRequest, Message, Speaker
from companion.kinds import Role

if TYPE_CHECKING:
    from companion.app import Companion
    from companion.jobs import BatchAnswer


def declare(add: Add) -> None:
    film = add("film", "Make a video into a file.", with_app(_film))
    film.add_argument("text", metavar="TEXT", nargs="?", default="", help="not needed with --job")
    film.add_argument("-o", "--out", metavar="FILE", required=True)
    film.add_argument("--size", metavar="WxH", default="")
    film.add_argument("--seconds", type=int, metavar="N", help="how long it is to be")
    film.add_argument("--image", metavar="FILE", default="", help="a picture to begin with")
    _takes_job(film)

    batch = add("batch", "Have a file of questions answered in one job, at half the price.", with_app(_batch))
    batch.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default="",
        help="one question per line, as text or JSON; - for stdin",
    )
    batch.add_argument("--system", metavar="TEXT", default="", help="what it is told about its part")
    _takes_job(batch)


def _takes_job(command: argparse.ArgumentParser) -> None:
    command.add_argument("--job", metavar="ID", default="", help="take up one that was begun before")
    command.add_argument("--keep", action="store_true", help="let it go on at the vendor after Ctrl+C")
    takes_provider(command)


async def _film(app: Companion, args: argparse.Namespace) -> int:
    from companion.jobs import VideoRequest
    from companion.providers.provider import opened

    _require(args.text.strip(), args.job, "There is nothing to make a video of.")
    who = await asked(app, args, Role.FILMS)
    request = VideoRequest(
        prompt=args.text,
        out=place_for(args.out),
        model=who.model,
        size=args.size,
        seconds=args.seconds,
        image=picture_of(Path(args.image)) if args.image else None,
        job=args.job,
        keeps_running=args.keep,
    )
    said = ""
    async with opened(who.provider.stacked(who.provider.film), request) as progress:
        async for each in progress:
            share = "" if each.share is None else f": {each.share:.0%}"
            said = _tell(f"job {each.job}{share}", said)
    return 0


async def _batch(app: Companion, args: argparse.Namespace) -> int:
    from companion.jobs import BatchRequest
    from companion.providers.provider import opened

    _require(args.file, args.job, "There are no questions to ask.")
    who = await asked(app, args, Role.THINKS)
    request = BatchRequest(
        requests=_questions(args.file, args.system, app.settings.reply.longest_answer) if args.file else (),
        model=who.model,
        job=args.job,
        keeps_running=args.keep,
    )
    answers: tuple[BatchAnswer, ...] = ()
    said = ""
    async with opened(who.provider.stacked(who.provider.batch), request) as progress:
        async for each in progress:
            said = _tell(f"job {each.job}: {each.done} of {each.total or '?'}", said)
            answers = each.answers or answers
    for answer in answers:
        print_json(_row(answer), indent=None)
    return 1 if any(answer.error for answer in answers) else 0


def _require(asked: str, job: str, sentence: str) -> None:
    if not asked and not job:
        raise CompanionError(Kind.INVALID_REQUEST, sentence, hint="Or take a job up again with --job.")


def _tell(line: str, said: str) -> str:
    """Says how far a job is where that is news."""
    if line != said:
        remark(line)
    return line


def _questions(file: str, system: str, max_tokens: int | None) -> tuple[ChatRequest, ...]:
    """One request for each line that is not empty: a text, or an object with `prompt` and perhaps `system`."""
    import sys

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise CompanionError(Kind.BAD_FILE, f"{file} could not be read: {reason}.", cause=error) from error
    lines = (line.strip() for line in text.splitlines())
    return tuple(
        ChatRequest(messages=_messages(line, number, system), max_tokens=max_tokens)
        for number, line in enumerate(lines, 1)
        if line
    )


def _messages(line: str, number: int, system: str) -> tuple[Message, ...]:
    asked: Any = line
    if line.startswith(("{", '"')):
        try:
            asked = json.loads(line)
        except ValueError as error:
            raise CompanionError(Kind.BAD_FILE, f"Line {number} is no JSON.", cause=error) from error
    if isinstance(asked, dict):
        system, asked = asked.get("system") or system, asked.get("prompt")
    if not isinstance(asked, str) or not asked.strip() or not isinstance(system, str):
        raise CompanionError(
            Kind.BAD_FILE, f"Line {number} has no question.", hint='Write it as text or as {"prompt": "..."}.'
        )
    before = (Message(Speaker.SYSTEM, system),) if system else ()
    return (*before, Message(Speaker.USER, asked))


def _row(found: BatchAnswer) -> dict[str, Any]:
    if found.answer is None:
        return {"index": found.index, "error": found.error.message if found.error else "", "answer": None}
    usage = found.answer.usage
    return {
        "index": found.index,
        "answer": found.answer.text,
        "finish_reason": found.answer.finish_reason,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "error": None,
    }
