"""`lake identity`: the matcher on any file, how good links are, and what people judge of them.

Here: `resolve`, which needs no lake and changes none. The other verbs are in `_identity_label`, `_identity_review`,
`_identity_evaluate` and `_identity_train`.
"""

from pathlib import Path
from typing import Annotated

import typer

from cli._identity_evaluate import evaluate
from cli._identity_label import label, labels
from cli._identity_review import review
from cli._identity_train import train


def register(app: typer.Typer) -> None:
    """Add `lake identity resolve`, `evaluate`, `review`, `label`, `labels` and `train`."""
    identity = typer.Typer(help="Who is who: match, measure, review, label.", no_args_is_help=True)
    for verb in (resolve, evaluate, review, label, labels, train):
        identity.command(verb.__name__)(verb)
    app.add_typer(identity, name="identity")


def resolve(
    input: Annotated[Path, typer.Option(help="Parquet file with the columns of person_records.")],
    output: Annotated[Path, typer.Option(help="Parquet file to write: one row per record.")],
    explain: Annotated[
        Path | None, typer.Option(help="Parquet file of the pairs that tie records, with weights.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="JSON file of a person model, as `lake identity train` writes it.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Work out which records are one person. Writes nothing but the files named here."""
    import time

    from cli._files import must_be_writable, write
    from cli._identity_names import read_by_record
    from cli.screens.printing import harmless, print_json
    from cli.screens.progress import steps
    from contracts.wording import many
    from identity.links.new_links import resolve as resolve_records
    from identity.matching.pairs.person_model import load_model
    from identity.matching.resolve import match
    from identity.review.trained_models import given_model

    started = time.monotonic()
    records = read_by_record(input, "person records", "--input")
    must_be_writable(output, input, explain, model)
    if explain is not None:
        must_be_writable(explain, input, output, model)
    chosen = load_model() if model is None else given_model(model)
    if json:
        matching = match(records, model=chosen)
    else:
        with steps() as step:
            step(f"matching {many(records.num_rows, 'record')}")
            matching = match(records, model=chosen)
    links = resolve_records(matching)
    write(links, output)
    if explain is not None:
        write(matching.pairs, explain)
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
    verb = "is" if links.num_rows == 1 else "are"
    print(f"{many(links.num_rows, 'record')} {verb} {many(matching.persons, 'person')}: {output}")
    for value in guarded[:10]:
        print(
            f"  left out: one {harmless(value['kind'])} on {value['records']:,} records under {value['names']:,} names "
            f"({value['reason']}), as on record {harmless(value['example'])}"
        )
