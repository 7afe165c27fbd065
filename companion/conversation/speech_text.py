"""Text as it is sent and as it is spoken: `clean_text` takes out what deceives, `spoken` what a voice cannot say.

Pure, any thread. Plain sentences take a short way; only text with markup loads the Markdown parser, whose token tree
decides what is code, link, table or word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from companion.language import mark, sentence, tr
from companion.log import redact

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# -- cleaning -----------------------------------------------------------------------------------------------

_MOST_MARKS = 4
_NONCHARACTERS = "".join(f"{chr(plane << 16 | 0xFFFE)}-{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
_FORBIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u00ad\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # invisible, no script needs them
    "\u202a-\u202e"  # bidi embeddings and overrides: they reorder what follows
    "\ud800-\udfff"  # lone surrogates: not encodable
    "\ufdd0-\ufdef\U000e0000-\U000e007f"  # noncharacters, tags
    f"{_NONCHARACTERS}]"
)
_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029]")
_ISOLATES = re.compile("[\u2066-\u2069]")
_JOINERS = re.compile("([\u200c\u200d])[\u200c\u200d]+")
_NON_LATIN_1 = re.compile("[^\x00-\xff]")


def clean_text(text: str) -> str:
    """`text` without characters that can deceive a reader or break a voice; ordinary text of any script is unchanged.

    Drops controls (but newline and tab), invisible and tag characters, noncharacters, lone surrogates and bidi
    overrides; closes bidi isolates at each line's end; keeps four combining marks per letter; NFC. Applying it again
    changes nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _FORBIDDEN.sub("", _LINE_ENDS.sub("\n", text))
    if not _NON_LATIN_1.search(text):
        return text
    if _ISOLATES.search(text):
        text = "\n".join(map(_balance, text.split("\n")))
    return _cap_marks(unicodedata.normalize("NFC", _JOINERS.sub(r"\1", text)))


def _cap_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if char > "\u02ff" and unicodedata.category(char)[0] == "M" else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _balance(line: str) -> str:
    """Closes every bidi isolate that is left open, and drops closings that close nothing."""
    kept: list[str] = []
    depth = 0
    for char in line:
        if char == "\u2069":
            if depth == 0:
                continue
            depth -= 1
        elif "\u2066" <= char <= "\u2068":
            depth += 1
        kept.append(char)
    return "".join(kept) + "\u2069" * depth


# -- speaking -----------------------------------------------------------------------------------------------

_CODE = mark("There is some code on screen.")
_TABLE = mark("There is a table on screen")
_FORMULA = mark("There is a formula on screen.")
_LONGEST = 5_000
_SECRET = mark("a code on screen")

