"""Pictures of text say what the numbers say: intervals lie on one axis, a waterfall's bars end where the next begin."""

from itertools import pairwise

from cli._identity_review import bars
from identity.review.side_by_side import Step
from runs.pictures import intervals


def test_intervals_lie_on_one_axis_that_ends_at_one() -> None:
    lines = intervals([("a", 0.5, 0.2, 0.8), ("bb", 1.0, 0.6, 1.0), ("c", None, None, None)]).splitlines()[1:-1]
    assert lines[0].startswith("a  ")
    assert lines[1].index("●") == lines[1].rindex("●") > lines[0].index("●")
    assert lines[0].index("─") < lines[1].index("─")
    assert lines[2].endswith("not known")
    assert lines[3].split() == ["0.20", "1"]
    assert intervals([("nobody labelled", None, None, None)]) == ""


def test_each_bar_of_a_waterfall_begins_where_the_last_one_ended() -> None:
    drawn = bars([Step("prior", -8.0), Step("email", 14.0), Step("birth_date", -2.0)], width=28)
    ends = [(line.index("█"), line.rindex("█") + 1) for line in drawn]
    assert ends == [(0, 16), (0, 28), (24, 28)]  # two places a bit, from -8 to 6
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(ends))
    assert all("│" in line or first <= 16 < last for line, (first, last) in zip(drawn, ends, strict=True))


def test_waterfall_of_nothing_is_flat() -> None:
    assert [line.count("█") for line in bars([Step("name", 0.0)])] == [1]
