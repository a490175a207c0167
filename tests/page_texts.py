"""Which words of a Chinese page are not Chinese, though they are neither values nor names of the lake."""

import re
from html.parser import HTMLParser

#: Names of the product's parts and words that Chinese texts use as they are.
USED_AS_THEY_ARE = {"Customer", "Lake", "UTC", "CNY", "CRM"}
_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt")
_DATA = ("code", "bdi", "script", "style")
_VOID = ("meta", "link", "input", "br", "img", "path", "rect", "line", "circle")


class _Reader(HTMLParser):
    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.names = names
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_data = (
            tag in _DATA
            or given.get("translate") == "no"
            or given.get("lang") == "en"
            or "mark" in (given.get("class") or "").split()
        )
        is_within_data = is_data or any(data for _, data in self.open)
        if tag not in _VOID:
            self.open.append((tag, is_data))
        for name in _ATTRIBUTES:
            if not is_within_data and given.get(name):
                self._look(str(given[name]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(is_data for _, is_data in self.open) and not (self.open and self.open[-1][0] == "title"):
            self._look(data)

    def _look(self, text: str) -> None:
        text = re.sub(r"\S+@\S+|\bp_\S*", "", text)  # an example of an address, an id
        self.words += [
            word for word in re.findall(r"[A-Za-z][A-Za-z_]+", text) if word not in USED_AS_THEY_ARE | self.names
        ]


def untranslated(html: str, names: set[str]) -> list[str]:
    """English words of a page, outside of what is marked as data; `names` are those of systems, tables and columns."""
    reader = _Reader(names)
    reader.feed(html)
    return reader.words
