"""Labels beat the matcher, whatever records there are: who was said to be one person is, who was parted stays apart."""

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.matching.resolve import NO_LABELS, match
from identity.matching.unlabelled import without_labels
from identity.review.labels import DIFFERENT, SAME

NOW = datetime(2026, 7, 1, tzinfo=UTC)
WANG = {"full_name": "王小明", "phone": "13512349876", "birth_date": "1980-02-03", "email": "xiaoming@qq.com"}
RECORDS = {
    # Two views that any matcher joins, a third that ties them once more, and one that nothing ties to them.
    "crm:customers:A": WANG,
    "orders:person:b": WANG | {"full_name": "Wang Xiaoming"},
    "contact_centre:person:c": WANG | {"email": None},
    "crm:customers:Z": {"full_name": "赵丽", "birth_date": "1991-11-30"},
    # Somebody without a name, and a namesake.
    "voice_of_customer:person:n": {"email": "xiaoming@qq.com"},
    "crm:customers:W": {"full_name": "王小明", "birth_date": "1999-09-09", "phone": "13700001111"},
}
A, B, C, Z = list(RECORDS)[:4]


def records(*record_ids: str) -> pa.Table:
    rows = [{"record_id": r, "source": r.partition(":")[0], "updated_at": NOW} | RECORDS[r] for r in record_ids]
    names = sorted({name for row in rows for name in row})
    return pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])


def labels(*said: tuple[str, str, str]) -> pa.Table:
    rows = [{"record_id_l": min(a, b), "record_id_r": max(a, b), "label": label} for a, label, b in said]
    return pa.Table.from_pylist(rows, schema=NO_LABELS.schema)


def persons(given_records: pa.Table, said: pa.Table | None = None) -> dict[str, int]:
    found = match(given_records, labels=said)
    return dict(zip(found.record_ids.to_pylist(), found.component.tolist(), strict=True))


def test_must_link_joins_what_nothing_ties_and_stays_when_records_come() -> None:
    said = labels((A, SAME, Z))
    alone = persons(records(A, Z))
    assert alone[A] != alone[Z]
    joined = persons(records(A, Z), said)
    assert joined[A] == joined[Z]
    later = persons(records(*RECORDS), said)
    assert later[A] == later[B] == later[Z]


def test_cannot_link_parts_what_the_matcher_joins_and_stays_when_records_come() -> None:
    said = labels((A, DIFFERENT, B))
    alone = persons(records(A, B))
    assert alone[A] == alone[B]
    parted = persons(records(A, B), said)
    assert parted[A] != parted[B]
    later = persons(records(*RECORDS), said)  # C fits both, and must not tie them
    assert later[A] != later[B]


def test_withdrawn_labels_leave_the_matcher_to_itself() -> None:
    assert persons(records(*RECORDS), labels()) == persons(records(*RECORDS))


def test_labels_of_records_that_are_gone_are_no_trouble() -> None:
    said = labels((A, SAME, "crm:customers:erased"), ("crm:customers:erased", DIFFERENT, B))
    assert persons(records(A, B), said) == persons(records(A, B))


@settings(max_examples=6, deadline=None)
@given(
    truth=st.lists(st.integers(0, 2), min_size=len(RECORDS), max_size=len(RECORDS)),
    judged=st.sets(st.sampled_from([(a, b) for a in RECORDS for b in RECORDS if a < b]), max_size=6),
    there=st.sets(st.sampled_from(list(RECORDS)), min_size=2),
)
def test_every_label_holds_over_random_judgements_and_records(
    truth: list[int], judged: set[tuple[str, str]], there: set[str]
) -> None:
    """People who do not contradict each other: each pair is judged as one hidden grouping has it."""
    hidden = dict(zip(RECORDS, truth, strict=True))
    said = labels(*((a, SAME if hidden[a] == hidden[b] else DIFFERENT, b) for a, b in sorted(judged)))
    found = persons(records(*sorted(there)), said)
    for a, b in judged:
        if a in there and b in there:
            assert (found[a] == found[b]) == (hidden[a] == hidden[b]), (a, b)


def test_gate_sees_what_the_matcher_does_without_labels() -> None:
    held = records(*RECORDS)
    with_labels = match(held, labels=labels((A, DIFFERENT, B), (A, SAME, Z)))
    judged = without_labels(held, with_labels.statistics)
    alone = dict(zip(judged["record_id"].to_pylist(), judged["component"].to_pylist(), strict=True))
    assert alone[A] == alone[B] != alone[Z]
    assert without_labels(held.slice(0, 0), with_labels.statistics).num_rows == 0
