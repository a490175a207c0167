"""`lake identity train`: the person model trained again on the lake's own records, or on a file of records."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    input: Annotated[
        Path | None, typer.Option(help="Parquet file of person records; the lake's own if left out.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="JSON file to write instead of putting the model to use.")] = None,
) -> None:
    """Train the matcher's model anew, without labels. The next run looks at every record again with it."""
    from cli._files import must_be_writable, whole
    from cli._identity_names import read_by_record
    from cli.screens.progress import steps
    from contracts.catalogue.tables import PERSON_RECORDS
    from contracts.wording import many
    from identity.links.matcher_columns import to_matcher
    from identity.matching.pairs.training import train as train_model
    from identity.matching.person_records import RecordsError
    from identity.review.trained_models import lake_model, store_model
    from lake.sql.connections import connect
    from lake.tables import scan, table_exists

    if output is not None:
        must_be_writable(output, input)
    elif input is not None:
        raise RecordsError("a model trained on a file needs a place", cure="name a JSON file with --output")
    if input is not None:
        records = read_by_record(input, "person records", "--input")
    elif table_exists(PERSON_RECORDS):
        with connect() as con:
            records = to_matcher(con.sql(f"select * from {scan(PERSON_RECORDS)}").to_arrow_table())
    else:
        raise RecordsError(f"there is no table {PERSON_RECORDS}", cure="build it first: lake run")
    with steps() as step:
        step(f"training on {many(records.num_rows, 'record')}")
        trained = train_model(records, base=lake_model() if input is None else None)
    for name, reason in sorted(trained.kept.items()):
        print(f"  {name.replace('_', ' ')} stays as it was: {reason}")
    summary = (
        f"{trained.model.version}, from {trained.ties:,} pairs of one person and {trained.housemates:,} of housemates"
    )
    if output is not None:
        with whole(output) as temporary:
            temporary.write_text(trained.text, encoding="utf-8")
        print(f"{summary}: {output}")
        return
    store_model(trained)
    print(f"{summary}: in use from the next run on (lake run)")
