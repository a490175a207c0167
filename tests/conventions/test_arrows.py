"""Arrows between the rooms point one way (ARCHITECTURE.md): who may import whom, in functions too."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

#: The rooms in the order of the house: each may import only what stands before it.
HOUSE = (
    "contracts", "lake", "ingestion", "dbt_project", "identity", "expectations", "governance", "features",
    "feature_repo", "persons", "insights", "runs", "web", "orchestration", "cli",
)  # fmt: skip
#: These surround the product: they may import any room, and no room may import them.
SURROUNDINGS = ("infra", "benchmarks", "tests")
#: Package -> rooms that may import it. Packages not named here are free.
HOME_OF_PACKAGE: dict[str, set[str]] = {
    "dagster": {"orchestration"},
    "dagster_dbt": {"orchestration"},
    "great_expectations": {"expectations"},
    "dbt": {"dbt_project", "orchestration"},
    "typer": {"cli", "infra"},
}
#: What ingestion must do without, whatever else is allowed.
NEVER_IN_INGESTION = {"dagster", "dagster_dbt", "dbt", "feast", "great_expectations"}


def arrows_the_wrong_way(rooms: dict[str, list[Any]], ours: set[str]) -> list[str]:
    """Imports of a room that does not stand before the importing one; `ours` are the names of all rooms."""
    return [
        f"{module.where}:{line} imports {name}"
        for room, modules in rooms.items()
        if room in HOUSE
        for module in modules
        for line, name in module.imports
        if (imported := name.partition(".")[0]) in ours and imported not in HOUSE[: HOUSE.index(room) + 1]
    ]


def packages_away_from_home(rooms: dict[str, list[Any]]) -> list[str]:
    """Imports of a package that only other rooms may know."""
    return [
        f"{module.where}:{line} imports {name}"
        for room, modules in rooms.items()
        for module in modules
        for line, name in module.imports
        if room not in HOME_OF_PACKAGE.get(name.partition(".")[0], {room})
        or (room == "ingestion" and name.partition(".")[0] in NEVER_IN_INGESTION)
    ]


def test_every_room_has_a_place_in_the_house(rooms: dict[str, list[Any]]) -> None:
    unknown = set(rooms) - set(HOUSE) - set(SURROUNDINGS)
    assert not unknown, f"a new room needs its place in HOUSE: {sorted(unknown)}"


def test_rooms_import_only_what_lies_behind_them(rooms: dict[str, list[Any]]) -> None:
    offences = arrows_the_wrong_way(rooms, {*HOUSE, *SURROUNDINGS})
    assert not offences, "\n".join(offences)


def test_packages_are_imported_only_in_their_rooms(rooms: dict[str, list[Any]]) -> None:
    offences = packages_away_from_home(rooms)
    assert not offences, "\n".join(offences)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("lake/a.py", "from ingestion import landing"),
        ("identity/a.py", "def late():\n    import web.person.app"),
        ("runs/a.py", "import infra.sandbox.world"),
        ("ingestion/sources/a.py", "from ..landing import x\nfrom identity.update import update_identity"),
    ],
)
def test_planted_arrow_the_wrong_way_is_found(where: str, text: str, planted: Any) -> None:
    assert len(arrows_the_wrong_way(planted(where, text), {*HOUSE, *SURROUNDINGS})) == 1


@pytest.mark.parametrize(
    ("where", "package"), [("ingestion/a.py", "dagster"), ("ingestion/a.py", "feast"), ("cli/a.py", "dagster_dbt")]
)
def test_planted_package_away_from_home_is_found(where: str, package: str, planted: Any) -> None:
    assert packages_away_from_home(planted(where, f"def late():\n    from {package} import x"))
    assert not packages_away_from_home(planted("orchestration/a.py", "import dagster"))


def test_reading_a_source_loads_no_orchestrator_no_dbt_no_feast_no_gx(root: Path) -> None:
    """The arrows hold for what imports bring in as well; this is also why an idle run is quick."""
    code = (
        "import sys, contracts.contract_file, ingestion.landing.land\n"
        f"print(*sorted({NEVER_IN_INGESTION!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not done.stdout.split()
