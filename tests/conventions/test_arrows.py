"""Arrows between the rooms point one way (ARCHITECTURE.md): who may import whom, in functions too."""

import subprocess
import sys
from pathlib import Path
from typing import Any

#: Room -> what it may import of ours, itself aside. A prefix names a module and all below it.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "lake": (),
    "ingestion": ("lake",),
    "identity": ("lake",),
    "expectations": ("lake", "ingestion.contract"),
    "dbt_project": ("lake", "ingestion.contract"),
    "feature_repo": ("lake", "feature_serving"),
    "feature_serving": ("lake", "ingestion.contract", "dbt_project"),
    "infra": ("lake", "ingestion.contract"),
}
#: These tie the rooms together and may import any.
TIE_TOGETHER = {"orchestration", "cli", "benchmarks"}
#: Package -> rooms that may import it. Packages not named here are free.
HOME_OF_PACKAGE: dict[str, set[str]] = {
    "dagster": {"orchestration"},
    "dagster_dbt": {"orchestration"},
    "great_expectations": {"expectations"},
    "dbt": {"dbt_project", "orchestration"},
    "typer": {"cli"},
}
#: What ingestion must do without, whatever else is allowed.
NEVER_IN_INGESTION = {"dagster", "dagster_dbt", "dbt", "feast", "great_expectations"}


def starts_with(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def test_rooms_import_only_what_lies_behind_them(rooms: dict[str, list[Any]]) -> None:
    unknown = set(rooms) - set(MAY_IMPORT) - TIE_TOGETHER
    assert not unknown, f"a new room needs its arrows declared here: {sorted(unknown)}"
    offences = [
        f"{module.where}:{line} imports {name}"
        for room, modules in rooms.items()
        if room in MAY_IMPORT
        for module in modules
        for line, name in module.imports
        if name.partition(".")[0] in rooms
        and not any(starts_with(name, allowed) for allowed in (room, *MAY_IMPORT[room]))
    ]
    assert not offences, "\n".join(offences)


def test_packages_are_imported_only_in_their_rooms(rooms: dict[str, list[Any]]) -> None:
    offences = [
        f"{module.where}:{line} imports {name}"
        for room, modules in rooms.items()
        for module in modules
        for line, name in module.imports
        if room not in HOME_OF_PACKAGE.get(name.partition(".")[0], {room})
        or (room == "ingestion" and name.partition(".")[0] in NEVER_IN_INGESTION)
    ]
    assert not offences, "\n".join(offences)


def test_tests_and_benchmarks_are_imported_by_nobody(rooms: dict[str, list[Any]]) -> None:
    offences = [
        f"{module.where}:{line} imports {name}"
        for room, modules in rooms.items()
        for module in modules
        for line, name in module.imports
        if name.partition(".")[0] in {"tests", "benchmarks"} - {room}
    ]
    assert not offences, "\n".join(offences)


def test_reading_a_source_loads_no_orchestrator_no_dbt_no_feast_no_gx(root: Path) -> None:
    """The arrows hold for what imports bring in as well; this is also why an idle run is quick."""
    code = (
        "import sys, ingestion.contract, ingestion.landing\n"
        f"print(*sorted({NEVER_IN_INGESTION!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not done.stdout.split()