_PLAIN = re.compile(r"[^\W\d_](?:[^\W\d_]|[.,;:!?'’] ?(?![.,;:!?'’])|[ \n](?!www\.))*")
_MARKUP = re.compile(
    r"[`*_|<>\[\]\\]|~~|&#?\w|^[ \t]*(?:#{1,6}[ \t]|[-+][ \t]|\d{1,9}[.)][ \t]|={3,}|-{3,}|~{3})",
    re.MULTILINE,
)
_FORMULAS = (
    (
        re.compile(r"\$\$.+?\$\$|\\\[.+?\\\]|\\begin\{.+?\\end\{[^}]*\}", re.DOTALL),
        lambda _: f" {tr(_FORMULA)} ",
    ),
    (
        re.compile(r"\\\(.+?\\\)|\$(?![\s\d])[^$\n]*[\\^_={][^$\n]*(?<!\s)\$(?!\d)"),
        lambda _: tr("the formula on screen"),
    ),
)
_ADDRESS = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.)[^\s<>\"'«»“”]+", re.IGNORECASE)
_DATA_ADDRESS = re.compile(r"\bdata:[\w/+.;=-]*,?\S+", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|</?[a-z][^<>]*>|<[!?][^<>]*>", re.IGNORECASE | re.DOTALL)
_CITATION = re.compile(r"\[\^?\d{1,3}\]|【[^】]*】")
_SUSPECT = re.compile(
    r"(?=\S*\d)[^\s.,;!?]{8,}(?:\.[^\s.,;!?]{8,})*|-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)"
)
_KEY_SHAPE = re.compile(
    r"(?:^|\W)(?:eyJ[\w-]{8,}|gh[pousr]_\w|github_pat_|xox[abprs]-|AKIA|ASIA|glpat-|-----BEGIN|[spr]k[-_]\w{6})"
    r"|[0-9a-f]{24}|(?=[^/]*[A-Z])(?=[^/]*[a-z])[\w+/=]{24}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-"
)
_EMOJI = re.compile(
    r"(?<!\S)[:;=]-?[()DP](?!\w)|"
    "(?:[\U0001f000-\U0001faff\u2300-\u23ff\u2460-\u27bf\u2b00-\u2bff]"
    "|[#*0-9]\ufe0f?\u20e3)[\ufe0e\ufe0f]?(?:\u200d(?=[\U0001f000-\U0001faff\u2600-\u27bf]))?"
)
_DASHES = re.compile(r"(?<=[\w\s])-{2,3}(?=[\w\s])")
_MARKS = re.compile(
    r"[`*|<>\[\]{}~^\\_¦§¶†‡•‣\u2190-\u21ff\ufe0e\ufe0f]"  # never spoken
    r"|(?<![A-G])#(?!\d)"  # but C#, and #1
    r"|(?<!\w)[@&+=/%$€£#-]{2,}|[@&+=/%$€£#–—-]{3,}"  # runs, but C++
)
_REPEATED_STOP = re.compile(r"([!?,;:])\1+|\.{4,}")
_LOOSE_START = re.compile(r"^(?:[\s)\]}”’\"'»」』】.,;:!?…–—-]+(?=\s)|[\s)\]}”»」』】.,;:!?…–—]+)")
_SPACE_BEFORE_STOP = re.compile(r"(?<=[^\W\d_]) +(?=[.,](?:\s|$))")


def spoken(markdown: str) -> str:
    """What a voice says for a piece of a reply; empty where nothing is to be said.

    Code, tables and formulas are announced, links are their label, addresses their host; images, emoji, markup and
    strings that look like keys are not spoken.

    Args:
        markdown: a piece as `sentences` cuts them. Of more than 5,000 characters, which only code and tables have, the
            beginning decides.
    """
    text = clean_text(markdown[:_LONGEST])
    if _PLAIN.fullmatch(text):
        return " ".join(text.split())
    if ("$" in text or "\\" in text) and "`" not in text:
        for formula, said in _FORMULAS:
            text = formula.sub(said, text)
    parts = _blocks(_parser().parse(text)) if _MARKUP.search(text) else (text,)
    said_parts = [part for part in map(_say, parts) if part]
    return " ".join(part for n, part in enumerate(said_parts) if n == 0 or part != said_parts[n - 1])


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # No indented code: a piece may begin in the middle of a nested list. HTML comes through as text and is dropped below.
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("code")


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """The paragraphs, headings, items and announcements of a token tree, each ending in a stop where another follows."""
    pending, number, is_item = "", "", False
    stream = iter(tokens)
    for token in stream:
        block = ""
        match token.type:
            case "fence":
                block = tr(_CODE)
            case "table_open":
                block = _table(stream)
            case "list_item_open":
                number, is_item = (f"{token.info}. " if token.info else ""), True
            case "heading_open":
                is_item = True
            case "inline":
                block, number = number + _inline(token.children or ()), ""
                if is_item:
                    block, is_item = _stopped(block), False
        if block.strip():
            if pending:
                yield _stopped(pending)
            pending = block
    yield pending


def _table(stream: Iterator[Token]) -> str:
    """Reads a table to its end and names its columns, where that is short."""
    heads: list[str] = []
    in_head = True
    for token in stream:
        if token.type == "table_close":
            break
        in_head = in_head and token.type != "thead_close"
        if in_head and token.type == "inline":
            heads.append(_inline(token.children or ()).strip())
    names = ", ".join(filter(None, heads))
    return sentence(f"{tr(_TABLE)}: {names}" if 0 < len(names) <= 80 else tr(_TABLE))


def _inline(tokens: Sequence[Token]) -> str:
    said: list[str] = []
    for token in tokens:
        match token.type:
            case "text":
                said.append(token.content)
            case "softbreak" | "hardbreak":
                said.append(" ")
            case "code_inline":
                said.append(_short_code(token.content))
    return "".join(said)


def _short_code(code: str) -> str:
    """A name or command that can be said as words, else where to see it."""
    is_sayable = len(code) <= 40 and re.fullmatch(r"[\w .,'+#:/-]*[^\W\d_][\w .,'+#:/-]*", code)
    return code.replace("_", " ").replace("/", " ") if is_sayable else tr("the code on screen")


def _stopped(text: str) -> str:
    text = text.rstrip()
    return f"{text}." if text[-1:].isalnum() else text


def _say(text: str) -> str:
    """One paragraph of words without what cannot be said."""
    text = _CITATION.sub("", _TAG.sub("", text))
    text = _ADDRESS.sub(_host, _DATA_ADDRESS.sub("", text))
    text = _SUSPECT.sub(_unless_secret, text)
    if _EMOJI.search(text):
        text = re.sub(r" +(?=[.,!?])", "", _EMOJI.sub("", text))
    text = _DASHES.sub("–", text)
    text = _REPEATED_STOP.sub(lambda m: m[1] or "…", _MARKS.sub(" ", text))
    text = _LOOSE_START.sub("", " ".join(text.split()))
    return _SPACE_BEFORE_STOP.sub("", text).strip() if any(map(str.isalnum, text)) else ""


def _host(address: re.Match[str]) -> str:
    whole = address[0]
    end = whole[len(whole.rstrip(".,;:!?)…")) :]
    authority = re.sub(r"^[^/]*?://|[/?#].*$", "", whole.removesuffix(end)).rpartition("@")[2]
    return authority.partition(":")[0].removeprefix("www.") + end


def _unless_secret(word: re.Match[str]) -> str:
    # The log knows every key in use by value; its patterns over several words would take plain prose for keys.
    return tr(_SECRET) if _KEY_SHAPE.search(word[0]) or redact(word[0]) != word[0] else word[0]
