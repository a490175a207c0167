"""What a person has allowed: the last declaration per purpose and channel, granted, refused or run out by now.

`marts/person_profile` tells modellers only what holds. Who talks to the person has to tell "no" from "never asked", so
the page reads the declarations themselves, by the same rule as the mart: the newest version of each, then the last one.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from identity.links.as_of import PERSON_LINKS
from lake import clock
from lake.tables import scan
from persons.reading import rows_of

CONSENTS = "bronze/crm/consents"


@dataclass(frozen=True)
class Consent:
    """The last declaration for a purpose and a channel. `state`: granted, refused, expired, not yet."""

    purpose: str
    channel: str
    state: str
    valid_from: datetime
    valid_to: datetime | None


def read_consents(con: duckdb.DuckDBPyConnection, person_id: str) -> list[Consent]:
    """The consents of a person, by purpose and channel."""
    found = rows_of(
        con,
        (CONSENTS, PERSON_LINKS),
        f"""with mine as (
                select c.* from {scan(CONSENTS)} c
                    join {scan(PERSON_LINKS)} l on l.person_record_id = 'crm:customers:' || c.crm_id
                where l.person_id = $person and l.valid_to is null),
            newest as (
                select *, row_number() over (
                    partition by record_id order by known_at desc, updated_at desc, content_hash desc, batch_id desc
                ) as version_rank from mine),
            declared as (
                select *, row_number() over (
                    partition by purpose, channel order by valid_from desc, updated_at desc, record_id
                ) as place from newest where version_rank = 1)
            select purpose, channel, valid_from, valid_to,
                case when not is_granted then 'refused' when valid_to <= $now then 'expired'
                     when valid_from > $now then 'not yet' else 'granted' end as state
            from declared where place = 1 order by purpose, channel""",
        {"person": person_id, "now": clock.now()},
    )
    return [Consent(**row) for row in found]
