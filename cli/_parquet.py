"""Parquet files given on the command line: read or refused with a cure, written whole or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING

from lake.errors import LakeError

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetFileError(LakeError):
    """A file given on the command line cannot be read or written."""

    exit_code = 2


def read(path: Path, what: str, option: str) -> "pa.Table":
    """The table in a file of `what`, which was given with `option`.

    Raises:
        ParquetFileError: there is no such file, or it is not Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise ParquetFileError(f"there is no file {path}", cure=f"give a Parquet file of {what} with {option}")
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise ParquetFileError(f"{path} cannot be read as Parquet: {error}", cure="give a Parquet file") from None


def must_be_writable(path: Path) -> None:
    """Say so before minutes of work, not after."""
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise ParquetFileError(f"{path} cannot be written", cure="name a file in a folder that is there")
    try:
        with path.with_name(f".{path.name}.writing").open("wb"):
            pass
    except OSError as error:
        raise ParquetFileError(
            f"{path} cannot be written: {error.strerror}", cure="choose a folder you may write to"
        ) from None
    path.with_name(f".{path.name}.writing").unlink()


def write(table: "pa.Table", path: Path) -> None:
    """Beside first, then under its name: a reader never sees half a file."""
    import pyarrow.parquet as pq

    beside = path.with_name(f".{path.name}.writing")
    pq.write_table(table, beside)
    beside.replace(path)
