"""What a declaration says of a table. Where declarations are read from is `declarations` and `derived`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from contracts.catalogue.column_types import arrow_type, type_word
from contracts.catalogue.zones import RESTRICTED_ZONES, zone_of

#: How sensitive a value is, the least first; the classes of the source contracts.
CLASSIFICATIONS = (
    "public", "internal", "pii_direct", "pii_quasi", "pii_online", "pii_sensitive", "pii_text",
)  # fmt: skip


@dataclass(frozen=True)
class TableColumn:
    """One column of a table.

    Attributes:
        type: a word of `column_types`.
        unit: of a number, where its name does not say it.
        is_required: never null.
        is_key: each value once in the table.
    """

    name: str
    type: str
    meaning: str
    classification: str = "internal"
    unit: str | None = None
    is_required: bool = False
    is_key: bool = False

    @property
    def is_personal(self) -> bool:
        """Whether the value is personal data of any class."""
        return self.classification.startswith("pii_")


@dataclass(frozen=True)
class Table:
    """One Delta table.

    Attributes:
        grain: what a row is: "One row per …".
        owner: the team that answers for the data; one per table.
        writer: the file whose code makes the rows, relative to the project.
        read_by: the rooms that read it by its name. What looks at every table there is (checks, status, maintenance,
            the portal's counts) is not named.
        retention: how long a row stays: `unlimited`, `as its inputs` (rebuilt from other tables: a row goes when
            theirs do), `<number> days` or `<number> runs`.
        declared_in: the file of the declaration, relative to the project.
        steward: whom to ask, where the source's contract names somebody.
        is_open_to_text: whether columns that are not declared may be written as text: bronze keeps what a source
            newly sends.
    """

    name: str
    grain: str
    owner: str
    writer: str
    read_by: tuple[str, ...]
    retention: str
    columns: tuple[TableColumn, ...]
    declared_in: str
    steward: str = ""
    is_open_to_text: bool = False

    @property
    def zone(self) -> str:
        """The first part of the name."""
        return zone_of(self.name)

    @property
    def is_restricted(self) -> bool:
        """Whether the table lies in a zone that modellers may not read."""
        return self.zone in RESTRICTED_ZONES

    @property
    def personal_columns(self) -> tuple[str, ...]:
        """Names of the columns with personal data."""
        return tuple(column.name for column in self.columns if column.is_personal)

    @cached_property
    def schema(self) -> pa.Schema:
        """The declared columns as Arrow has them."""
        return pa.schema([pa.field(column.name, arrow_type(column.type)) for column in self.columns])

    @cached_property
    def _words(self) -> Mapping[str, str]:
        return {column.name: type_word(arrow_type(column.type)) for column in self.columns}

    def differences(self, given: pa.Schema | Iterable[pa.Field], *, is_part: bool = False) -> list[str]:
        """What is wrong with the columns of rows that are to be written, in words; empty where they are as declared.

        Args:
            is_part: whether columns may be missing.
        """
        words = {field.name: type_word(field.type) for field in given}
        wrong = [] if is_part else [f"{name} is missing" for name in self._words if name not in words]
        for name, word in words.items():
            declared = self._words.get(name)
            if declared is None and not (self.is_open_to_text and word == "string"):
                wrong.append(f"{name} is not declared" + (" and not text" if self.is_open_to_text else ""))
            elif declared is not None and declared != word:
                wrong.append(f"{name} is {word} and declared as {declared}")
        return wrong
