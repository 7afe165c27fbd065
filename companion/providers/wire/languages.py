"""Language tags as recognisers take them: one table from what people and systems write, and each dialect's own form. Pure.

People's settings hold BCP 47 tags of every age (`nb-NO`, `iw`, `zh_Hant_TW`, `cmn`), names of three letters, and words for
"whatever it is" (`auto`, `und`). A recogniser that is given a tag it does not know refuses the whole take; so it gets the
nearest one that it knows, or none, and the person is told.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, replace

from companion.errors import AIProviderError, AIProviderInvalidRequestError, AIProviderModelNotFoundError
from companion.flow import HearRequest, Transcript
from companion.language import mark, tr
from companion.net import HandshakeRefused
from companion.providers.provider import AIProvider
from companion.providers.replay import Replay


def tags(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


_ANY = tags("auto und mul multi mis zxx detect default none any c posix")
_SAME = {
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "jw": "jv",
    "mo": "ro",
    "sh": "sr",
    "tl": "fil",
    "nb": "no",
    "nn": "no",
    "cmn": "zh",
    "arb": "ar",
    "zsm": "ms",
    "ekk": "et",
    "lvs": "lv",
    "pes": "fa",
    "prs": "fa",
    "swh": "sw",
    "uzn": "uz",
    "khk": "mn",
    "als": "sq",
    "azj": "az",
    "ory": "or",
    "npi": "ne",
    "gsw": "de",
    "nan": "zh",
    "wuu": "zh",
    "hak": "zh",
}
"""Old codes, and languages within a wider one that recognisers know them by."""
_OF_THREE = dict(
    pair.split(":")
    for pair in tags(
        "afr:af amh:am ara:ar asm:as aze:az bak:ba bel:be ben:bn bod:bo tib:bo bos:bs bre:br bul:bg cat:ca ces:cs cze:cs "
        "cym:cy wel:cy dan:da deu:de ger:de ell:el gre:el eng:en est:et eus:eu baq:eu fao:fo fas:fa per:fa fin:fi fra:fr "
        "fre:fr gle:ga glg:gl guj:gu hat:ht hau:ha hbs:sr heb:he hin:hi hrv:hr hun:hu hye:hy arm:hy ind:id isl:is ice:is "
        "ita:it jav:jv jpn:ja kan:kn kat:ka geo:ka kaz:kk khm:km kor:ko kur:ku lao:lo lat:la lav:lv lin:ln lit:lt ltz:lb "
        "mal:ml mar:mr mkd:mk mac:mk mlg:mg mlt:mt mon:mn mri:mi mao:mi msa:ms may:ms mya:my bur:my nep:ne nld:nl dut:nl "
        "nno:no nob:no nor:no oci:oc pan:pa pol:pl por:pt pus:ps ron:ro rum:ro rus:ru san:sa sin:si slk:sk slo:sk slv:sl "
        "sna:sn snd:sd som:so spa:es sqi:sq alb:sq srp:sr sun:su swa:sw swe:sv tam:ta tat:tt tel:te tgk:tg tgl:fil tha:th "
        "tuk:tk tur:tr ukr:uk urd:ur uzb:uz vie:vi yid:yi yor:yo zho:zh chi:zh zul:zu"
    )
)
"""ISO 639-2 and 639-3, where there are two letters for the same."""
WHISPER = tags(
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it "
    "ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn "
    "so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh"
)
"""What Whisper and everything made after it takes (openai/whisper, tokenizer.LANGUAGES)."""
_OTHERWISE = {"fil": ("tl",), "no": ("nb", "nn"), "he": ("iw",), "id": ("in",), "jv": ("jw",)}
_WHISPER_NAMES = {"fil": "tl", "jv": "jw"}


@dataclass(frozen=True, slots=True)
class Language:
    """A language as somebody wrote it."""

    base: str = ""
    """ISO 639-1 where there is one; empty: whatever is spoken."""
    script: str = ""
    region: str = ""

    @staticmethod
    def of(tag: str) -> Language:
        parts = re.split(r"[-_]", re.split(r"[.@;, ]", tag.strip(), maxsplit=1)[0])
        base = parts[0].lower()
        if (
            len(parts) > 1 and base == "zh" and parts[1].lower() in ("yue", "cmn")
        ):  # extended languages of old
            base = parts[1].lower()
        if base in _ANY or not re.fullmatch(r"[a-z]{2,3}", base):
            return Language()
        base = _OF_THREE.get(base, base)
        script = next((part.title() for part in parts[1:] if re.fullmatch(r"[A-Za-z]{4}", part)), "")
        region = next((part.upper() for part in parts[1:] if re.fullmatch(r"[A-Za-z]{2}|\d{3}", part)), "")
        return Language(_SAME.get(base, base), script, region)

    @property
    def tag(self) -> str:
        """BCP 47, in today's codes."""
        return "-".join(part for part in (self.base, self.script, self.region) if part)

    @property
    def is_traditional(self) -> bool:
        """Of Chinese: the script of Taiwan and Hong Kong."""
        return self.script == "Hant" or (not self.script and self.region in ("TW", "HK", "MO"))


