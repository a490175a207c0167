"""Whom a person record is really about, and how much of that its values show."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from identity.matching.person_records import SCHEMA
from infra.sandbox.truth.identity_truth import MAX_PEOPLE, person_truth
from infra.sandbox.truth.write import RECORDS, write_table

Given = dict[str, tuple[list[str | None], dict[str, Any]]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def truth_of(root: Path, given: Given) -> dict[str, tuple[str | None, str | None]]:
    """Truth and evident person of each record, given as the people its rows are about, and its values."""
    rows = [(record, f"web_app:logins:{record}-{n}", person)
            for record, (people, _) in given.items() for n, person in enumerate(people)]  # fmt: skip
    produced = [{"source": "web_app", "entity": "logins", "natural_key": row.split(":")[2], "person": person,
                 "row_kind": "first"} for _, row, person in rows]  # fmt: skip
    write_table(root / "truth" / "records.parquet", pa.Table.from_pylist(produced, schema=RECORDS))
    records = pa.Table.from_pylist(
        [{"record_id": record, "source": "web_app", **values} for record, (_, values) in given.items()], schema=SCHEMA
    )
    behind = pa.table({"record_id": [r for r, _, _ in rows], "row_id": [row for _, row, _ in rows]})
    return {row["record_id"]: (row["truth"], row["evident"]) for row in person_truth(records, behind, root).to_pylist()}


def test_record_of_one_person_has_a_truth_and_one_of_several_or_of_nobody_has_none(root: Path) -> None:
    found = truth_of(root, {"one": (["P1", "P1"], {}), "shared": (["P1", "P2"], {}), "bot": ([None], {})})
    assert found["one"][0] == "P1"
    assert found["shared"] == found["bot"] == (None, None)


def test_chain_of_values_makes_records_one_evident_person_and_a_browser_without_login_stays_apart(root: Path) -> None:
    def device(*values: str) -> dict[str, Any]:
        return {"identifiers": [{"kind": "device_id", "value": value} for value in values]}

    found = truth_of(root, {
        "a": (["P1"], {"email": "a@x.cn", "full_name": "Li Na"}),
        "b": (["P1"], {"email": " A@X.CN", "phone": "+86 138 1111 2222"}),
        "c": (["P1"], {"phone": "13811112222"} | device("d1")),
        "d": (["P1"], device("D1", "d2")),
        "browser": (["P1"], device("d9")),
    })  # fmt: skip
    assert {truth for truth, _ in found.values()} == {"P1"}
    assert len({found[name][1] for name in "abcd"}) == 1
    assert found["browser"][1] != found["a"][1]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ({"email": "na.li1977@x.cn"}, {"email": "na.li197@x.cn"}, True),
        ({"email": "na.li1977@x.cn"}, {"email": "wei.wang@x.cn"}, False),
        ({"phone": "13811112222"}, {"phone": "13811112223"}, True),
        ({"phone": "13811112222"}, {"phone": "13811113333"}, False),
        ({"full_name": "Li Na", "birth_date": "1977-01-02"}, {"full_name": "na LI", "birth_date": "1977-01-02"}, True),
        ({"full_name": "Li Na"}, {"full_name": "Li Na"}, False),
    ],
)  # fmt: skip
def test_slips_count_as_the_same_and_a_bare_name_is_no_evidence(
    root: Path, one: dict[str, Any], other: dict[str, Any], is_same: bool
) -> None:
    found = truth_of(root, {"one": (["P1"], one), "other": (["P1"], other)})
    assert (found["one"][1] == found["other"][1]) is is_same


def test_placeholder_that_many_people_show_is_no_evidence(root: Path) -> None:
    asked: Given = {f"r{n}": ([f"P{n}"], {"email": "none@x.cn"}) for n in range(MAX_PEOPLE + 1)}
    found = truth_of(root, asked | {"twice": (["P1"], {"email": "none@x.cn"})})
    assert found["twice"][0] == found["r1"][0]
    assert found["twice"][1] != found["r1"][1]
