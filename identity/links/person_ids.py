"""Ids of persons: opaque, carried over from the links that there were, never used twice.

An id says nothing about anybody: it is drawn at random, not derived from a name or a number. What keeps it stable is
the previous assignment, so that a rerun or a full rebuild over the same records gives the same ids.
"""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.logical_types import TIMESTAMP
from identity.matching.engine import scratch
from identity.matching.groups.components import Ints

_ALPHABET = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)  # Crockford's base 32
_LENGTH = 20  # 100 bits: a billion ids meet by chance once in 10^12 lakes
PREVIOUS = pa.schema([("record_id", pa.string()), ("person_id", pa.string()), ("born_at", TIMESTAMP)])


class Mint:
    """Where new ids come from; with a seed, the same ones in the same order (tests)."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = np.random.default_rng(seed)

    def draw(self, count: int, taken: pa.Array | pa.ChunkedArray | None = None) -> pa.Array:
        """`count` ids that are in nobody's use and never were: none of `taken`."""
        drawn = pa.array([], pa.string())
        while len(drawn) < count:
            letters = _ALPHABET[self._random.integers(0, 32, (count - len(drawn), _LENGTH), dtype=np.uint8)]
            new = pa.array(
                np.char.add("p_", letters.reshape(-1).view(f"S{_LENGTH}").astype(f"U{_LENGTH}")), pa.string()
            )
            if taken is not None and len(taken):
                met = taken.filter(pc.is_in(taken, value_set=new))  # the few are looked for among the many
                new = new.filter(pc.invert(pc.is_in(new, value_set=met)))
            drawn = pc.unique(pa.concat_arrays([drawn, new]))
        return drawn


def assign_ids(
    record_ids: pa.Array,
    component: Ints,
    *,
    previous: pa.Table | None = None,
    taken: pa.Array | None = None,
    mint: Mint | None = None,
) -> pa.Array:
    """One person id per record.

    A person's id goes to the component that holds most of its records (a split leaves the id with the larger part);
    a component that inherits several keeps the oldest (a merge keeps the older id), then the one with most records
    there. Components without an heir get a new id.

    Args:
        record_ids: ids of the records, sorted; `component` is their component, in the same order.
        previous: `PREVIOUS`, the open links and when each person was born; None at the first run.
        taken: every id that was ever given out, closed ones included.
    """
    mint = mint or Mint()
    labels, place = np.unique(component, return_inverse=True)
    ids = np.empty(len(labels), dtype=object)
    if previous is not None and previous.num_rows:
        with scratch() as con:
            for label, person_id in _inherit(con, record_ids=record_ids, place=place, previous=previous):
                ids[label] = person_id
        previous_ids = previous["person_id"].combine_chunks()
        taken = previous_ids if taken is None else pa.concat_arrays([taken.cast(pa.string()), previous_ids])
    orphans = np.flatnonzero(ids == None)  # noqa: E711  (element-wise)
    ids[orphans] = mint.draw(len(orphans), taken).to_numpy(zero_copy_only=False)
    return pa.array(ids, pa.string()).take(pa.array(place))


def _inherit(
    con: duckdb.DuckDBPyConnection, *, record_ids: pa.Array, place: Ints, previous: pa.Table
) -> list[tuple[int, str]]:
    """Component number and the person id that it keeps."""
    con.register("present", pa.table({"record_id": record_ids, "component": place}))
    con.register("past", previous.select(PREVIOUS.names))
    return con.sql(
        """with overlap as (
               select person_id, component, count(*) as records, min(born_at) as born_at, min(record_id) as first_record
               from present join past using (record_id) group by person_id, component),
           heirs as (
               select *, row_number() over (partition by person_id order by records desc, first_record) as place
                   from overlap),
           keepers as (
               select component, person_id,
                      row_number() over (partition by component order by born_at, records desc, first_record) as place
               from heirs where place = 1)
           select component, person_id from keepers where place = 1"""
    ).fetchall()
