"""From what somebody typed to the person who is meant: an id, an e-mail address or a telephone number."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

import duckdb

from lake.tables import scan
from persons.lookup import AmbiguousPersonError, UnknownPersonError, find_person
from persons.profile import PERSON_CONTACT, PERSON_PROFILE
from web.person.reading import Row, rows_of

Kind = Literal["person_id", "email", "phone"]
LONGEST = 320  # what an e-mail address may have at most
_PERSON_ID = re.compile(r"p_[0-9a-z]+")
_PHONE = re.compile(r"[\d\s()+./‐-―-]{5,40}")
_KIND_WORDS: dict[Kind, str] = {"person_id": "id", "email": "e-mail address", "phone": "telephone number"}


@dataclass(frozen=True)
class Unknown:
    """Nobody was found: what was looked for, and what to do now."""

    reason: str
    cure: str


@dataclass(frozen=True)
class Choice:
    """Several people were found: `persons` as person_id, full_name, age_band, city, records_count."""

    kind: str
    persons: list[Row]


def kind_of(text: str) -> Kind | None:
    """What a text seems to be; None where it can be none of the three. Full-width letters and digits count as plain."""
    if "@" in text:
        return "email"
    if _PERSON_ID.fullmatch(text):
        return "person_id"
    return "phone" if _PHONE.fullmatch(text) and sum(c.isdigit() for c in text) >= 5 else None


def look_up(con: duckdb.DuckDBPyConnection, typed: str) -> str | Choice | Unknown:
    """The id of the person who is meant, or whom it may be, or why it is nobody."""
    text = unicodedata.normalize("NFKC", typed).strip()
    kind = kind_of(text) if len(text) <= LONGEST else None
    if kind is None:
        return Unknown(
            "That is no id, no e-mail address and no telephone number",
            "Type one of the three: p_…, somebody@somewhere, or a number with its country code, as +86 136 0000 0000.",
        )
    try:
        return find_person(
            person_id=text if kind == "person_id" else None,
            email=text if kind == "email" else None,
            phone=text if kind == "phone" else None,
            con=con,
        )
    except AmbiguousPersonError as error:
        return Choice(_KIND_WORDS[kind], _persons(con, error.person_ids))
    except UnknownPersonError as error:
        return Unknown(_sentence(str(error.args[0])), _CURES.get(kind) or _sentence(error.cure))


#: What to do in the words of the page; `find_person` speaks to a command line.
_CURES: dict[Kind, str] = {
    "person_id": "Ids are written p_ and twenty letters and digits. If it is an old one whose last record was "
    "withdrawn, the list of changes below tells what became of it.",
    "email": "Check its spelling. A placeholder, or an address that many share, leads to nobody: try the telephone "
    "number.",
    "phone": "Give it with its country code, as +86. A number that many share leads to nobody: try the e-mail address.",
}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _persons(con: duckdb.DuckDBPyConnection, person_ids: list[str]) -> list[Row]:
    found = rows_of(
        con,
        (PERSON_CONTACT, PERSON_PROFILE),
        f"""select c.person_id, c.full_name, p.age_band, p.city, p.records_count
            from {scan(PERSON_CONTACT)} c left join {scan(PERSON_PROFILE)} p using (person_id)
            where c.person_id in (select unnest($ids)) order by p.records_count desc, c.person_id""",
        {"ids": person_ids},
    )
    told = {row["person_id"] for row in found}
    return found + [{"person_id": person} for person in person_ids if person not in told]
