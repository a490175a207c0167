"""The past of a person's id: births, merges and splits, and whose the records were on a chosen day.

`lake profile` and the person page both read the past here.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import duckdb

from contracts.catalogue.tables import PERSON_EVENTS, PERSON_LINKS
from identity.links.as_of import held_at
from lake.sql.rows import as_dicts
from lake.tables import scan
from persons.reading import Row, rows_of


@dataclass(frozen=True)
class LinksOnDay:
    """The links around a person as they held at the end of a day.

    Attributes:
        day: the day that was chosen (UTC).
        records: the records that were this person's then: person_record_id, match_kind, match_strength, valid_from, and
            `person_id_now`, null where the record no longer exists.
        elsewhere: the records that are this person's now and were another's or nobody's then: person_record_id,
            `person_id_then` (null: not yet known).
    """

    day: date
    records: list[Row]
    elsewhere: list[Row]

    @property
    def is_as_now(self) -> bool:
        """Whether the links of the day are those of now."""
        return not self.elsewhere and all(row["person_id_now"] == row["person_id"] for row in self.records)


def read_links_on_day(con: duckdb.DuckDBPyConnection, person_id: str, day: date) -> LinksOnDay:
    """The links around a person at the end of a day."""
    moment = datetime.combine(day, time.max, tzinfo=UTC)
    parameters = {"person": person_id, "moment": moment}
    links = scan(PERSON_LINKS)
    records = as_dicts(
        con,
        f"""with at_day as (select * from {links} where person_id = $person and {held_at("$moment")}),
                 now_ as (select person_record_id, person_id from {links} where valid_to is null)
            select a.person_record_id, a.person_id, a.match_kind, a.match_strength, a.valid_from,
                n.person_id as person_id_now
            from at_day a left join now_ n using (person_record_id) order by a.person_record_id""",
        parameters,
    )
    elsewhere = as_dicts(
        con,
        f"""with mine as (select person_record_id from {links} where person_id = $person and valid_to is null)
            select m.person_record_id, l.person_id as person_id_then
            from mine m left join (select * from {links} where {held_at("$moment")}) l using (person_record_id)
            where l.person_id is distinct from $person order by m.person_record_id""",
        parameters,
    )
    return LinksOnDay(day, records, elsewhere)


def read_ledger(con: duckdb.DuckDBPyConnection, person_id: str) -> list[Row]:
    """The births, merges, splits, moves and ends that name a person, oldest first: event_type, person_id,
    other_person_id, records, event_at."""
    return rows_of(
        con,
        tables=(PERSON_EVENTS,),
        sql=f"""select event_type, person_id, other_person_id, records, event_at from {scan(PERSON_EVENTS)}
            where $person in (person_id, other_person_id) order by event_at, event_type""",
        parameters={"person": person_id},
    )


def last_changes(con: duckdb.DuckDBPyConnection, limit: int = 20) -> list[Row]:
    """The newest merges, splits, moves and ends of the whole lake, in the columns of `read_ledger`."""
    return rows_of(
        con,
        tables=(PERSON_EVENTS,),
        sql=f"""select event_type, person_id, other_person_id, records, event_at from {scan(PERSON_EVENTS)}
            where event_type <> 'birth' order by event_at desc, event_id limit {limit}""",
    )
