"""What a person has allowed, as `marts/person_consents` holds it: the one reading of the one rule (ADR 36).

Who talks to a person has to tell "refused" from "never asked", so all states are read, not only what holds.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from contracts.catalogue.tables import PERSON_CONSENTS
from lake import clock
from lake.sql.rows import as_dicts
from lake.tables import scan, table_exists


@dataclass(frozen=True)
class Consent:
    """The state of the consent for a purpose and a channel at one moment.

    Attributes:
        state: granted, refused, expired (granted, and run out), not_yet (declared, and nothing has begun).
        valid_from, valid_to: the span in which the state stands (UTC); `valid_to` None: without end.
    """

    purpose: str
    channel: str
    state: str
    valid_from: datetime
    valid_to: datetime | None


def read_consents(
    con: duckdb.DuckDBPyConnection, person_id: str, *, at: datetime | None = None, known_at: datetime | None = None
) -> list[Consent] | None:
    """The consents of a person by purpose and channel; None where no run has made the table yet.

    Args:
        at: the moment at which they are to hold; now without it.
        known_at: by what was known then; by what is known now without it.
    """
    if not table_exists(PERSON_CONSENTS):
        return None
    now = clock.now()
    states = as_dicts(
        con,
        f"""select purpose, channel, state, valid_from, valid_to from {scan(PERSON_CONSENTS)}
            where person_id = $person
                and valid_from <= $at and (valid_to is null or valid_to > $at)
                and known_from <= $known and (known_to is null or known_to > $known)
            order by purpose, channel""",
        {"person": person_id, "at": at or now, "known": known_at or now},
    )
    return [Consent(**state) for state in states]
