"""Everything that one person's page shows, gathered in one go."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from persons.profile import Golden, Profile, read_profile
from web.person.consents import Consent, read_consents
from web.person.doubts import Doubt, read_doubts
from web.person.history import Graph, read_graph
from web.person.journey import Journey, read_journey
from web.person.reading import reader
from web.person.records import Record, name_in_other_script, read_records


@dataclass(frozen=True)
class View:
    """What of a person's page was asked for: a system and a page of the journey, its span, a day of the past."""

    source: str | None = None
    number: int = 1
    span: str | None = None
    day: date | None = None


@dataclass(frozen=True)
class Person:
    """One person's page. `graph` is None where no day of the past was asked for."""

    profile: Profile
    consents: list[Consent]
    records: dict[str, list[Record]]
    doubts: list[Doubt]
    journey: Journey
    graph: Graph | None

    @cached_property
    def values(self) -> dict[str, Any]:
        """The golden values by column."""
        return {name: value for item in self.profile.golden for name, value in item.values.items()}

    @property
    def golden(self) -> list[tuple[Golden, list[tuple[str, Any]]]]:
        """The golden attributes that have a value, each with its columns that have one."""
        told = (
            (item, [(name, held) for name, held in item.values.items() if held not in (None, "", [])])
            for item in self.profile.golden
        )
        return [(item, values) for item, values in told if values]

    @property
    def name(self) -> str | None:
        """The golden name, as it is written in one piece."""
        parts = (self.values.get("given_name"), self.values.get("family_name"))
        return self.values.get("full_name") or " ".join(filter(None, parts)) or None

    @property
    def other_name(self) -> str | None:
        """The same in the other script, where a record has it."""
        return name_in_other_script(self.name, self.records)

    @property
    def records_count(self) -> int:
        """How many records are this person."""
        return sum(len(records) for records in self.records.values())

    @property
    def strongest(self) -> float:
        """The strongest tie of any record, in bits: the full length of a bar."""
        return max((record.match_strength for of_source in self.records.values() for record in of_source), default=0.0)


def read_person(person_id: str, view: View, *, asked_for: str | None = None) -> Person:
    """The page of a person (an id from `find_person`). Two threads read, each on its own connection: 190 ms of
    the profile's queries beside 110 of all others (2,000 persons)."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        profile = beside.submit(_profile, person_id, asked_for)
        with reader() as con:
            consents = read_consents(con, person_id)
            records = read_records(con, person_id)
            doubts = read_doubts(con, person_id)
            journey = read_journey(con, person_id, source=view.source, number=view.number, span=view.span)
            graph = read_graph(con, person_id, view.day) if view.day is not None else None
        return Person(profile.result(), consents, records, doubts, journey, graph)


def _profile(person_id: str, asked_for: str | None) -> Profile:
    with reader() as con:
        return read_profile(person_id, asked_for=asked_for, last=0, con=con)
