"""Queries of models that another room compiles: handed over as text, written as macros that dbt reads.

`models/features/<model>.sql` calls the macro `compiled_<model>` when it runs. A macro, not a model file of its own: dbt
writes what it compiles to `target/` joined with the model's path, and an absolute path there would be the file itself.
"""

from collections.abc import Mapping
from pathlib import Path

from contracts.settings import load_settings
from dbt_project.derived_files import write_derived_files


def compiled_models_path() -> Path:
    """Folder of the macros, for this lake."""
    return load_settings().home / "tmp" / "dbt" / "compiled"


def write_compiled_models(queries: Mapping[str, str]) -> None:
    """Hand over the queries, by name of their model; those handed over before are replaced.

    Args:
        queries: SQL with calls of dbt macros in it (`{{ source(…) }}`).
    """
    macros = {
        f"{model}.sql": f"{{% macro compiled_{model}() %}}\n{query.rstrip()}\n{{% endmacro %}}\n"
        for model, query in sorted(queries.items())
    }
    write_derived_files(compiled_models_path(), macros, suffix=".sql")
