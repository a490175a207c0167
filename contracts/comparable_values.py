"""The declaration of what typed values mean, `comparable_values.yaml`, read and validated.

The one home of gender words, date formats, placeholders, e-mail hosts, telephone patterns and names of countries. The
matcher builds its SQL and Python from it, dbt's macros get it as the variable `comparable_values`
(`dbt_project.runner`). Only words, patterns and formats are declared here: what is done with them is the readers'.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

COMPARABLE_VALUES = Path(__file__).resolve().with_suffix(".yaml")


class _Declared(BaseModel):
    """A part of the declaration: an unknown or a missing key is an error, and nothing changes it afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Declared):
    """`words`: value -> the spellings that mean it."""

    words: dict[str, tuple[str, ...]]

    @property
    def meanings(self) -> dict[str, str]:
        """Spelling -> value."""
        return {word: value for value, spellings in self.words.items() for word in spellings}


class Countries(Words):
    """Names of countries by ISO 3166 code; `default` is the code of a record that names no known country."""

    default: str


class Characters(_Declared):
    """Characters, and those that stand for them, at the same places of two texts of one length."""

    written: str = Field(alias="from")
    meant: str = Field(alias="to")


class DateFormat(_Declared):
    """One way to write a date, as `strptime` (DuckDB, Python) and as Java (Spark) spell it."""

    strptime: str
    java: str


class BirthDate(_Declared):
    """How dates of birth are written, and which one is a filler."""

    time_of_day: str
    formats: tuple[DateFormat, ...]
    either_order: str
    never_asked: str


class Email(_Declared):
    """What is removed from an e-mail address, which hosts read several spellings as one, and which are nobody's."""

    wide_characters: Characters
    removed: str
    address: str
    host_aliases: dict[str, str]
    plus_tag_hosts: tuple[str, ...]
    dotless_hosts: tuple[str, ...]
    disposable_hosts: tuple[str, ...]
    placeholders: str
    roles: str


class Phone(_Declared):
    """What is removed from a telephone number, and which numbers are nobody's."""

    wide_characters: Characters
    removed: str
    chinese_mobile: str
    chinese_hotline: str
    placeholders: tuple[str, ...]


class Identifier(_Declared):
    """Kinds of identifiers by how their issuers write them, and what is removed from those."""

    removed: str
    numbers: tuple[str, ...]
    handles: tuple[str, ...]
    national_id_placeholders: tuple[str, ...]


class PersonName(_Declared):
    """Words that are no name, and the signs that are not compared."""

    placeholders: tuple[str, ...]
    removed: str


class ComparableValues(_Declared):
    """The whole declaration; the meaning of each entry is a comment next to it in the file."""

    gender: Words
    birth_date: BirthDate
    email: Email
    phone: Phone
    country: Countries
    identifier: Identifier
    no_value: tuple[str, ...]
    name: PersonName

    @property
    def names_of_nobody(self) -> tuple[str, ...]:
        """Words in lower case that stand where a name should."""
        return (*(word.lower() for word in self.no_value), *self.name.placeholders)

    def as_variable(self) -> dict[str, Any]:
        """The declaration as dbt's variable `comparable_values`, with the keys of the file and `names_of_nobody`."""
        return {**self.model_dump(mode="json", by_alias=True), "names_of_nobody": list(self.names_of_nobody)}


@lru_cache(maxsize=1)
def comparable_values() -> ComparableValues:
    """The declaration, read once in a process.

    Raises:
        pydantic.ValidationError: the file lacks an entry or has one that nobody reads.
    """
    return ComparableValues.model_validate(yaml.safe_load(COMPARABLE_VALUES.read_text(encoding="utf-8")))
