"""How dbt is called: in this process, without telemetry or a call outside, its files under LAKE_HOME.

`run_dbt` runs a command, `parse` gives the manifest (for Dagster and Feast). The project folder is only read, so it
may lie on a read-only file system, and lakes with different LAKE_HOMEs do not meet. dbt itself is imported inside:
it costs two seconds that an idle run does not pay.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from contracts.comparable_values import comparable_values
from contracts.contract_file import discover_sources
from contracts.errors import LakeError
from contracts.settings import load_settings, temporary_environment
from dbt_project.compiled_models import compiled_models_path
from dbt_project.sources import write_sources

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

    from dbt_project.delta_plugin import Write

PROJECT = Path(__file__).resolve().parent
_SUCCESSES = frozenset({"success", "pass", "warn", "no-op"})
# dbt keeps its flags, its adapter and its events in module globals: one call at a time in a process.
_ONE_CALL = threading.Lock()
_parsed: dict[str, "Manifest"] = {}


class DbtError(LakeError):
    """A dbt call failed: the project cannot be read, a model did not run, or a test found rows."""


@dataclass(frozen=True)
class NodeResult:
    """One model or test of a call. `status`: success, pass, warn, error, fail or skipped."""

    unique_id: str
    name: str
    resource_type: str
    status: str
    seconds: float
    failures: int
    message: str

    @property
    def ok(self) -> bool:
        """Whether the node lets the run go on. A warning does."""
        return self.status in _SUCCESSES


@dataclass(frozen=True)
class DbtResult:
    """What a call did: every node, and every Delta table it touched."""

    command: str
    seconds: float
    nodes: tuple[NodeResult, ...]
    writes: Mapping[str, "Write"]

    @property
    def failed(self) -> list[NodeResult]:
        """The nodes that failed. A skipped node is a consequence and not among them."""
        return [node for node in self.nodes if not node.ok and node.status != "skipped"]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed


def run_dbt(
    command: str,
    *,
    select: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    vars: Mapping[str, Any] | None = None,
    full_refresh: bool = False,
    unit_tests: bool = False,
    check: bool = True,
) -> DbtResult:
    """Run a dbt command (`build`, `run`, `test`, `compile`, `ls`).

    Args:
        command: the verb.
        select: what to run, in dbt's selector words; a list is a union. None is everything.
        exclude: what to leave out.
        vars: dbt variables. Changed values make dbt parse everything again (seconds), so leave them to rare runs;
            the clock comes by itself (`lake_now()`).
        full_refresh: rebuild incremental models.
        unit_tests: also run dbt's unit tests, which are about the SQL and not about the data.
        check: raise where something failed.

    Raises:
        DbtError: the project does not parse, or, with `check`, a node failed.
    """
    arguments = [command, *_option("--select", select), *_option("--exclude", exclude)]
    if full_refresh and command in ("build", "run"):
        arguments.append("--full-refresh")
    if not unit_tests and command in ("build", "test"):
        arguments += ["--exclude-resource-type", "unit_test"]
    started = time.monotonic()
    nodes, writes = _invoke(arguments, vars or {})
    result = DbtResult(command, seconds=time.monotonic() - started, nodes=nodes, writes=writes)
    if (
        check
        and select is not None
        and command in ("build", "run")
        and not any(n.resource_type != "operation" for n in nodes)
    ):
        raise DbtError(f"dbt {command}: {select!r} selects nothing", cure="name models that there are: dbt ls")
    if check and result.failed:
        lines = "\n".join(f"  {node.name}: {node.message}" for node in result.failed[:10])
        raise DbtError(
            f"dbt {command}: {len(result.failed)} of {len(result.nodes)} nodes failed\n{lines}",
            cure=f"see {log_path()}, correct the data or the model, and run again: what succeeded stays",
        )
    return result


def parse() -> Path:
    """Parse the project and write its manifest.

    Returns:
        Path of `manifest.json`, in this lake's own target folder.
    """
    with _ONE_CALL, temporary_environment(environment()):
        _parse(_variables({}), write=True)
    return target_path() / "manifest.json"


def target_path() -> Path:
    """Where dbt writes what it derives, for this lake."""
    return load_settings().home / "tmp" / "dbt" / "target"


def log_path() -> Path:
    """Folder of dbt's log, for this lake."""
    return load_settings().home / "tmp" / "dbt" / "logs"


