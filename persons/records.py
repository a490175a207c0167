"""The records of a person as its systems hold them, and the names that they use, in both scripts."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import duckdb

from contracts.catalogue.tables import PERSON_LINKS, PERSON_RECORDS
from identity.matching.person_records import TEXTS
from lake.tables import scan
from persons.reading import Row, rows_of

#: Han characters; a name in them and the same in Latin letters are both shown.
_HAN = re.compile(r"[㐀-鿿豈-﫿\U00020000-\U0003134f]")


@dataclass(frozen=True)
class Record:
    """One record: what it says (name of the column, value), and the strongest tie that holds it (bits)."""

    person_record_id: str
    source: str
    match_kind: str
    match_strength: float
    since: datetime
    is_backfilled: bool
    updated_at: datetime
    says: list[tuple[str, str]]


def read_records(con: duckdb.DuckDBPyConnection, person_id: str) -> dict[str, list[Record]]:
    """The records of a person by source, the most strongly tied first."""
    rows = rows_of(
        con,
        tables=(PERSON_LINKS, PERSON_RECORDS),
        sql=f"""select r.*, l.match_kind, l.match_strength, l.valid_from, l.is_backfilled
            from {scan(PERSON_LINKS)} l join {scan(PERSON_RECORDS)} r using (person_record_id)
            where l.person_id = $person and l.valid_to is null
            order by r.source, l.match_strength desc, r.person_record_id""",
        parameters={"person": person_id},
    )
    records: dict[str, list[Record]] = {}
    for row in rows:
        records.setdefault(row["source"], []).append(_record(row))
    return records


def _record(row: Row) -> Record:
    plain = [(name, row[name]) for name in TEXTS if row[name] is not None]
    in_columns = {value for _, value in plain}
    others = [(item["kind"], item["value"]) for item in row["identifiers"] or [] if item["value"] not in in_columns]
    return Record(
        person_record_id=row["person_record_id"],
        source=row["source"],
        match_kind=row["match_kind"],
        match_strength=row["match_strength"],
        since=row["valid_from"],
        is_backfilled=row["is_backfilled"],
        updated_at=row["updated_at"],
        says=plain + others,
    )


def name_in_other_script(golden: str | None, records: dict[str, list[Record]]) -> str | None:
    """The name that most records use in the script in which the golden one is not; None where none does."""
    if not golden:
        return None
    names = Counter(
        value
        for of_source in records.values()
        for record in of_source
        for name, value in record.says
        if name == "full_name" and is_han(value) != is_han(golden)
    )
    return min(names, key=lambda name: (-names[name], name)) if names else None


def is_han(text: str) -> bool:
    """Whether a text holds a Han character."""
    return _HAN.search(text) is not None
