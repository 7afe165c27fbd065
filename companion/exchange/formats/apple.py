"""Apple Journal: `Entries/*.html` with the day in words of the phone's language, `Resources/` with pictures.

Of the pages only the classes with names count; those of spans are numbered anew in each file.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from companion.exchange import times
from companion.exchange.moods import state_of_mind
from companion.exchange.reading import Reading
from companion.exchange.texts import decoded, from_html
from companion.exchange.times import Moment
from companion.exchange.tree import BadMember, Tree
from companion.language import mark

NAME, LABEL = "apple", "Apple Journal"
_PAGE = re.compile(r"\bclass\s*=\s*[\"']?[^\"'>]{0,200}\b(?:pageHeader|bodyText|assetGrid)\b")
_PLACES = ("visit", "location", "map")
_NAMED_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})")
_VOID = frozenset(
    ("img", "br", "hr", "meta", "link", "input", "source", "wbr", "col", "embed", "area", "base", "track")
)


def read_pages(tree: Tree, reading: Reading, taken: set[str]) -> None:
    """Every page that looks like an entry."""
    for name in tree.names():
        if not name.lower().endswith((".html", ".htm")):
            continue
        try:
            text = decoded(tree.read(name))
        except BadMember as bad:
            reading.skip(name, str(bad))
            continue
        if _PAGE.search(text):
            taken.add(name)
            reading.recognised(NAME, LABEL)
            _read_page(text, name, tree, reading)


def _read_page(text: str, name: str, tree: Tree, reading: Reading) -> None:
    page = _Page()
    page.feed(text)
    page.close()
    file = name.rpartition("/")[2]
    moment = _day(page.words("pageHeader"), file)
    if moment is None:
        reading.skip(file, mark("its date cannot be understood, or does not exist"))
        return
    mood_word, mood = "", None
    for kind, asset_id in page.assets:
        if kind == "stateOfMind":
            continue
        _account_for(kind, asset_id, name, tree, reading)
    for words in page.moods:
        mood_word, mood = words, state_of_mind(words)
    prompt = from_html(page.markup("reflectionPrompt")).strip()
    body = from_html(page.markup("bodyText"))
    reading.add(
        moment,
        f"{_quoted(prompt)}\n\n{body}" if prompt else body,
        title=page.words("title"),
        what=file,
        mood=mood,
        mood_word=mood_word,
        has_more=bool(page.assets),
    )


def _day(header: str, file: str) -> Moment | None:
    """By the page itself; where its figures can be read in two ways or not at all, by the file's name."""
    named = _NAMED_DAY.search(file)
    by_name = times.from_iso(named[1]) if named else None
    by_page = times.in_words(header)
    if by_page is not None and by_name is not None and re.fullmatch(r"[\d\s./-]+", header):
        return by_name
    return by_page or by_name


def _account_for(kind: str, asset_id: str, name: str, tree: Tree, reading: Reading) -> None:
    if any(kind.lower().endswith(place) for place in _PLACES) or kind.lower().startswith(_PLACES):
        reading.leave_out("place")
        return
    folder = name.rpartition("Entries/")[0] + "Resources/"
    noun = {"video": "video", "audio": "recording", "photo": "picture", "livePhoto": "picture"}.get(kind)
    files = [each for each in tree.names() if each.startswith(f"{folder}{asset_id}.")] if asset_id else []
    if files:
        reading.leave_out(noun or "attachment")
    elif noun:
        reading.missing += 1
    else:
        reading.leave_out("attachment")


def _quoted(prompt: str) -> str:
    return "\n".join(f"> {line}" for line in prompt.split("\n"))


class _Page(HTMLParser):
    """The markup within each named class, and the assets with what is written over them."""

    _NAMED = ("pageHeader", "title", "reflectionPrompt", "bodyText", "gridItemOverlayHeader")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.assets: list[tuple[str, str]] = []
        self.moods: list[str] = []
        self._found: dict[str, list[str]] = {}
        self._open: list[tuple[str, str]] = []
        """Open elements: their tag, and the named class they begin, or nothing."""
        self._asset = ""
        self._asset_depth = 0

    def markup(self, name: str) -> str:
        return "".join(self._found.get(name, ()))

    def words(self, name: str) -> str:
        return " ".join(from_html(f"<p>{self.markup(name)}</p>").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        for each in classes:
            if each.startswith("assetType_"):
                self._asset, self._asset_depth = each.removeprefix("assetType_"), len(self._open)
                self.assets.append((self._asset, given.get("id") or ""))
        self._put(self.get_starttag_text() or "")
        if tag not in _VOID:
            self._open.append((tag, next((name for name in self._NAMED if name in classes), "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._put(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == tag:
                ended = [name for _, name in self._open[place:] if name]
                del self._open[place:]
                if "gridItemOverlayHeader" in ended:
                    self._end_overlay()
                break
        else:
            return
        self._put(f"</{tag}>")
        if self._asset and len(self._open) <= self._asset_depth:
            self._asset = ""

    def _end_overlay(self) -> None:
        words = self.words("gridItemOverlayHeader")
        self._found.pop("gridItemOverlayHeader", None)
        if self._asset == "stateOfMind" and words:
            self.moods.append(words)

    def handle_data(self, data: str) -> None:
        self._put(data)

    def handle_entityref(self, name: str) -> None:
        self._put(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._put(f"&#{name};")

    def _put(self, markup: str) -> None:
        inside = next((name for _, name in reversed(self._open) if name), "")
        if inside:
            self._found.setdefault(inside, []).append(markup)
