"""Commands that ask one provider, each of which can be tried alone: say, transcribe, ask, embed, draw; and a whole turn."""

from __future__ import annotations

import argparse
import asyncio
import mimetypes
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from companion import days
from companion.cli.surroundings import (
    Add,
    Asked,
    asked,
    place_for,
    print_json,
    remark,
    takes_provider,
    with_app,
)
from companion.errors import CompanionError, Kind
from companion.flow import Audio, ChatDelta, ChatRequest, HearRequest, Message, Speaker, SpeakRequest
from companion.kinds import Role
from companion.paths import Home

if TYPE_CHECKING:
    from companion.app import Companion
    from companion.calls import Picture
    from companion.conversation.recording import Recording
    from companion.providers.provider import AIProvider


def declare(add: Add) -> None:
    say = add("say", "Speak a text, or write the sound to a file.", with_app(_say))
    say.add_argument("text", metavar="TEXT")
    say.add_argument("-o", "--out", metavar="FILE", help="a .wav, .flac, .ogg or .mp3 file, not the speaker")
    say.add_argument("--voice", default="", help="its id; companion voices lists them")
    say.add_argument("--speed", type=_speed, help="1 is the voice's own pace")
    takes_provider(say)

    transcribe = add("transcribe", "Write down what a recording says.", with_app(_transcribe))
    transcribe.add_argument("file", metavar="FILE")
    transcribe.add_argument("--language", metavar="TAG", default="", help="what is spoken: en, de, pt-BR")
    takes_provider(transcribe)
    transcribe.add_argument("--json", action="store_true")

    ask = add("ask", "Ask whoever thinks, and print the answer as it comes.", with_app(_ask))
    ask.add_argument("text", metavar="TEXT")
    ask.add_argument(
        "--image", metavar="FILE", action="append", default=[], help="a picture to look at; may be repeated"
    )
    ask.add_argument("--system", metavar="TEXT", default="", help="what it is told about its part")
    takes_provider(ask)
    ask.add_argument("--json", action="store_true", help="one document at the end instead")

    embed = add("embed", "Turn texts into vectors.", with_app(_embed))
    embed.add_argument("text", metavar="TEXT", nargs="+")
    takes_provider(embed)
    embed.add_argument("--json", action="store_true", help="the whole vectors")

    draw = add("draw", "Draw a picture into a file.", with_app(_draw))
    draw.add_argument("text", metavar="TEXT")
    draw.add_argument("-o", "--out", metavar="FILE", required=True)
    draw.add_argument("--size", metavar="WxH", default="")
    takes_provider(draw)

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


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.25 <= speed <= 4:
        raise argparse.ArgumentTypeError("a number between 0.25 and 4 is needed")
    return speed


async def _say(app: Companion, args: argparse.Namespace) -> int:
    from companion.pcm import write_file

    out = place_for(args.out) if args.out else None
    from companion.providers.provider import opened

    who = await asked(app, args, Role.SPEAKS)
    if args.voice:
        await _require_voice(who.provider, args.voice)
    request = SpeakRequest(
        text=args.text,
        voice=args.voice or who.voice,
        speed=who.speed if args.speed is None else args.speed,
        model=who.model,
    )
    chunks: list[Audio] = []
    heard = 0
    player = None if out else app.player()
    if player is not None:
        player.begin(0)
    async with opened(who.provider.stacked(who.provider.speak), request) as sound:
        async for audio in sound:
            for notice in audio.notices:
                remark(notice)
            heard += len(audio.pcm)
            if player is None:
                chunks.append(audio)
            else:
                await player.write(0, audio)
    if player is not None:
        await player.drain(0)
    elif heard and out:
        write_file(out, Audio(pcm=b"".join(c.pcm for c in chunks), rate_hz=chunks[0].rate_hz))
    if not heard:
        hint = "No file was written." if out else "Give it a text with words in it."
        raise CompanionError(Kind.VOICE_FAILED, "There was nothing to say.", hint=hint)
    return 0


async def _require_voice(provider: AIProvider, voice: str) -> None:
    """The voices of this computer replace one that they do not know; who asks for one by name is told.

    Raises:
        CompanionError: VOICE_FAILED.
    """
    from companion.app.roles import OFFLINE

    name = re.split("[+#]", voice)[0]
    if provider.spec.name == OFFLINE[Role.SPEAKS] and not any(
        name == re.split("[+#]", each.id)[0] for each in await provider.voices()
    ):
        hint = "`companion voices` lists them."
        raise CompanionError(Kind.VOICE_FAILED, f"There is no voice called {voice} here.", hint=hint)


async def _transcribe(app: Companion, args: argparse.Namespace) -> int:
    from companion.app.roles import language_of
    from companion.conversation.recording import Recording
    from companion.decoding import read_file
    from companion.providers.provider import opened

    recording = Recording(read_file(Path(args.file)).pcm)
    if not await _holds_speech(recording):
        hint = "It was not sent to anybody."
        raise CompanionError(Kind.HEARD_NOTHING, f"I hear no speech in {args.file}.", hint=hint)
    who = await asked(app, args, Role.HEARS)
    request = HearRequest(
        frames=recording.stream(),
        language=args.language or language_of(app.settings),
        model=who.model,
    )
    text = ""
    notices: tuple[str, ...] = ()
    async with opened(who.provider.stacked(who.provider.transcribe), request) as transcripts:
        async for transcript in transcripts:
            text, notices = transcript.text, transcript.notices
    for notice in notices:
        remark(notice)
    if args.json:
        name, model = who.provider.spec.name, who.full_model(Role.HEARS)
        print_json({"transcript": text, "provider": name, "model": model, "seconds": recording.seconds})
    else:
        print(text)
    return 0


