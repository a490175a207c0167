"""Names agree across scripts, orders, nicknames and slips; relatives' names do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.names import Alike, Name, alike, edit_distance, least_rotation, parse_name


def name(text: str, *parts: str) -> Name:
    found = parse_name(text, *parts)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("a", "b", "level"),
    [
        ("王小明", "Wang Xiaoming", Alike.SAME),
        ("王小明", "Xiao Ming Wang", Alike.SAME),
        ("王小明", "小明王", Alike.SAME),
        ("王小明 先生", "王小明", Alike.SAME),
        ("欧阳娜娜", "Nana Ouyang", Alike.SAME),
        ("吕布", "Lyu Bu", Alike.SAME),
        ("吕布", "Lv Bu", Alike.SAME),
        ("曾强", "Zeng Qiang", Alike.SAME),
        ("Dr. Anna Schmidt", "Schmidt, Anna", Alike.SAME),
        ("Núñez José", "Jose Nunez", Alike.SAME),
        ("ＡＮＮＡ ＳＣＨＭＩＤＴ", "Anna Schmidt", Alike.SAME),
        ("王小明", "王晓明", Alike.SIMILAR),  # same sound, other character
        ("王小明", "王小小明", Alike.SIMILAR),
        ("王明小", "王小明", Alike.SIMILAR),
        ("Bob Miller", "Robert Miller", Alike.SIMILAR),
        ("Anna Schmidt", "Anna Schmitd", Alike.SIMILAR),
        ("Ting Hu", "Ting uH", Alike.SIMILAR),
        ("A. Schmidt", "Anna Schmidt", Alike.PARTIAL),
        ("Anna Maria Schmidt", "Anna Schmidt", Alike.PARTIAL),
        ("王明", "王小明", Alike.PARTIAL),
        ("王小明", "王明华", Alike.PARTIAL),  # a pet name
        ("Anna Schmidt", "Anna Weber", Alike.GIVEN_ONLY),
        ("Peter Schmidt", "Paul Schmidt", Alike.FAMILY_ONLY),
        ("李娜", "李安", Alike.FAMILY_ONLY),
        ("Li Na", "Li An", Alike.FAMILY_ONLY),
        ("Zhang Wei", "Zhang Min", Alike.FAMILY_ONLY),
        ("王建国", "王建军", Alike.FAMILY_ONLY),
        ("John Smith Jr", "John Smith Sr", Alike.FAMILY_ONLY),
        ("王小明", "Li Xiaoming", Alike.DIFFERENT),
        ("Anna Schmidt", "Peter Weber", Alike.DIFFERENT),
    ],
)
def test_names_agree_as_far_as_people_would_say(a: str, b: str, level: Alike) -> None:
    assert alike(name(a), name(b)) is level
    assert alike(name(b), name(a)) is level


@pytest.mark.parametrize("text", [None, "", "  ", "unknown", "未知", "N/A", "123"])
def test_placeholder_is_no_name(text: str | None) -> None:
    assert parse_name(text) is None


@pytest.mark.parametrize("text", ["Mr Wang", "王先生", "Anna", "Dr. Weber"])
def test_a_family_or_given_name_alone_names_nobody(text: str) -> None:
    assert not name(text).is_full


def test_parts_serve_where_there_is_no_full_name() -> None:
    assert name("", "Anna", "Schmidt").key == name("Schmidt, Anna").key
    assert name("小明王", "王", "小明").key == name("王小明").key  # columns swapped


@given(st.text(alphabet="abcdefg", max_size=9), st.text(alphabet="abcdefg", max_size=9))
@settings(max_examples=100, deadline=None)
def test_edit_distance_is_a_symmetric_count_of_slips(a: str, b: str) -> None:
    distance = edit_distance(a, b)
    assert distance == edit_distance(b, a)
    assert (distance == 0) == (a == b)
    assert abs(len(a) - len(b)) <= distance <= max(len(a), len(b))


@given(st.text(alphabet="abcd", min_size=1, max_size=9), st.integers(0, 8))
@settings(max_examples=100, deadline=None)
def test_least_rotation_forgets_where_a_name_begins(text: str, cut: int) -> None:
    assert least_rotation(text) == least_rotation(text[cut % len(text) :] + text[: cut % len(text)])
