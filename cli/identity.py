"""`lake identity resolve`: the pipeline's own matcher on any file of person records. Needs no lake and changes none."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lake.errors import LakeError

if TYPE_CHECKING:
    import pyarrow as pa


class IdentityFileError(LakeError):
    """A file given on the command line cannot be read or written."""

    exit_code = 2


def register(app: typer.Typer) -> None:
    """Add `lake identity resolve`."""
    identity = typer.Typer(help="Who is who: the matcher by itself.", no_args_is_help=True)
    identity.callback()(_group)  # with one command only, typer would drop the group's name
    identity.command("resolve")(resolve)
    app.add_typer(identity, name="identity")


def _group() -> None:
    """Who is who: the matcher by itself."""


def resolve(
    input: Annotated[Path, typer.Option(help="Parquet file with the columns of person_records.")],
    output: Annotated[Path, typer.Option(help="Parquet file to write: one row per record.")],
    explain: Annotated[
        Path | None, typer.Option(help="Parquet file of the pairs that tie records, with weights.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Work out which records are one person. Writes nothing but the files named here."""
    import time

    from cli._progress import steps
    from cli._screen import print_json
    from identity.resolve import match
    from identity.resolve import resolve as resolve_records

    started = time.monotonic()
    records = _read(input)
    for path in filter(None, (output, explain)):
        _must_be_writable(path)
    if json:
        matching = match(records)
    else:
        with steps() as step:
            step(f"matching {records.num_rows:,} records")
            matching = match(records)
    links = resolve_records(records, matching=matching)
    _write(links, output)
    if explain is not None:
        _write(matching.pairs, explain)
    guarded = matching.guarded.to_pylist()
    if json:
        print_json(
            {
                "records": links.num_rows,
                "persons": matching.persons,
                "pairs": matching.pairs.num_rows,
                "guarded": guarded,
                "seconds": round(time.monotonic() - started, 3),
            }
        )
        return
    print(f"{links.num_rows:,} records are {matching.persons:,} persons: {output}")
    for value in guarded[:10]:
        print(
            f"  left out: one {value['kind']} on {value['records']:,} records under {value['names']:,} names "
            f"({value['reason']}), as on record {value['example']}"
        )


def _read(path: Path) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise IdentityFileError(f"there is no file {path}", cure="give a Parquet file of person records with --input")
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise IdentityFileError(f"{path} cannot be read as Parquet: {error}", cure="give a Parquet file") from None


def _must_be_writable(path: Path) -> None:
    """Say so before minutes of work, not after."""
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise IdentityFileError(f"{path} cannot be written", cure="name a file in a folder that is there")
    try:
        with path.with_name(f".{path.name}.writing").open("wb"):
            pass
    except OSError as error:
        raise IdentityFileError(
            f"{path} cannot be written: {error.strerror}", cure="choose a folder you may write to"
        ) from None
    path.with_name(f".{path.name}.writing").unlink()


def _write(table: "pa.Table", path: Path) -> None:
    """Beside first, then under its name: a reader never sees half a file."""
    import pyarrow.parquet as pq

    beside = path.with_name(f".{path.name}.writing")
    pq.write_table(table, beside)
    beside.replace(path)
