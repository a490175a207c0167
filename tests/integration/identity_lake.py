"""A lake of four records for the tests of labels and reviews, written as a run leaves it: A and B are one person."""

from datetime import UTC, datetime

import pyarrow as pa

from identity.links.link_history import HISTORY
from identity.links.matcher_columns import from_matcher
from identity.matching.person_records import SCHEMA
from identity.review.queue import plan_reviews
from lake.writer import overwrite
from tests.declared_tables import leave_table

NOW = datetime(2026, 7, 1, tzinfo=UTC)
PEOPLE = [
    {"record_id": "crm:customers:A", "full_name": "王小明", "phone": "13512349876", "gender": "M",
     "birth_date": "1990-07-02"},
    {"record_id": "crm:customers:B", "full_name": "Wang Xiaoming", "phone": "13512349876", "birth_date": "1990-07-02"},
    {"record_id": "crm:customers:C", "full_name": "赵丽", "gender": "female", "birth_date": "2010-01-05"},
    {"record_id": "crm:customers:D,1", "full_name": "Li Na", "email": "li.na@qq.com"},
]  # fmt: skip
A, B, C, D = (str(row["record_id"]) for row in PEOPLE)


def make(*, with_links: bool = True) -> None:
    """Write the records and their links."""
    rows = [{"source": "crm", "updated_at": NOW, "identifiers": []} | row for row in PEOPLE]
    leave_table("identity/person_records", from_matcher(pa.Table.from_pylist(rows, schema=SCHEMA)))
    if not with_links:
        return
    links = [
        {
            "person_record_id": record,
            "person_id": person,
            "match_kind": "SAME_PHONE",
            "match_strength": 12.0,
            "valid_from": NOW,
        }
        for record, person in ((A, "p_1"), (B, "p_1"), (C, "p_2"), (D, "p_3"))
    ]
    overwrite("identity/person_links", pa.Table.from_pylist(links, schema=HISTORY))


def update_reviews(reviews: pa.Table, *, at: datetime = NOW, run: int = 0, among: pa.Array | None = None) -> int:
    """Bring the review queue up to date as the step does; how many pairs are open then."""
    queue = plan_reviews(reviews, at=at, run=run, among=among)
    queue.write()
    return queue.open


def unsure(*pairs: tuple[str, str, str, float]) -> pa.Table:
    """Doubtful pairs (record, record, reason, bits) as the matcher gives them."""
    names = ("person_record_id_l", "person_record_id_r", "reason", "match_strength")
    rows = [dict(zip(names, pair, strict=True)) | {"weight_name": 3.0, "weight_birth": pair[3] - 4.0} for pair in pairs]
    schema = pa.schema(
        [(name, pa.string()) for name in names[:3]]
        + [("match_strength", pa.float64()), ("weight_name", pa.float64()), ("weight_birth", pa.float64())]
        + [("weight_phone", pa.float64())]
    )
    return pa.Table.from_pylist(rows, schema=schema)
