"""Names agree across scripts, orders, nicknames and slips; relatives' names do not."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.matching.comparable.names import Name, least_rotation, parse_name
from identity.review.explain import ties_among


def name(text: str, *parts: str) -> Name:
    found = parse_name(text, *parts)
    assert found is not None
    return found


#: Two names, and how far the model finds their given and their family names to agree; "" where that is not known.
COMPARED = (
    ("王小明", "Wang Xiaoming", "same", "same"),
    ("王小明", "Xiao Ming Wang", "same", "same"),
    ("王小明", "小明王", "same", "same"),
    ("王小明 先生", "王小明", "same", "same"),
    ("欧阳娜娜", "Nana Ouyang", "same", "same"),
    ("吕布", "Lyu Bu", "same", "same"),
    ("吕布", "Lv Bu", "same", "same"),
    ("曾强", "Zeng Qiang", "same", "same"),
    ("Dr. Anna Schmidt", "Schmidt, Anna", "same", "same"),
    ("Núñez José", "Jose Nunez", "same", "same"),
    ("ＡＮＮＡ ＳＣＨＭＩＤＴ", "Anna Schmidt", "same", "same"),
    ("王小明", "王晓明", "same sound", "same"),
    ("王小明", "王小小明", "nickname", "same"),
    ("王明小", "王小明", "nickname", "same"),
    ("Bob Miller", "Robert Miller", "nickname", "same"),
    ("Anna Schmidt", "Anna Schmitd", "same", "similar"),
    ("Ting Hu", "Ting uH", "same", "different"),
    ("A. Schmidt", "Anna Schmidt", "initial", "same"),
    ("Anna Maria Schmidt", "Anna Schmidt", "nickname", "same"),
    ("王明", "王小明", "nickname", "same"),
    ("王小明", "王明华", "nickname", "same"),
    ("Anna Schmidt", "Anna Weber", "same", "different"),
    ("Peter Schmidt", "Paul Schmidt", "different", "same"),
    ("李娜", "李安", "different", "same"),
    ("Li Na", "Li An", "different", "same"),
    ("Zhang Wei", "Zhang Min", "different", "same"),
    ("王建国", "王建军", "one character differs", "same"),
    ("徐磊国", "磊徐国", "syllables exchanged", "exchanged with the given name"),
    ("张娜娟", "张娟娜", "syllables exchanged", "same"),
    ("徐鹏勇", "鹏勇", "same", ""),
    ("鹏勇", "Xu Pengyong", "same", ""),
    ("高高慧", "Hui Gao", "one within the other", "same"),
    ("Peter McDonald", "McDonald Petr", "exchanged with the family name", "exchanged with the given name"),
    ("Frederick McDonald", "McDonald Peter", "one half exchanged", "one half exchanged"),
    ("王丽", "Li Fang", "one half exchanged", "one half exchanged"),
    ("John Smith Jr", "John Smith Sr", "other generation", "same"),
    ("王小明", "Li Xiaoming", "same", "different"),
    ("Anna Schmidt", "Peter Weber", "different", "different"),
)


@pytest.fixture(scope="module")
def levels() -> dict[str, dict[str, str]]:
    """The level of each comparison by the place of the pair in `COMPARED`; a label makes each pair be compared."""
    ids = [(f"{place:02}l", f"{place:02}r") for place in range(len(COMPARED))]
    texts = [(left, right) for left, right, _, _ in COMPARED]
    records = pa.table(
        {
            "person_record_id": [one for pair in ids for one in pair],
            "source": ["crm"] * 2 * len(ids),
            "updated_at": pa.array([0] * 2 * len(ids), pa.timestamp("us", tz="UTC")),
            "full_name": [text for pair in texts for text in pair],
        }
    )
    left, right = zip(*ids, strict=True)
    labels = pa.table({"person_record_id_l": left, "person_record_id_r": right, "label": ["same"] * len(ids)})
    ties = ties_among(records, labels=labels)
    return {tie.person_record_id_l[:-1]: {one.name: one.level for one in tie.comparisons} for tie in ties}


@pytest.mark.parametrize("place", range(len(COMPARED)), ids=lambda place: " / ".join(COMPARED[place][:2]))
def test_names_agree_as_far_as_people_would_say(place: int, levels: dict[str, dict[str, str]]) -> None:
    _, _, given_name, family_name = COMPARED[place]
    expected = {"given_name": given_name, "family_name": family_name}
    assert levels[f"{place:02}"] == {part: level for part, level in expected.items() if level}


@pytest.mark.parametrize("text", [None, "", "  ", "unknown", "未知", "N/A", "123"])
def test_placeholder_is_no_name(text: str | None) -> None:
    assert parse_name(text) is None


@pytest.mark.parametrize("text", ["Mr Wang", "王先生", "Anna", "Dr. Weber"])
def test_a_family_or_given_name_alone_names_nobody(text: str) -> None:
    assert not name(text).is_full


def test_parts_serve_where_there_is_no_full_name() -> None:
    assert name("", "Anna", "Schmidt").key == name("Schmidt, Anna").key
    assert name("小明王", "王", "小明").key == name("王小明").key  # columns swapped


@given(st.text(alphabet="abcd", min_size=1, max_size=9), st.integers(0, 8))
@settings(max_examples=100, deadline=None)
def test_least_rotation_forgets_where_a_name_begins(text: str, cut: int) -> None:
    assert least_rotation(text) == least_rotation(text[cut % len(text) :] + text[: cut % len(text)])
