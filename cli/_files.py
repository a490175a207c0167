"""Files given on the command line: an unusable one is an error with a cure; output is written whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import LakeError

if TYPE_CHECKING:
    import pyarrow as pa


class GivenFileError(LakeError):
    """A file given on the command line cannot be read or written."""

    exit_code = 2


def read(path: Path, what: str, option: str) -> "pa.Table":
    """The table in a Parquet file of `what`, which was given with `option`.

    Raises:
        GivenFileError: there is no such file, it is not Parquet, or two of its columns have one name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        state = "is a folder" if path.is_dir() else "is not there"
        raise GivenFileError(f"{path} {state}", cure=f"give one Parquet file of {what} with {option}")
    try:
        names = pq.read_schema(path).names
        duplicates = sorted({name for name in names if names.count(name) > 1})
        if duplicates:
            raise GivenFileError(
                f"{path} has more than one column {', '.join(duplicates[:5])}",
                cure="give every column a name of its own",
            )
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise GivenFileError(
            f"{path} cannot be read as Parquet: {str(error).splitlines()[0][:200]}",
            cure=f"give a Parquet file of {what} with {option}; of a CSV file pandas makes one: "
            "read_csv('…', dtype=str).to_parquet('…')",
        ) from None


def must_be_writable(path: Path, *others: Path | None) -> None:
    """Check that a file can be written, before minutes of work and not after.

    Args:
        others: the other files of the command: none is written over.

    Raises:
        GivenFileError: the file cannot be written, or is one of the others.
    """
    if path.resolve() in {other.resolve() for other in others if other is not None}:
        raise GivenFileError(f"{path} was given twice in this command", cure="write to a file of its own")
    if not path.resolve().parent.is_dir():
        raise GivenFileError(f"{path} cannot be written: there is no such folder", cure="name a file in one that is")
    if path.exists() and not path.is_file():
        raise GivenFileError(f"{path} cannot be written: it is no file", cure="name a file, new or to be replaced")
    with whole(path, keep=False) as temporary:
        temporary.touch()


@contextmanager
def whole(path: Path, *, keep: bool = True) -> Iterator[Path]:
    """Where to write a file: a temporary file that is renamed at the end, so that a reader never sees half of it.

    Args:
        keep: rename it at the end; else the file is only tried and deleted.

    Raises:
        GivenFileError: it cannot be written; a file of that name is as it was.
    """
    path = path.resolve()  # a link goes on pointing to the file
    temporary = path.with_name(f".{path.name}.writing")
    try:
        yield temporary
        if keep:
            temporary.replace(path)
    except OSError as error:
        raise GivenFileError(
            f"{path} cannot be written: {error.strerror or type(error).__name__}",
            cure="choose a folder that has room and that you may write to",
        ) from None
    finally:
        with suppress(OSError):  # it may never have been made
            temporary.unlink(missing_ok=True)


def write(table: "pa.Table", path: Path) -> None:
    """A table as a Parquet file."""
    import pyarrow.parquet as pq

    with whole(path) as temporary:
        pq.write_table(table, temporary)
