"""Which person an id, an e-mail address or a phone number leads to. What is known of that person is `profile`."""

from contextlib import nullcontext
from typing import Any

import duckdb

from contracts.catalogue.tables import PERSON_EVENTS, PERSON_LINKS, PERSON_RECORDS
from contracts.errors import LakeError
from identity.matching.comparable.values import e164, email_sql
from lake.sql.connections import connect
from lake.tables import scan, table_exists


class UnknownPersonError(LakeError):
    """Nobody in the lake is the person asked for; `reason`: empty_lake, ended, person_id, email or phone."""

    def __init__(self, message: str, *, cure: str, reason: str) -> None:
        super().__init__(message, cure=cure)
        self.reason = reason


class AmbiguousPersonError(LakeError):
    """Several people share the value asked for: `person_ids`."""

    def __init__(self, message: str, *, cure: str, person_ids: list[str]) -> None:
        super().__init__(message, cure=cure)
        self.person_ids = person_ids


def find_person(
    *,
    person_id: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    con: duckdb.DuckDBPyConnection | None = None,
) -> str:
    """The id of the person asked for by exactly one of the three; an old id that was merged leads to the one it is now.

    Args:
        con: a connection to use; one of its own (20 ms) without it.

    Raises:
        UnknownPersonError: nobody has it.
        AmbiguousPersonError: several people do.
    """
    if not table_exists(PERSON_LINKS):
        raise UnknownPersonError("this lake knows nobody yet", cure="fill it first: lake run", reason="empty_lake")
    with connect() if con is None else nullcontext(con) as using:
        if person_id is not None:
            person_ids = _by_id(using, person_id)
            reason, identifier = "person_id", "id"
            cure = "take an id from marts/person_profile, or look up by --email or --phone"
        elif email is not None:
            person_ids = _by_email(using, email)
            reason, identifier = "email", "e-mail"
            cure = "check its spelling; an address that many share, or a placeholder, leads to nobody"
        else:
            person_ids = _by_phone(using, phone or "")
            reason, identifier = "phone", "phone number"
            cure = "give it with its country code; a number that many share leads to nobody"
        has_ended = not person_ids and person_id is not None and _was_somebody(using, person_id)
    if not person_ids:
        if has_ended:
            raise UnknownPersonError(
                "nobody in this lake has that id any more: the person's last record was withdrawn",
                cure=f"see what became of it: the rows of identity/person_events that name {person_id}",
                reason="ended",
            )
        raise UnknownPersonError(f"nobody in this lake has that {identifier}", cure=cure, reason=reason)
    if len(person_ids) > 1:
        raise AmbiguousPersonError(
            f"{len(person_ids)} people show that {identifier}",
            cure=f"look one of them up by id: {', '.join(person_ids[:5])}",
            person_ids=person_ids,
        )
    return person_ids[0]


def former_ids(con: duckdb.DuckDBPyConnection, person_id: str) -> list[dict[str, Any]]:
    """Ids that were merged into this person, also by way of others: person_id, merged_into, event_at, newest first."""
    if not table_exists(PERSON_EVENTS):
        return []
    merged = con.execute(
        f"""with recursive merges as (
                select other_person_id as person_id, person_id as merged_into, event_at from {scan(PERSON_EVENTS)}
                where event_type = 'merge'),
            former as (
                select * from merges where merged_into = ?
                union
                select m.* from former f join merges m on m.merged_into = f.person_id)
            select person_id, merged_into, event_at from former order by event_at desc, person_id""",
        [person_id],
    ).fetchall()
    return [{"person_id": was, "merged_into": into, "event_at": at} for was, into, at in merged]


def _was_somebody(con: duckdb.DuckDBPyConnection, person_id: str) -> bool:
    was = con.execute(f"select 1 from {scan(PERSON_LINKS)} where person_id = ? limit 1", [person_id])
    return was.fetchone() is not None


def _by_id(con: duckdb.DuckDBPyConnection, person_id: str) -> list[str]:
    """The id itself, else the person that holds most of what was its records."""
    rows = con.execute(
        f"select 1 from {scan(PERSON_LINKS)} where person_id = ? and valid_to is null limit 1", [person_id]
    ).fetchall()
    if rows:
        return [person_id]
    rows = con.execute(
        f"""select now_.person_id, count(*) as records from {scan(PERSON_LINKS)} was
                join {scan(PERSON_LINKS)} now_ using (person_record_id)
            where was.person_id = ? and now_.valid_to is null group by 1 order by records desc, 1 limit 1""",
        [person_id],
    ).fetchall()
    return [row[0] for row in rows]


_SHOWN = """select person_record_id, value from (
        select person_record_id, item.value as value
            from (select person_record_id, unnest(identifiers) as item from {records}) where item.kind = '{kind}'
        union select person_record_id, {kind} from {records} where {kind} is not null)"""


def _by_email(con: duckdb.DuckDBPyConnection, email: str) -> list[str]:
    shown = _SHOWN.format(records=scan(PERSON_RECORDS), kind="email")
    rows = con.execute(
        f"""with asked as (select {email_sql("cast($asked as varchar)")} as email)
            select distinct person_id from ({shown}) join {scan(PERSON_LINKS)} using (person_record_id)
            where valid_to is null and {email_sql("value")} = (select email from asked)""",
        {"asked": email},
    ).fetchall()
    return sorted(row[0] for row in rows)


def _by_phone(con: duckdb.DuckDBPyConnection, phone: str) -> list[str]:
    number = e164(phone, None)
    if number is None:
        return []
    shown = _SHOWN.format(records=scan(PERSON_RECORDS), kind="phone")
    rows = con.execute(
        f"""select distinct person_id, value, country from ({shown}) join {scan(PERSON_LINKS)} using (person_record_id)
            join (select person_record_id, country from {scan(PERSON_RECORDS)}) using (person_record_id)
            where valid_to is null and right(regexp_replace(value, '[^0-9]', '', 'g'), 7) = ?""",
        [number[-7:]],
    ).fetchall()
    return sorted({person for person, value, country in rows if e164(value, country) == number})
