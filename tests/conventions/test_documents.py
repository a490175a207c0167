"""Every guide that the front page links has a Chinese page of the same shape, and each links the other."""

import re
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRONT, CHINESE_FRONT = "README.md", "README.zh-CN.md"
#: Written by programs, from the code or from measurements: they have one language.
GENERATED = {"docs/settings.md", "docs/errors.md", "docs/tables.md", "docs/figures.md"}
LINK = re.compile(r"\]\(([^)\s#]+\.md)[^)\s]*\)")
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def linked(page: Path) -> set[str]:
    """The Markdown pages that a page links."""
    return set(LINK.findall(page.read_text(encoding="utf-8")))


def guides() -> list[str]:
    """The pages that people write and README.md links; decisions (docs/adr) are written in English alone."""
    pages = linked(ROOT / FRONT) - GENERATED - {CHINESE_FRONT}
    return sorted(page for page in pages if not page.startswith("docs/adr/"))


def chinese(page: str) -> str:
    """The name of a page's Chinese version, which lies in the same folder."""
    return page.removesuffix(".md") + ".zh-CN.md"


def differences(english: str, translation: str) -> list[str]:
    """What two versions of a page do not share: their code blocks, headings by level, and rows of tables."""
    blocks = zip_longest(CODE.findall(english), CODE.findall(translation))
    problems = [
        f"code block {number} differs: {(block or other or '').splitlines()[:2]}"
        for number, (block, other) in enumerate(blocks, 1)
        if block != other
    ]
    for what, pattern in {"headings": r"^(#+) ", "rows of tables": r"^(\|)"}.items():
        here, there = (re.findall(pattern, CODE.sub("", text), re.MULTILINE) for text in (english, translation))
        if here != there:
            problems.append(f"{what}: {len(here)} in English, {len(there)} in Chinese, or of other levels")
    return problems


def test_front_page_links_guides() -> None:
    assert {"ARCHITECTURE.md", "CONTRIBUTING.md", "docs/landing.md", "docs/tenth-source.md"} <= set(guides())


@pytest.mark.parametrize("guide", guides())
def test_guide_has_a_chinese_page_of_the_same_shape(guide: str) -> None:
    page, translation = ROOT / guide, ROOT / chinese(guide)
    assert translation.exists(), f"{guide} has no {chinese(guide)}"
    assert differences(page.read_text(encoding="utf-8"), translation.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("guide", guides())
def test_guide_and_its_chinese_page_link_each_other_at_the_top(guide: str) -> None:
    english, translation = ROOT / guide, ROOT / chinese(guide)
    for page, other, name in ((english, translation, "简体中文"), (translation, english, "English")):
        top = "\n".join(page.read_text(encoding="utf-8").splitlines()[:4])
        assert f"[{name}]({other.name})" in top, f"{page.name} does not link {other.name} below its title"


def test_chinese_front_page_links_the_chinese_guides() -> None:
    pages = linked(ROOT / CHINESE_FRONT)
    assert sorted(pages & set(guides())) == [], "link the Chinese page"
    assert {chinese(guide) for guide in guides()} - pages == set()


@pytest.mark.parametrize(
    "translation",
    [
        "# 标题\n\n```sh\nlake run\n```\n",
        "# 标题\n\n## 二\n\n```sh\nmake up\n```\n",
        "# 标题\n\n## 二\n",
        "## 标题\n\n## 二\n",
    ],
)
def test_planted_difference_is_found(translation: str) -> None:
    assert differences("# Title\n\n## Two\n\n```sh\nlake run\n```\n", translation)