def for_whisper(tag: str) -> str:
    """Whisper's code, or "" where it must find out by itself. Chinese of any kind is `zh`, Cantonese `yue`."""
    base = Language.of(tag).base
    base = _WHISPER_NAMES.get(base, base)
    if base == "yue":
        return "zh"  # only the newest models know it by its own name
    return base if base in WHISPER else ""


def nearest(tag: str, known: Collection[str]) -> str:
    """The form of `tag` that stands in `known` (BCP 47), the most exact first; "" where none does."""
    language = Language.of(tag)
    names = [
        language.tag,
        f"{language.base}-{language.region}",
        f"{language.base}-{language.script}",
        language.base,
    ]
    names += _OTHERWISE.get(language.base, ())
    if language.base == "zh":
        names += ["zh-Hant", "zh-TW"] if language.is_traditional else ["zh-Hans", "zh-CN"]
    if language.base == "yue":
        names += ["zh-HK", "zh"]
    if language.base == "es" and language.region not in ("", "ES"):
        names.insert(3, "es-419")
    by_lower = {name.lower(): name for name in known}
    return next((by_lower[name.lower()] for name in names if name and name.lower() in by_lower), "")


async def heard_in_any_language(
    provider: AIProvider,
    request: HearRequest,
    take: Callable[[HearRequest], AsyncGenerator[Transcript, None]],
    form: Callable[[str], str],
) -> AsyncGenerator[Transcript, None]:
    """The words of a take. A language that the recogniser does not know, or refuses, is left to it to find out.

    Args:
        take: hears once; `language` is in the form that goes out.
        form: the recogniser's form of a tag; "" where it has none.
    """
    refused: set[tuple[str, str]] = provider.__dict__.setdefault("_refused_languages", set())
    asked = request.language if Language.of(request.language).base else ""
    given = form(asked) if asked and (request.model, asked) not in refused else ""
    frames = Replay(request.frames)
    try:
        while True:
            notice = (tr(_NOTICE, who=provider.spec.display_name, tag=asked),) if asked and not given else ()
            once = replace(request, frames=frames.again(), language=given)
            try:
                async with aclosing(take(once)) as words:
                    async for transcript in words:
                        is_told = transcript.is_final and notice
                        yield (
                            replace(transcript, notices=notice + transcript.notices)
                            if is_told
                            else transcript
                        )
                return
            except (AIProviderInvalidRequestError, AIProviderModelNotFoundError) as error:
                if not given or not is_about_language(error):
                    raise
                refused.add((request.model, asked))
                given = ""
    finally:
        await frames.aclose()


_NOTICE = mark("{who} does not take “{tag}” as a language, so it finds out by itself what is spoken.")


def is_about_language(error: AIProviderError) -> bool:
    """Whether a refusal speaks of the language."""
    told = [error.message, error.hint]
    link: BaseException | None = error.__cause__
    while link is not None:
        told.append(str(link.body if isinstance(link, HandshakeRefused) else link))
        link = link.__cause__
    return "language" in " ".join(told).lower()
