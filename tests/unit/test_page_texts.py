"""The texts of the pages: each in every language, with the same blanks, and none is missing."""

import re
from pathlib import Path
from typing import Any

import pytest

import features.tables  # noqa: F401  (declares the tables of features)
from contracts.catalogue.lookup import all_tables
from contracts.catalogue.zones import BRONZE
from contracts.settings import PROJECT_ROOT
from infra.sandbox.systems import simulated_contracts
from web.language import LANGUAGES, catalogue, choose, phrases, switch_address, texts
from web.portal.render import LAYERS, _Words

BLANK = re.compile(r"\{(\w+)\}")
ASKED = re.compile(r"""(?:\bt|_t|spoken)(?:\.plain)?\(\s*"([a-z]+\.\w+)"(?!\s*~)""")
CHINESE = texts("zh")


def blanks(text: Any) -> set[str]:
    return set(BLANK.findall(str(text if isinstance(text, str) else text["other"])))


def test_every_text_is_there_in_every_language_with_the_same_blanks() -> None:
    for key, text in catalogue().items():
        assert set(text) <= set(LANGUAGES), key
        assert key.startswith("names.") or set(text) == set(LANGUAGES), key
        assert "zh" in text, key
        assert all(text.values()), key
        if set(text) == set(LANGUAGES):
            assert blanks(text["en"]) == blanks(text["zh"]) or "month" in key or key.endswith("ends"), key
    for phrase in phrases():
        assert set(phrase) == set(LANGUAGES), phrase
        assert blanks(phrase["en"]) >= blanks(phrase["zh"]), phrase


def test_chinese_texts_hold_chinese() -> None:
    for key, text in catalogue().items():
        assert re.search("[一-鿿]|^p_…|^\\{", str(text["zh"])), key


def test_every_text_that_a_page_asks_for_is_there() -> None:
    files = [path for ending in ("*.j2", "*.py") for path in (PROJECT_ROOT / "web").rglob(ending)]
    asked = {key for path in files for key in ASKED.findall(path.read_text(encoding="utf-8"))}
    assert len(asked) > 150
    assert not asked - catalogue().keys()


def test_every_table_that_the_portal_shows_is_described_in_chinese() -> None:
    """Of the sources, those that the simulated company has; what another contract says is shown in its own language."""
    simulated = simulated_contracts()
    landed = {entity.table for contract in simulated for entity in contract.entities.values()}
    shown = [table for table in all_tables() if table.zone in LAYERS]
    assert len(shown) > 50
    described = [table for table in shown if table.zone != BRONZE or table.name in landed]
    sentences = {table.grain.partition(". ")[0].removesuffix(".") + "." for table in described}
    sentences |= {contract.description for contract in simulated}
    missing = [sentence for sentence in sorted(sentences) if CHINESE.phrase(sentence) == sentence]
    assert not missing, "web/texts/phrases.yaml lacks:\n" + "\n".join(missing)


def test_sentence_of_a_contract_without_chinese_is_shown_as_english() -> None:
    purpose = "Tickets of the car parks next to our branches."
    assert _Words(CHINESE).sentence(purpose) == f'<span lang="en">{purpose}</span>'


def test_phrase_keeps_what_stands_in_the_blanks() -> None:
    cure = "ask Head of Sales (sales-ops) whether crm delivers; then `lake run`"
    assert CHINESE.phrase(cure) == "询问 Head of Sales（sales-ops）crm 是否在交付；然后执行 `lake run`"
    assert CHINESE.phrase("nothing that a check says") == "nothing that a check says"
    assert texts("en").phrase(cure) == cure


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "language"),
    [
        (None, None, "", "en"),
        (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "zh-Hant-TW", "zh"),
        (None, None, "fr, en;q=0.3, zh;q=0.7", "zh"),
        (None, None, "fr, zh;q=0, en;q=0.1", "en"),
        (None, None, "q=;;,,zh;q=nonsense", "zh"),
        (None, "zh", "en", "zh"),
        ("en", "zh", "zh", "en"),
        ("xx", "zh", "en", "zh"),
        ("xx", "yy", "en", "en"),
    ],
)
def test_language_is_the_one_asked_for_then_remembered_then_accepted(
    asked: str | None, remembered: str | None, accepted: str, language: str
) -> None:
    assert choose(asked, remembered, accepted) == language


def test_switch_stays_on_the_page_and_keeps_the_rest_of_its_address() -> None:
    assert (
        switch_address("/person/p_1", "source=a%26b&lang=en&page=2", "zh") == "/person/p_1?source=a%26b&page=2&lang=zh"
    )
    assert switch_address("/", "", "en") == "/?lang=en"


def test_counts_have_their_plural_and_values_cannot_become_markup() -> None:
    english = texts("en")
    assert [str(english("person.records", n)) for n in (0, 1, 1234)] == ["0 records", "1 record", "1,234 records"]
    assert "<b>" not in english("person.about_order", value="<b>")
    assert "<code>lake run</code>" in english("person.cure_empty_lake")


def test_names_without_words_stay_as_they_are_and_are_marked() -> None:
    assert CHINESE.named("order_placed") == "下单"
    assert CHINESE.named("of_a_tenth_source") == '<span translate="no">of_a_tenth_source</span>'
    assert texts("en").named("SAME_EMAIL") == "same email"


def test_pages_hold_no_text_of_their_own() -> None:
    """What a template shows comes from the catalogue: between tags stands nothing that a reader would read."""
    commands = {"lake", "identity", "label", "same", "different", "data", "platform", "bronze"}
    addresses = {"amp", "journey", "page", "person", "source", "span"}
    allowed = {"Customer", "Lake", "CNY", *commands, *addresses}
    for path in (PROJECT_ROOT / "web").rglob("*.j2"):
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        words = {word for shown in re.findall(r">([^<>]+)<", text) for word in re.findall(r"[A-Za-z]{2,}", shown)}
        assert words <= allowed, f"{Path(path).name}: {sorted(words - allowed)}"
