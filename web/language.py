"""The language of a page: who asked for which, and the texts of every page in both.

A text stands once, in `texts/<room>.yaml`, under a key with its English and its Chinese; templates ask for it as
`t("<room>.<key>")`. `texts/names.yaml` holds the words for names that the lake's tables use (event types, kinds of
ties); a name without words is shown as it is. `texts/phrases.yaml` translates the sentences that checks write into
`ops/quality_results`, by their English with placeholders.

A reader chooses with `?lang=zh` (the switch of every page, a link that works without scripts); a cookie remembers it
for all pages of the product. Whoever has not chosen gets the first language of `Accept-Language` that there is.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import yaml
from markupsafe import Markup, escape

from contracts.errors import LakeError

#: Code -> the `lang` attribute and the language's own name. The first is used where nothing else was asked for.
LANGUAGES = {"en": ("en", "English"), "zh": ("zh-Hans", "简体中文")}
DEFAULT = "en"
COOKIE = "lake_language"
QUERY = "lang"
TEXTS_ROOT = Path(__file__).parent / "texts"
_NAMES, _PHRASES = "names", "phrases"
_YEAR_SECONDS = 365 * 24 * 3600
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class MissingTextError(LakeError):
    """A page asks for a text that no file of `web/texts` has."""


class Texts:
    """All texts in one language. Every text comes out as harmless HTML; what stands between backticks is code."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.tag = LANGUAGES[language][0]
        self._texts = texts_of(language)
        self._phrases = _phrases_of(language)

    def __call__(self, key: str, n: int | None = None, /, **values: Any) -> Markup:
        """The text of a key; `n` is a count, which chooses singular or plural and stands at `{n}`."""
        text = self._text(key, n)
        if n is not None:
            values = {"n": f"{n:,}", **values}
        return _marked(text).format(**values)

    def plain(self, key: str, n: int | None = None, /, **values: Any) -> str:
        """The same without any markup, for a title or an attribute."""
        text = self._text(key, n)
        if n is not None:
            values = {"n": f"{n:,}", **values}
        return text.replace("`", "").format(**values)

    def has(self, key: str) -> bool:
        """Whether there is a text of that key."""
        return key in self._texts

    def name(self, name: object) -> str:
        """The words for a name of the lake's tables (`order_placed`); the name itself where there are none."""
        words = self._texts.get(f"{_NAMES}.{name}")
        if words is not None:
            return str(words)
        text = str(name)
        if self.language != DEFAULT:
            return text
        return (text.lower() if text.isupper() else text).replace("_", " ")

    def named(self, name: object) -> Markup:
        """The same as HTML: a name that has no words in this language is marked as not to be translated."""
        if self.language == DEFAULT or f"{_NAMES}.{name}" in self._texts:
            return escape(self.name(name))
        return Markup('<span translate="no">{}</span>').format(self.name(name))

    def phrase(self, sentence: str) -> str:
        """A sentence that a check wrote, in this language; as it is where no phrase fits."""
        for pattern, translated in self._phrases:
            match = pattern.fullmatch(sentence)
            if match:
                return translated.format(**{name: self._part(value) for name, value in match.groupdict().items()})
        return sentence

    def _text(self, key: str, n: int | None) -> str:
        if key not in self._texts:
            room, _, name = key.partition(".")
            raise MissingTextError(
                f"web/texts/{room}.yaml has no `{name}` in {LANGUAGES[self.language][1]}",
                cure="add the key with its `en` and `zh`, or correct its spelling where it is asked for",
            )
        text = self._texts[key]
        return str(text["one" if n == 1 else "other"] if isinstance(text, Mapping) else text)

    def _part(self, value: str) -> str:
        return str(self._texts.get(f"{_NAMES}.{value}", value))


@lru_cache
def texts(language: str) -> Texts:
    """The texts in a language of `LANGUAGES`."""
    return Texts(language)


@lru_cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Every text by key: `<room>.<key>` -> language -> text, or its singular (`one`) and plural (`other`)."""
    read = {path.stem: _read(path) for path in sorted(TEXTS_ROOT.glob("*.yaml"))}
    return {f"{room}.{key}": text for room, keys in read.items() if room != _PHRASES for key, text in keys.items()}


@lru_cache
def phrases() -> list[dict[str, str]]:
    """The phrases of checks: the English with placeholders, and the same in the other languages."""
    read: list[dict[str, str]] = _read(TEXTS_ROOT / f"{_PHRASES}.yaml")
    return read


def _read(path: Path) -> Any:
    """A file of texts. The parser in C, where PyYAML has it, reads all of them in 0.1 s, the one in Python in 0.9 s."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)


def texts_of(language: str) -> dict[str, Any]:
    """Every text of a language by key."""
    return {key: text[language] for key, text in catalogue().items() if language in text}


def _phrases_of(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of the English phrases with what each is in a language, those of most words of their own first."""
    if language == DEFAULT:
        return []
    ordered = sorted(phrases(), key=lambda phrase: -len(_PLACEHOLDER.sub("", phrase[DEFAULT])))
    return [(_pattern(phrase[DEFAULT]), phrase[language]) for phrase in ordered]


def _pattern(phrase: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(phrase)
    return re.compile("".join(f"(?P<{part}>.+?)" if n % 2 else re.escape(part) for n, part in enumerate(parts)))


def _marked(text: str) -> Markup:
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def choose(asked: str | None, remembered: str | None, accepted: str) -> str:
    """The language of an answer: the one asked for, else the one remembered, else the best of `Accept-Language`."""
    for code in (asked, remembered):
        if code in LANGUAGES:
            return code
    return next((code for code in _by_preference(accepted) if code in LANGUAGES), DEFAULT)


def _by_preference(accepted: str) -> list[str]:
    """Codes of an `Accept-Language` header (RFC 9110, 12.5.4), the most wanted first, without regions and scripts."""
    wanted: list[tuple[float, str]] = []
    for part in accepted[:400].split(","):
        tag, _, parameters = part.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameters)
        quality = float(weight[1]) if weight else 1.0
        if quality > 0:
            wanted.append((-quality, tag.partition("-")[0].lower()))
    return [code for _, code in sorted(wanted, key=lambda one: one[0])]


def switch_address(path: str, query: str, language: str) -> str:
    """The address of the same page in another language; every other part of the query stays."""
    others = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != QUERY]
    return f"{path}?{urlencode([*others, (QUERY, language)])}"


def cookie_of(language: str) -> str:
    """The value of a `Set-Cookie` header that remembers a language for a year, for every page on this machine."""
    return f"{COOKIE}={language}; Path=/; Max-Age={_YEAR_SECONDS}; SameSite=Lax; HttpOnly"
