"""Documents name files and modules that exist; every guide has a Chinese page of the same shape."""

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
#: `lake/clock.py`, `ingestion.landing.land`: a file or a module, named in a text. Generated pages are tested elsewhere.
FILE = re.compile(r"`([a-z_]+(?:/[\w.-]+)+\.(?:py|sql|ya?ml|json|csv|md))`(?!:\n)")
MODULE = re.compile(r"`(?:python -m )?([a-z_]+(?:\.[a-z_]+)+)(?<!\.parquet)(?:\([^`]*\))?`")


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


def missing_names(text: str, root: Path = ROOT) -> list[str]:
    """Files and modules of our folders that a text names and that are not there; placeholders (NNNN) are no names."""
    ours = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    text = CODE.sub("", text)
    files = [name for name in FILE.findall(text) if name.partition("/")[0] in ours and "NNNN" not in name]
    modules = [name for name in MODULE.findall(text) if name.partition(".")[0] in ours]
    return [name for name in files if not (root / name).exists()] + [
        name for name in modules if not is_module(name, root) and not (root / name).exists()
    ]


def is_module(name: str, root: Path) -> bool:
    """Whether a dotted name is a package or a module, or stands in one."""
    folder = root
    for part in name.split("."):
        if (folder / f"{part}.py").exists():
            return True
        if not (folder / part).is_dir():
            package = folder / "__init__.py"
            return package.exists() and re.search(rf"\b{part}\b", package.read_text(encoding="utf-8")) is not None
        folder /= part
    return True


def test_files_and_modules_named_in_documents_exist(documents: list[Path]) -> None:
    wrong = {
        f"{document.relative_to(ROOT)}: {name}"
        for document in documents
        for name in missing_names(document.read_text(encoding="utf-8"))
    }
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize("name", ["lake/no_clock.py", "ingestion.no_landing.land", "python -m infra.no_pictures"])
def test_planted_name_of_no_file_is_found(name: str) -> None:
    assert missing_names(f"See `{name}`, `lake/clock.py`, `lake.clock.now()` and `docs/adr/NNNN-title.md`.")


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