def environment() -> dict[str, str]:
    """The variables dbt_project.yml reads; for those who start dbt themselves, as Dagster's `dbt parse`."""
    return {
        "LAKE_DBT_SOURCES": str(load_settings().home / "tmp" / "dbt" / "sources"),
        "LAKE_DBT_COMPILED": str(compiled_models_path()),
    }


def _variables(extra: Mapping[str, Any]) -> str:
    """As JSON, the dbt variables of a call: the sources and models there are, found and not listed, what typed values
    mean, and the call's own."""
    models = sorted(path.stem for path in PROJECT.glob("models/**/*.sql"))
    values = {
        "sources": discover_sources(),
        "models": models,
        "comparable_values": comparable_values().as_variable(),
        **extra,
    }
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS, default=str).decode()


def _invoke(arguments: list[str], extra: Mapping[str, Any]) -> tuple[tuple[NodeResult, ...], dict[str, "Write"]]:
    with _ONE_CALL, temporary_environment(environment()):
        from dbt_project.delta_plugin import WRITES

        variables = _variables(extra)
        manifest = _parse(variables)
        WRITES.clear()
        outcome = _dbt(arguments, variables, manifest=manifest)
        return _nodes(outcome), dict(WRITES)


def _parse(variables: str, *, write: bool = False) -> "Manifest":
    """The parsed project. It is parsed once per process while no file, contract or variable changes."""
    sources = write_sources(Path(environment()["LAKE_DBT_SOURCES"]))
    read_by_dbt = (*PROJECT.rglob("*"), *compiled_models_path().glob("*.sql"))
    files = sorted((str(p), p.stat().st_mtime_ns) for p in read_by_dbt if p.suffix in (".sql", ".yml"))
    digest = hashlib.sha256(f"{sources}{variables}{files}".encode()).hexdigest()
    if write or digest not in _parsed:
        _parsed.clear()
        _parsed[digest] = _dbt(["parse"], variables, write=write)
    return _parsed[digest]


def _dbt(arguments: list[str], variables: str, *, manifest: "Manifest | None" = None, write: bool = False) -> Any:
    """Invoke dbt once and return its result. Raises DbtError where dbt could not even start."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    verb, *rest = arguments
    # A new database for every call: the last one's views point at another moment, or at another lake.
    close: Callable[[], None] = DuckDBConnectionManager.close_all_connections
    close()
    try:
        outcome = dbtRunner(manifest=manifest).invoke(
            [
                "--no-send-anonymous-usage-stats", "--no-version-check", "--no-use-colors", "--no-print", "--quiet",
                "--log-level", "none", "--log-level-file", "warn", "--cache-selected-only",
                "--write-json" if write else "--no-write-json",
                verb,
                "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT),
                "--target-path", str(target_path()), "--log-path", str(log_path()),
                "--vars", variables, *rest,
            ]
        )  # fmt: skip
    finally:
        close()
    if outcome.exception is not None:
        raise DbtError(f"dbt {verb} stopped: {outcome.exception}", cure="correct what it names") from outcome.exception
    return outcome.result


def _nodes(result: Any) -> tuple[NodeResult, ...]:
    return tuple(
        NodeResult(
            unique_id=item.node.unique_id,
            name=item.node.name,
            resource_type=str(item.node.resource_type),
            status=str(item.status),
            seconds=item.execution_time,
            failures=item.failures or 0,
            message=item.message or "",
        )
        for item in getattr(result, "results", None) or []
    )


def _option(flag: str, words: str | Iterable[str] | None) -> list[str]:
    if words is None:
        return []
    return [flag, *([words] if isinstance(words, str) else words)]
