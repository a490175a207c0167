"""`lake features`: the catalogue of declared features, as `features/catalogue.py` reads it."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `lake features list`."""
    features = typer.Typer(help="The features that models draw.", no_args_is_help=True)
    features.callback()(lambda: None)
    features.command("list")(list_features)
    app.add_typer(features, name="features")


def list_features(as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False) -> None:
    """Every feature with its group, unit, owner and the purposes it may be used for."""
    from cli.screens.printing import print_json, print_table
    from contracts.wording import many
    from features import catalogue

    document = catalogue.list_features()
    if as_json:
        print_json(document)
        return
    columns = ["name", "group", "unit", "owner", "purpose", "description"]
    print_table(
        many(len(document["features"]), "feature"),
        columns,
        [tuple(feature[column] for column in columns) for feature in document["features"]],
    )