async def _holds_speech(recording: Recording) -> bool:
    """As in the window: what holds no speech goes to no recogniser."""
    from companion.segment import SpeechGate

    gate = SpeechGate()

    def listen() -> bool:
        for frame in recording.frames:
            gate.feed(frame)
            if gate.heard_speech:
                return True
        return False

    return await asyncio.to_thread(listen)


async def _ask(app: Companion, args: argparse.Namespace) -> int:
    from companion.providers.provider import opened

    who = await asked(app, args, Role.THINKS)
    request = ChatRequest(
        messages=_messages(app, args),
        model=who.model,
        max_tokens=app.settings.reply.longest_answer,
        practice="" if args.system else app.engine.practice.name,
    )
    text, last = "", ChatDelta()
    async with opened(who.provider.stacked(who.provider.chat), request) as deltas:
        async for delta in deltas:
            if delta.retracts and text:
                text = ""
                if not args.json:
                    print(flush=True)
                    remark("The model thought aloud up to here; now it answers.")
            text, last = text + delta.text, delta
            if not args.json:
                print(delta.text, end="", flush=True)
    if args.json:
        print_json(_answer(who, text, last))
    else:
        print()
    for notice in last.notices:
        remark(notice)
    return 0


def _messages(app: Companion, args: argparse.Namespace) -> tuple[Message, ...]:
    from companion.conversation.prompt import build_messages

    messages: tuple[Message, ...]
    if args.system:
        messages = (Message(Speaker.SYSTEM, args.system), Message(Speaker.USER, args.text))
    else:
        messages = build_messages(app.engine.practice, 0, (), args.text, now=days.now().local)
    *before, last = messages
    return (*before, replace(last, images=tuple(picture_of(Path(file)) for file in args.image)))


def picture_of(path: Path) -> Picture:
    from companion.calls import Picture

    try:
        picture = Picture(data=path.read_bytes(), media_type="")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CompanionError(Kind.BAD_FILE, f"{path} could not be read: {reason}.") from error
    if not picture.media_type.startswith("image/"):
        raise CompanionError(Kind.BAD_FILE, f"{path} is no picture.", hint="Use PNG, JPEG, GIF or WebP.")
    return picture


def _answer(who: Asked, text: str, last: ChatDelta) -> dict[str, object]:
    from companion.providers.catalogue import Catalogue, cost_usd

    name, model = who.provider.spec.name, last.model or who.full_model(Role.THINKS)
    entry = Catalogue.load().find(model, name)
    return {
        "answer": text,
        "provider": name,
        "model": model,
        "finish_reason": last.finish_reason,
        "input_tokens": last.usage.input_tokens if last.usage else None,
        "output_tokens": last.usage.output_tokens if last.usage else None,
        "cost_usd": cost_usd(entry, last.usage) if last.usage else None,
        "notices": list(last.notices),
    }


async def _embed(app: Companion, args: argparse.Namespace) -> int:
    from companion.calls import EmbedRequest
    from companion.providers.provider import opened

    who = await asked(app, args, Role.EMBEDS)
    request = EmbedRequest(texts=tuple(args.text), model=who.model)
    async with opened(who.provider.stacked(who.provider.embed), request) as answers:
        found = [answer async for answer in answers][-1]
    if args.json:
        name, model = who.provider.spec.name, found.model or who.full_model(Role.EMBEDS)
        print_json({"vectors": found.vectors, "provider": name, "model": model})
        return 0
    for text, vector in zip(args.text, found.vectors, strict=True):
        print(f"{len(vector)} numbers, {' '.join(f'{number:.3f}' for number in vector[:4])} ...: {text[:60]}")
    return 0


async def _draw(app: Companion, args: argparse.Namespace) -> int:
    from companion.calls import DrawRequest
    from companion.paths import write_atomically
    from companion.providers.provider import opened

    out = place_for(args.out)
    who = await asked(app, args, Role.DRAWS)
    request = DrawRequest(prompt=args.text, model=who.model, size=args.size)
    async with opened(who.provider.stacked(who.provider.draw), request) as pictures:
        drawn = [picture async for picture in pictures if picture.data]
    if not drawn:
        raise CompanionError(Kind.EMPTY_REPLY, who=who.provider.spec.display_name)
    try:
        write_atomically(out, drawn[0].data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CompanionError(Kind.BAD_FILE, f"{args.out} could not be written: {reason}.") from error
    if mimetypes.guess_type(args.out)[0] != drawn[0].media_type:
        remark(f"{args.out} holds a picture of the type {drawn[0].media_type}.")
    return 0


# -- one whole turn -----------------------------------------------------------------------------------------


def _reflect(home: Home, args: argparse.Namespace) -> int:
    from companion.audio.virtual import CapturingPlayer, FileMicrophone
    from companion.decoding import read_file
    from companion.pcm import write_file

    take = read_file(Path(args.mic))
    speaker = place_for(args.speaker) if args.speaker else None

    async def one_turn(app: Companion, _: argparse.Namespace) -> int:
        from companion.app.headless import reflect_once

        outcome = await reflect_once(app, microphone)
        if speaker and (sound := player.audio()).pcm:
            write_file(speaker, sound)
        for trouble in outcome.troubles:
            remark(trouble)
        if args.json:
            print_json(outcome.document())
        else:
            print(f"You: {outcome.transcript}\n\nCompanion: {outcome.reply}\n")
            print("\n".join(outcome.waterfall()))
        return 0 if outcome.is_whole else 1

    microphone = FileMicrophone(take, realtime=not args.fast)
    player = CapturingPlayer(realtime=not args.fast)
    run_it = with_app(one_turn, microphone=microphone, player=player, in_memory=args.incognito)
    return run_it(home, args)
