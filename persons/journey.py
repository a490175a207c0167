"""A person's journey as data: the events counted by hour, and the list of events page by page.

How the journey is drawn is `web/person/journey_picture.py`. One reading of the table serves both (27 ms for 67,000
events of 2,000 persons).
"""

from dataclasses import dataclass

import duckdb

from contracts.catalogue.tables import JOURNEY_EVENTS
from lake.sql.rows import as_dicts
from lake.sql.scratch import Computation, ScratchTable
from lake.tables import scan, table_exists
from persons.reading import Row

PAGE_ROWS = 25
#: Events at which a front line looks first: somebody was let down, or left.
TROUBLES = frozenset(
    {
        "app_crashed", "app_error_shown", "claim_opened", "complaint_made", "order_returned", "person_unsubscribed",
        "service_cancelled", "supervisor_requested",
    }
)  # fmt: skip
_TIME = "TIMESTAMP WITH TIME ZONE"
#: The events of a person.
_JOURNEY = ScratchTable(
    "journey",
    {
        "event_id": "VARCHAR", "event_at": _TIME, "known_at": _TIME, "source": "VARCHAR", "event_type": "VARCHAR",
        "channel": "VARCHAR", "detail": "VARCHAR", "amount_cny": "DOUBLE", "branch_id": "VARCHAR",
        "campaign_id": "VARCHAR", "case_id": "VARCHAR", "delay_minutes": "DOUBLE", "duration_ms": "BIGINT",
        "order_id": "VARCHAR", "product_category": "VARCHAR", "score": "DOUBLE",
    },
)  # fmt: skip
_READ = Computation("read a journey", inner=(_JOURNEY,))


@dataclass(frozen=True)
class EventPage:
    """A page of the list of events, newest first.

    Attributes:
        source: the system whose events are listed; None lists those of all systems.
        number: the page, from 1; `pages`: how many there are.
        events: how many events all pages have.
        rows: event_id, event_at, known_at, source, event_type, channel, detail and what an event is about.
    """

    source: str | None
    number: int
    pages: int
    events: int
    rows: list[Row]


@dataclass(frozen=True)
class Journey:
    """The journey as it was asked for.

    Attributes:
        hours: source, event_type, event_at (the hour), events, first_at, last_at; empty where nothing has happened.
        page: the page of events that was asked for.
    """

    hours: list[Row]
    page: EventPage


def read_journey(
    con: duckdb.DuckDBPyConnection, person_id: str, *, source: str | None = None, number: int = 1
) -> Journey:
    """The counted events of all systems, and a page of the events of one system or of all.

    A number beyond the last page gives the last.
    """
    if not table_exists(JOURNEY_EVENTS):
        return Journey([], EventPage(source, number=1, pages=1, events=0, rows=[]))
    with _READ.on(con) as step:
        step.make(
            _JOURNEY,
            f"select {', '.join(_JOURNEY.columns)} from {scan(JOURNEY_EVENTS)} where person_id = ?",
            [person_id],
        )
        hours = as_dicts(
            con,
            """select source, event_type, date_trunc('hour', event_at) as event_at, count(*) as events,
                   min(event_at) as first_at, max(event_at) as last_at
               from journey group by all order by source""",
        )
        return Journey(hours, _read_page(con, source, number))


def _read_page(con: duckdb.DuckDBPyConnection, source: str | None, number: int) -> EventPage:
    of_source = "from journey where $source is null or source = $source"
    events = as_dicts(con, f"select count(*) as events {of_source}", {"source": source})[0]["events"]
    pages = max(1, -(-events // PAGE_ROWS))
    number = min(max(1, number), pages)
    shown = as_dicts(
        con,
        f"""select * {of_source} order by event_at desc, event_id
            limit {PAGE_ROWS} offset {(number - 1) * PAGE_ROWS}""",
        {"source": source},
    )
    return EventPage(source, number=number, pages=pages, events=events, rows=shown)
