"""When a source changes shape: columns that come, go, are renamed or change their type, and what is done about it.

A new column is what the contract's `onDrift` says: `add` keeps it and adds it to bronze as text; `ignore` leaves it
out (it stays in quarantined records); `block` lands nothing of that shape until somebody agrees. A required column
that goes, and a type that is another one, always block: the data stays at the source, and the message names the
column. A renamed column is one that goes and one that comes, until the contract says `physicalName`: both names
are then read.
"""

from collections.abc import Collection, Iterable, Mapping

from contracts.contract_file import Entity
from contracts.errors import LakeError
from contracts.logical_types import SOURCE_KINDS
from contracts.source_contract import OnDrift

#: A source that suddenly has more new columns than this is broken or hostile.
MAX_NEW_COLUMNS = 100
#: So many records of a file show what the file is like; fewer may be bad records.
EVIDENCE_ROWS = 20
#: More than this part of a file's records with the same fault is a changed shape, not bad records: the file is left
#: where it is, rather than millions in quarantine.
MAX_BROKEN_SHARE = 0.5


class DriftError(LakeError):
    """A source's shape no longer fits its contract."""


def require_columns(entity: Entity, names: Collection[str]) -> None:
    """Hold the columns that a source declares to the contract.

    Raises:
        DriftError: a required column is missing, or a new one is there and the contract blocks it.
    """
    contract_columns = {name for column in entity.columns for name in column.names}
    new = set(names) - contract_columns
    missing = [c.name for c in entity.columns if c.required and not set(c.names) & set(names)]
    if missing:
        raise missing_columns(entity, missing, new)
    agreed_columns(entity, new)


def require_types(entity: Entity, kinds: Mapping[str, str]) -> None:
    """Hold the types that a source declares for its columns to the contract; wider and narrower ones fit.

    Args:
        kinds: text, whole number, number, boolean, time, date, or what else it is, in words; by column.

    Raises:
        DriftError: a column is of another kind than the contract says.
    """
    for column in entity.columns:
        kind = next((kinds[name] for name in column.names if name in kinds), "nothing")
        if kind != "nothing" and kind not in SOURCE_KINDS[column.logical_type]:
            raise DriftError(
                f"column {column.name} of {entity.source}/{entity.name} is now {kind}, and its contract says"
                f" {column.logical_type}",
                cure="ask the source's owner; deliver it as before, or change its logicalType in the contract",
            )


def changed_column(entity: Entity, *, name: str, broken: int, records: int) -> DriftError:
    """The error for a column that in most records is not of its type any more."""
    return DriftError(
        f"column {name} of {entity.source}/{entity.name} is not {entity.column(name).logical_type} in {broken} of"
        f" {records} records: its type has changed",
        cure="ask the source's owner; deliver it as before, or change its logicalType in the contract",
    )


def unreadable_records(entity: Entity, broken: int, records: int) -> DriftError:
    """The error for records most of which cannot be parsed."""
    return DriftError(
        f"{broken} of {records} records of {entity.source}/{entity.name} cannot be parsed",
        cure="deliver one whole record per line, each a JSON object with every key once",
    )


def missing_columns(entity: Entity, names: Iterable[str], new: Iterable[str] = ()) -> DriftError:
    """The error for required columns that are gone; `new` ones may be what they are called now."""
    missing, arrived = ", ".join(sorted(names)), ", ".join(sorted(new)[:5])
    if arrived:
        return DriftError(
            f"required column {missing} of {entity.source}/{entity.name} is gone, and {arrived} is new: renamed?",
            cure=f"if it is, say `physicalName: {arrived}` at {missing} in the contract (both names are read then);"
            " else ask the source's owner, or make it not required",
        )
    return DriftError(
        f"required column {missing} of {entity.source}/{entity.name} is gone",
        cure="ask the source's owner; if it is meant, change the contract (a new name, or not required) and run again",
    )


def agreed_columns(entity: Entity, new: Iterable[str]) -> list[str]:
    """The new columns that are to be kept, sorted, as the contract says.

    Raises:
        DriftError: the contract blocks new columns, or these cannot be kept next to the others.
    """
    names = sorted(new)
    where = f"{entity.source}/{entity.name}"
    if not names or entity.on_drift is OnDrift.IGNORE:
        return []
    if entity.on_drift is OnDrift.BLOCK:
        raise DriftError(
            f"new column {', '.join(names[:5])} in {where}, and its contract says `onDrift: block`",
            cure="add the column to the contract, or set `onDrift` to add or ignore",
        )
    taken = {c.name.lower() for c in entity.columns} | {name for name, _ in entity.landing_columns}
    twice = [n for n in names if n.lower() in taken or n.startswith("_") or not n.strip()]
    if twice or len({n.lower() for n in names}) < len(names) or len(names) > MAX_NEW_COLUMNS:
        raise DriftError(
            f"{len(names)} new column(s) in {where} cannot be kept next to the contract's: "
            f"{', '.join(repr(n[:40]) for n in (twice or names)[:5])}",
            cure=f"names must differ beyond case, not start with '_', and be {MAX_NEW_COLUMNS} at most; "
            "ask the source's owner, or set `onDrift: ignore`",
        )
    return names
