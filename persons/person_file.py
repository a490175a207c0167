"""One person's whole file as a page shows it, read in one call."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from governance.consent import Consent, read_consents
from persons.history import LinksOnDay, read_links_on_day
from persons.journey import Journey, read_journey
from persons.profile import Golden, Profile, read_profile
from persons.reading import reader
from persons.records import Record, name_in_other_script, read_records
from persons.reviews import OpenReview, read_reviews


@dataclass(frozen=True)
class View:
    """What of a file was asked for: a system and a page of the journey, the span of its picture, a day of the past."""

    source: str | None = None
    number: int = 1
    span: str | None = None
    day: date | None = None


@dataclass(frozen=True)
class PersonFile:
    """One person's file.

    Attributes:
        consents: by purpose and channel; None where no run has made the table yet.
        on_day: the links on a day of the past; None where none was asked for.
    """

    profile: Profile
    consents: list[Consent] | None
    records: dict[str, list[Record]]
    reviews: list[OpenReview]
    journey: Journey
    on_day: LinksOnDay | None

    @cached_property
    def values(self) -> dict[str, Any]:
        """The golden values by column."""
        return {name: value for item in self.profile.golden for name, value in item.values.items()}

    @property
    def golden(self) -> list[tuple[Golden, list[tuple[str, Any]]]]:
        """The golden attributes that have a value, each with its columns that have one."""
        with_values = (
            (item, [(name, value) for name, value in item.values.items() if value not in (None, "", [])])
            for item in self.profile.golden
        )
        return [(item, values) for item, values in with_values if values]

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


def read_person_file(person_id: str, view: View, *, asked_for: str | None = None) -> PersonFile:
    """The file of a person (an id from `find_person`).

    Two threads read, each on its own connection: 190 ms of the profile's queries while the other reads all the rest in
    110 ms (2,000 persons).
    """
    with ThreadPoolExecutor(max_workers=1) as other_thread:
        profile = other_thread.submit(_profile, person_id, asked_for)
        with reader() as con:
            consents = read_consents(con, person_id)
            records = read_records(con, person_id)
            reviews = read_reviews(con, person_id)
            journey = read_journey(con, person_id, source=view.source, number=view.number)
            on_day = read_links_on_day(con, person_id, view.day) if view.day is not None else None
        return PersonFile(
            profile.result(), consents=consents, records=records, reviews=reviews, journey=journey, on_day=on_day
        )


def _profile(person_id: str, asked_for: str | None) -> Profile:
    with reader() as con:
        return read_profile(person_id, asked_for=asked_for, last=0, con=con)
