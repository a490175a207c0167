"""From what somebody typed to the person who is meant: an id, an e-mail address or a telephone number."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

import duckdb

from contracts.catalogue.tables import PERSON_CONTACT, PERSON_PROFILE
from lake.tables import scan
from persons.lookup import AmbiguousPersonError, UnknownPersonError, find_person
from persons.reading import Row, rows_of

Kind = Literal["person_id", "email", "phone"]
MAX_LENGTH = 320  # what an e-mail address may have at most
_PERSON_ID = re.compile(r"p_[0-9a-z]+")
_PHONE = re.compile(r"[\d\s()+./‐-―-]{5,40}")


@dataclass(frozen=True)
class NoPerson:
    """Nobody was found.

    Attributes:
        reason: not_understood (it is none of the three), empty_lake, person_id, ended (a former id whose last record
            was withdrawn), email, phone.
    """

    reason: str


@dataclass(frozen=True)
class Choice:
    """Several people show what was typed: `persons` as person_id, full_name, age_band, city, records_count."""

    kind: Kind
    persons: list[Row]


def kind_of(text: str) -> Kind | None:
    """What a text seems to be; None where it can be none of the three. Full-width letters and digits count as plain."""
    if "@" in text:
        return "email"
    if _PERSON_ID.fullmatch(text):
        return "person_id"
    return "phone" if _PHONE.fullmatch(text) and sum(c.isdigit() for c in text) >= 5 else None


def search_person(con: duckdb.DuckDBPyConnection, typed: str) -> str | Choice | NoPerson:
    """The id of the person who is meant, or whom it may be, or why it is nobody."""
    text = unicodedata.normalize("NFKC", typed).strip()
    kind = kind_of(text) if len(text) <= MAX_LENGTH else None
    if kind is None:
        return NoPerson("not_understood")
    try:
        return find_person(
            person_id=text if kind == "person_id" else None,
            email=text if kind == "email" else None,
            phone=text if kind == "phone" else None,
            con=con,
        )
    except AmbiguousPersonError as error:
        return Choice(kind, _persons(con, error.person_ids))
    except UnknownPersonError as error:
        return NoPerson(error.reason)


def _persons(con: duckdb.DuckDBPyConnection, person_ids: list[str]) -> list[Row]:
    """The persons with what tells them apart; a person without a contact row has the id alone."""
    found_rows = rows_of(
        con,
        tables=(PERSON_CONTACT, PERSON_PROFILE),
        sql=f"""select c.person_id, c.full_name, p.age_band, p.city, p.records_count
            from {scan(PERSON_CONTACT)} c left join {scan(PERSON_PROFILE)} p using (person_id)
            where c.person_id in (select unnest($ids)) order by p.records_count desc, c.person_id""",
        parameters={"ids": person_ids},
    )
    known_ids = {row["person_id"] for row in found_rows}
    return found_rows + [{"person_id": person} for person in person_ids if person not in known_ids]
