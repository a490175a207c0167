"""When a source changes shape: columns that come, columns that go, and what the contract's `onDrift` says to it.

`add` keeps a new column and adds it to bronze as text; `ignore` leaves it out (it stays in quarantined records);
`block` lands nothing of that shape until somebody agrees. A required column that goes always blocks: the data stays
at the source, and the message names the column.
"""

from collections.abc import Collection, Iterable

from ingestion.contract import Entity
from lake.errors import LakeError

#: A source that suddenly has more new columns than this is broken or hostile.
MOST_NEW_COLUMNS = 100
#: JSON has no header: so many records without a required column are a changed shape, fewer are bad records.
EVIDENCE_ROWS = 20


class DriftError(LakeError):
    """A source's shape no longer fits its contract."""


def require_columns(entity: Entity, names: Collection[str]) -> None:
    """Hold the columns that a source declares to the contract.

    Raises:
        DriftError: a required column is missing, or a new one is there and the contract blocks it.
    """
    missing = [c.name for c in entity.columns if c.required and c.name not in names]
    if missing:
        raise missing_columns(entity, missing)
    agreed_columns(entity, set(names) - {c.name for c in entity.columns})


def missing_columns(entity: Entity, names: Iterable[str]) -> DriftError:
    """The error for required columns that are gone."""
    return DriftError(
        f"required column {', '.join(sorted(names))} of {entity.source}/{entity.name} is gone",
        cure="ask the source's owner; if it is meant, change the contract (a new name, or not required) and run again",
    )


def agreed_columns(entity: Entity, new: Iterable[str]) -> list[str]:
    """The new columns that are to be kept, sorted, as the contract says.

    Raises:
        DriftError: the contract blocks new columns, or these cannot be kept beside the others.
    """
    names = sorted(new)
    where = f"{entity.source}/{entity.name}"
    if not names or entity.on_drift == "ignore":
        return []
    if entity.on_drift == "block":
        raise DriftError(
            f"new column {', '.join(names[:5])} in {where}, and its contract says `onDrift: block`",
            cure="add the column to the contract, or set `onDrift` to add or ignore",
        )
    taken = {c.name.lower() for c in entity.columns} | {name for name, _ in entity.landing_columns}
    twice = [n for n in names if n.lower() in taken or n.startswith("_") or not n.strip()]
    if twice or len({n.lower() for n in names}) < len(names) or len(names) > MOST_NEW_COLUMNS:
        raise DriftError(
            f"{len(names)} new column(s) in {where} cannot be kept beside the contract's: "
            f"{', '.join(repr(n[:40]) for n in (twice or names)[:5])}",
            cure=f"names must differ beyond case, not start with '_', and be {MOST_NEW_COLUMNS} at most; "
            "ask the source's owner, or set `onDrift: ignore`",
        )
    return names
