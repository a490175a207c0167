"""`lake features`: the catalogue of declared features. Where they are declared, `features.catalogue` says."""

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
    from features import catalogue

    found = catalogue.list_features()
    if as_json:
        print_json(found)
        return
    columns = ["name", "group", "unit", "purpose", "description"]
    print_table(
        f"{len(found['features'])} features",
        columns,
        [tuple(feature[column] for column in columns) for feature in found["features"]],
    )
