"""The declaration of a table by its name, and whether rows that are to be written are what it says.

Declarations are read when somebody asks, once per process. A room that derives tables of its own (features) marks the
function that does so with `derives_tables`, since this room can import nothing of it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

import pyarrow as pa

from contracts.catalogue.declarations import DESCRIBED_ZONES, declared_names, read_models, read_table
from contracts.catalogue.derived import bronze_table, quarantine_table
from contracts.catalogue.table import Table
from contracts.catalogue.zones import BRONZE, QUARANTINE, zone_of
from contracts.contract_file import Contract, Entity, UnknownSourceError, load_contract, load_contracts
from contracts.errors import LakeError

Deriver = Callable[[], Iterable[Table]]
_AnyDeriver = TypeVar("_AnyDeriver", bound=Deriver)

_derivers: list[Deriver] = []
_made_from: dict[tuple[str, str, str], tuple[Contract, Table]] = {}
#: Tables that are declared for the body of a `with`.
_temporary: dict[str, Table] = {}


class UndeclaredTableError(LakeError):
    """A table was asked for or is to be written that is declared nowhere."""


class UndeclaredColumnsError(LakeError):
    """Rows that are to be written have other columns than their table's declaration."""


def derives_tables(deriver: _AnyDeriver) -> _AnyDeriver:
    """Mark a function that gives declarations of tables: `@derives_tables`. It is called once, when first needed."""
    _derivers.append(deriver)
    _derived.cache_clear()
    return deriver


def find_table(name: str) -> Table:
    """The declaration of a table.

    Raises:
        UndeclaredTableError: there is none.
    """
    table = _temporary.get(name) or _contracted(name) or _declared(name) or _derived().get(name)
    if table is None:
        raise UndeclaredTableError(
            f"{name} is declared nowhere",
            cure=f"declare it in contracts/catalogue/{name}.yaml, in its dbt model's yml, or in a source's contract",
        )
    return table


def is_declared(name: str) -> bool:
    """Whether there is a declaration of the table; one that an earlier version wrote may have none."""
    try:
        find_table(name)
    except UndeclaredTableError:
        return False
    return True


def all_tables() -> list[Table]:
    """Every declared table, by name; those of a room that derives tables once it was imported."""
    contracted = [
        derive(contract, entity)
        for contract in load_contracts()
        for entity in contract.entities.values()
        for derive in (bronze_table, quarantine_table)
    ]
    own = [find_table(name) for name in declared_names()]
    models = [table for zone in DESCRIBED_ZONES for table in _models(zone).values()]
    return sorted([*contracted, *own, *models, *_derived().values()], key=lambda table: table.name)


def schema_of(name: str) -> pa.Schema:
    """The declared columns of a table as Arrow has them."""
    return find_table(name).schema


def require_declared(name: str, given: pa.Schema, *, is_part: bool = False) -> None:
    """Validate the columns of rows that are to be written.

    Args:
        is_part: whether columns may be missing: the rows are none, or those that the table has stay.

    Raises:
        UndeclaredTableError: the table is declared nowhere.
        UndeclaredColumnsError: a column is missing, not declared or of another type.
    """
    table = find_table(name)
    if wrong := table.differences(given, is_part=is_part):
        shown = "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise UndeclaredColumnsError(
            f"{name} cannot be written: {shown}",
            cure=f"write the columns that {table.declared_in} declares, or change the declaration first",
        )


@contextmanager
def temporarily_declared(*tables: Table) -> Iterator[None]:
    """Declare tables for the body of a `with`, before all other declarations: those of a folder of features that is
    built, a test's own."""
    before = dict(_temporary)
    _temporary.update({table.name: table for table in tables})
    try:
        yield
    finally:
        _temporary.clear()
        _temporary.update(before)


def _contracted(name: str) -> Table | None:
    """The table of bronze or quarantine that a contract stands for."""
    zone, _, rest = name.partition("/")
    derive = {BRONZE: bronze_table, QUARANTINE: quarantine_table}.get(zone)
    source, _, entity = rest.partition("/")
    if derive is None:
        return None
    try:
        contract = load_contract(source)
    except UnknownSourceError:
        return None
    return _of_entity(derive, contract, entity) if entity in contract.entities else None


def _of_entity(derive: Callable[[Contract, Entity], Table], contract: Contract, entity: str) -> Table:
    """The derived table, made once for each contract as it was read: streams commit several times a second."""
    key = (derive.__name__, contract.source, entity)
    derived = _made_from.get(key)
    if derived is None or derived[0] is not contract:
        derived = _made_from[key] = contract, derive(contract, contract.entities[entity])
    return derived[1]


@lru_cache
def _declared(name: str) -> Table | None:
    return read_table(name) or _models(zone_of(name)).get(name)


@lru_cache
def _models(zone: str) -> dict[str, Table]:
    return read_models(zone)


@lru_cache
def _derived() -> dict[str, Table]:
    return {table.name: table for deriver in _derivers for table in deriver()}
