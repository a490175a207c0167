"""What is known of all persons together: how many, what changed last, and where a false merge would show."""

from dataclasses import dataclass

import duckdb

from contracts.catalogue.tables import PERSON_LINKS, PERSON_PROFILE
from lake.tables import scan
from persons.history import last_changes
from persons.reading import Row, rows_of
from persons.reviews import QueuedPair, read_queue

LARGEST_SHOWN = 10


@dataclass(frozen=True)
class Overview:
    """Ids and counts, no values of anybody.

    Attributes:
        persons, records: how many there are as of now.
        changes: the newest merges and splits, as `history.last_changes` gives them.
        largest: person_id, records_count, sources_count, events_count of those with the most records.
        open_reviews: how many pairs wait for a judgement; `queue` are those of which the matcher is least sure.
    """

    persons: int
    records: int
    changes: list[Row]
    largest: list[Row]
    open_reviews: int
    queue: list[QueuedPair]


def read_overview(con: duckdb.DuckDBPyConnection) -> Overview:
    """The overview of the lake as it is now; an empty lake has nobody."""
    counted = rows_of(
        con,
        tables=(PERSON_LINKS,),
        sql=f"""select count(distinct person_id) as persons, count(*) as records from {scan(PERSON_LINKS)}
            where valid_to is null""",
    )
    largest = rows_of(
        con,
        tables=(PERSON_PROFILE,),
        sql=f"""select person_id, records_count, sources_count, events_count from {scan(PERSON_PROFILE)}
            order by records_count desc, person_id limit {LARGEST_SHOWN}""",
    )
    open_reviews, queue = read_queue(con)
    return Overview(
        persons=counted[0]["persons"] if counted else 0,
        records=counted[0]["records"] if counted else 0,
        changes=last_changes(con),
        largest=largest,
        open_reviews=open_reviews,
        queue=queue,
    )
