"""The models that a lake was trained to: `identity/person_models`, append-only; the newest one is in use.

Which model made which links stands in `ops/identity_runs` and in the index; a new one makes the next run look at
everything again, and ids are carried over as in any other run.
"""

from pathlib import Path

import pyarrow as pa

from contracts.catalogue.tables import PERSON_MODELS
from contracts.logical_types import TIMESTAMP
from identity.matching.pairs.person_model import ModelError, PersonModel, load_model, parse_model
from identity.matching.pairs.training import Trained
from identity.matching.person_records import SCHEMA as PERSON_RECORD
from identity.matching.resolve import match
from lake import clock
from lake.sql.connections import connect
from lake.tables import scan, table_exists
from lake.writer import append, table_lock

_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("trained_at", TIMESTAMP),
        ("version", pa.string()),
        ("ties", pa.int64()),
        ("housemates", pa.int64()),
        ("kept", pa.list_(pa.string())),
        ("model", pa.string()),
    ]
)


def lake_model() -> PersonModel:
    """The model in use: the newest that was trained here, else the one that is shipped."""
    if not table_exists(PERSON_MODELS):
        return load_model()
    with connect() as con:
        rows = con.sql(f"select model from {scan(PERSON_MODELS)} order by number desc limit 1").fetchall()
    return parse_model(rows[0][0]) if rows else load_model()


def given_model(path: Path) -> PersonModel:
    """A model from a file, tried on an empty table: what is missing or wrong in it shows before any work (0.4 s).

    Raises:
        ModelError: the file is no person model that this matcher can use.
    """
    try:
        model = load_model(path)
        match(PERSON_RECORD.empty_table(), model=model)
    except ModelError:
        raise
    except Exception as error:  # whatever is missing or wrong in a file that somebody wrote, the engine's words too
        raise ModelError(
            f"{path} cannot be used as a person model ({type(error).__name__})",
            cure="give a file that `lake identity train` of this version wrote",
        ) from None
    return model


def store_model(trained: Trained) -> None:
    """Put a trained model to use from the next run on."""
    with table_lock(PERSON_MODELS):
        append(PERSON_MODELS, _row(trained))


def _row(trained: Trained) -> pa.Table:
    number = 1
    if table_exists(PERSON_MODELS):
        with connect() as con:
            number += con.sql(f"select max(number) from {scan(PERSON_MODELS)}").fetchall()[0][0]
    row = {
        "number": number,
        "trained_at": clock.now(),
        "version": trained.model.version,
        "ties": trained.ties,
        "housemates": trained.housemates,
        "kept": [f"{name}: {reason}" for name, reason in sorted(trained.kept.items())],
        "model": trained.text,
    }
    return pa.Table.from_pylist([row], schema=_SCHEMA)
