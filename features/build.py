"""Feature tables are built by dbt: what is declared is compiled and handed over, then dbt runs the models."""

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from contracts.catalogue.lookup import temporarily_declared
from dbt_project.compiled_models import compiled_models_path, write_compiled_models
from dbt_project.runner import DbtResult, run_dbt
from features.declarations import MODELS_ROOT, load_declarations
from features.tables import feature_tables

_MARK = "declarations.sha256"


def build_features(
    groups: Iterable[str] | None = None, *, full_refresh: bool = False, root: Path = MODELS_ROOT
) -> DbtResult:
    """Compute the snapshots that are due, of some groups or of all.

    Args:
        groups: names of groups; None is all of them.
        full_refresh: compute again every snapshot that the tables hold.
        root: folder of the declarations.

    Raises:
        CatalogError: a declaration cannot be used.
        DbtError: a model did not run.
    """
    hand_over(root)
    select = "path:models/features" if groups is None else list(groups)
    with temporarily_declared(*feature_tables(root)):
        return run_dbt("run", select=select, full_refresh=full_refresh)


def hand_over(root: Path = MODELS_ROOT) -> bool:
    """Compile every declared group for this lake's dbt, unless nothing changed since it was last done.

    Must come before a dbt call that runs feature models; 10 ms where nothing changed.

    Returns:
        Whether queries were compiled.

    Raises:
        CatalogError: a declaration cannot be used.
    """
    digest = _digest(root)
    mark = compiled_models_path() / _MARK
    if mark.exists() and mark.read_text(encoding="utf-8") == digest:
        return False
    from features.compile import compile_group  # sqlglot: 0.1 s that an idle run does not pay

    write_compiled_models({declaration.name: compile_group(declaration) for declaration in load_declarations(root)})
    mark.write_text(digest, encoding="utf-8")
    return True


def _digest(root: Path) -> str:
    """Changes when a declaration or the code that compiles it does."""
    digest = hashlib.sha256()
    code = Path(str(files("features"))).glob("*.py")
    for path in (*sorted(root.glob("**/*.yml")), *sorted(code)):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()
