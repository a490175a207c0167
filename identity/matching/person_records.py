"""The shape of `person_records`: any Arrow table is read into it, or rejected with a cure.

Only the shape: what the values mean is `normalise`.
"""

import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import LakeError
from contracts.logical_types import TIMESTAMP

IDENTIFIERS = pa.list_(pa.struct([("kind", pa.string()), ("value", pa.string())]))
REQUIRED = ("record_id", "source", "updated_at")
TEXTS = (
    "full_name", "given_name", "family_name", "birth_date", "gender", "email", "phone", "national_id",
    "street", "city", "region", "postcode", "country",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("updated_at", TIMESTAMP),
        *(pa.field(name, pa.string()) for name in TEXTS),
        pa.field("identifiers", IDENTIFIERS),
    ]
)
WRITE_AS_UTF_8 = "write it again from its source with the encoding that the source has, as latin-1 or gb18030"


class RecordsError(LakeError):
    """A table given as person records cannot be used as such."""

    exit_code = 2


def read_records(table: pa.Table) -> pa.Table:
    """The table in `SCHEMA`: one row per record as given, nullable columns that are absent added as null.

    Raises:
        RecordsError: a required column is missing, a column has no usable type or holds text that is not UTF-8, a
            `record_id` is null or a duplicate.
    """
    missing = [name for name in REQUIRED if name not in table.column_names]
    if missing:
        raise RecordsError(
            f"person records lack the column(s) {', '.join(missing)}; "
            f"there are {', '.join(table.column_names) or 'none'}",
            cure=f"give {', '.join(REQUIRED)} (text, text, timestamp); all other columns may be null or absent",
        )
    columns = [_column(table, field) for field in SCHEMA]
    for field, column in zip(SCHEMA, columns, strict=True):
        if not is_sound(column):
            raise RecordsError(
                f"column {field.name} of the person records holds text that is not UTF-8", cure=WRITE_AS_UTF_8
            )
    records = pa.Table.from_arrays(columns, schema=SCHEMA)
    _reject_bad_ids(records["record_id"])
    return records


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    column = table[field.name]
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    try:
        if field.name == "identifiers":
            return _identifiers(column)
        if pa.types.is_floating(column.type) and pa.types.is_string(field.type):
            # Numbers with gaps arrive from pandas as floats: a gap is null, and there is no ".0" in a phone.
            column = pc.if_else(pc.is_nan(column), None, column).cast(pa.int64())
        if field.name == "updated_at" and _is_text(column.type):
            column = _moments(column.cast(pa.string()))
        if field.name == "updated_at" and pa.types.is_timestamp(column.type) and column.type.tz is None:
            column = pc.assume_timezone(column.cast(pa.timestamp("us"), safe=False), "UTC")
        return column.cast(field.type, safe=field.name != "updated_at")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, IndexError):
        raise RecordsError(
            f"column {field.name} of the person records is {column.type}, which cannot be read as {field.type}",
            cure=f"give {field.name} as {field.type}",
        ) from None


def is_sound(column: pa.ChunkedArray) -> bool:
    """Whether all text of a column is UTF-8; other bytes would stop an engine in the middle of its work."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_text(kind: pa.DataType) -> bool:
    return any(is_layout(kind) for is_layout in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _moments(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO texts as moments: all of them with their zone, or all without, which are UTC."""
    try:
        return texts.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return texts.cast(TIMESTAMP)


def _identifiers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise pa.ArrowInvalid("identifiers are a list")
    if pa.types.is_null(column.type.value_type):
        return pa.chunked_array([pa.nulls(len(column), IDENTIFIERS)])
    chunks = []
    for chunk in column.chunks:
        values = chunk.flatten()
        items = pa.StructArray.from_arrays(
            [pc.struct_field(values, name).cast(pa.string()) for name in ("kind", "value")], ["kind", "value"]
        )
        lengths = pc.fill_null(pc.list_value_length(chunk), 0).cast(pa.int32())
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
        chunks.append(pa.ListArray.from_arrays(offsets, items))
    return pa.chunked_array(chunks, IDENTIFIERS)


def _reject_bad_ids(ids: pa.ChunkedArray) -> None:
    if ids.null_count:
        raise RecordsError(
            f"{ids.null_count} of {len(ids)} person records have no record_id",
            cure="give every record an id of its own",
        )
    counts = pc.value_counts(ids)
    duplicates = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(duplicates):
        examples = ", ".join(sorted(duplicates.field("values").slice(0, 3).to_pylist()))
        raise RecordsError(
            f"{len(duplicates)} record_id(s) stand more than once, as {examples}",
            cure="give one row per record_id: keep the newest version of each record",
        )
