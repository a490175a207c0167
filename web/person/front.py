"""What stands on the first page beside the search: how many, what changed last, and where a false merge would show."""

from dataclasses import dataclass

import duckdb

from identity.links.as_of import PERSON_LINKS
from lake.tables import scan
from persons.profile import PERSON_PROFILE
from web.person.doubts import Waiting, read_queue
from web.person.history import last_changes
from web.person.reading import Row, rows_of

LARGEST = 10


@dataclass(frozen=True)
class Front:
    """The first page: ids and counts, no values.

    Attributes:
        changes: the newest of the ledger, as `history.last_changes` gives them.
        largest: person_id, records_count, sources_count, events_count of those with the most records.
        doubts: how many pairs wait for a judgement; `queue` are those of which the matcher is least sure.
    """

    persons: int
    records: int
    changes: list[Row]
    largest: list[Row]
    doubts: int
    queue: list[Waiting]


def read_front(con: duckdb.DuckDBPyConnection) -> Front:
    """The first page as the lake stands now; an empty lake has nobody."""
    counted = rows_of(
        con,
        (PERSON_LINKS,),
        f"""select count(distinct person_id) as persons, count(*) as records from {scan(PERSON_LINKS)}
            where valid_to is null""",
    )
    largest = rows_of(
        con,
        (PERSON_PROFILE,),
        f"""select person_id, records_count, sources_count, events_count from {scan(PERSON_PROFILE)}
            order by records_count desc, person_id limit {LARGEST}""",
    )
    doubts, queue = read_queue(con)
    return Front(
        persons=counted[0]["persons"] if counted else 0,
        records=counted[0]["records"] if counted else 0,
        changes=last_changes(con),
        largest=largest,
        doubts=doubts,
        queue=queue,
    )
